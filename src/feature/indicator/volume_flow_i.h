/* Volume with a sign for each candle, as a share of all volume; shared by chaikin_money_flow and obv_trend, which differ in
 * where the sign comes from. */
#ifndef ALPHALOOP_FEATURE_VOLUME_FLOW_I_H
#define ALPHALOOP_FEATURE_VOLUME_FLOW_I_H

#include "indicator_i.h"

struct volume_flow {
    struct moments net, all;
    double close; /* of the candle before */
};

static inline void volume_flow_place(struct block *block, const double *options)
{
    struct volume_flow *state = block_take(block, sizeof(*state));
    struct window *net = window_take(block, option_size(options, 0));
    struct window *all = window_take(block, option_size(options, 0));
    if (state == NULL)
        return;
    moments_init(&state->net, net);
    moments_init(&state->all, all);
}

static inline void volume_flow_push(struct volume_flow *self,
                                    const struct candle *candle,
                                    double sign)
{
    moments_push(&self->net, sign * candle->volume);
    moments_push(&self->all, candle->volume);
}

static inline double volume_flow_value(const void *state,
                                       const double *options,
                                       const struct feature_moment *moment)
{
    const struct volume_flow *self = state;
    (void)options, (void)moment;
    return share(moments_mean(&self->net), moments_mean(&self->all), 0);
}

#endif
