/* Bars into rows: the features of each from the engine that makes them live, and what came of it, by time.
 *
 * A bar that is missing stays missing. A column whose window of bars reaches over a gap is NaN until the window lies behind the
 * gap, so a lag of 24 hours is never one of 25; an outcome counts only where a bar ended exactly one horizon later.
 */
#ifndef ALPHALOOP_FORECAST_ROWS_H
#define ALPHALOOP_FORECAST_ROWS_H

#include "alphaloop/domain/market.h"
#include "alphaloop/feature/feature_set.h"
#include "alphaloop/forecast/kind.h"

/* The columns a forecast sees unless it is told: candle columns and lags 1 to 168 of the catalogue, each once. */
size_t forecast_default_features(struct slice names[FEATURES_MAX]);

struct forecast_rows {
    size_t n_rows, n_cols;
    int64_t interval_ns;
    size_t n_gaps;  /* places where bars are missing */
    float *x;       /* [n_rows][n_cols] */
    int64_t *ts_ns; /* [n_rows] end of the bar, rising */
    double *close;  /* [n_rows] */
    float *sigma; /* [n_rows] EWMA volatility of one bar (market_state_sigma); NaN: not known yet */
};

/* From candles of one interval, oldest first; those that are out of order or broken are left out.
 *   set      candle and time columns only, at this interval
 *   out      gives: forecast_rows_deinit()
 *   returns  AL_OK; AL_EINVAL for another set; AL_ENOMEM
 */
MUST_CHECK enum al_err forecast_rows_make(const struct feature_set *set,
                                          const struct asset *asset,
                                          int64_t interval_ns,
                                          const struct candle *candles,
                                          size_t n_candles,
                                          struct forecast_rows *out);
void forecast_rows_deinit(struct forecast_rows *rows); /* zeroed is fine */

/* y [n_rows] out: log return of the close from each bar to the one that ends horizon_ns later; NaN where there is none. */
void forecast_rows_outcomes(const struct forecast_rows *rows, int64_t horizon_ns, float *y);

/* As a kind takes them; y may be NULL. */
struct forecast_series forecast_rows_series(const struct forecast_rows *rows, const float *y);

/* Bars after which the row of the last one is what it would be with all of history behind it. */
size_t forecast_rows_wanted(const struct feature_set *set, int64_t interval_ns, size_t n_lookback);

#endif
