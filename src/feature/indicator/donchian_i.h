/* Donchian channel, shared by donchian_band, donchian_position and donchian_width: the highest high and the lowest low. */
#ifndef ALPHALOOP_FEATURE_DONCHIAN_I_H
#define ALPHALOOP_FEATURE_DONCHIAN_I_H

#include "indicator_i.h"

#define DONCHIAN_SOURCE                                                                            \
    "Donchian channel: Schwager, Getting Started in Technical Analysis (1999), ch. 15"

struct donchian {
    struct extreme *high, *low;
    double close;
};

static inline void donchian_place(struct block *block, size_t period)
{
    struct donchian *state = block_take(block, sizeof(*state));
    struct extreme *high = extreme_take(block, period, 1);
    struct extreme *low = extreme_take(block, period, -1);
    if (state != NULL)
        *state = (struct donchian){.high = high, .low = low};
}

static inline void donchian_push(struct donchian *self, const struct candle *candle)
{
    extreme_push(self->high, candle->high);
    extreme_push(self->low, candle->low);
    self->close = candle->close;
}

#endif
