/* Chaikin money flow: volume counts for buyers or sellers by where in its range a candle closed. */
#include "volume_flow_i.h"

static void on_candle(void *state, const struct candle *candle)
{
    double below = candle->close - candle->low, above = candle->high - candle->close;
    volume_flow_push(state, candle, share(below - above, candle->high - candle->low, 0));
}

const struct indicator indicator_chaikin_money_flow = {
    .name = "chaikin_money_flow",
    .summary = "volume signed by where in its range each candle closed, as a share of all volume",
    .formula = "sum(V ((C - L) - (H - C)) / (H - L)) / sum(V) over `period`; a candle without a "
               "range counts 0 "
               "above",
    .source = "Chaikin money flow: Colby, The Encyclopedia of Technical Market Indicators (2003)",
    .edge_cases =
        "flat or no volume: 0; a volume not known inside the window: missing; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_directional = true,
    .min = -1,
    .max = 1,
    .options = {PERIOD(20, 1)},
    .warmup_inputs = warmup_period,
    .place = volume_flow_place,
    .on_candle = on_candle,
    .value = volume_flow_value,
};
