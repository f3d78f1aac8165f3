/* The newest volume against the volumes of the last candles, in standard deviations. */
#include "indicator_i.h"

struct volume_zscore {
    struct moments volumes;
};

static void place(struct block *block, const double *options)
{
    struct volume_zscore *state = block_take(block, sizeof(*state));
    struct window *volumes = window_take(block, option_size(options, 0));
    if (state != NULL)
        moments_init(&state->volumes, volumes);
}

static void on_candle(void *state, const struct candle *candle)
{
    struct volume_zscore *self = state;
    moments_push(&self->volumes, candle->volume);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct volume_zscore *self = state;
    double deviation = window_at(self->volumes.window, 0) - moments_mean(&self->volumes);
    (void)options, (void)moment;
    return share(deviation, sqrt(moments_variance(&self->volumes)), 0);
}

const struct indicator indicator_volume_zscore = {
    .name = "volume_zscore",
    .summary = "volume against its recent mean, in standard deviations",
    .formula = "(V - SMA(V, period)) / population standard deviation of V over `period`",
    .source = "standard score; Kreyszig, Advanced Engineering Mathematics (1979), ch. 23",
    .edge_cases = "flat: 0; a volume not known inside the window: missing; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .min = -25,
    .max = 25,
    .options = {PERIOD(20, 2)},
    .warmup_inputs = warmup_period,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
