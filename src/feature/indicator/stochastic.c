/* Stochastic oscillator (slow %K): the close within the range of the last candles, smoothed. */
#include "indicator_i.h"

struct stochastic {
    struct extreme *high, *low;
    struct moments k;
    size_t period, n_seen;
};

static void place(struct block *block, const double *options)
{
    struct stochastic *state = block_take(block, sizeof(*state));
    struct extreme *high = extreme_take(block, option_size(options, 0), 1);
    struct extreme *low = extreme_take(block, option_size(options, 0), -1);
    struct window *k = window_take(block, option_size(options, 1));
    if (state == NULL)
        return;
    *state = (struct stochastic){.high = high, .low = low, .period = option_size(options, 0)};
    moments_init(&state->k, k);
}

static void on_candle(void *state, const struct candle *candle)
{
    struct stochastic *self = state;
    extreme_push(self->high, candle->high);
    extreme_push(self->low, candle->low);
    if (++self->n_seen < self->period)
        return;
    double low = extreme_value(self->low), high = extreme_value(self->high);
    moments_push(&self->k, 100.0 * share(candle->close - low, high - low, 0.5));
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct stochastic *self = state;
    (void)options, (void)moment;
    return moments_mean(&self->k);
}

static size_t warmup_inputs(const double *options)
{
    return option_size(options, 0) + option_size(options, 1) - 1;
}

const struct indicator indicator_stochastic = {
    .name = "stochastic",
    .summary = "slow stochastic %K",
    .formula = "SMA over `smooth` of 100 (C - min L) / (max H - min L) over `period`",
    .source = "Lane, Lane's Stochastics, Stocks & Commodities 2:3 (1984)",
    .edge_cases = "flat: 50; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_directional = true,
    .neutral = 50,
    .min = 0,
    .max = 100,
    .options = {PERIOD(14, 1), {"smooth", 3, 1, 100, true, "candles"}},
    .warmup_inputs = warmup_inputs,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
