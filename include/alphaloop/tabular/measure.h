/* How good predictions are. All over n > 0 rows. */
#ifndef ALPHALOOP_TABULAR_MEASURE_H
#define ALPHALOOP_TABULAR_MEASURE_H

#include <stdbool.h>
#include <stddef.h>

struct tabular_errors {
    double rmse; /* root of the mean squared error */
    double mae;  /* mean absolute error */
    double r2;   /* 1 - sum (y - p)^2 / sum (y - base)^2; NaN when the labels are all `base` */
};

/* base: what one would say without looking at the columns. */
void tabular_measure_numbers(
    const double *y, const double *predicted, size_t n, double base, struct tabular_errors *out);

struct tabular_scores {
    double accuracy;
    double
        balanced_accuracy; /* mean over the classes that occur of the share found (Brodersen et al. 2010) */
    double log_loss; /* mean -log p of the true class, p at least 1e-15 */
    double brier;    /* mean over rows of sum_k (p_k - 1[y = k])^2, 0 to 2 (Brier 1950) */
    double
        auc; /* two classes: chance that a row of the second has the larger p than one of the first, ties half (Mann and
                   Whitney 1947); NaN with more classes, or one only */
};

/* y [n]: index of the class; p [n][n_classes]. False when out of memory. */
bool tabular_measure_classes(
    const double *y, const double *p, size_t n, size_t n_classes, struct tabular_scores *out);

#endif
