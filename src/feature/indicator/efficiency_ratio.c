/* Signed efficiency ratio: the way made good as a share of the way travelled. */
#include "indicator_i.h"

struct efficiency {
    struct window *closes;
    struct moments steps;
};

static void place(struct block *block, const double *options)
{
    struct efficiency *state = block_take(block, sizeof(*state));
    struct window *closes = window_take(block, option_size(options, 0) + 1);
    struct window *steps = window_take(block, option_size(options, 0));
    if (state == NULL)
        return;
    state->closes = closes;
    moments_init(&state->steps, steps);
}

static void on_candle(void *state, const struct candle *candle)
{
    struct efficiency *self = state;
    if (self->closes->count > 0)
        moments_push(&self->steps, fabs(candle->close - window_at(self->closes, 0)));
    window_push(self->closes, candle->close);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct efficiency *self = state;
    double made_good =
        window_at(self->closes, 0) - window_at(self->closes, option_size(options, 0));
    (void)moment;
    return share(made_good, moments_mean(&self->steps) * options[0], 0);
}

const struct indicator indicator_efficiency_ratio = {
    .name = "efficiency_ratio",
    .summary = "way made good as a share of the way travelled, signed",
    .formula = "(C - C[period]) / sum |C - C[1]| over `period`",
    .source = "Kaufman, Smarter Trading (1995), ch. 7, with the sign kept",
    .edge_cases = "flat: 0; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_directional = true,
    .min = -1,
    .max = 1,
    .options = {PERIOD(10, 1)},
    .warmup_inputs = warmup_period_and_one,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
