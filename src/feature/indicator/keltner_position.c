/* Where the close lies between the lower (0) and the upper (1) Keltner channel. */
#include "keltner_i.h"

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct keltner *self = state;
    (void)moment;
    return 0.5 + share(self->close - self->middle.value, 2.0 * options[2] * self->range.value, 0);
}

const struct indicator indicator_keltner_position = {
    .name = "keltner_position",
    .summary = "the close in the Keltner channel",
    .formula = "(C - lower) / (upper - lower); channel: EMA(C, period) -+ width * ATR(range)",
    .source = KELTNER_SOURCE,
    .edge_cases = "flat: 0.5; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_directional = true,
    .neutral = 0.5,
    .min = -25,
    .max = 26,
    .options = {KELTNER_OPTIONS},
    .warmup_inputs = keltner_warmup,
    .memory_inputs = keltner_memory,
    .place = keltner_place,
    .on_candle = keltner_on_candle,
    .value = value,
};
