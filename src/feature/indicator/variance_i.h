/* The mean of a variance from each candle alone, shared by garman_klass_volatility, parkinson_volatility and
 * rogers_satchell_volatility. */
#ifndef ALPHALOOP_FEATURE_VARIANCE_I_H
#define ALPHALOOP_FEATURE_VARIANCE_I_H

#include "indicator_i.h"

struct variance {
    struct moments candles;
};

static inline void variance_place(struct block *block, const double *options)
{
    struct variance *state = block_take(block, sizeof(*state));
    struct window *candles = window_take(block, option_size(options, 0));
    if (state != NULL)
        moments_init(&state->candles, candles);
}

static inline double variance_mean(const struct variance *self)
{
    return fmax(moments_mean(&self->candles), 0); /* what rounding leaves below 0 is 0 */
}

#endif
