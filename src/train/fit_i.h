/* Shared by the files of one training run. */
#ifndef ALPHALOOP_TRAIN_FIT_I_H
#define ALPHALOOP_TRAIN_FIT_I_H

#include "alphaloop/dataset/split.h"
#include "alphaloop/dataset/weight.h"
#include "alphaloop/train/evaluate.h"
#include "alphaloop/train/fit.h"
#include "alphaloop/train/gate.h"
#include "candidates_i.h"
#include "canary_i.h"
#include "search_i.h"

/* The rows a job may use, in order of decision time; `order` leads back to where they were read to. */
struct train_table {
    const struct train_rows *rows;
    const struct feature_set *set;
    size_t n;
    uint32_t *order;          /* [n] */
    struct label_span *spans; /* [n] */
    float *net;               /* [n] net return */
    float *labels;            /* [n] 1 when net > 0 */
    float *weights;           /* [n] mean 1: evaluation and calibration */
    float *teach_weights;     /* [n] mean 1: the same with attribution of returns */
    double *unique;           /* [n] uniqueness */
    struct weight_summary weight;
    size_t n_decisions, n_market;
    size_t n_meta;   /* rows of signals that fired and were filled: their label is the meta-label */
    bool is_dry_run; /* the own ones are of orders that were only played */
};

/* window_ns: decisions younger than cut - window; 0: all. */
MUST_CHECK enum al_err train_table_init(struct train_table *table,
                                        const struct train_job *job,
                                        int64_t window_ns,
                                        const struct feature_set *set,
                                        const struct train_rows *rows);
void train_table_deinit(struct train_table *table);
const struct train_row *train_table_row(const struct train_table *table, size_t index);
const float *train_table_features(const struct train_table *table, size_t index); /* not oriented */
/* Everything the model will have seen of these rows, as one hash. */
void train_table_hash(const struct train_table *table, struct sha256 *out);

/* Some rows of the table as a kind of model wants them: oriented, side by side. */
struct train_part {
    size_t n;
    float *x, *labels, *weights, *net;
    float *teach_weights;
};
MUST_CHECK enum al_err train_part_init(struct train_part *part,
                                       const struct train_table *table,
                                       const uint32_t *indices,
                                       size_t n);
void train_part_deinit(struct train_part *part);
/* To be taught with: the weights are those of teaching. */
struct model_rows train_part_rows(const struct train_part *part, size_t n_cols);

/* A fitted model that predicts through the walker, which is many times faster, when that gives the library's own bits. */
struct fitted {
    const struct model_kind *kind;
    struct model *model;
    struct walker *walker; /* NULL: the library predicts */
};
MUST_CHECK enum al_err fitted_speed_up(struct fitted *fitted,
                                       const float *x,
                                       size_t n_rows,
                                       size_t n_cols);
MUST_CHECK enum al_err fitted_predict(
    const struct fitted *fitted, const float *x, size_t n_rows, size_t n_cols, float *margins);
void fitted_deinit(struct fitted *fitted);

/* Rows a model is taught on, cut into those that teach and those that say when to stop. */
struct teachers {
    uint32_t *indices; /* in the table; those that teach first */
    size_t n_teach, n_validation;
};

/* Out-of-fold predictions of all folds, one after the other. */
struct predictions {
    size_t n;
    uint32_t *rows; /* index in the table */
    float *margins, *labels, *weights, *net;
    double n_independent;
};

struct fold_report {
    size_t n_teach, n_validation, n_test, n_rounds;
    double validation_loss, test_loss, test_auc;
};

#define CALIBRATION_N_EFF_MIN 1000 /* below, two numbers are all that can be fitted */

/* Which method calibrates, and why: the log loss of each on rows it was not fitted on (NaN: not known). */
struct calibration_choice {
    enum calibration_method method;
    double n_eff;
    size_t n_judged;
    double log_loss[CALIBRATION_METHOD_COUNT];
};

/* What comes of the folds: out-of-fold predictions and how many rounds to train for. */
struct fold_outcome {
    size_t n_folds, n_rounds; /* 0: the kind has no early stopping */
    struct fold_report folds[TRAIN_FOLDS_MAX];
    struct calibration_choice choice;
    struct calibration calibration;
    struct conformal conformal;
    struct evaluation evaluation; /* of the calibrated out-of-fold predictions */
    size_t n_rows;                /* out of fold */
    double n_independent;         /* what they are worth */
};

/* What combinatorial purged cross-validation says of the method: the same days, judged five times by other models. */
struct path_outcome {
    size_t n_decisions, n_rows; /* of each path; 0: there are no paths, */
    char why_not[256];          /* and why; "" when nobody asked for them */
    size_t teach_min;           /* rows that taught the split that had the fewest */
    struct evaluation paths[CPCV_PATHS];
};

