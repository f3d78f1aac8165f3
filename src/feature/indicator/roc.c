/* Rate of change: the close against the close some candles ago, in per cent. */
#include "indicator_i.h"

struct roc {
    struct window *closes;
};

static void place(struct block *block, const double *options)
{
    struct roc *state = block_take(block, sizeof(*state));
    struct window *closes = window_take(block, option_size(options, 0) + 1);
    if (state != NULL)
        state->closes = closes;
}

static void on_candle(void *state, const struct candle *candle)
{
    struct roc *self = state;
    window_push(self->closes, candle->close);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct roc *self = state;
    (void)moment;
    return 100.0 *
           (window_at(self->closes, 0) / window_at(self->closes, option_size(options, 0)) - 1.0);
}

const struct indicator indicator_roc = {
    .name = "roc",
    .summary = "rate of change of the close, per cent",
    .formula = "100 (C[0] / C[period] - 1)",
    .source = "Murphy, Technical Analysis of the Financial Markets (1999), ch. 10",
    .edge_cases = "flat: 0; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_directional = true,
    .min = -100,
    .max = 1e6,
    .options = {PERIOD(10, 1)},
    .warmup_inputs = warmup_period_and_one,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
