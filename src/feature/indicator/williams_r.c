/* Williams %R: how far the close lies below the highest high, as a share of the range. */
#include "indicator_i.h"

struct williams {
    struct extreme *high, *low;
    double close;
};

static void place(struct block *block, const double *options)
{
    struct williams *state = block_take(block, sizeof(*state));
    struct extreme *high = extreme_take(block, option_size(options, 0), 1);
    struct extreme *low = extreme_take(block, option_size(options, 0), -1);
    if (state != NULL)
        *state = (struct williams){.high = high, .low = low};
}

static void on_candle(void *state, const struct candle *candle)
{
    struct williams *self = state;
    extreme_push(self->high, candle->high);
    extreme_push(self->low, candle->low);
    self->close = candle->close;
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct williams *self = state;
    double low = extreme_value(self->low), high = extreme_value(self->high);
    (void)options, (void)moment;
    return -100.0 * share(high - self->close, high - low, 0.5);
}

const struct indicator indicator_williams_r = {
    .name = "williams_r",
    .summary = "Williams %R",
    .formula = "-100 (max H - C) / (max H - min L) over `period`",
    .source = "Williams, How I Made One Million Dollars Last Year Trading Commodities (1973)",
    .edge_cases = "flat: -50; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_directional = true,
    .neutral = -50,
    .min = -100,
    .max = 0,
    .options = {PERIOD(14, 1)},
    .warmup_inputs = warmup_period,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
