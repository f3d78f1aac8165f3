/* How far the upper (or lower) Bollinger band lies from the close, outwards. */
#include "bollinger_i.h"

static void place(struct block *block, const double *options)
{
    bollinger_place(block, option_size(options, 1));
}

static void on_candle(void *state, const struct candle *candle)
{
    bollinger_push(state, candle);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct bollinger *self = state;
    double close = window_at(self->closes.window, 0);
    double outwards = options[0] * (moments_mean(&self->closes) - close);
    (void)moment;
    return (outwards + options[2] * bollinger_deviation(self)) / close;
}

static size_t warmup_inputs(const double *options)
{
    return option_size(options, 1);
}

const struct indicator indicator_bollinger_band = {
    .name = "bollinger_band",
    .summary = "distance from the close to a Bollinger band, negative when the close is outside",
    .formula = "side (band - C) / C; band: SMA(C) + side * width * population standard deviation",
    .source = "Bollinger, Bollinger on Bollinger Bands (2001), ch. 8",
    .edge_cases = "flat: 0; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_one_sided = true,
    .min = -1e3,
    .max = 1e3,
    .options = {SIDE("1 upper, -1 lower"),
                PERIOD(20, 2),
                {"width", 2, 0.5, 10, false, "standard deviations"}},
    .misfit = misfit_side,
    .warmup_inputs = warmup_inputs,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
