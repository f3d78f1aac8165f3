/* Trainings: one child process at a time, its result, and which version decides.
 *
 *   IDLE -> NUMBERING -> FITTING -> VERIFYING -> REGISTERING -> IDLE
 *
 * A request for a strategy that is training cancels the run and starts again with newer data; a request for another one
 * waits. Whatever goes wrong, the serving model stays as it is. A model serves only after its folder verified and its
 * activation was committed.
 */
#ifndef ALPHALOOP_APP_TRAINING_I_H
#define ALPHALOOP_APP_TRAINING_I_H

#include "alphaloop/admin/admin.h"
#include "alphaloop/base/err.h"

struct worker;
struct training;

MUST_CHECK enum al_err training_create(struct worker *worker, struct training **out);
void training_destroy(struct training *training);

/* Train this strategy. `trigger` is static text. */
void training_request(struct training *training,
                      const struct strategy_id *strategy_id,
                      const char *trigger);
/* False when this strategy neither trains nor waits to. */
bool training_cancel(struct training *training, const struct strategy_id *strategy_id);
/* Start what waits (for the database, or for another run to end). */
void training_run(struct training *training);
/* End the child; nothing new is started. */
void training_stop(struct training *training);
/* The same, without recording or telling anything any more: broker and database are about to close. */
void training_abandon(struct training *training);
bool training_is_idle(const struct training *training);

/* Current and last run of a strategy, and the last verdict of the gate. */
void training_view(const struct training *training,
                   const struct strategy_id *strategy_id,
                   struct admin_strategy *out);
/* At start: what the database says of the last run. training_of_row() needs no training and may run on any thread. */
struct training_run_row;
void training_of_row(const struct training_run_row *row, struct admin_training *out);
void training_restore(struct training *training,
                      const struct admin_training *last,
                      const struct strategy_id *strategy_id);

#endif
