/* MACD histogram: how far the distance of two exponential means has moved from its own mean. */
#include "macd_i.h"

static void place(struct block *block, const double *options)
{
    struct macd *state = block_take(block, sizeof(*state));
    if (state != NULL)
        *state = macd_of(option_size(options, 0), option_size(options, 1), option_size(options, 2));
}

static void on_candle(void *state, const struct candle *candle)
{
    macd_push(state, candle);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct macd *self = state;
    (void)options, (void)moment;
    return 1e4 * (macd_difference(self) - self->signal.value) / self->close;
}

static size_t warmup_inputs(const double *options)
{
    return option_size(options, 1) + option_size(options, 2) - 1;
}

static size_t memory_inputs(const double *options)
{
    return ema_memory(option_size(options, 1)) + ema_memory(option_size(options, 2));
}

const struct indicator indicator_macd_histogram = {
    .name = "macd_histogram",
    .summary = "MACD histogram in basis points of the close",
    .formula = "1e4 (M - EMA(M, signal)) / C, M = EMA(C, fast) - EMA(C, slow); means begun with "
               "their plain mean",
    .source =
        "Appel, Technical Analysis: Power Tools for Active Investors (2005), ch. 8; Aspray (1986)",
    .edge_cases = "flat: 0; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_directional = true,
    .min = -1e4,
    .max = 1e4,
    .options = {{"fast", 12, 1, 250, true, "candles"},
                {"slow", 26, 2, 500, true, "candles"},
                {"signal", 9, 1, 250, true, "candles"}},
    .misfit = misfit_fast_slow,
    .warmup_inputs = warmup_inputs,
    .memory_inputs = memory_inputs,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
