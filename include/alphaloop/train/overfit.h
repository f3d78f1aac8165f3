/* How likely the choice among trials is overfitted: the probability of backtest overfitting by combinatorially symmetric
 * cross-validation.
 *
 * The n_periods rows of the trials' returns are cut into S blocks. For each of the C(S, S / 2) ways to take half of them, the
 * trial with the best Sharpe ratio there (the first of equals) is ranked among all N trials on the other half: relative rank
 * w = rank / (N + 1), 1 the worst, equals sharing the mean of their ranks, and logit l = log(w / (1 - w)). PBO is the share of
 * ways with l <= 0: the choice did no better than the median of what it was chosen from. Without any skill it is near 1/2.
 *
 * Source: Bailey, Borwein, Lopez de Prado and Zhu, "The probability of backtest overfitting" (2017), section 2.
 */
#ifndef ALPHALOOP_TRAIN_OVERFIT_H
#define ALPHALOOP_TRAIN_OVERFIT_H

#include <stddef.h>

#include "alphaloop/base/err.h"

#define OVERFIT_BLOCKS     16 /* 12870 ways, as in the paper */
#define OVERFIT_BLOCKS_MAX 20

struct overfit {
    size_t n_ways;
    double pbo;          /* share of ways with logit <= 0 */
    double loss;         /* share of ways in which the chosen trial lost on the other half */
    double median_logit; /* INFINITY-free: w is within 1 / (N + 1) and N / (N + 1) */
};

/* returns   [n_periods][n_trials] net return of each trial in each period, in order of time, row-major  borrows
 * n_blocks  S: even, 2..OVERFIT_BLOCKS_MAX; they differ by one period at most
 * returns   AL_OK; AL_ESHORT with fewer than two trials or than two periods a block; AL_ENOMEM
 *
 * A trial that never varies has the ratio 0 when it never traded either. O(ways S N). */
MUST_CHECK enum al_err overfit_probability(
    const double *returns, size_t n_periods, size_t n_trials, size_t n_blocks, struct overfit *out);

#endif
