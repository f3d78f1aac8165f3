/* A fast exponential mean relative to a slow one: the trend between two time scales. */
#include "indicator_i.h"

struct ema_cross {
    struct ema fast, slow;
};

static void place(struct block *block, const double *options)
{
    struct ema_cross *state = block_take(block, sizeof(*state));
    if (state != NULL)
        *state = (struct ema_cross){.fast = ema_of(option_size(options, 0)),
                                    .slow = ema_of(option_size(options, 1))};
}

static void on_candle(void *state, const struct candle *candle)
{
    struct ema_cross *self = state;
    ema_push(&self->fast, candle->close);
    ema_push(&self->slow, candle->close);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct ema_cross *self = state;
    (void)options, (void)moment;
    return self->fast.value / self->slow.value - 1.0;
}

static size_t warmup_inputs(const double *options)
{
    return option_size(options, 1);
}

static size_t memory_inputs(const double *options)
{
    return ema_memory(option_size(options, 1));
}

const struct indicator indicator_ema_cross = {
    .name = "ema_cross",
    .summary = "a fast exponential mean relative to a slow one",
    .formula = "EMA(C, fast) / EMA(C, slow) - 1; the means begun with their plain mean",
    .source = "Appel, Technical Analysis: Power Tools for Active Investors (2005), ch. 8 "
              "(percentage price oscillator)",
    .edge_cases = "flat: 0; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_directional = true,
    .min = -1,
    .max = 500,
    .options = {{"fast", 5, 1, 250, true, "candles"}, {"slow", 20, 2, 500, true, "candles"}},
    .misfit = misfit_fast_slow,
    .warmup_inputs = warmup_inputs,
    .memory_inputs = memory_inputs,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
