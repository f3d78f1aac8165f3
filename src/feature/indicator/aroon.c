/* Aroon oscillator: is the newest extreme of the window a high or a low? */
#include "indicator_i.h"

struct aroon {
    struct extreme *high, *low;
};

static void place(struct block *block, const double *options)
{
    struct aroon *state = block_take(block, sizeof(*state));
    struct extreme *high = extreme_take(block, option_size(options, 0) + 1, 1);
    struct extreme *low = extreme_take(block, option_size(options, 0) + 1, -1);
    if (state != NULL)
        *state = (struct aroon){.high = high, .low = low};
}

static void on_candle(void *state, const struct candle *candle)
{
    struct aroon *self = state;
    extreme_push(self->high, candle->high);
    extreme_push(self->low, candle->low);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct aroon *self = state;
    double since_high = (double)extreme_age(self->high), since_low = (double)extreme_age(self->low);
    (void)moment;
    return 100.0 * (since_low - since_high) / options[0];
}

const struct indicator indicator_aroon = {
    .name = "aroon",
    .summary = "Aroon oscillator",
    .formula = "100 (candles since the lowest low - candles since the highest high) / period, both "
               "in the last "
               "period + 1 candles, the newest where equal",
    .source = "Chande, A Time Price Oscillator, Stocks & Commodities 13:9 (1995)",
    .edge_cases = "flat: 0; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_directional = true,
    .min = -100,
    .max = 100,
    .options = {PERIOD(25, 1)},
    .warmup_inputs = warmup_period_and_one,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
