#include "alphaloop/train/trigger.h"

#define CUSUM_ALARM 9.210340371976184 /* log 10000 */

static bool is_due(const struct trigger_state *state, int64_t now_ns)
{
    (void)now_ns;
    if (!state->rule.on_degradation || state->degraded_told)
        return false;
    bool full = state->worth > state->rule.window - 1e-3; /* sums of floats */
    return (full && trigger_brier_skill(state) < state->rule.skill_min) ||
           state->cusum > CUSUM_ALARM;
}

const struct trigger trigger_degradation = {"degradation", true, is_due};
