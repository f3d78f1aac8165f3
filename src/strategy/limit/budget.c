#include "alphaloop/strategy/limit.h"

/* The signals per minute of the strategy (SIGNAL_GENERATION_RATE_LIMIT and BURST_ALLOWANCE). */
static enum reason check(struct limit_input *input)
{
    return limit_budget_take(input->budget, input->now_ns) ? REASON_NONE : REASON_rate_limited;
}

const struct limit limit_budget = {"budget", check};
