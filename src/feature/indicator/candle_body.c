/* The body of the newest candle as a share of its range. */
#include "indicator_i.h"

struct candle_body {
    struct candle newest;
};

static void place(struct block *block, const double *options)
{
    struct candle_body *state = block_take(block, sizeof(*state));
    (void)options;
    if (state != NULL)
        *state = (struct candle_body){0};
}

static void on_candle(void *state, const struct candle *candle)
{
    struct candle_body *self = state;
    self->newest = *candle;
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct candle *candle = &((const struct candle_body *)state)->newest;
    (void)options, (void)moment;
    return share(candle->close - candle->open, candle->high - candle->low, 0);
}

const struct indicator indicator_candle_body = {
    .name = "candle_body",
    .summary = "body of the newest candle as a share of its range",
    .formula = "(C - O) / (H - L)",
    .source = "Nison, Japanese Candlestick Charting Techniques (1991), ch. 3; balance of power, "
              "Livshin (2001)",
    .edge_cases = "flat: 0; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_directional = true,
    .min = -1,
    .max = 1,
    .warmup_inputs = warmup_one,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
