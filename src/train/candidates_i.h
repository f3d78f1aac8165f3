/* Which rows teach, and how they are weighted: chosen by forward loss (learning section 9), once, before anything else.
 *
 * Candidates are the job's own choice (the base), the same without attribution of returns, and, weighted as the better of the two,
 * half the window and twice the window. Each is taught for the last CANDIDATE_FOLDS walk-forward folds, on what was known when a
 * fold began, and judged on the same rows of it; the untouched block is not looked at. Only teachers differ: the block, the folds
 * and what is measured on them stay those of the job's window.
 *
 *   window   L, the span the base's final model is taught on: from the oldest row of the job's window, or the oldest there is, to
 *            the begin of the untouched block. A candidate reaches s L back from each fold, s = 1, 1/2, 2. The half is tried when
 *            its rows and the block are worth the n_eff that a training needs, the double when the rows before the window (as many
 *            as rows_max leaves room for) are CANDIDATE_OLDER_MIN of those within it: without older ones, and where the window is
 *            "all", there is no double.
 *   cost     a fit sees CANDIDATE_TEACHERS_MAX rows at most, one drawn from each of as many equal stretches of its teachers, and
 *            judges as many of a fold. Windows that hold more are so compared by what their age is worth, not their number.
 *   choice   d = loss of the one there is - loss of the candidate, row by row, weighted as everything that is measured. The
 *            candidate takes its place when mean d > CANDIDATE_Z standard errors: when it is better with a confidence of 95 %, so
 *            that noise changes little; and when it is better in each fold, because a fit is as lucky as a row, and its luck is in
 *            no standard error over rows. Of two such windows the one with the lower loss does.
 *
 * Each is a trial: told, logged, and counted among those the model was chosen from. */
#ifndef ALPHALOOP_TRAIN_CANDIDATES_I_H
#define ALPHALOOP_TRAIN_CANDIDATES_I_H

#include "alphaloop/train/trial.h"

#define CANDIDATE_FOLDS        2
#define CANDIDATE_TEACHERS_MAX 6000
#define CANDIDATE_TEACHERS_MIN 100  /* of a fold, else it is not tried */
#define CANDIDATE_JUDGED_MAX   6000 /* of a fold */
#define CANDIDATE_OLDER_MIN    0.25
#define CANDIDATE_BLOCKS       32
#define CANDIDATE_Z            1.645

struct training;

/* Mean of d and its standard error. */
struct paired_mean {
    double mean, se; /* NaN: too few rows */
};

struct candidate {
    struct train_trial trial;
    struct paired_mean gain; /* against the one it would replace; NaN for the base */
};

struct candidates {
    size_t n;       /* 0: there was nothing to choose */
    size_t n_older; /* rows before the job's window that were looked at */
    struct candidate items[TRIAL_TEACHERS_MAX]; /* the base first */
};

/* Of n rows in order of time: mean = sum w d / sum w, and with the sums g of w (d - mean) over B = CANDIDATE_BLOCKS blocks of
 * equal number, se = sqrt(B / (B - 1) sum g^2) / sum w (the linearised variance of a ratio of cluster totals: Cochran, "Sampling
 * Techniques", 1977, section 6.3): rows whose labels overlap err together. */
struct paired_mean candidate_paired_mean(const double *d, const float *w, size_t n);

/* Fill t->candidates and t->teachers, and make the table, the folds and the block what was chosen. Asks for folds that are cut. */
MUST_CHECK enum al_err train_candidates(struct training *t);

#endif
