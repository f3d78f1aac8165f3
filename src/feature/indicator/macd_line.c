/* MACD line: the distance of a fast from a slow exponential mean. */
#include "macd_i.h"

static void place(struct block *block, const double *options)
{
    macd_place(block, option_size(options, 0), option_size(options, 1), 1);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct macd *self = state;
    (void)options, (void)moment;
    return 1e4 * macd_difference(self) / self->close;
}

static size_t warmup_inputs(const double *options)
{
    return option_size(options, 1);
}

static size_t memory_inputs(const double *options)
{
    return ema_memory(option_size(options, 1));
}

const struct indicator indicator_macd_line = {
    .name = "macd_line",
    .summary = "MACD line in basis points of the close",
    .formula = "1e4 (EMA(C, fast) - EMA(C, slow)) / C; means begun with their plain mean",
    .source = "Appel, Technical Analysis: Power Tools for Active Investors (2005), ch. 8",
    .edge_cases = "flat: 0; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_directional = true,
    .min = -1e4,
    .max = 1e4,
    .options = {{"fast", 12, 1, 250, true, "candles"}, {"slow", 26, 2, 500, true, "candles"}},
    .misfit = misfit_fast_slow,
    .warmup_inputs = warmup_inputs,
    .memory_inputs = memory_inputs,
    .place = place,
    .on_candle = macd_on_candle,
    .value = value,
};
