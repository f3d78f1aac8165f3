/* Short against long realised volatility: above 1 the market is livelier than usual. */
#include "indicator_i.h"

struct volatility_ratio {
    struct moments fast, slow;
    double close;
};

static void place(struct block *block, const double *options)
{
    struct volatility_ratio *state = block_take(block, sizeof(*state));
    struct window *fast = window_take(block, option_size(options, 0));
    struct window *slow = window_take(block, option_size(options, 1));
    if (state == NULL)
        return;
    moments_init(&state->fast, fast);
    moments_init(&state->slow, slow);
}

static void on_candle(void *state, const struct candle *candle)
{
    struct volatility_ratio *self = state;
    if (self->close > 0) {
        double step = log(candle->close / self->close);
        moments_push(&self->fast, step * step);
        moments_push(&self->slow, step * step);
    }
    self->close = candle->close;
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct volatility_ratio *self = state;
    double fast = fmax(moments_mean(&self->fast), 0), slow = fmax(moments_mean(&self->slow), 0);
    (void)options, (void)moment;
    return slow < 1e-24 ? 1 : sqrt(fast / slow);
}

static size_t warmup_inputs(const double *options)
{
    return option_size(options, 1) + 1;
}

const struct indicator indicator_volatility_ratio = {
    .name = "volatility_ratio",
    .summary = "short against long realised volatility",
    .formula = "sqrt(SMA(r^2, fast) / SMA(r^2, slow)), r = ln(C / C[1])",
    .source = "Corsi, A Simple Approximate Long-Memory Model of Realized Volatility, J. Fin. "
              "Econometrics 7 (2009), as a ratio",
    .edge_cases = "flat: 1; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .min = 0,
    .max = 25,
    .options = {{"fast", 5, 1, 250, true, "candles"}, {"slow", 30, 2, 500, true, "candles"}},
    .misfit = misfit_fast_slow,
    .warmup_inputs = warmup_inputs,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
