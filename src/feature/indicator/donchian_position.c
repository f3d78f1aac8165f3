/* Where the close lies in the channel of highest high and lowest low. */
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
    return share(self->close - low, high - low, 0.5);
}

const struct indicator indicator_donchian_position = {
    .name = "donchian_position",
    .summary = "the close in the channel of the last highs and lows",
    .formula = "(C - min L) / (max H - min L) over `period`",
    .source = DONCHIAN_SOURCE,
    .edge_cases = "flat: 0.5; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_directional = true,
    .neutral = 0.5,
    .min = 0,
    .max = 1,
    .options = {PERIOD(20, 1)},
    .warmup_inputs = warmup_period,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
