/* How far the upper (or lower) line of the Keltner channel lies from the close, outwards. */
#include "keltner_i.h"

static void place(struct block *block, const double *options)
{
    keltner_place(block, options + 1);
}

static size_t warmup_inputs(const double *options)
{
    return keltner_warmup(options + 1);
}

static size_t memory_inputs(const double *options)
{
    return keltner_memory(options + 1);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct keltner *self = state;
    double outwards = options[0] * (self->middle.value - self->close);
    (void)moment;
    return (outwards + options[3] * self->range.value) / self->close;
}

const struct indicator indicator_keltner_band = {
    .name = "keltner_band",
    .summary = "distance from the close to a line of the Keltner channel, negative when outside",
    .formula = "side (line - C) / C; line: EMA(C, period) + side * width * ATR(range)",
    .source = KELTNER_SOURCE,
    .edge_cases = "flat: 0; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_one_sided = true,
    .min = -1e3,
    .max = 1e3,
    .options = {SIDE("1 upper, -1 lower"), KELTNER_OPTIONS},
    .misfit = misfit_side,
    .warmup_inputs = warmup_inputs,
    .memory_inputs = memory_inputs,
    .place = place,
    .on_candle = keltner_on_candle,
    .value = value,
};
