/* Versions beside the serving one: they score every decision of their strategy and are judged by what came of it.
 *
 * A challenger (shadow, canary) is held against the serving version; the guard, the version that served before, watches the
 * serving one. Both live on paired blocks of settled decisions (train/rollout.h). What should happen is an effect; it has
 * happened when the app says so (learn_rollout_done, learn_activate ...), so that the database knows it first.
 */
#ifndef ALPHALOOP_PIPELINE_SHADOW_I_H
#define ALPHALOOP_PIPELINE_SHADOW_I_H

#include "alphaloop/pipeline/rollout.h"
#include "alphaloop/strategy/entry.h"
#include "alphaloop/train/rollout.h"

struct desk;
struct effects;
struct open_decision;
struct pair;

struct shadow {
    struct scorer *scorer; /* NULL: the place is free */
    enum rollout_stage stage;
    uint32_t attempt;
    int64_t stage_since_ns;
    uint64_t n_at_stage; /* closed blocks when the stage began */
    struct paired paired;
    uint64_t n_judged; /* closed blocks at the last verdict */
    bool is_asked;     /* an effect is on its way */
    struct rollout_verdict verdict;
    struct rollout_cusum cusum; /* of the guard */
};

struct shadows {
    struct shadow items[SHADOWS_MAX];
    bool
        is_watched; /* the serving version was not chosen by hand: it may expire and be rolled back */
    bool is_asked;    /* an effect about it is on its way */
    bool is_drifting; /* its live outcomes have rung the alarm (train/trigger.h) */
    int64_t asked_ns;
    bool
        has_market; /* before its first message the clock may not be the market's: nothing is old by it */
    int64_t cooling_until_ns; /* TIMESTAMP_NONE: no rollback lately */
};

void shadows_init(struct shadows *shadows);
void shadows_deinit(struct shadows *shadows);

/* Whose decision this is: the canary's if the id falls into its share, else the serving version's. */
const struct scorer *shadow_decider(const struct desk *desk, struct uuid decision_id);

/* What every version would do. NULL when there is only one, or no memory; the caller's to free. */
struct shadow_scores *shadow_score(const struct pair *pair,
                                   const struct decision *decision,
                                   int64_t now_ns);

/* Probability with which the policy as a whole takes `side`: over the versions that share the decisions. `alone` is what the
 * version that decided said. scores may be NULL. */
double shadow_propensity(const struct desk *desk,
                         const struct shadow_scores *scores,
                         enum side side,
                         double alone);

/* The decision settled: utility[side] where known[side]. */
void shadow_settle(struct desk *desk,
                   const struct open_decision *item,
                   const double utility[3],
                   const bool known[3]);

/* The serving version becomes `scorer`; the old one is the guard if keeps_guard, else destroyed. */
void shadow_on_activation(struct desk *desk, struct scorer *scorer, bool keeps_guard);

/* Verdicts that are due. */
void shadow_tick(struct desk *desk, bool has_market, int64_t now_ns, struct effects *effects);

#endif
