/* Garman and Klass's volatility: from open, high, low and close of each candle. */
#include "variance_i.h"

static void on_candle(void *state, const struct candle *candle)
{
    struct variance *self = state;
    double range = log(candle->high / candle->low), body = log(candle->close / candle->open);
    moments_push(&self->candles, 0.5 * range * range - (2.0 * M_LN2 - 1.0) * body * body);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct variance *self = state;
    (void)options, (void)moment;
    return sqrt(variance_mean(self));
}

const struct indicator indicator_garman_klass_volatility = {
    .name = "garman_klass_volatility",
    .summary = "volatility from open, high, low and close",
    .formula = "sqrt(SMA(ln(H / L)^2 / 2 - (2 ln 2 - 1) ln(C / O)^2, period))",
    .source = "Garman, Klass, On the Estimation of Security Price Volatilities from Historical "
              "Data, J. Business 53 (1980)",
    .edge_cases = "flat: 0; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .min = 0,
    .max = 100,
    .options = {PERIOD(20, 1)},
    .warmup_inputs = warmup_period,
    .place = variance_place,
    .on_candle = on_candle,
    .value = value,
};
