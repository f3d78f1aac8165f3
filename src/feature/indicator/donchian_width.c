/* How far the highest high lies above the lowest low, relative to their middle. */
#include "donchian_i.h"

static void place(struct block *block, const double *options)
{
    donchian_place(block, option_size(options, 0));
}

static void on_candle(void *state, const struct candle *candle)
{
    donchian_push(state, candle);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct donchian *self = state;
    double low = extreme_value(self->low), high = extreme_value(self->high);
    (void)options, (void)moment;
    return (high - low) / ((high + low) / 2.0);
}

const struct indicator indicator_donchian_width = {
    .name = "donchian_width",
    .summary = "width of the channel of the last highs and lows, relative to its middle",
    .formula = "(max H - min L) / ((max H + min L) / 2) over `period`",
    .source = DONCHIAN_SOURCE,
    .edge_cases = "flat: 0; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .min = 0,
    .max = 2,
    .options = {PERIOD(20, 1)},
    .warmup_inputs = warmup_period,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
