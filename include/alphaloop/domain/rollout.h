/* Where model versions stand on their way to deciding, and what each of them said of one decision. */
#ifndef ALPHALOOP_DOMAIN_ROLLOUT_H
#define ALPHALOOP_DOMAIN_ROLLOUT_H

#include "alphaloop/domain/decision.h"

enum rollout_stage {
#define ROLLOUT_STAGE(name, share, is_shadow, meaning) ROLLOUT_##name,
#include "alphaloop/tbl/rollout_stages.def"
#undef ROLLOUT_STAGE
    ROLLOUT_STAGE_COUNT
};
const char *rollout_stage_name(enum rollout_stage stage);
const char *rollout_stage_meaning(enum rollout_stage stage);
bool rollout_stage_parse(struct slice name, enum rollout_stage *out);
double rollout_share(enum rollout_stage stage);
bool rollout_is_shadow(enum rollout_stage stage);
/* The table of allowed moves. */
bool rollout_may_move(enum rollout_stage from, enum rollout_stage to);

/* ---- what each version would have done ---- */

#define SHADOWS_MAX 4 /* versions beside the serving one: challengers, and the one it replaced */

struct shadow_score {
    struct model_version_id version;
    enum rollout_stage stage; /* at that decision */
    enum side side;           /* its choice, by the entry rule without chance; SIDE_NONE: abstain */
    double q, v, v_low;       /* of that side; of the better one when it abstains */
    double propensity;        /* with which it alone would have chosen that */
    bool
        is_novel; /* it has seen nothing like it and abstains, without chance; not kept in the table */
};

/* One decision, scored from the same frozen features. The first is the version that served; about 1 kB. */
struct shadow_scores {
    struct uuid decision_id;
    struct strategy_id strategy_id;
    struct asset asset;
    int64_t decided_at_ns;
    int64_t block; /* index of its block of time (train/rollout.h) */
    size_t n;
    struct shadow_score items[SHADOWS_MAX + 1];
};

/* What a version said of a trade it would have made, and what came of it. */
struct shadow_claim {
    int64_t block;
    double q, v;
    double net_return;
    double sigma_h; /* NaN: not known */
};

#endif
