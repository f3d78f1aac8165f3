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

#define KELTNER_OPTIONS                                                                            \
    PERIOD(20, 1), {"range", 10, 1, 500, true, "candles"},                                         \
    {                                                                                              \
        "width", 2, 0.5, 10, false, "average true ranges"                                          \
    }

/* `options` begin with those of KELTNER_OPTIONS. */
static inline void keltner_place(struct block *block, const double *options)
{
    struct keltner *state = block_take(block, sizeof(*state));
    if (state != NULL)
        *state = (struct keltner){.middle = ema_of(option_size(options, 0)),
                                  .range = wilder_of(option_size(options, 1))};
}

static inline void keltner_on_candle(void *state, const struct candle *candle)
{
    struct keltner *self = state;
    if (self->close > 0)
        ema_push(&self->range, fmax(candle->high, self->close) - fmin(candle->low, self->close));
    ema_push(&self->middle, candle->close);
    self->close = candle->close;
}

static inline size_t keltner_warmup(const double *options)
{
    size_t middle = option_size(options, 0), ranges = option_size(options, 1) + 1;
    return middle > ranges ? middle : ranges;
}

static inline size_t keltner_memory(const double *options)
{
    size_t middle = ema_memory(option_size(options, 0));
    size_t ranges = wilder_memory(option_size(options, 1)) + 1;
    return middle > ranges ? middle : ranges;
}

#endif
