/* What `alphaloop why` knows of one decision: what the ledger has, and what its model says of it again today. */
#ifndef ALPHALOOP_APP_WHY_I_H
#define ALPHALOOP_APP_WHY_I_H

#include "alphaloop/feature/feature_set.h"
#include "alphaloop/model/scorer.h"
#include "alphaloop/settings/settings.h"
#include "alphaloop/store/decision_views.h"
#include "alphaloop/store/model_versions.h"
#include "alphaloop/store/trading_signals.h"

#define WHY_EXECUTIONS_MAX 100
#define WHY_OUTCOMES_MAX   2 /* buy and sell */

/* One action as the decision's model sees it. */
struct why_action {
    enum side side;
    struct prediction prediction;
    double log_odds; /* as served: bias + contributions, but for the rounding of its floats */
    double bias;
    double contributions[FEATURES_MAX];
    size_t order[FEATURES_MAX]; /* the largest contribution first */
};

enum why_check {
    WHY_NOTHING_TO_CHECK,
    WHY_AGREES, /* what was published is what the folder gives */
    WHY_DIFFERS,
};

struct why {
    const struct settings *settings;
    struct uuid id;

    /* of the ledger */
    bool is_signal, is_abstention; /* neither: no such decision */
    struct decision decision;
    enum signal_status status;
    int64_t published_at_ns; /* TIMESTAMP_NONE until then */
    struct buf body;         /* the exact message; empty for an abstention */
    char outcome[32];        /* "" while open, "sampled", or why there is no sample */
    size_t n_outcomes, n_executions;
    struct outcome_view outcomes[WHY_OUTCOMES_MAX];
    struct execution_view executions[WHY_EXECUTIONS_MAX];

    /* of the registry; no version when nothing but rules or heuristics decided */
    bool has_version;
    struct model_version_row version;
    struct buf verdict; /* JSON of the gate; empty when none */

    /* of the version's folder */
    struct scorer *scorer;   /* NULL when it could not be read */
    struct feature_set *set; /* NULL when nobody knows the names any more */
    bool is_model_decision;  /* a model was asked, so it ought to be explained */
    bool is_explained;       /* the contributions are there */
    char unexplained[512];   /* why not; "" when it is */
    struct why_action actions[2];
    enum why_check check;
    char check_text[256];

    enum al_err err; /* of reading */
};

/* Load the folder and the names, recompute, and hold what was published against it. Never fails: `unexplained` and `check`
 * say what came of it. */
void why_explain(struct why *why);

void why_print(const struct why *why);
void why_print_json(const struct why *why);

#endif
