/* Realised volatility: root mean square of one-candle log returns. */
#include "indicator_i.h"

struct realised {
    struct moments squares;
    double close;
};

static void place(struct block *block, const double *options)
{
    struct realised *state = block_take(block, sizeof(*state));
    struct window *squares = window_take(block, option_size(options, 0));
    if (state != NULL)
        moments_init(&state->squares, squares);
}

static void on_candle(void *state, const struct candle *candle)
{
    struct realised *self = state;
    if (self->close > 0) {
        double step = log(candle->close / self->close);
        moments_push(&self->squares, step * step);
    }
    self->close = candle->close;
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct realised *self = state;
    (void)options, (void)moment;
    return sqrt(fmax(moments_mean(&self->squares), 0));
}

const struct indicator indicator_realised_volatility = {
    .name = "realised_volatility",
    .summary = "root mean square of one-candle log returns",
    .formula = "sqrt(SMA(ln(C / C[1])^2, period))",
    .source = "Andersen, Bollerslev, Diebold, Labys, Modeling and Forecasting Realized Volatility, "
              "Econometrica 71 (2003)",
    .edge_cases = "flat: 0; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .min = 0,
    .max = 100,
    .options = {PERIOD(20, 2)},
    .warmup_inputs = warmup_period_and_one,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
