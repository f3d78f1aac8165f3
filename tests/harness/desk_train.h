/* Trainings of a desk, in memory, exactly as the worker asks its child for them: the samples that were stored, the job of
 * the strategy's settings, the verdict of the gate, the scorer made from the bytes of the folder. */
#ifndef ALPHALOOP_TESTS_HARNESS_DESK_TRAIN_H
#define ALPHALOOP_TESTS_HARNESS_DESK_TRAIN_H

#include "alphaloop/train/fit.h"
#include "harness/desk.h"

/* The samples of the desk from `first` on, as the child would read them. */
void desk_rows(const struct desk_run *desk, size_t first, struct train_rows *rows);
/* The job of version v<attempt>, cut now. */
void desk_job(const struct desk_run *desk, uint32_t attempt, struct train_job *job);
/* Train on all samples against who decides now; `out` is not sealed. */
void desk_train(struct desk_run *desk, uint32_t attempt, struct train_result *out);
/* Seal the result, load it as the worker would, and let it decide. */
void desk_let_decide(struct desk_run *desk, struct train_result *result);
/* The same for one that won its place: the version before it stays as its guard. */
void desk_promote(struct desk_run *desk, struct train_result *result);
/* Do as the worker does when the guard asks for it: `target`, sealed, decides again. */
void desk_roll_back(struct desk_run *desk,
                    const struct rollout_step *step,
                    const struct train_result *target);
/* Of a sealed result.   gives */
struct scorer *desk_scorer(const struct desk_run *desk, const struct train_result *result);

#endif
