/* Trials on their way: from the child's lines to the table, and, in the child, to the file that a search is resumed from. */
#ifndef ALPHALOOP_APP_TRAINING_TRIALS_I_H
#define ALPHALOOP_APP_TRAINING_TRIALS_I_H

#include <stdio.h>

#include "alphaloop/io/file.h"
#include "alphaloop/io/pg.h"
#include "alphaloop/train/job.h"

/* ---- in whoever started the child ---- */

struct trial_log {
    size_t n, cap;
    struct train_trial *items; /* by number; a trial told twice is kept as it was told last */
};
void trial_log_deinit(struct trial_log *log);
void trial_log_clear(struct trial_log *log);
/* Drops the trial when memory is short: the log is a convenience. */
void trial_log_add(struct trial_log *log, const struct train_trial *trial);
/* Rows of training_trials; the run has its row in the same batch or before. */
void trial_log_insert(const struct trial_log *log,
                      struct pg_batch *batch,
                      struct uuid run_id,
                      const struct strategy_id *strategy_id);

/* ---- in the child ---- */

/* MODEL_STORAGE_PATH/.search-<strategy>: the key of a search, then one trial a line. It outlives a run that was cancelled, and
 * is removed by one that came to a verdict. Trouble with it costs the way back, never the run. */
struct search_file {
    char path[FILE_PATH_MAX];
    FILE *file; /* NULL: nothing is kept */
};
/* Beside the job's folder. */
void search_file_init(struct search_file *search, const struct train_job *job);
/* The trials it has for this key, in order; with another key it begins anew. */
size_t search_file_open(struct search_file *search,
                        const struct sha256 *key,
                        struct train_trial *trials,
                        size_t n_max);
void search_file_add(struct search_file *search, const struct train_trial *trial);
void search_file_close(struct search_file *search, bool is_done);

#endif
