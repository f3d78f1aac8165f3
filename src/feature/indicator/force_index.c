/* Elder's force index: price change times volume, smoothed, as a share of what it would be were all changes one way. */
#include "indicator_i.h"

struct force {
    struct ema net, gross;
    double close;
};

static void place(struct block *block, const double *options)
{
    struct force *state = block_take(block, sizeof(*state));
    struct ema mean = ema_of(option_size(options, 0));
    if (state != NULL)
        *state = (struct force){.net = mean, .gross = mean};
}

/* One volume that is not known must not spoil the means for ever. */
static void on_candle(void *state, const struct candle *candle)
{
    struct force *self = state;
    double force = (candle->close - self->close) * candle->volume;
    if (self->close > 0 && !isnan(force)) {
        ema_push(&self->net, force);
        ema_push(&self->gross, fabs(force));
    }
    self->close = candle->close;
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct force *self = state;
    (void)options, (void)moment;
    return ema_is_ready(&self->net) ? share(self->net.value, self->gross.value, 0) : NAN;
}

static size_t memory_inputs(const double *options)
{
    return ema_memory(option_size(options, 0)) + 1;
}

const struct indicator indicator_force_index = {
    .name = "force_index",
    .summary = "smoothed product of price change and volume, as a share of its size",
    .formula =
        "EMA((C - C[1]) V, period) / EMA(|C - C[1]| V, period); means begun with their plain mean",
    .source = "Elder, Trading for a Living (1993), force index, normalised",
    .edge_cases = "flat or no volume: 0; a candle whose volume is not known is left out; fewer "
                  "than `period` known: "
                  "missing; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_directional = true,
    .min = -1,
    .max = 1,
    .options = {PERIOD(13, 1)},
    .warmup_inputs = warmup_period_and_one,
    .memory_inputs = memory_inputs,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
