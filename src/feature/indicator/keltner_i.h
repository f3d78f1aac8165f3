/* Keltner channel, shared by keltner_band, keltner_position and keltner_width: an exponential mean of the closes, and on
 * both sides `width` average true ranges. */
#ifndef ALPHALOOP_FEATURE_KELTNER_I_H
#define ALPHALOOP_FEATURE_KELTNER_I_H

#include "indicator_i.h"

#define KELTNER_SOURCE                                                                             \
    "Keltner, How to Make Money in Commodities (1960); with EMA and ATR, Raschke, Street Smarts "  \
    "(1995)"

struct keltner {
    struct ema middle, range;
    double close;
};

static inline struct keltner keltner_of(size_t period, size_t range)
{
    return (struct keltner){.middle = ema_of(period), .range = wilder_of(range)};
}

static inline void keltner_push(struct keltner *self, const struct candle *candle)
{
    if (self->close > 0)
        ema_push(&self->range, fmax(candle->high, self->close) - fmin(candle->low, self->close));
    ema_push(&self->middle, candle->close);
    self->close = candle->close;
}

static inline size_t keltner_warmup(size_t period, size_t range)
{
    return period > range + 1 ? period : range + 1;
}

static inline size_t keltner_memory(size_t period, size_t range)
{
    size_t middle = ema_memory(period), ranges = wilder_memory(range) + 1;
    return middle > ranges ? middle : ranges;
}

#endif
