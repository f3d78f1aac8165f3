/* The close relative to its exponential mean. */
#include "indicator_i.h"

struct ema_distance {
    struct ema mean;
    double close;
};

static void place(struct block *block, const double *options)
{
    struct ema_distance *state = block_take(block, sizeof(*state));
    if (state != NULL)
        *state = (struct ema_distance){.mean = ema_of(option_size(options, 0))};
}

static void on_candle(void *state, const struct candle *candle)
{
    struct ema_distance *self = state;
    self->close = candle->close;
    ema_push(&self->mean, candle->close);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct ema_distance *self = state;
    (void)options, (void)moment;
    return self->close / self->mean.value - 1.0;
}

static size_t memory_inputs(const double *options)
{
    return ema_memory(option_size(options, 0));
}

const struct indicator indicator_ema_distance = {
    .name = "ema_distance",
    .summary = "the close relative to its exponential mean",
    .formula = "C / EMA(C, period) - 1; the mean begun with the plain mean",
    .source = "Murphy, Technical Analysis of the Financial Markets (1999), ch. 9",
    .edge_cases = "flat: 0; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_directional = true,
    .min = -1,
    .max = 500,
    .options = {PERIOD(20, 1)},
    .warmup_inputs = warmup_period,
    .memory_inputs = memory_inputs,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
