/* The close relative to its plain mean. */
#include "indicator_i.h"

struct sma_distance {
    struct moments closes;
};

static void place(struct block *block, const double *options)
{
    struct sma_distance *state = block_take(block, sizeof(*state));
    struct window *closes = window_take(block, option_size(options, 0));
    if (state != NULL)
        moments_init(&state->closes, closes);
}

static void on_candle(void *state, const struct candle *candle)
{
    struct sma_distance *self = state;
    moments_push(&self->closes, candle->close);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct sma_distance *self = state;
    (void)options, (void)moment;
    return window_at(self->closes.window, 0) / moments_mean(&self->closes) - 1.0;
}

const struct indicator indicator_sma_distance = {
    .name = "sma_distance",
    .summary = "the close relative to its plain mean",
    .formula = "C / SMA(C, period) - 1",
    .source = "Murphy, Technical Analysis of the Financial Markets (1999), ch. 9",
    .edge_cases = "flat: 0; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_directional = true,
    .min = -1,
    .max = 500,
    .options = {PERIOD(20, 2)},
    .warmup_inputs = warmup_period,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
