#include "alphaloop/train/trigger.h"

#define ROUNDING 1e-6 /* of sums */

static bool is_due(const struct trigger_state *state, int64_t now_ns)
{
    (void)now_ns;
    return state->n_needed > 0 &&
           trigger_n_eff(&state->news) > (double)state->n_needed * (1 - ROUNDING);
}

const struct trigger trigger_new_samples = {"new_samples", false, is_due};
