#include "alphaloop/train/trigger.h"

#define CUSUM_ALARM 5.0

/* Two views of the same decay: the skill of a full window is slow and sure, the CUSUM notices a sudden break. */
static bool is_due(const struct trigger_state *state, int64_t now_ns)
{
    (void)now_ns;
    if (!state->rule.on_degradation || state->degraded_told)
        return false;
    bool full = state->count == state->rule.window;
    return (full && trigger_brier_skill(state) < state->rule.skill_min) || state->cusum > CUSUM_ALARM;
}

const struct trigger trigger_degradation = {"degradation", is_due};
