/* How far the lines of the Keltner channel lie apart, relative to their middle. */
#include "keltner_i.h"

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct keltner *self = state;
    (void)moment;
    return 2.0 * options[2] * self->range.value / self->middle.value;
}

const struct indicator indicator_keltner_width = {
    .name = "keltner_width",
    .summary = "width of the Keltner channel, relative to its middle",
    .formula = "2 width ATR(range) / EMA(C, period)",
    .source = KELTNER_SOURCE,
    .edge_cases = "flat: 0; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .min = 0,
    .max = 1e3,
    .options = {KELTNER_OPTIONS},
    .warmup_inputs = keltner_warmup,
    .memory_inputs = keltner_memory,
    .place = keltner_place,
    .on_candle = keltner_on_candle,
    .value = value,
};
