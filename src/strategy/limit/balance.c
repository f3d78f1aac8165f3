#include <math.h>

#include "alphaloop/strategy/limit.h"

/* A buy needs the quote currency; what is not known is not refused. */
static enum reason check(struct limit_input *input)
{
    bool known = !isnan(input->balance);
    return known && input->side == SIDE_BUY && input->amount > input->balance
               ? REASON_insufficient_balance
               : REASON_NONE;
}

const struct limit limit_balance = {"balance", check};
