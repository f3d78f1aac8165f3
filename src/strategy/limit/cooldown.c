#include "alphaloop/base/timestamp.h"
#include "alphaloop/strategy/limit.h"

/* Some time between two signals of a strategy for the same asset. */
static enum reason check(struct limit_input *input)
{
    bool cool = input->last_signal_ns == TIMESTAMP_NONE ||
                input->now_ns - input->last_signal_ns >= input->cooldown_ns;
    return cool ? REASON_NONE : REASON_cooldown;
}

const struct limit limit_cooldown = {"cooldown", check};
