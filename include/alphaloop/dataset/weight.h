/* How much each row counts (learning section 4).
 *
 *     c(t)   labels of the same group (asset) alive at t           concurrency
 *     u_i    mean over [t0_i, t1_i] of 1 / c(t)                    uniqueness; Lopez de Prado (2018) snippets 4.1, 4.2
 *     w_i  ~ u_i  exp(-age_i / tau)  min(1 / pi_i, cap)  f_i       age from the decision to the cut, fill fraction f
 *
 * scaled to mean 1. The effective size is n_eff = (sum w)^2 / sum w^2 (Kish 1965): what the required size of a dataset is
 * held against. It sees unequal weights, not overlap as such; sum u says how many independent labels the rows stand for.
 */
#ifndef ALPHALOOP_DATASET_WEIGHT_H
#define ALPHALOOP_DATASET_WEIGHT_H

#include <stddef.h>
#include <stdint.h>

#include "alphaloop/base/err.h"

struct weight_row {
    int64_t t0_ns, t1_ns; /* the label's span, t0 <= t1 */
    float
        propensity; /* 0..1], of the action the policy took; 1 for evidence that is no choice of the policy */
    float fill_fraction; /* 0..1 */
    uint32_t group;      /* rows of different groups do not overlap: the asset */
};

struct weight_rule {
    int64_t cut_ns;        /* age is counted from here */
    double half_life_s;    /* of a row's age; 0: no ageing */
    double propensity_cap; /* largest 1 / pi, >= 1 */
};

#define WEIGHT_PROPENSITY_CAP 10.0

struct weight_summary {
    double n_eff;         /* (sum w)^2 / sum w^2 */
    double n_independent; /* sum u */
    double concurrency_max;
    double
        span_rows; /* mean number of rows that begin within a label's span: blocks of the bootstrap */
};

/* Mean of 1 / c(t) over each row's own span.
 *   u        [n] out, in (0, 1]
 *   returns  AL_OK; AL_ENOMEM */
MUST_CHECK enum al_err weight_uniqueness(const struct weight_row *rows, size_t n, double *u);

/* w  [n] out, mean 1 (all 0 when every fill fraction is)
 * u  [n] out, as weight_uniqueness() gives it.  O(n log n). */
MUST_CHECK enum al_err weight_rows(const struct weight_rule *rule,
                                   const struct weight_row *rows,
                                   size_t n,
                                   float *w,
                                   double *u,
                                   struct weight_summary *summary);

/* (sum w)^2 / sum w^2; w NULL: n. */
double weight_n_eff(const float *w, size_t n);

#endif
