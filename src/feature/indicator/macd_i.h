/* Moving average convergence and divergence, shared by macd_line, macd_signal and macd_histogram. */
#ifndef ALPHALOOP_FEATURE_MACD_I_H
#define ALPHALOOP_FEATURE_MACD_I_H

#include "indicator_i.h"

struct macd {
    struct ema fast, slow, signal;
    double close;
};

static inline struct macd macd_of(size_t fast, size_t slow, size_t signal)
{
    return (struct macd){.fast = ema_of(fast), .slow = ema_of(slow), .signal = ema_of(signal)};
}

static inline double macd_difference(const struct macd *self)
{
    return self->fast.value - self->slow.value;
}

static inline void macd_push(struct macd *self, const struct candle *candle)
{
    self->close = candle->close;
    ema_push(&self->fast, candle->close);
    ema_push(&self->slow, candle->close);
    if (ema_is_ready(&self->slow))
        ema_push(&self->signal, macd_difference(self));
}

#endif
