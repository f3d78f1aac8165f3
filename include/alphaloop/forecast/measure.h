/* Measuring forecasts of one horizon on hours the model had not seen, all beside the random walk ("the price will be what it is").
 *
 *   y_i      log return that came, f_i the one forecast, P_i the price then, Q_i = P_i e^{y_i} what it became
 *   price    forecast P_i e^{f_i}, error e_i = Q_i - P_i e^{f_i}
 *   MAPE     100 mean |e_i| / Q_i       MAE mean |e_i|       RMSE sqrt(mean e_i^2)
 *   R^2      1 - sum (y - f)^2 / sum (y - mean y)^2
 *   MASE, ratio, out-of-sample R^2, pinball, coverage     train/forecast_score.h, on log returns
 *   sign     r = sign(f) (e^y - 1), 0 where f = 0, of forecasts one horizon apart, so that no hour counts twice;
 *            Sharpe = mean r / sd r (n - 1) sqrt(years' worth a year), a year being 365 days; drawdown of prod (1 + r)
 *   Wilson   interval of a share (Wilson 1927) at n_independent, because overlapping horizons are not separate trials
 *
 * A measure that cannot be had (no interval yet, one sign only) is NaN.
 */
#ifndef ALPHALOOP_FORECAST_MEASURE_H
#define ALPHALOOP_FORECAST_MEASURE_H

#include <stddef.h>
#include <stdint.h>

#include "alphaloop/base/err.h"
#include "alphaloop/base/json.h"

struct forecast_measures {
#define FORECAST_MEASURE(name, help) double name;
#include "alphaloop/tbl/forecast_measures.def"
#undef FORECAST_MEASURE
};

/* One forecast and what came of it. */
struct forecast_outcome {
    int64_t ts_ns;      /* of the bar it was made at */
    float y, mean;      /* log returns: came, forecast */
    float sigma;        /* volatility over the horizon, known at ts */
    float low, high;    /* interval of the log return; NaN: none yet */
    float naive_radius; /* of the random walk's interval around 0; NaN: none yet */
    float scale;        /* mean |y| of those its model was taught by */
    double price;       /* P */
};

/* outcomes: [n] by time, n >= 1; coverage: what intervals are made to hold. AL_ENOMEM. */
MUST_CHECK enum al_err forecast_measure_outcomes(const struct forecast_outcome *outcomes,
                                                 size_t n,
                                                 int64_t horizon_ns,
                                                 double coverage,
                                                 struct forecast_measures *out);

/* Members of an object; what is NaN is null. */
void forecast_measures_write(const struct forecast_measures *measures, struct json_writer *w);
MUST_CHECK enum al_err forecast_measures_read(struct json_node *object,
                                              struct forecast_measures *out);

/* Ends of Wilson's 95 % interval of `share` on n trials; NaN without trials. */
void forecast_wilson(double share, double n, double *low, double *high);

#endif
