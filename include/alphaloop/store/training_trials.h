/* Table training_trials: every set of parameters, and every choice of teachers, that a training tried. */
#ifndef ALPHALOOP_STORE_TRAINING_TRIALS_H
#define ALPHALOOP_STORE_TRAINING_TRIALS_H

#include "alphaloop/domain/names.h"
#include "alphaloop/io/pg.h"

struct training_trial_row {
    struct uuid run_id;
    int32_t trial;
    struct strategy_id strategy_id;
    struct slice kind, parameters, seed, verdict, folds; /* parameters, folds: JSON   borrows */
    double log_loss, sharpe_ratio, seconds;              /* NaN: not known */
    struct slice tries;                                  /* trial_tries_name()   borrows */
    double window_scale;
    bool return_attribution;
};

/* A trial that is there stays as it is. */
void training_trials_insert(struct pg_batch *batch, const struct training_trial_row *row);
/* Of one run, in order. */
void training_trials_list(struct pg_batch *batch, struct uuid run_id);
/* Slices borrow from the result. */
MUST_CHECK enum al_err training_trials_read(const struct pg_result *result,
                                            size_t index,
                                            struct training_trial_row *out);

#endif
