/* A version that serves: files of its folder in, prices out. Needs no library; everything it was given is verified. */
#ifndef ALPHALOOP_FORECAST_FORECASTER_H
#define ALPHALOOP_FORECAST_FORECASTER_H

#include "alphaloop/domain/market.h"
#include "alphaloop/feature/feature_set.h"
#include "alphaloop/forecast/manifest.h"

struct forecaster;

/* Verify and load.
 *   manifest  as read; borrows (a copy is kept)
 *   models    [n_horizons] bytes of each horizon's file, in the manifest's order; borrows
 *   returns   AL_OK; AL_EVERIFY: a file is not as the manifest says; AL_EVERSION: the catalogue no longer gives its columns
 */
MUST_CHECK enum al_err forecaster_create(const struct forecast_manifest *manifest,
                                         const struct slice *models,
                                         struct forecaster **out);
void forecaster_destroy(struct forecaster *forecaster); /* NULL is fine */
const struct forecast_manifest *forecaster_manifest(const struct forecaster *forecaster);
size_t forecaster_n_bars(const struct forecaster *forecaster); /* bars a forecast wants behind it */

/* One horizon from the last bar. Prices in quote currency; a price is the middle of where it may be: price e^mean. */
struct forecast_point {
    uint32_t hours;
    int64_t base_ns, target_ns; /* end of the last bar; the horizon later */
    double base_price, price;
    double low, high;   /* interval of the manifest's coverage; NaN: none can be given */
    double sigma;       /* volatility over the horizon, log return */
    double spread;      /* the kind's own standard deviation, log return; NaN: it has none */
    double naive_scale; /* what the random walk misses by on average, quote currency: MASE's unit */
};

/* All horizons from the last of the candles (of the manifest's interval, oldest first).
 *   points  [manifest n_horizons] out
 *   returns AL_OK; AL_ESHORT: no usable bar, or too few for this model; AL_EMODEL
 */
MUST_CHECK enum al_err forecaster_predict(const struct forecaster *forecaster,
                                          const struct candle *candles,
                                          size_t n_candles,
                                          struct forecast_point *points);

#endif
