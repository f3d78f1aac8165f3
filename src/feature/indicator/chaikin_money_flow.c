/* Chaikin money flow: volume counts for buyers or sellers by where in its range a candle closed. */
#include "indicator_i.h"

struct chaikin {
    struct moments flow, volume;
};

static void place(struct block *block, const double *options)
{
    struct chaikin *state = block_take(block, sizeof(*state));
    struct window *flow = window_take(block, option_size(options, 0));
    struct window *volume = window_take(block, option_size(options, 0));
    if (state == NULL)
        return;
    moments_init(&state->flow, flow);
    moments_init(&state->volume, volume);
}

static void on_candle(void *state, const struct candle *candle)
{
    struct chaikin *self = state;
    double below = candle->close - candle->low, above = candle->high - candle->close;
    moments_push(&self->flow, share(below - above, candle->high - candle->low, 0) * candle->volume);
    moments_push(&self->volume, candle->volume);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct chaikin *self = state;
    (void)options, (void)moment;
    return share(moments_mean(&self->flow), moments_mean(&self->volume), 0);
}

const struct indicator indicator_chaikin_money_flow = {
    .name = "chaikin_money_flow",
    .summary = "volume signed by where in its range each candle closed, as a share of all volume",
    .formula = "sum(V ((C - L) - (H - C)) / (H - L)) / sum(V) over `period`; a candle without a "
               "range counts 0 "
               "above",
    .source = "Chaikin money flow: Colby, The Encyclopedia of Technical Market Indicators (2003)",
    .edge_cases =
        "flat or no volume: 0; a volume not known inside the window: missing; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_directional = true,
    .min = -1,
    .max = 1,
    .options = {PERIOD(20, 1)},
    .warmup_inputs = warmup_period,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
