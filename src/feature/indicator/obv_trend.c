/* The change of on-balance volume over some candles, as a share of all volume in them. */
#include "indicator_i.h"

struct obv {
    struct moments signed_volume, volume;
    double close;
};

static void place(struct block *block, const double *options)
{
    struct obv *state = block_take(block, sizeof(*state));
    struct window *signed_volume = window_take(block, option_size(options, 0));
    struct window *volume = window_take(block, option_size(options, 0));
    if (state == NULL)
        return;
    moments_init(&state->signed_volume, signed_volume);
    moments_init(&state->volume, volume);
}

static void on_candle(void *state, const struct candle *candle)
{
    struct obv *self = state;
    if (self->close > 0) {
        double sign = (candle->close > self->close) - (candle->close < self->close);
        moments_push(&self->signed_volume, sign * candle->volume);
        moments_push(&self->volume, candle->volume);
    }
    self->close = candle->close;
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct obv *self = state;
    (void)options, (void)moment;
    return share(moments_mean(&self->signed_volume), moments_mean(&self->volume), 0);
}

const struct indicator indicator_obv_trend = {
    .name = "obv_trend",
    .summary = "change of on-balance volume as a share of all volume",
    .formula = "sum(sign(C - C[1]) V) / sum(V) over `period`",
    .source = "Granville, New Key to Stock Market Profits (1963), normalised",
    .edge_cases =
        "flat or no volume: 0; a volume not known inside the window: missing; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_directional = true,
    .min = -1,
    .max = 1,
    .options = {PERIOD(20, 1)},
    .warmup_inputs = warmup_period_and_one,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