struct training {
    const struct train_job *job;
    const struct model_kind *kind;
    const struct train_hooks *hooks;
    struct train_table table;
    struct split folds[TRAIN_FOLDS_MAX], holdout;
    struct candidates candidates;
    struct trial_teachers teachers; /* which of them, and how they are weighted: as chosen */
    struct search search;
    struct search_summary search_summary;
    struct train_trial chosen;  /* the trial whose parameters the model has */
    struct model_params params; /* of the fit under way, */
    uint64_t seed;              /* its seed, */
    double validation_loss;     /* and the best loss on the rows that stop it */
    struct fold_outcome oof;
    struct canaries canaries;
    struct novelty *novelty;      /* of what `final` was taught on; NULL: nothing is called novel */
    struct fitted final;          /* the one to be served */
    size_t n_teach;               /* rows it was taught on */
    struct evaluation evaluation; /* on the untouched block */
    struct gate_verdict verdict;
    struct path_outcome paths;
    struct sharpe_trials trials; /* what the final model is the best of, as far as logged; the
                                    variance is that of ratios a decision */
    size_t n_decisions;          /* judged in the untouched block */
    double stage_from, stage_to; /* share of the run that the stage under way covers */
    enum train_stage stage;
    struct fill_report fills; /* n 0: no orders were given */
};

/* What a filled signal brings on average, and for how long it takes up its money: own rows, weighted. NaN without any. */
struct filled_mean {
    double net, span_s;
};

void training_progress(struct training *t, enum train_stage stage, double fraction);
bool training_is_cancelled(const struct training *t);
int64_t training_clock_ns(const struct training *t); /* 0: there is no clock */
void training_tell_trial(const struct training *t, const struct train_trial *trial);

/* folds.c */
/* Whether a trial goes on after a fold. */
typedef bool (*trial_fn)(void *ctx, const struct train_trial *trial);
/* Judge the trial's parameters and seed on the folds: fills the rest of it but the verdict, and, when it went through all of
 * them, t->oof. goes_on may be NULL. */
MUST_CHECK enum al_err train_try(struct training *t,
                                 struct train_trial *trial,
                                 trial_fn goes_on,
                                 void *ctx);
MUST_CHECK enum al_err train_folds(struct training *t); /* of t->chosen */
MUST_CHECK enum al_err train_final(struct training *t);
bool train_stops_early(const struct model_kind *kind);
/* Set aside the newest fifth of the teachers, purged like a fold, where that is enough rows to stop by. */
MUST_CHECK enum al_err train_cut_validation(const struct training *t,
                                            const struct split *fold,
                                            struct teachers *out);
/* The rows a fold is judged on; returns how many. indices [rows of the fold] */
size_t train_list_judged(const struct training *t, const struct split *fold, uint32_t *indices);
double train_log_loss(float margin, float label);
/* The first of the later half of the folds, whose models have seen about as much as the final one. */
size_t train_later_folds(const struct fold_outcome *oof);
/* n_rounds 0: as the teachers' validation part says. report may be NULL. out: fitted_deinit() it in any case. */
MUST_CHECK enum al_err train_fit(struct training *t,
                                 const struct teachers *teachers,
                                 size_t n_rounds,
                                 struct fold_report *report,
                                 struct fitted *out);
/* paths.c: judges the method by combinatorial purged cross-validation on the rows before the untouched block. */
MUST_CHECK enum al_err train_paths(struct training *t);
/* calibrate.c */
MUST_CHECK enum al_err train_calibrate(struct training *t, const struct predictions *p);
/* Intervals from rows that the model was not taught on: what it said of them and what came. Rows of unknown volatility are
 * left out; of too few the intervals hold everything.  rows, margins, net  [n] */
MUST_CHECK enum al_err train_fit_conformal(const struct training *t,
                                           const struct calibration *calibration,
                                           const uint32_t *rows,
                                           const float *margins,
                                           const float *net,
                                           size_t n,
                                           struct conformal *out);
MUST_CHECK enum al_err train_choose_calibration(const struct training *t,
                                                const struct predictions *p,
                                                struct calibration_choice *out);
/* periods.c: net utility of the out-of-fold choices, and its Sharpe ratio; asks for t->oof.calibration. */
MUST_CHECK enum al_err train_tell_periods(const struct training *t,
                                          const struct predictions *p,
                                          struct train_trial *trial);
/* novelty.c: of the final model; of n rows that teach, in the table's order. *out: NULL when they are too few, then nothing is
 * called novel */
MUST_CHECK enum al_err train_novelty(struct training *t);
MUST_CHECK enum al_err train_novelty_of(const struct train_table *table,
                                        const uint32_t *teachers,
                                        size_t n_teachers,
                                        struct novelty **out);
/* judge.c */
MUST_CHECK enum al_err train_judge(struct training *t, const struct scorer *incumbent);
/* importance.c: the member "importance" of the report */
MUST_CHECK enum al_err train_importance_write(const struct training *t, struct json_writer *w);
/* fit.c */
struct filled_mean training_filled_mean(const struct train_table *table);
/* result.c */
MUST_CHECK enum al_err train_result_fill(const struct training *t, struct train_result *out);

#endif
