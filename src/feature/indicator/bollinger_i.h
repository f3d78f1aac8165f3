/* Bollinger bands, shared by bollinger_band, bollinger_position and bollinger_width: the mean of the closes, and on both
 * sides `width` population standard deviations. */
#ifndef ALPHALOOP_FEATURE_BOLLINGER_I_H
#define ALPHALOOP_FEATURE_BOLLINGER_I_H

#include "indicator_i.h"

struct bollinger {
    struct moments closes;
};

static inline void bollinger_place(struct block *block, size_t period)
{
    struct bollinger *state = block_take(block, sizeof(*state));
    struct window *closes = window_take(block, period);
    if (state != NULL)
        moments_init(&state->closes, closes);
}

static inline void bollinger_push(struct bollinger *self, const struct candle *candle)
{
    moments_push(&self->closes, candle->close);
}

static inline double bollinger_deviation(const struct bollinger *self)
{
    return sqrt(moments_variance(&self->closes));
}

#endif
