/* Signed volume imbalance: bought minus sold, as a share of all volume, fading with time. */
#include "indicator_i.h"

struct trade_imbalance {
    struct decay signed_volume, volume;
};

static void place(struct block *block, const double *options)
{
    struct trade_imbalance *state = block_take(block, sizeof(*state));
    if (state != NULL)
        *state = (struct trade_imbalance){decay_of(options[0]), decay_of(options[0])};
}

static void on_trade(void *state, const struct trade *trade)
{
    struct trade_imbalance *self = state;
    decay_add(&self->signed_volume, trade->ts_event_ns, side_sign(trade->side) * trade->qty);
    decay_add(&self->volume, trade->ts_event_ns, trade->qty);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct trade_imbalance *self = state;
    (void)options, (void)moment;
    return share(self->signed_volume.sum, self->volume.sum, 0);
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
    .place = place,
    .on_trade = on_trade,
    .value = value,
};
