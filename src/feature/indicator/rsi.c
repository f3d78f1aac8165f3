/* Relative strength index: the share of gains in all moves, Wilder-smoothed. */
#include "indicator_i.h"

struct rsi {
    struct ema gain, loss;
    double close;
    bool has_close;
};

static void place(struct block *block, const double *options)
{
    struct rsi *state = block_take(block, sizeof(*state));
    if (state != NULL)
        *state = (struct rsi){.gain = wilder_of(option_size(options, 0)),
                              .loss = wilder_of(option_size(options, 0))};
}

static void on_candle(void *state, const struct candle *candle)
{
    struct rsi *self = state;
    if (self->has_close) {
        double change = candle->close - self->close;
        ema_push(&self->gain, fmax(change, 0));
        ema_push(&self->loss, fmax(-change, 0));
    }
    self->close = candle->close;
    self->has_close = true;
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct rsi *self = state;
    (void)options, (void)moment;
    return 100.0 * share(self->gain.value, self->gain.value + self->loss.value, 0.5);
}

static size_t memory_inputs(const double *options)
{
    return wilder_memory(option_size(options, 0)) + 1;
}

const struct indicator indicator_rsi = {
    .name = "rsi",
    .summary = "relative strength index",
    .formula = "100 G / (G + L); G, L: Wilder means of gains and losses of the close, begun with "
               "their plain mean",
    .source = "Wilder, New Concepts in Technical Trading Systems (1978), sec. VI",
    .edge_cases = "flat: 50; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_directional = true,
    .neutral = 50,
    .min = 0,
    .max = 100,
    .options = {PERIOD(14, 2)},
    .warmup_inputs = warmup_period_and_one,
    .memory_inputs = memory_inputs,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
