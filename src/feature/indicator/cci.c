/* Commodity channel index: how far the typical price lies from its mean, in mean deviations. The mean deviation is taken
 * when the value is read: it has no running form, and the window is short. */
#include "indicator_i.h"

struct cci {
    struct moments typical;
};

static void place(struct block *block, const double *options)
{
    struct cci *state = block_take(block, sizeof(*state));
    struct window *typical = window_take(block, option_size(options, 0));
    if (state != NULL)
        moments_init(&state->typical, typical);
}

static void on_candle(void *state, const struct candle *candle)
{
    struct cci *self = state;
    moments_push(&self->typical, (candle->high + candle->low + candle->close) / 3.0);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct cci *self = state;
    double mean = moments_mean(&self->typical), deviation = 0;
    (void)moment;
    for (size_t age = 0; age < option_size(options, 0); age++)
        deviation += fabs(window_at(self->typical.window, age) - mean);
    return share(window_at(self->typical.window, 0) - mean, 0.015 * deviation / options[0], 0);
}

const struct indicator indicator_cci = {
    .name = "cci",
    .summary = "commodity channel index",
    .formula = "(T - SMA(T)) / (0.015 mean |T - SMA(T)|) over `period`, T = (H + L + C) / 3",
    .source = "Lambert, Commodity Channel Index, Commodities 9:10 (1980)",
    .edge_cases = "flat: 0; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_directional = true,
    .min = -5000,
    .max = 5000,
    .options = {{"period", 20, 2, 100, true, "candles"}},
    .warmup_inputs = warmup_period,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
