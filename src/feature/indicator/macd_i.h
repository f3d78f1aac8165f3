/* Moving average convergence and divergence, shared by macd_line, macd_signal and macd_histogram. */
#ifndef ALPHALOOP_FEATURE_MACD_I_H
#define ALPHALOOP_FEATURE_MACD_I_H

#include "indicator_i.h"

struct macd {
    struct ema fast, slow, signal;
    double close;
};

#define MACD_SIGNAL_OPTIONS                                                                        \
    {"fast", 12, 1, 250, true, "candles"}, {"slow", 26, 2, 500, true, "candles"},                  \
    {                                                                                              \
        "signal", 9, 1, 250, true, "candles"                                                       \
    }

static inline void macd_place(struct block *block, size_t fast, size_t slow, size_t signal)
{
    struct macd *state = block_take(block, sizeof(*state));
    if (state != NULL)
        *state =
            (struct macd){.fast = ema_of(fast), .slow = ema_of(slow), .signal = ema_of(signal)};
}

static inline double macd_difference(const struct macd *self)
{
    return self->fast.value - self->slow.value;
}

static inline void macd_on_candle(void *state, const struct candle *candle)
{
    struct macd *self = state;
    self->close = candle->close;
    ema_push(&self->fast, candle->close);
    ema_push(&self->slow, candle->close);
    if (ema_is_ready(&self->slow))
        ema_push(&self->signal, macd_difference(self));
}

/* With all of MACD_SIGNAL_OPTIONS. */
static inline void macd_signal_place(struct block *block, const double *options)
{
    macd_place(block, option_size(options, 0), option_size(options, 1), option_size(options, 2));
}

static inline size_t macd_signal_warmup(const double *options)
{
    return option_size(options, 1) + option_size(options, 2) - 1;
}

static inline size_t macd_signal_memory(const double *options)
{
    return ema_memory(option_size(options, 1)) + ema_memory(option_size(options, 2));
}

#endif
