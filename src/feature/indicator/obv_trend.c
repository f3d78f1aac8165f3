/* The change of on-balance volume over some candles, as a share of all volume in them. */
#include "volume_flow_i.h"

static void on_candle(void *state, const struct candle *candle)
{
    struct volume_flow *self = state;
    if (self->close > 0)
        volume_flow_push(self, candle,
                         (candle->close > self->close) - (candle->close < self->close));
    self->close = candle->close;
}

const struct indicator indicator_obv_trend = {
    .name = "obv_trend",
    .summary = "change of on-balance volume as a share of all volume",
    .formula = "sum(sign(C - C[1]) V) / sum(V) over `period`",
    .source = "Granville, New Key to Stock Market Profits (1963), normalised",
    .edge_cases =
        "flat or no volume: 0; a volume not known inside the window: missing; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_directional = true,
    .min = -1,
    .max = 1,
    .options = {PERIOD(20, 1)},
    .warmup_inputs = warmup_period_and_one,
    .place = volume_flow_place,
    .on_candle = on_candle,
    .value = volume_flow_value,
};
