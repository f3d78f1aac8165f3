/* Rogers and Satchell's volatility: from open, high, low and close, and not misled by a trend. */
#include "variance_i.h"

static void on_candle(void *state, const struct candle *candle)
{
    struct variance *self = state;
    double up = log(candle->high / candle->open), down = log(candle->low / candle->open);
    double body = log(candle->close / candle->open);
    moments_push(&self->candles, up * (up - body) + down * (down - body));
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct variance *self = state;
    (void)options, (void)moment;
    return sqrt(variance_mean(self));
}

const struct indicator indicator_rogers_satchell_volatility = {
    .name = "rogers_satchell_volatility",
    .summary = "volatility from open, high, low and close, free of drift",
    .formula =
        "sqrt(SMA(u (u - c) + d (d - c), period)), u = ln(H / O), d = ln(L / O), c = ln(C / O)",
    .source = "Rogers, Satchell, Estimating Variance from High, Low and Closing Prices, Annals of "
              "Applied "
              "Probability 1 (1991)",
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
