/* What the pipeline says of its rollouts, and how the app moves them. Part of pipeline.h, which includes it. */
#ifndef ALPHALOOP_PIPELINE_ROLLOUT_H
#define ALPHALOOP_PIPELINE_ROLLOUT_H

#include "alphaloop/model/scorer.h"
#include "alphaloop/train/rollout.h"

struct pipeline;

/* A version should move (effect rollout_step). The app records it, does it, and answers with learn_rollout_done(); moves of
 * or to the active version are done by learn_promote() or learn_activate() before that. */
struct rollout_step {
    struct strategy_id strategy_id;
    struct model_version_id version; /* that moves */
    struct model_version_id against; /* the serving version, or the guard for a rollback */
    struct model_version_id
        target; /* who decides afterwards, when the serving one leaves; "" warm-up */
    enum rollout_stage from, to;
    uint32_t attempt;
    uint64_t n_blocks; /* closed when it was judged */
    int64_t at_ns; /* decision clock when the app took it up, as it is recorded; 0: not known yet */
    struct rollout_verdict verdict; /* of a challenger; else only its text means something */
    struct rollout_cusum cusum;     /* of a rollback */
};

/* A version begins, or after a restart goes on, as a shadow. */
struct rollout_start {
    enum rollout_stage stage; /* rollout_is_shadow() */
    uint32_t attempt;
    int64_t stage_since_ns;
    uint64_t n_at_stage; /* closed blocks when the stage began */
};

/* Takes the scorer. When all places are taken the challenger that is nearest to being worse makes room; its version is
 * written to *ousted ("" when none had to go). False when there is nothing to be held against (warm-up) or no room: the
 * scorer is destroyed. */
bool learn_shadow(struct pipeline *pipeline,
                  const struct strategy_id *strategy_id,
                  struct scorer *scorer,
                  const struct rollout_start *start,
                  struct model_version_id *ousted);

/* As learn_activate(), for a version that won its place: the one before it is its guard. */
void learn_promote(struct pipeline *pipeline,
                   const struct strategy_id *strategy_id,
                   struct scorer *scorer,
                   int64_t now_ns);
/* The serving version was not chosen by hand: it may expire, and be rolled back. After learn_activate(). */
void learn_watch(struct pipeline *pipeline, const struct strategy_id *strategy_id);

/* The serving version's live outcomes have rung the alarm: not being worse is enough to replace it. */
void learn_drifting(struct pipeline *pipeline, const struct strategy_id *strategy_id);

/* The app did what was asked (done), or could not: it is asked again later, and a challenger's verdict says what the step's
 * does. With a rollback that was done the cool-down begins. */
void learn_rollout_done(struct pipeline *pipeline,
                        const struct rollout_step *step,
                        bool done,
                        int64_t now_ns);
/* Until then no version takes over by itself. */
void learn_cool_down(struct pipeline *pipeline,
                     const struct strategy_id *strategy_id,
                     int64_t until_ns);
bool pipeline_is_cooling(struct pipeline *pipeline,
                         const struct strategy_id *strategy_id,
                         int64_t now_ns);

/* ---- recovery ---- */

/* What the versions would have done at a decision that is still open. After pipeline_restore_open(). */
void pipeline_restore_scores(struct pipeline *pipeline, const struct shadow_scores *scores);
/* Settled decisions of one block, version and asset, in order of blocks. After learn_shadow(). */
void pipeline_restore_block(struct pipeline *pipeline,
                            const struct strategy_id *strategy_id,
                            const struct model_version_id *version,
                            const struct asset *asset,
                            const struct paired_block *block);

/* ---- what there is to see ---- */

/* Of a version that serves or stands beside the serving one; NULL when there is no such. Borrowed until the pipeline is next
 * called. */
const struct scorer *pipeline_scorer(const struct pipeline *pipeline,
                                     const struct strategy_id *strategy_id,
                                     const struct model_version_id *version);
/* Of a version beside the serving one; NULL when there is no such. Borrowed until the pipeline is next called. */
const struct manifest *pipeline_shadow_manifest(const struct pipeline *pipeline,
                                                const struct strategy_id *strategy_id,
                                                const struct model_version_id *version);
/* index < pipeline_n_strategies() */
void pipeline_rollout_view(const struct pipeline *pipeline,
                           size_t index,
                           int64_t now_ns,
                           struct rollout_view *out);

#endif
