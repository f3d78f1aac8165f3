/* What a Sharpe ratio is worth: few periods, fat tails, and the best of many trials all flatter it.
 *
 * With the per-period ratio S over n periods, skewness g3 and kurtosis g4 (3 for a normal) of the returns,
 *
 *     PSR(S*) = Phi[(S - S*) sqrt(n - 1) / sqrt(1 - g3 S + (g4 - 1) / 4 S^2)]         P(true ratio > S*)
 *     MinTRL  = 1 + (1 - g3 S + (g4 - 1) / 4 S^2) (z / (S - S*))^2                    periods for PSR(S*) = Phi(z)
 *     S0      = sqrt(V) [(1 - g) Phi^-1(1 - 1 / N) + g Phi^-1(1 - 1 / (N e))]         best of N trials without skill
 *     DSR     = PSR(S0)
 *
 * V is the variance of the trials' ratios, g = 0.5772 the Euler-Mascheroni constant.
 *
 * Sources: Bailey and Lopez de Prado, "The Sharpe ratio efficient frontier" (2012), eq. 9 and 11; "The deflated Sharpe ratio"
 * (2014), eq. 1 and 2. They hold for periods that do not share their market: decisions whose labels overlap are summed to
 * periods first.
 */
#ifndef ALPHALOOP_TRAIN_SHARPE_H
#define ALPHALOOP_TRAIN_SHARPE_H

#include <stddef.h>

/* Returns period by period, summed up. */
struct sharpe {
    size_t n; /* periods */
    double
        ratio; /* mean / standard deviation (n - 1), per period; NaN when nothing varies or n < 3 */
    double skewness; /* m3 / m2^1.5 with central moments over n */
    double kurtosis; /* m4 / m2^2 */
};
/* returns  [n] one a period, net, fractions  borrows */
struct sharpe sharpe_of(const double *returns, size_t n);

/* Sums of `length` >= 1 neighbours. The oldest n % length are left out, so that every period is whole and the newest counts.
 *
 *   u        [n] utilities in order of time  borrows
 *   periods  [n / length] out; may be u itself
 *   returns  n / length
 */
size_t sharpe_periods(const double *u, size_t n, size_t length, double *periods);

/* The trials one was chosen from. */
struct sharpe_trials {
    size_t n;        /* trials logged, the chosen one included, >= 1 */
    double variance; /* of their ratios, of periods of the same length; NaN: not known */
};

/* All are NaN where the ratio is, or where the estimate's variance 1 - g3 S + (g4 - 1) / 4 S^2 is not above 0. */
double sharpe_probability(const struct sharpe *sharpe, double benchmark);
/* Periods; INFINITY unless the ratio is above the benchmark. level: 0.5 < level < 1, say 0.95. */
double sharpe_track_record_min(const struct sharpe *sharpe, double benchmark, double level);
/* S0. One trial has no choice in it: 0. variance >= 0. */
double sharpe_best_of(size_t n_trials, double variance);
/* DSR. Where the trials' variance is not known it is 1 / (n - 1), that of ratios of n periods without any skill. */
double sharpe_deflated(const struct sharpe *sharpe, const struct sharpe_trials *trials);

#endif
