#include "alphaloop/domain/rollout.h"

static const struct {
    const char *name;
    double share;
    bool is_shadow;
    const char *meaning;
} stages[ROLLOUT_STAGE_COUNT] = {
#define ROLLOUT_STAGE(name, share, is_shadow, meaning) {#name, share, is_shadow, meaning},
#include "alphaloop/tbl/rollout_stages.def"
#undef ROLLOUT_STAGE
};

#define TO(stage) (1U << ROLLOUT_##stage)

/* A challenger goes up one step at a time; a canary whose incumbent changed begins again as a shadow. The one that was
 * replaced is the guard, until it decides again or another one is. */
static const unsigned moves[ROLLOUT_STAGE_COUNT] = {
    [ROLLOUT_offline_passed] = TO(shadow) | TO(active),
    [ROLLOUT_shadow] = TO(canary_5) | TO(rejected) | TO(expired) | TO(active),
    [ROLLOUT_canary_5] = TO(canary_25) | TO(shadow) | TO(rejected) | TO(expired) | TO(active),
    [ROLLOUT_canary_25] = TO(active) | TO(shadow) | TO(rejected) | TO(expired),
    [ROLLOUT_active] = TO(guard) | TO(retired) | TO(rolled_back) | TO(expired),
    [ROLLOUT_guard] = TO(active) | TO(retired),
    [ROLLOUT_rejected] = TO(active),
    [ROLLOUT_expired] = TO(active),
    [ROLLOUT_retired] = TO(active),
    [ROLLOUT_rolled_back] = TO(active),
};

const char *rollout_stage_name(enum rollout_stage stage)
{
    return stages[stage].name;
}

const char *rollout_stage_meaning(enum rollout_stage stage)
{
    return stages[stage].meaning;
}

bool rollout_stage_parse(struct slice name, enum rollout_stage *out)
{
    for (unsigned i = 0; i < ROLLOUT_STAGE_COUNT; i++) {
        if (slice_is(name, stages[i].name)) {
            *out = (enum rollout_stage)i;
            return true;
        }
    }
    return false;
}

double rollout_share(enum rollout_stage stage)
{
    return stages[stage].share;
}

bool rollout_is_shadow(enum rollout_stage stage)
{
    return stages[stage].is_shadow;
}

bool rollout_may_move(enum rollout_stage from, enum rollout_stage to)
{
    return (moves[from] & (1U << to)) != 0;
}
