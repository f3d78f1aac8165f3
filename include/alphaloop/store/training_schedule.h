/* Table training_schedule: last and next training of every strategy, so that restarts neither forget nor repeat one. */
#ifndef ALPHALOOP_STORE_TRAINING_SCHEDULE_H
#define ALPHALOOP_STORE_TRAINING_SCHEDULE_H

#include "alphaloop/domain/names.h"
#include "alphaloop/io/pg.h"

struct training_schedule_row {
    struct strategy_id strategy_id;
    int64_t last_training_ns;   /* TIMESTAMP_NONE when never; exact */
    int64_t next_training_ns;   /* TIMESTAMP_NONE when none is due; exact */
    uint64_t n_samples_at_last; /* own fills when it was last trained */
    uint64_t n_samples_needed;  /* for the next by count; 0: unknown */
};

void training_schedule_upsert(struct pg_batch *batch, const struct training_schedule_row *row);
/* Only when the next one is due; the rest stays, or begins as "never". */
void training_schedule_keep_next(struct pg_batch *batch,
                                 const struct strategy_id *strategy_id,
                                 int64_t next_training_ns);
void training_schedule_load(struct pg_batch *batch); /* all strategies */
MUST_CHECK enum al_err training_schedule_read(const struct pg_result *result,
                                              size_t row,
                                              struct training_schedule_row *out);

#endif
