/* Wilder's directional movement, shared by adx and di_difference. */
#ifndef ALPHALOOP_FEATURE_DIRECTIONAL_I_H
#define ALPHALOOP_FEATURE_DIRECTIONAL_I_H

#include "indicator_i.h"

struct directional {
    struct ema plus, minus, range;
    double high, low, close;
};

static inline struct directional directional_of(size_t period)
{
    return (struct directional){
        .plus = wilder_of(period), .minus = wilder_of(period), .range = wilder_of(period)};
}

static inline void directional_push(struct directional *self, const struct candle *candle)
{
    if (self->close > 0) {
        double up = candle->high - self->high, down = self->low - candle->low;
        ema_push(&self->plus, up > down && up > 0 ? up : 0);
        ema_push(&self->minus, down > up && down > 0 ? down : 0);
        ema_push(&self->range, fmax(candle->high, self->close) - fmin(candle->low, self->close));
    }
    self->high = candle->high;
    self->low = candle->low;
    self->close = candle->close;
}

#endif
