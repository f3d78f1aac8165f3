/* How much each row counts (learning section 4).
 *
 *     c(t)   labels of the same group (asset) alive at t           concurrency
 *     u_i    mean over [t0_i, t1_i] of 1 / c(t)                    uniqueness; Lopez de Prado (2018) snippets 4.1, 4.2
 *     a_i    | sum over the span of ret(t) / c(t) |               attribution of returns; snippet 4.10, ret in logs
 *     f_i  ~ u_i  exp(-age_i / tau)  min(1 / pi_i, cap)  q_i       age from the decision to the cut, fill fraction q
 *     w_i  ~ a_i  f_i
 *
 * both scaled to mean 1. What teaches is w: a row says as much as the market moved in it. What
 * is measured and calibrated is f: a probability is how often something happens, and w would count each outcome by its own
 * size. Without returns, or where no price moved at all, there is nothing to attribute, and w is f.
 *
 * The path of the price inside a span is known by its log return in each of SPAN_PIECES equal parts, so the sum becomes
 * sum_k ret_k (mean of 1 / c(t) over part k): exact when c changes only between parts or the price moves evenly inside one.
 *
 * The effective size of weights x is (sum x)^2 / sum x^2 (Kish 1965). n_eff, what the required size of a dataset is held
 * against, is that of f: so many outcomes there are to calibrate and to judge on. That of w is smaller (on synthetic markets
 * by a factor of up to seven: u stands in w twice, and short labels are those that moved) and is told beside it. Both see
 * unequal weights, not overlap as such; sum u says how many independent labels the rows stand for. Rows are not subsampled
 * by us; a model kind that bags (random_forest) draws without regard to overlap, and its rows weigh less for it.
 */
#ifndef ALPHALOOP_DATASET_WEIGHT_H
#define ALPHALOOP_DATASET_WEIGHT_H

#include <stddef.h>
#include <stdint.h>

#include "alphaloop/base/err.h"
#include "alphaloop/dataset/sample.h"

struct weight_row {
    int64_t t0_ns, t1_ns; /* the label's span, t0 <= t1 */
    float
        propensity; /* 0..1], of the action the policy took; 1 for evidence that is no choice of the policy */
    float fill_fraction;  /* 0..1 */
    const float *returns; /* [SPAN_PIECES] finite log returns; NULL: no attribution for any row */
    uint32_t group;       /* rows of different groups do not overlap: the asset */
};

struct weight_rule {
    int64_t cut_ns;        /* age is counted from here */
    double half_life_s;    /* of a row's age; 0: no ageing */
    double propensity_cap; /* largest 1 / pi, >= 1 */
};

#define WEIGHT_PROPENSITY_CAP 10.0

struct weight_summary {
    double n_eff;         /* (sum f)^2 / sum f^2 */
    double n_eff_teach;   /* (sum w)^2 / sum w^2 */
    double n_independent; /* sum u */
    double concurrency_max;
    double
        span_rows; /* mean number of rows that begin within a label's span: blocks of the bootstrap */
};

/* Mean of 1 / c(t) over each row's own span.
 *   u        [n] out, in (0, 1]
 *   returns  AL_OK; AL_ENOMEM */
MUST_CHECK enum al_err weight_uniqueness(const struct weight_row *rows, size_t n, double *u);

struct weight_columns {
    float *teach; /* [n] w, mean 1 (all 0 when every fill fraction is) */
    float *plain; /* [n] f, likewise */
    double *u;    /* [n] as weight_uniqueness() gives it */
};

/* O(n log n). AL_ENOMEM is the only fault. */
MUST_CHECK enum al_err weight_rows(const struct weight_rule *rule,
                                   const struct weight_row *rows,
                                   size_t n,
                                   const struct weight_columns *out,
                                   struct weight_summary *summary);

/* a_i of every row, out [n]. */
MUST_CHECK enum al_err weight_attribution(const struct weight_row *rows, size_t n, double *a);

/* (sum w)^2 / sum w^2; w NULL: n. */
double weight_n_eff(const float *w, size_t n);

#endif
