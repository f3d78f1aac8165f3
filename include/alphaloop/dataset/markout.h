/* Markouts: where the market went just after our fill.
 *
 *     m(D) = s (mid(t_fill + D) - P) / P,   D = 1 s, 10 s, 60 s, 5 min
 *
 * s the side, P the filled VWAP. Negative on average says that we are filled when it is bad for us: the market moves through
 * our orders (adverse selection), or crossing the spread costs more than it brings.
 */
#ifndef ALPHALOOP_DATASET_MARKOUT_H
#define ALPHALOOP_DATASET_MARKOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "alphaloop/dataset/price_path.h"
#include "alphaloop/domain/names.h"

#define MARKOUT_COUNT 4

struct markout_lag {
    const char *name; /* "1s"; a metric's label */
    int64_t lag_ns;
};
extern const struct markout_lag markout_lags[MARKOUT_COUNT]; /* shortest first */

/* One markout for each lag.
 *
 *   path         mids, fine enough for the shortest lag                                      borrows
 *   price        P, > 0
 *   fill_ns      t_fill
 *   gap_max_ns   a newest price older than that at t_fill + D says nothing
 *   out          fractions; NaN where the path ends before t_fill + D, begins after it, or has a hole there
 */
void markouts_of(const struct price_path *path,
                 enum side side,
                 double price,
                 int64_t fill_ns,
                 int64_t gap_max_ns,
                 double out[MARKOUT_COUNT]);

/* Exponentially forgetting mean of the markouts at one lag (memory of about 1000 fills). Fills within one lag see the same move
 * of the market: each is worth, as news, the time since the fill before it as a share of the lag, at most 1. */
struct markout_mean {
    uint64_t n;
    double weight, mean, m2;
    double worth; /* sum of the news, forgetting alike */
    int64_t last_fill_ns;
};
/* NaN is no markout. Fills in any order; what came before the newest is no news. */
void markout_mean_update(struct markout_mean *mean,
                         double markout,
                         int64_t fill_ns,
                         int64_t lag_ns);
/* mean over its standard error sqrt(variance / worth); NaN before MARKOUT_FILLS_MIN fills' worth. */
double markout_mean_t(const struct markout_mean *mean);

#define MARKOUT_FILLS_MIN 30

#endif
