/* Rows with a known, weak, learnable edge: what a model can find in them is known beforehand. */
#ifndef ALPHALOOP_TESTS_HARNESS_LEARNABLE_H
#define ALPHALOOP_TESTS_HARNESS_LEARNABLE_H

#include <stddef.h>
#include <stdint.h>

/* x[n_rows][n_cols]: standard normal, one in ten NaN. The log-odds of a good outcome are
 * edge * (f(x0) + f(x1) * sign(x2)), f cutting at +-2, a missing value counting as 0; columns from 3 on mean nothing. */
struct learnable {
    size_t n_rows, n_cols;
    float *x;         /* [n_rows][n_cols] */
    float *labels;    /* [n_rows] */
    float *weights;   /* [n_rows], 0.5 to 1.5 */
    float *net;       /* [n_rows], +-1 % with noise, minus 0.1 % */
    double *log_odds; /* [n_rows], the truth */
};

void learnable_init(
    struct learnable *rows, size_t n_rows, size_t n_cols, double edge, uint64_t seed);
void learnable_deinit(struct learnable *rows);

/* Area under the ROC curve of scores against labels: the share of pairs in the right order, ties half. */
double auc_of_floats(const float *scores, const float *labels, size_t n);
double auc_of_doubles(const double *scores, const float *labels, size_t n);

#endif
