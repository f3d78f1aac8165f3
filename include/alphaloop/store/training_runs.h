/* Table training_runs: every training that was started, and how it ended. */
#ifndef ALPHALOOP_STORE_TRAINING_RUNS_H
#define ALPHALOOP_STORE_TRAINING_RUNS_H

#include "alphaloop/domain/names.h"
#include "alphaloop/io/pg.h"

enum training_state {
    TRAINING_RUNNING,
    TRAINING_SUCCEEDED, /* its model was promoted */
    TRAINING_REFUSED,   /* its model did not pass the gate */
    TRAINING_FAILED,
    TRAINING_CANCELLED, /* superseded by a newer trigger, or the program stopped */
    TRAINING_STATE_COUNT
};
const char *training_state_name(enum training_state state);

struct training_run_row {
    struct uuid id;
    struct strategy_id strategy_id;
    char trigger[32]; /* what asked for it: schedule, samples, degradation, manual ... */
    enum training_state state;
    int64_t started_at_ns;           /* times are kept in microseconds */
    int64_t finished_at_ns;          /* TIMESTAMP_NONE while running */
    int64_t n_samples;               /* rows it read; 0 until known */
    double n_effective;              /* NaN until known */
    struct model_version_id version; /* "" when none came of it */
    struct slice detail; /* why it failed or was refused; cleaned like quarantine texts; borrows */
};

void training_runs_insert(struct pg_batch *batch, const struct training_run_row *row);
/* Everything but id, strategy, trigger and start. */
void training_runs_update(struct pg_batch *batch, const struct training_run_row *row);
/* Newest first; strategy "" for all. */
void training_runs_list(struct pg_batch *batch,
                        const struct strategy_id *strategy_id,
                        size_t limit);
/* The newest that ended, of every strategy. */
void training_runs_load_last(struct pg_batch *batch);
/* Start-up: when those began that did after a time, the newest `limit` of every strategy, oldest first. */
struct training_start {
    struct strategy_id strategy_id;
    int64_t started_at_ns;
};
void training_runs_load_starts(struct pg_batch *batch, int64_t after_ns, size_t limit);
MUST_CHECK enum al_err training_runs_read_start(const struct pg_result *result,
                                                size_t row,
                                                struct training_start *out);
/* Start-up: what a program that is gone left running becomes cancelled. Changed rows: pg_result_n_affected(). */
void training_runs_cancel_running(struct pg_batch *batch, int64_t now_ns);
/* Slices borrow from the result. */
MUST_CHECK enum al_err training_runs_read(const struct pg_result *result,
                                          size_t row,
                                          struct training_run_row *out);

/* Strategies whose model has rung the drift alarm (a training with the trigger "degradation") since it was chosen. */
void training_runs_load_drifting(struct pg_batch *batch);
MUST_CHECK enum al_err training_runs_read_drifting(const struct pg_result *result,
                                                   size_t row,
                                                   struct strategy_id *out);

#endif
