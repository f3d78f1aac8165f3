/* Signed volume imbalance: bought minus sold, as a share of all volume, fading with time. */
#include "trade_share_i.h"

static void on_trade(void *state, const struct trade *trade)
{
    trade_share_add(state, trade, trade->qty);
}

const struct indicator indicator_trade_imbalance = {
    .name = "trade_imbalance",
    .summary = "bought minus sold volume as a share of all, fading with time",
    .formula =
        "sum(w s q) / sum(w q), w = exp(-age / seconds); s: side of the taker, 0 when not known",
    .source = "Chordia, Roll, Subrahmanyam, Order Imbalance, Liquidity, and Market Returns, JFE 65 "
              "(2002)",
    .edge_cases =
        "no side known: 0; no trade for long: the last mixture stays; no trades at all: missing",
    .feed = FEED_TRADE,
    .version = 1,
    .is_directional = true,
    .min = -1,
    .max = 1,
    .options = {SECONDS(60)},
    .warmup_inputs = warmup_one,
    .warmup_ns = warmup_seconds,
    .place = trade_share_place,
    .on_trade = on_trade,
    .value = trade_share_value,
};
