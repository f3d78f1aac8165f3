/* How good the forecast of the return was, whatever trading costs, against the naive one: no change.
 *
 * A model says what each action is worth, net. Half the difference between buying and selling is what it thinks of the price:
 * costs cancel. With barriers at equal distances it is the return until the first of them is touched, with barriers out of
 * reach the return over the horizon. With e = y - f and what is known beforehand, the scale s:
 *
 *     MASE = mean |e| / s, of the naive forecast mean |y| / s        (Hyndman and Koehler 2006)
 *     MAE skill = 1 - mean |e| / mean |y|
 *     R^2 = 1 - mean e^2 / mean y^2, RMSE ratio = sqrt(1 - R^2)      (Campbell and Thompson 2008; Theil 1966)
 *     rank IC: Spearman's correlation of f and y
 *
 * All have intervals of report_mean: of the scaled errors for MASE, whose scale counts as known; of what a decision adds to
 * first order for ratios of means, R + ((1 - R) b - a) / mean b where R = 1 - mean a / mean b; and for the correlation r of
 * standardised ranks, z_f z_y - r (z_f^2 + z_y^2) / 2 + r (Devlin, Gnanadesikan and Kettenring 1975), ranks taken for given,
 * which is right to first order where there is no skill.
 */
#ifndef ALPHALOOP_REPORT_RETURNS_H
#define ALPHALOOP_REPORT_RETURNS_H

#include "alphaloop/report/policy.h"

/* Decisions in order of time. */
struct return_series {
    const float *f; /* [n] forecast of the return, fraction                         borrows */
    const float *y; /* [n] the return that came, fraction                           borrows */
    size_t n;
    double span;  /* decisions that begin within a label's span */
    double scale; /* mean |return| before; NaN: not known */
};

/* What is not known (no rows, no spread, no scale) is NaN. */
struct return_measures {
    size_t n;
#define MEASURE(name, unit, help) struct report_value name;
#include "alphaloop/tbl/return_measures.def"
#undef MEASURE
};

size_t return_measure_count(void);
const struct report_measure_row *return_measure_at(size_t index);
struct report_value return_measure_value(const struct return_measures *measures, size_t index);

/* AL_ENOMEM is the only fault. `seed` is of the bootstrap. */
MUST_CHECK enum al_err return_measure(const struct return_series *series,
                                      uint64_t seed,
                                      struct return_measures *out);

/* Spearman's correlation of a[n] and b[n] with its interval; NaN where either is all the same. */
MUST_CHECK enum al_err report_rank_ic(
    const float *a, const float *b, size_t n, double span, uint64_t seed, struct report_value *out);

#endif
