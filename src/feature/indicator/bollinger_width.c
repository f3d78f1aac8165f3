/* BandWidth: how far the Bollinger bands lie apart, relative to their middle. */
#include "bollinger_i.h"

static void place(struct block *block, const double *options)
{
    bollinger_place(block, option_size(options, 0));
}

static void on_candle(void *state, const struct candle *candle)
{
    bollinger_push(state, candle);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct bollinger *self = state;
    (void)moment;
    return 2.0 * options[1] * bollinger_deviation(self) / moments_mean(&self->closes);
}

const struct indicator indicator_bollinger_width = {
    .name = "bollinger_width",
    .summary = "distance of the Bollinger bands, relative to their middle",
    .formula = "(upper - lower) / SMA(C); bands: SMA(C) -+ width * population standard deviation",
    .source = "Bollinger, Bollinger on Bollinger Bands (2001), ch. 8",
    .edge_cases = "flat: 0; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .min = 0,
    .max = 500,
    .options = {PERIOD(20, 2), {"width", 2, 0.5, 10, false, "standard deviations"}},
    .warmup_inputs = warmup_period,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
