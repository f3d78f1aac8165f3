/* %B: where the close lies between the lower (0) and the upper (1) Bollinger band. */
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
    double band = options[1] * bollinger_deviation(self);
    double close = window_at(self->closes.window, 0);
    (void)moment;
    return 0.5 + share(close - moments_mean(&self->closes), 2.0 * band, 0);
}

const struct indicator indicator_bollinger_position = {
    .name = "bollinger_position",
    .summary = "%B, the close between the Bollinger bands",
    .formula =
        "(C - lower) / (upper - lower); bands: SMA(C) -+ width * population standard deviation",
    .source = "Bollinger, Bollinger on Bollinger Bands (2001), ch. 8",
    .edge_cases = "flat: 0.5; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_directional = true,
    .neutral = 0.5,
    .min = -25,
    .max = 26,
    .options = {PERIOD(20, 2), {"width", 2, 0.5, 10, false, "standard deviations"}},
    .warmup_inputs = warmup_period,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
