/* Rollouts: what the core wants moved is recorded, done and told (pipeline/rollout.h). A challenger that passed the offline gate
 * decides at once or begins as a shadow, as its strategy says. Every change of who decides is a row of rollout_verdicts in the
 * same transaction. */
#ifndef ALPHALOOP_APP_ROLLOUT_I_H
#define ALPHALOOP_APP_ROLLOUT_I_H

#include "alphaloop/io/pg.h"
#include "alphaloop/pipeline/rollout_move.h"

struct worker;

/* Perform effect rollout_step. Takes the step. */
void rollout_perform(struct worker *worker, struct rollout_step *step);

/* ---- for activation.c ---- */

/* Append the rows of a change that is about to be committed. */
void rollout_record(struct worker *worker,
                    struct pg_batch *batch,
                    const struct strategy_id *strategy_id,
                    const struct rollout_change *change);
/* Committed: it scores beside the active version. Takes the scorer. */
void rollout_shadow(struct worker *worker,
                    const struct strategy_id *strategy_id,
                    struct scorer *scorer,
                    uint32_t attempt);
/* An activation that the core asked for ended. */
void rollout_stepped(struct worker *worker, const struct rollout_step *step, bool done);

#endif
