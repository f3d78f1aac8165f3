/* Garman and Klass's volatility: from open, high, low and close of each candle. */
#include "indicator_i.h"

struct garman_klass {
    struct moments variances;
};

static void place(struct block *block, const double *options)
{
    struct garman_klass *state = block_take(block, sizeof(*state));
    struct window *variances = window_take(block, option_size(options, 0));
    if (state != NULL)
        moments_init(&state->variances, variances);
}

static void on_candle(void *state, const struct candle *candle)
{
    struct garman_klass *self = state;
    double range = log(candle->high / candle->low), body = log(candle->close / candle->open);
    moments_push(&self->variances, 0.5 * range * range - (2.0 * M_LN2 - 1.0) * body * body);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct garman_klass *self = state;
    (void)options, (void)moment;
    return sqrt(fmax(moments_mean(&self->variances), 0));
}

const struct indicator indicator_garman_klass_volatility = {
    .name = "garman_klass_volatility",
    .summary = "volatility from open, high, low and close",
    .formula = "sqrt(SMA(ln(H / L)^2 / 2 - (2 ln 2 - 1) ln(C / O)^2, period))",
    .source = "Garman, Klass, On the Estimation of Security Price Volatilities from Historical "
              "Data, J. Business 53 (1980)",
    .edge_cases = "flat: 0; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .min = 0,
    .max = 100,
    .options = {PERIOD(20, 1)},
    .warmup_inputs = warmup_period,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
