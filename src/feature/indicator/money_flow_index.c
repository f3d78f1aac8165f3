/* Money flow index: the share of traded value that changed hands at rising prices. */
#include "indicator_i.h"

struct money_flow {
    struct moments up, all;
    double typical;
};

static void place(struct block *block, const double *options)
{
    struct money_flow *state = block_take(block, sizeof(*state));
    struct window *up = window_take(block, option_size(options, 0));
    struct window *all = window_take(block, option_size(options, 0));
    if (state == NULL)
        return;
    moments_init(&state->up, up);
    moments_init(&state->all, all);
}

static void on_candle(void *state, const struct candle *candle)
{
    struct money_flow *self = state;
    double typical = (candle->high + candle->low + candle->close) / 3.0;
    if (self->typical > 0) {
        double flow = typical * candle->volume;
        moments_push(&self->up, typical > self->typical ? flow : isnan(flow) ? NAN : 0);
        moments_push(&self->all, typical != self->typical ? flow : isnan(flow) ? NAN : 0);
    }
    self->typical = typical;
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct money_flow *self = state;
    (void)options, (void)moment;
    return 100.0 * share(moments_mean(&self->up), moments_mean(&self->all), 0.5);
}

const struct indicator indicator_money_flow_index = {
    .name = "money_flow_index",
    .summary = "share of traded value at rising typical prices",
    .formula = "100 sum(up flow) / sum(all flow) over `period`; flow = T V, T = (H + L + C) / 3; "
               "an unchanged T counts nowhere",
    .source = "Quong, Soudack, Volume-Weighted RSI: Money Flow, Stocks & Commodities 7:3 (1989)",
    .edge_cases =
        "flat or no volume: 50; a volume not known inside the window: missing; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_directional = true,
    .neutral = 50,
    .min = 0,
    .max = 100,
    .options = {PERIOD(14, 1)},
    .warmup_inputs = warmup_period_and_one,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
