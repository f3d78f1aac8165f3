#include "alphaloop/strategy/limit.h"
#include "alphaloop/strategy/sizing.h"

/* Contract section 4: an amount below the smallest one is no signal. */
static enum reason check(struct limit_input *input)
{
    return input->amount < SIGNAL_AMOUNT_MIN ? REASON_amount_below_min : REASON_NONE;
}

const struct limit limit_amount = {"amount", check};
