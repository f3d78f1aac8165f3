/* The train/predict routes: trainings in a child each, one at a time, and predictions on the thread pool.
 *
 *   tabular_runs.c     CHECKING -> ACCEPTING -> WAITING -> FITTING -> READING -> RECORDING -> gone
 *   tabular_child.c    the process that trains
 *   tabular_predict.c  predictions, and the models they keep in memory
 *
 * A run is RUNNING in the database from its acceptance on, so a second request for it is refused, and a worker that starts
 * finds what another left behind and fails it.
 */
#ifndef ALPHALOOP_APP_TABULAR_I_H
#define ALPHALOOP_APP_TABULAR_I_H

#include "alphaloop/admin/admin.h"
#include "alphaloop/base/err.h"
#include "alphaloop/settings/settings.h"

#define TABULAR_RUNS_MAX        8  /* being checked, waiting and running; more are refused (429) */
#define TABULAR_PREDICTIONS_MAX 16 /* at once */
#define TABULAR_MODELS_MAX      8  /* in memory */

struct worker;
struct tabular_runs;
struct tabular_predictions;

/* ---- trainings ---- */

MUST_CHECK enum al_err tabular_runs_create(struct worker *worker, struct tabular_runs **out);
void tabular_runs_destroy(struct tabular_runs *runs);
/* Check, accept and queue a training. `body` is copied. Calls done once: DONE when the run is RUNNING. */
void tabular_runs_train(struct tabular_runs *runs,
                        struct slice model_name,
                        int64_t run_id,
                        struct slice body,
                        admin_result_fn done,
                        void *ctx);
/* Once in a while: reconcile the tables with the kinds after the start, start what waits, record what could not be. */
void tabular_runs_run(struct tabular_runs *runs);
/* End the child and fail what waits; nothing new is taken. */
void tabular_runs_stop(struct tabular_runs *runs);
/* The same without a word to the database, which is about to close. */
void tabular_runs_abandon(struct tabular_runs *runs);
bool tabular_runs_are_idle(const struct tabular_runs *runs);

/* ---- predictions ---- */

MUST_CHECK enum al_err tabular_predictions_create(struct worker *worker,
                                                  struct tabular_predictions **out);
void tabular_predictions_destroy(struct tabular_predictions *predictions);
/* `body` is copied. Calls done once: DONE with the body of the answer. */
void tabular_predict(struct tabular_predictions *predictions,
                     int64_t run_id,
                     struct slice body,
                     admin_result_fn done,
                     void *ctx);
bool tabular_predictions_are_idle(const struct tabular_predictions *predictions);

/* ---- the child ---- */

/* Train the job in a file: one line on standard output, and the artefact when a model came of it.
 *   returns  EXIT_DONE, EXIT_FAILED */
int tabular_child(const char *job_path);

#endif
