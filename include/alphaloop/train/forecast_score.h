/* Measuring forecasts: of a point, of a quantile, of an interval. Pure functions over arrays of n >= 1; weights may be NULL
 * (all alike). A measure whose scale is 0 is NaN.
 *
 * Skill is against the naive forecast, "as now": of a price it is today's price, of a return it is 0. A forecast that is not
 * better than that says nothing, however small its error (a daily move of 2 to 4 % makes "tomorrow = today" 97 % right).
 *
 * Sources: Hyndman and Koehler (2006) for MASE; Theil (1966) for the ratio U of root mean squared errors; Campbell and
 * Thompson (2008) for the out-of-sample R^2; Koenker and Bassett (1978) for the pinball loss; Gneiting and Raftery (2007)
 * section 6.2 for the interval score.
 */
#ifndef ALPHALOOP_TRAIN_FORECAST_SCORE_H
#define ALPHALOOP_TRAIN_FORECAST_SCORE_H

#include <stddef.h>

/* mean |y_t - y_{t - step}| over a series in order of time: the naive forecast's error where the model was taught, the scale of
 * MASE. NaN unless step >= 1 and n > step. A series of returns is scaled by its mean |r|, which is this of its prices. */
double forecast_naive_error(const double *y, size_t n, size_t step);

struct forecast_errors {
    double mae, rmse;             /* of the forecast */
    double naive_mae, naive_rmse; /* of the naive one, on the same n */
};
/* y      [n] what happened
 * f      [n] what was forecast
 * naive  [n], or NULL: 0, the naive forecast of a return
 * w      [n] or NULL */
struct forecast_errors forecast_errors_of(
    const float *y, const float *f, const float *naive, const float *w, size_t n);

/* Mean absolute error over `scale`, the naive forecast's where the model was taught: below 1 is better than naive. */
double forecast_mase(double mae, double scale);
/* Below 1 is better than naive. */
double forecast_rmse_ratio(const struct forecast_errors *errors);
/* 1 - ratio^2: above 0 is better than naive. */
double forecast_r2_out_of_sample(const struct forecast_errors *errors);

/* Mean pinball loss of forecasts q of the quantile at `level` in (0, 1): level (y - q) above it, (1 - level) (q - y) below. */
double forecast_pinball_loss(
    const float *y, const float *q, double level, const float *w, size_t n);

struct interval_score {
    double coverage; /* share of outcomes within [low, high], ends included */
    double width;    /* mean high - low */
    double score;    /* mean width + 2 / miss times how far outside; less is better */
};
/* low <= high: [n]; miss = 1 - nominal coverage, in (0, 1). */
struct interval_score forecast_interval_score(
    const float *y, const float *low, const float *high, double miss, const float *w, size_t n);

#endif
