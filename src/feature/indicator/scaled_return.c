/* The return over some candles in units of the usual size of returns: comparable between markets and times. */
#include "indicator_i.h"

struct scaled_return {
    struct window *logs;
    struct moments squares;
};

static void place(struct block *block, const double *options)
{
    struct scaled_return *state = block_take(block, sizeof(*state));
    struct window *logs = window_take(block, option_size(options, 0) + 1);
    struct window *squares = window_take(block, option_size(options, 1));
    if (state == NULL)
        return;
    state->logs = logs;
    moments_init(&state->squares, squares);
}

static void on_candle(void *state, const struct candle *candle)
{
    struct scaled_return *self = state;
    double now = log(candle->close);
    if (self->logs->count > 0) {
        double step = now - window_at(self->logs, 0);
        moments_push(&self->squares, step * step);
    }
    window_push(self->logs, now);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct scaled_return *self = state;
    double usual = sqrt(fmax(moments_mean(&self->squares), 0) * options[0]);
    double moved = window_at(self->logs, 0) - window_at(self->logs, option_size(options, 0));
    (void)moment;
    return usual < 1e-12 ? 0 : moved / usual;
}

static size_t warmup_inputs(const double *options)
{
    return (size_t)fmax(options[0], options[1]) + 1;
}

const struct indicator indicator_scaled_return = {
    .name = "scaled_return",
    .summary = "return over some candles in units of its usual size",
    .formula = "ln(C[0] / C[lag]) / (RMS of the last `period` one-candle log returns * sqrt(lag))",
    .source = "Moskowitz, Ooi, Pedersen, Time Series Momentum, JFE 104 (2012), eq. 1 and 5, with "
              "RMS volatility",
    .edge_cases = "flat: 0; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_directional = true,
    .min = -SIGMAS_MAX,
    .max = SIGMAS_MAX,
    .options = {{"lag", 1, 1, 500, true, "candles"},
                {"period", 30, 2, 500, true, "candles of the usual size"}},
    .warmup_inputs = warmup_inputs,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
