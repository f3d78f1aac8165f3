/* Average true range relative to the close: what a candle usually travels. */
#include "indicator_i.h"

struct atr {
    struct ema range;
    double close;
};

static void place(struct block *block, const double *options)
{
    struct atr *state = block_take(block, sizeof(*state));
    if (state != NULL)
        *state = (struct atr){.range = wilder_of(option_size(options, 0))};
}

static void on_candle(void *state, const struct candle *candle)
{
    struct atr *self = state;
    if (self->close > 0)
        ema_push(&self->range, fmax(candle->high, self->close) - fmin(candle->low, self->close));
    self->close = candle->close;
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct atr *self = state;
    (void)options, (void)moment;
    return self->range.value / self->close;
}

static size_t memory_inputs(const double *options)
{
    return wilder_memory(option_size(options, 0)) + 1;
}

const struct indicator indicator_atr_ratio = {
    .name = "atr_ratio",
    .summary = "average true range relative to the close",
    .formula =
        "ATR / C; ATR: Wilder mean of max(H, C[1]) - min(L, C[1]), begun with its plain mean",
    .source = "Wilder, New Concepts in Technical Trading Systems (1978), sec. III",
    .edge_cases = "flat: 0; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .min = 0,
    .max = 100,
    .options = {PERIOD(14, 1)},
    .warmup_inputs = warmup_period_and_one,
    .memory_inputs = memory_inputs,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
