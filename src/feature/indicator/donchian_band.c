/* How far the highest high (or lowest low) lies from the close, outwards. */
#include "donchian_i.h"

static void place(struct block *block, const double *options)
{
    donchian_place(block, option_size(options, 1));
}

static void on_candle(void *state, const struct candle *candle)
{
    donchian_push(state, candle);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct donchian *self = state;
    double line = extreme_value(options[0] > 0 ? self->high : self->low);
    (void)moment;
    return options[0] * (line / self->close - 1.0);
}

static size_t warmup_inputs(const double *options)
{
    return option_size(options, 1);
}

const struct indicator indicator_donchian_band = {
    .name = "donchian_band",
    .summary = "distance from the close to the highest high or lowest low",
    .formula = "side (line / C - 1); line: max H (side 1) or min L (side -1) over `period`",
    .source = DONCHIAN_SOURCE,
    .edge_cases = "flat: 0; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_one_sided = true,
    .min = 0,
    .max = 1e3,
    .options = {SIDE("1 upper, -1 lower"), PERIOD(20, 1)},
    .misfit = misfit_side,
    .warmup_inputs = warmup_inputs,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
