/* MACD signal: the exponential mean of the MACD line, which the line crosses when a trend turns. */
#include "macd_i.h"

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct macd *self = state;
    (void)options, (void)moment;
    return 1e4 * self->signal.value / self->close;
}

const struct indicator indicator_macd_signal = {
    .name = "macd_signal",
    .summary = "MACD signal line in basis points of the close",
    .formula =
        "1e4 EMA(EMA(C, fast) - EMA(C, slow), signal) / C; means begun with their plain mean",
    .source = "Appel, Technical Analysis: Power Tools for Active Investors (2005), ch. 8",
    .edge_cases = "flat: 0; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_directional = true,
    .min = -1e4,
    .max = 1e4,
    .options = {MACD_SIGNAL_OPTIONS},
    .misfit = misfit_fast_slow,
    .warmup_inputs = macd_signal_warmup,
    .memory_inputs = macd_signal_memory,
    .place = macd_signal_place,
    .on_candle = macd_on_candle,
    .value = value,
};
