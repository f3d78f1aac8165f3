/* Canaries: what must fail on honest data is tried on every training's own rows (learning section 5). Where it works, or where
 * one column is too good to have been known at the decision, the rows or the program leak, and nothing taught on them is
 * promoted.
 *
 * Judged are the last walk-forward fold and its teachers, thinned to CANARY_ROWS_MAX rows each; the untouched block is not
 * looked at. s(A) is the standard error of an AUC A (Hanley and McNeil 1982), with the independent labels for the rows.
 *
 *   planted future  A column is cut into bins of equal mass by the teachers, a bin's score is its share of gains among them,
 *                   and A is the AUC of those scores on the fold. A - 3 s(A) > CANARY_COLUMN_AUC_MAX names the column. For
 *                   jointly normal column and outcome an AUC of 0.80 is a correlation of 0.64 and a hit rate of 72 %; real
 *                   features reach 0.05. The check is itself checked: a column made of the label and noise is planted among
 *                   the others, and must be found, else nothing is said about the rest.
 *   all columns     The same bound for all of them together, out of fold, at 0.85: a correlation of 0.74, a hit rate of 76 %.
 *   shifted labels  Every row is given the outcome of the next decision on its asset that begins after its own label ended.
 *                   What was known at the decision says less of it, or at most as much: a column that ranks those outcomes
 *                   better, by three standard errors and CANARY_SHIFT_MARGIN, was made later or its labels lie too early.
 *   shuffled labels A small model is taught on labels shuffled in blocks (longer than a label's span, so that neighbours stay
 *                   together) and judged on shuffled labels. Its AUC must not exceed 0.5 + 3 s(0.5); one that does is
 *                   shuffled again, CANARY_SHUFFLES times in all, and must exceed it each time, because an honest training
 *                   would otherwise be refused once in 740 times. What remains is the program's own fault: rows that teach
 *                   and judge at once.
 *
 * A leak weaker than these bounds looks like a good feature; the strongest columns are in the report for people to see.
 */
#ifndef ALPHALOOP_TRAIN_CANARY_I_H
#define ALPHALOOP_TRAIN_CANARY_I_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alphaloop/base/err.h"
#include "alphaloop/base/rng.h"
#include "alphaloop/model/manifest.h"

#define CANARY_ROWS_MAX        6000 /* teachers, and as many judges */
#define CANARY_INDEPENDENT_MIN 50   /* labels of the judges below which nothing can be said */
#define CANARY_COLUMN_AUC_MAX  0.80
#define CANARY_JOINT_AUC_MAX   0.85
#define CANARY_SHIFT_MARGIN    0.05
#define CANARY_SHUFFLES        3
#define CANARY_COLUMNS_SHOWN   5

struct training;

struct canary_column {
    size_t column;
    double auc;         /* of the label */
    double auc_shifted; /* of the label after it; NaN without enough of those */
};

struct canaries {
    enum manifest_canaries state;
    char text[MANIFEST_REASON_MAX]; /* why it failed or was skipped */
    double n_independent;
    double auc_small; /* small model, labels as they are; NaN where not tried, as all that follow */
    double auc_shifted;  /* small model, shifted labels */
    double auc_shuffled; /* small model, labels shuffled: the least of the tries */
    double auc_shuffled_max;
    double auc_planted; /* of the planted column */
    size_t n_strongest; /* columns by AUC, best first */
    struct canary_column strongest[CANARY_COLUMNS_SHOWN];
};

/* Fill t->canaries; asks for out-of-fold predictions. A failed canary is AL_OK; AL_ENOMEM, AL_ECANCELED ... are faults. */
MUST_CHECK enum al_err train_canaries(struct training *t);

/* ---- the parts, for their tests ---- */

/* Rows to try: the first n_teach teach, the others judge. */
struct canary_rows {
    size_t n_cols, n_teach, n_test;
    float *x;             /* [n_teach + n_test][n_cols] oriented */
    float *labels;        /* [n_teach + n_test] 0 or 1 */
    float *sign;          /* [n_teach + n_test] of the action: +1, -1 */
    double n_independent; /* labels among the judges */
};
void canary_rows_deinit(struct canary_rows *rows);
/* The last fold's rows with their own outcomes, and with those of the decisions after. */
MUST_CHECK enum al_err canary_rows_choose(const struct training *t,
                                          struct canary_rows *own,
                                          struct canary_rows *next);

/* AUC of `values` [n_teach + n_test] on the last n_test, each scored by the share of gains in its bin among the first. */
MUST_CHECK enum al_err canary_values_auc(
    const float *values, const float *labels, size_t n_teach, size_t n_test, double *auc);
/* AUC of one column alone on the judges, as seen (`by_action` false) or times the action's sign; 0.5 where there is nothing
 * to rank. */
MUST_CHECK enum al_err canary_column_auc(const struct canary_rows *rows,
                                         size_t column,
                                         bool by_action,
                                         double *auc);
/* The judges' AUC of a small model taught on `labels` [n_teach + n_test]. */
MUST_CHECK enum al_err canary_model_auc(const struct training *t,
                                        const struct canary_rows *rows,
                                        const float *labels,
                                        double *auc);
/* Blocks of `block` to 2 `block` - 1 neighbours in an order of chance. */
MUST_CHECK enum al_err canary_shuffle(
    const float *labels, size_t n, size_t block, struct rng *rng, float *out);
/* Hanley and McNeil (1982) for n_gains and n_losses cases. */
double canary_auc_se(double auc, double n_gains, double n_losses);

#endif
