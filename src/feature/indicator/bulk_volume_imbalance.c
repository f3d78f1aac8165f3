/* Signed volume without trades: the share of each candle's volume that was bought is read off how large its move was by
 * the measure of recent moves (bulk volume classification). */
#include "indicator_i.h"

struct bulk_volume {
    struct moments changes, signed_volume, volume;
    double close;
};

static void place(struct block *block, const double *options)
{
    struct bulk_volume *state = block_take(block, sizeof(*state));
    struct window *changes = window_take(block, option_size(options, 0));
    struct window *signed_volume = window_take(block, option_size(options, 0));
    struct window *volume = window_take(block, option_size(options, 0));
    if (state == NULL)
        return;
    moments_init(&state->changes, changes);
    moments_init(&state->signed_volume, signed_volume);
    moments_init(&state->volume, volume);
}

/* Bought minus sold, as a share: 2 Phi(z) - 1. */
static double bought_minus_sold(double change, double deviation)
{
    return erf(share(change, deviation, 0) / M_SQRT2);
}

static void on_candle(void *state, const struct candle *candle)
{
    struct bulk_volume *self = state;
    if (self->close > 0) {
        double change = candle->close - self->close;
        moments_push(&self->changes, change);
        if (window_is_full(self->changes.window)) {
            double deviation = sqrt(moments_variance(&self->changes));
            moments_push(&self->signed_volume,
                         bought_minus_sold(change, deviation) * candle->volume);
            moments_push(&self->volume, candle->volume);
        }
    }
    self->close = candle->close;
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct bulk_volume *self = state;
    (void)options, (void)moment;
    return share(moments_mean(&self->signed_volume), moments_mean(&self->volume), 0);
}

static size_t warmup_inputs(const double *options)
{
    return 2 * option_size(options, 0);
}

const struct indicator indicator_bulk_volume_imbalance = {
    .name = "bulk_volume_imbalance",
    .summary =
        "signed volume of candles as a share of all volume, sides by bulk volume classification",
    .formula = "sum(V (2 Phi((C - C[1]) / s) - 1)) / sum(V) over `period`; s: population standard "
               "deviation of C - C[1] "
               "over the `period` candles up to that one",
    .source = "Easley, Lopez de Prado, O'Hara, Flow Toxicity and Liquidity in a High-frequency "
              "World, RFS 25 (2012), "
              "bulk volume classification",
    .edge_cases = "flat, all changes equal, or no volume: 0; a volume not known inside the window: "
                  "missing; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_directional = true,
    .min = -1,
    .max = 1,
    .options = {PERIOD(20, 2)},
    .warmup_inputs = warmup_inputs,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
