#include "alphaloop/train/trigger.h"

/* A scheduled time that passed while the program was away is due once, at once. */
static bool is_due(const struct trigger_state *state, int64_t now_ns)
{
    return state->next_scheduled_ns != TIMESTAMP_NONE && now_ns >= state->next_scheduled_ns;
}

const struct trigger trigger_schedule = {"schedule", true, is_due};
