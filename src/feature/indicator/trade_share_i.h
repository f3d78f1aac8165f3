/* What the takers bought minus what they sold, as a share of all, fading with time; shared by trade_count_imbalance and
 * trade_imbalance, which differ in what of a trade they count. */
#ifndef ALPHALOOP_FEATURE_TRADE_SHARE_I_H
#define ALPHALOOP_FEATURE_TRADE_SHARE_I_H

#include "indicator_i.h"

struct trade_share {
    struct decay net, all;
};

static inline void trade_share_place(struct block *block, const double *options)
{
    struct trade_share *state = block_take(block, sizeof(*state));
    if (state != NULL)
        *state = (struct trade_share){decay_of(options[0]), decay_of(options[0])};
}

static inline void trade_share_add(struct trade_share *self,
                                   const struct trade *trade,
                                   double amount)
{
    decay_add(&self->net, trade->ts_event_ns, side_sign(trade->side) * amount);
    decay_add(&self->all, trade->ts_event_ns, amount);
}

static inline double trade_share_value(const void *state,
                                       const double *options,
                                       const struct feature_moment *moment)
{
    const struct trade_share *self = state;
    (void)options, (void)moment;
    return share(self->net.sum, self->all.sum, 0);
}

#endif
