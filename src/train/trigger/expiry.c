#include "alphaloop/train/trigger.h"

/* A younger model is wanted in time, and if the first is refused, there is time for three more. Whoever asked for a training
 * meanwhile has done the same. */
static bool is_due(const struct trigger_state *state, int64_t now_ns)
{
    int64_t lead_ns = state->rule.expiry_lead_ns;
    bool is_near =
        lead_ns > 0 && state->expires_ns != TIMESTAMP_NONE && now_ns >= state->expires_ns - lead_ns;
    return is_near && (state->last_training_ns == TIMESTAMP_NONE ||
                       now_ns - state->last_training_ns >= lead_ns / 4);
}

const struct trigger trigger_expiry = {"expiry", false, is_due};
