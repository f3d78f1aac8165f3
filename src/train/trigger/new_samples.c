#include "alphaloop/train/trigger.h"

static bool is_due(const struct trigger_state *state, int64_t now_ns)
{
    (void)now_ns;
    return state->n_needed > 0 && state->n_since >= state->n_needed;
}

const struct trigger trigger_new_samples = {"new_samples", false, is_due};
