/* Parkinson's volatility: from the range of each candle, which says more than its close alone. */
#include "variance_i.h"

static void on_candle(void *state, const struct candle *candle)
{
    struct variance *self = state;
    double range = log(candle->high / candle->low);
    moments_push(&self->candles, range * range);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct variance *self = state;
    (void)options, (void)moment;
    return sqrt(variance_mean(self) / (4.0 * M_LN2));
}

const struct indicator indicator_parkinson_volatility = {
    .name = "parkinson_volatility",
    .summary = "volatility from the range of each candle",
    .formula = "sqrt(SMA(ln(H / L)^2, period) / (4 ln 2))",
    .source = "Parkinson, The Extreme Value Method for Estimating the Variance of the Rate of "
              "Return, J. Business 53 (1980)",
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
