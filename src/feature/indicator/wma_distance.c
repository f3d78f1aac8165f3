/* The close relative to its linearly weighted mean. The mean is taken when the value is read. */
#include "indicator_i.h"

struct wma_distance {
    struct window *closes;
};

static void place(struct block *block, const double *options)
{
    struct wma_distance *state = block_take(block, sizeof(*state));
    struct window *closes = window_take(block, option_size(options, 0));
    if (state != NULL)
        state->closes = closes;
}

static void on_candle(void *state, const struct candle *candle)
{
    struct wma_distance *self = state;
    window_push(self->closes, candle->close);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct wma_distance *self = state;
    size_t period = option_size(options, 0);
    double sum = 0;
    (void)moment;
    for (size_t age = 0; age < period; age++)
        sum += (double)(period - age) * window_at(self->closes, age);
    double mean = sum / ((double)period * ((double)period + 1.0) / 2.0);
    return window_at(self->closes, 0) / mean - 1.0;
}

const struct indicator indicator_wma_distance = {
    .name = "wma_distance",
    .summary = "the close relative to its linearly weighted mean",
    .formula = "C / (sum((period - k) C[k]) / (period (period + 1) / 2)) - 1, k = 0 ... period - 1",
    .source = "Murphy, Technical Analysis of the Financial Markets (1999), ch. 9",
    .edge_cases = "flat: 0; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_directional = true,
    .min = -1,
    .max = 500,
    .options = {{"period", 20, 2, 100, true, "candles"}},
    .warmup_inputs = warmup_period,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
