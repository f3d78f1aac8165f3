/* Where the close lies between the lower (0) and the upper (1) Keltner channel. */
#include "indicator_i.h"

struct keltner {
    struct ema middle, range;
    double close;
};

static void place(struct block *block, const double *options)
{
    struct keltner *state = block_take(block, sizeof(*state));
    if (state != NULL)
        *state = (struct keltner){.middle = ema_of(option_size(options, 0)),
                                  .range = wilder_of(option_size(options, 1))};
}

static void on_candle(void *state, const struct candle *candle)
{
    struct keltner *self = state;
    if (self->close > 0)
        ema_push(&self->range, fmax(candle->high, self->close) - fmin(candle->low, self->close));
    ema_push(&self->middle, candle->close);
    self->close = candle->close;
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct keltner *self = state;
    (void)moment;
    return 0.5 + share(self->close - self->middle.value, 2.0 * options[2] * self->range.value, 0);
}

static size_t warmup_inputs(const double *options)
{
    return (size_t)fmax(options[0], options[1] + 1);
}

static size_t memory_inputs(const double *options)
{
    size_t middle = ema_memory(option_size(options, 0)),
           range = wilder_memory(option_size(options, 1)) + 1;
    return middle > range ? middle : range;
}

const struct indicator indicator_keltner_position = {
    .name = "keltner_position",
    .summary = "the close in the Keltner channel",
    .formula = "(C - lower) / (upper - lower); channel: EMA(C, period) -+ width * ATR(range)",
    .source = "Keltner, How to Make Money in Commodities (1960); with EMA and ATR, Raschke, Street "
              "Smarts (1995)",
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
