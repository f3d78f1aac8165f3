/* How far the lines of the Keltner channel lie apart, relative to their middle. */
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
    return 2.0 * options[2] * self->range.value / self->middle.value;
}

static size_t warmup_inputs(const double *options)
{
    return keltner_warmup(option_size(options, 0), option_size(options, 1));
}

static size_t memory_inputs(const double *options)
{
    return keltner_memory(option_size(options, 0), option_size(options, 1));
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
    .options = {PERIOD(20, 1),
                {"range", 10, 1, 500, true, "candles"},
                {"width", 2, 0.5, 10, false, "average true ranges"}},
    .warmup_inputs = warmup_inputs,
    .memory_inputs = memory_inputs,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
