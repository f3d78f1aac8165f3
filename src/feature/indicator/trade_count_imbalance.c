/* Trade sign imbalance: buys minus sells by number, fading with time. Many small orders count as much as one large. */
#include "trade_share_i.h"

static void on_trade(void *state, const struct trade *trade)
{
    trade_share_add(state, trade, 1);
}

const struct indicator indicator_trade_count_imbalance = {
    .name = "trade_count_imbalance",
    .summary = "buys minus sells as a share of all trades, fading with time",
    .formula = "sum(w s) / sum(w), w = exp(-age / seconds); s: side of the taker, 0 when not known",
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
