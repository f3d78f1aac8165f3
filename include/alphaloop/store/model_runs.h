/* Table model_runs: runs of the train/predict routes, shared with the application that owns it. It makes the rows, or we do
 * when a training names one that is not there; their status from the beginning of a training on is ours:
 *
 *     anything but RUNNING -> RUNNING -> SUCCESS or FAILED
 */
#ifndef ALPHALOOP_STORE_MODEL_RUNS_H
#define ALPHALOOP_STORE_MODEL_RUNS_H

#include "alphaloop/io/pg.h"

#define MODEL_RUN_STATUS_MAX  64
#define MODEL_RUN_VERSION_MAX 24

/* Lock a run and say what it is: no row, or one. */
void model_runs_lock(struct pg_batch *batch, int64_t id);
struct model_run_state {
    int64_t model_id;
    char status[MODEL_RUN_STATUS_MAX]; /* cut */
};
MUST_CHECK enum al_err model_runs_read_state(const struct pg_result *result,
                                             size_t row,
                                             struct model_run_state *out);
/* RUNNING from now on, without a result; made when it is not there. */
void model_runs_start(struct pg_batch *batch, int64_t id, int64_t model_id);
/* After one was made with an id of its own: the table's numbering goes on behind it, for those who let it number. */
void model_runs_number(struct pg_batch *batch, int64_t id);
/* SUCCESS with its artefact, or FAILED; only a run that is RUNNING. */
void model_runs_succeed(struct pg_batch *batch, int64_t id, struct slice artefact);
void model_runs_fail(struct pg_batch *batch, int64_t id);
/* Start-up: RUNNING runs of these models have lost their process. FAILED, with `why` as their metric `error`; one id a row. */
void model_runs_fail_running(struct pg_batch *batch,
                             const char *const *models,
                             size_t n_models,
                             const char *why);

/* What a prediction needs: no row, or one. The artefact comes unless its version is the known one, or it is over n_bytes_max. */
void model_runs_get(struct pg_batch *batch,
                    int64_t id,
                    const char *known_version,
                    size_t n_bytes_max);
struct model_run_got {
    char status[MODEL_RUN_STATUS_MAX];
    char version[MODEL_RUN_VERSION_MAX]; /* changes with every write of the row */
    bool has_artefact;
    struct slice artefact; /* borrows; empty when it did not come */
};
MUST_CHECK enum al_err model_runs_read_got(const struct pg_result *result,
                                           size_t row,
                                           struct model_run_got *out);

#endif
