/* Log return of the close over a number of candles. Logs add up over time and treat gain and loss alike. */
#include "indicator_i.h"

struct log_return {
    struct window *logs;
};

static void place(struct block *block, const double *options)
{
    struct log_return *state = block_take(block, sizeof(*state));
    struct window *logs = window_take(block, option_size(options, 0) + 1);
    if (state != NULL)
        state->logs = logs;
}

static void on_candle(void *state, const struct candle *candle)
{
    struct log_return *self = state;
    window_push(self->logs, log(candle->close));
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct log_return *self = state;
    (void)moment;
    return window_at(self->logs, 0) - window_at(self->logs, option_size(options, 0));
}

const struct indicator indicator_log_return = {
    .name = "log_return",
    .summary = "log return of the close",
    .formula = "ln(C[0] / C[lag])",
    .source = "Campbell, Lo, MacKinlay, The Econometrics of Financial Markets (1997), ch. 1.4",
    .edge_cases = "flat: 0; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_directional = true,
    .min = -10,
    .max = 10,
    .options = {{"lag", 1, 1, 1000, true, "candles"}},
    .warmup_inputs = warmup_period_and_one,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
