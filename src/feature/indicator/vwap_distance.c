/* The close relative to the volume-weighted mean price of the last candles. */
#include "indicator_i.h"

struct vwap_distance {
    struct moments value, volume;
    double close;
};

static void place(struct block *block, const double *options)
{
    struct vwap_distance *state = block_take(block, sizeof(*state));
    struct window *value = window_take(block, option_size(options, 0));
    struct window *volume = window_take(block, option_size(options, 0));
    if (state == NULL)
        return;
    moments_init(&state->value, value);
    moments_init(&state->volume, volume);
}

static void on_candle(void *state, const struct candle *candle)
{
    struct vwap_distance *self = state;
    double typical = (candle->high + candle->low + candle->close) / 3.0;
    moments_push(&self->value, typical * candle->volume);
    moments_push(&self->volume, candle->volume);
    self->close = candle->close;
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct vwap_distance *self = state;
    double volume = moments_mean(&self->volume), traded = moments_mean(&self->value);
    (void)options, (void)moment;
    return isnan(volume) ? NAN : volume > 0 && traded > 0 ? self->close * volume / traded - 1.0 : 0;
}

const struct indicator indicator_vwap_distance = {
    .name = "vwap_distance",
    .summary = "the close relative to the volume-weighted mean price",
    .formula = "C / (sum(T V) / sum(V)) - 1 over `period`, T = (H + L + C) / 3",
    .source =
        "Berkowitz, Logue, Noser, The Total Cost of Transactions on the NYSE, J. Finance 43 (1988)",
    .edge_cases =
        "flat or no volume: 0; a volume not known inside the window: missing; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_directional = true,
    .min = -1,
    .max = 500,
    .options = {PERIOD(20, 1)},
    .warmup_inputs = warmup_period,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
