/* A trial: one set of parameters, or one choice of teachers, taught and judged on the walk-forward folds. Every one is logged, chosen or not, because how
 * many were tried, and how far apart they came out, says what the best of them is worth (learning section 5).
 *
 * Also as a JSON object: one line a trial on the child's output, in the file a search is resumed from, and in report.json. */
#ifndef ALPHALOOP_TRAIN_TRIAL_H
#define ALPHALOOP_TRAIN_TRIAL_H

#include <stddef.h>
#include <stdint.h>

#include "alphaloop/base/json.h"
#include "alphaloop/model/kind.h"

#define TRAIN_FOLDS_MAX    20
#define TRIAL_PERIODS      64 /* the span of the folds, cut by the number of decisions */
#define TRIAL_BYTES_MAX    8192
#define TRIAL_NUMBER_MAX   500 /* sets of parameters that a run tries */
#define TRIAL_TEACHERS_MAX 4   /* choices of teachers that it tries; numbered after them */

enum trial_verdict {
    TRIAL_CHOSEN,    /* its parameters are the model's */
    TRIAL_COMPLETED, /* judged on all folds */
    TRIAL_PRUNED,    /* given up: worse than the median of the others after the same folds */
    TRIAL_CANCELLED, /* the run, or the time for the search, ended */
    TRIAL_VERDICT_COUNT
};
const char *trial_verdict_name(enum trial_verdict verdict);

enum trial_tries {
    TRIAL_TRIES_PARAMETERS,
    TRIAL_TRIES_TEACHERS, /* of a bounded number of rows: src/train/candidates_i.h */
    TRIAL_TRIES_COUNT
};
const char *trial_tries_name(enum trial_tries tries);

struct trial_teachers {
    double window_scale; /* how far they reach back, in windows of the job */
    bool return_attribution;
};

struct trial_fold {
    uint64_t n_rounds;
    double validation_loss; /* log loss on the rows that stopped it; NaN without early stopping */
    double loss;            /* log loss on the fold */
    double auc;             /* on the fold */
};

struct train_trial {
    uint32_t number; /* from 0 */
    char kind[MODEL_KIND_TEXT_MAX];
    struct model_params params;
    uint64_t seed;
    enum trial_tries tries;
    struct trial_teachers teachers;
    enum trial_verdict verdict;
    size_t n_folds; /* it was judged on */
    struct trial_fold folds[TRAIN_FOLDS_MAX];
    double loss; /* mean log loss of those folds: the least is chosen; NaN before the first */
    double
        sharpe; /* mean / standard deviation of the net utility a period; NaN unless judged on all folds */
    double seconds; /* NaN: nobody asked the clock */
    size_t n_periods;
    double periods[TRIAL_PERIODS]; /* net utility, out of fold, of the decisions of each */
};

void trial_write(const struct train_trial *trial, struct json_writer *w);
/* AL_EPARSE, AL_ERANGE ... with the field. */
MUST_CHECK enum al_err trial_read(struct json_node *node, struct train_trial *out);

#endif
