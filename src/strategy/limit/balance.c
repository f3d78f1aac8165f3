#include <math.h>

#include "alphaloop/strategy/limit.h"

/* What is traded away must be there; what is not known is not refused. */
static enum reason check(struct limit_input *input)
{
    bool known = !isnan(input->balance);
    return known && input->amount > input->balance ? REASON_insufficient_balance : REASON_NONE;
}

const struct limit limit_balance = {"balance", check};
