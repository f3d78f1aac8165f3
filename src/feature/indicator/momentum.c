/* Momentum: the difference between the close and the close some candles ago, in average true ranges. */
#include "indicator_i.h"

struct momentum {
    struct window *closes;
    struct ema range;
};

static void place(struct block *block, const double *options)
{
    struct momentum *state = block_take(block, sizeof(*state));
    struct window *closes = window_take(block, option_size(options, 0) + 1);
    if (state != NULL)
        *state = (struct momentum){.closes = closes, .range = wilder_of(option_size(options, 1))};
}

static void on_candle(void *state, const struct candle *candle)
{
    struct momentum *self = state;
    if (self->closes->count > 0) {
        double before = window_at(self->closes, 0);
        ema_push(&self->range, fmax(candle->high, before) - fmin(candle->low, before));
    }
    window_push(self->closes, candle->close);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct momentum *self = state;
    double difference =
        window_at(self->closes, 0) - window_at(self->closes, option_size(options, 0));
    (void)moment;
    return share(difference, self->range.value, 0);
}

static size_t warmup_inputs(const double *options)
{
    return (size_t)fmax(options[0], options[1]) + 1;
}

static size_t memory_inputs(const double *options)
{
    size_t range = wilder_memory(option_size(options, 1)) + 1;
    return range > option_size(options, 0) ? range : option_size(options, 0) + 1;
}

const struct indicator indicator_momentum = {
    .name = "momentum",
    .summary = "difference of the close over some candles, in average true ranges",
    .formula = "(C - C[period]) / ATR(range)",
    .source = "Murphy, Technical Analysis of the Financial Markets (1999), ch. 10 (momentum); "
              "Wilder, New "
              "Concepts in Technical Trading Systems (1978) (its unit)",
    .edge_cases = "flat: 0; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_directional = true,
    .min = -1e3,
    .max = 1e3,
    .options = {PERIOD(10, 1), {"range", 14, 1, 500, true, "candles"}},
    .warmup_inputs = warmup_inputs,
    .memory_inputs = memory_inputs,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
