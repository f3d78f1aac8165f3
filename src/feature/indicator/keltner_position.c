/* Where the close lies between the lower (0) and the upper (1) Keltner channel. */
#include "keltner_i.h"

static void place(struct block *block, const double *options)
{
    struct keltner *state = block_take(block, sizeof(*state));
    if (state != NULL)
        *state = keltner_of(option_size(options, 0), option_size(options, 1));
}

static void on_candle(void *state, const struct candle *candle)
{
    keltner_push(state, candle);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct keltner *self = state;
    (void)moment;
    return 0.5 + share(self->close - self->middle.value, 2.0 * options[2] * self->range.value, 0);
}

static size_t warmup_inputs(const double *options)
{
    return keltner_warmup(option_size(options, 0), option_size(options, 1));
}

static size_t memory_inputs(const double *options)
{
    return keltner_memory(option_size(options, 0), option_size(options, 1));
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
    .options = {PERIOD(20, 1),
                {"range", 10, 1, 500, true, "candles"},
                {"width", 2, 0.5, 10, false, "average true ranges"}},
    .warmup_inputs = warmup_inputs,
    .memory_inputs = memory_inputs,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
