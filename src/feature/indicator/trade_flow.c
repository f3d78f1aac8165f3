/* Signed flow: the rate of net buying now, in units of the usual rate of trading. Unlike the imbalance it knows whether
 * much or little is going on. */
#include "indicator_i.h"

struct trade_flow {
    struct decay signed_fast, slow;
    int64_t first_ns;
    bool has_first;
};

static void place(struct block *block, const double *options)
{
    struct trade_flow *state = block_take(block, sizeof(*state));
    if (state != NULL)
        *state =
            (struct trade_flow){.signed_fast = decay_of(options[0]), .slow = decay_of(options[1])};
}

static void on_trade(void *state, const struct trade *trade)
{
    struct trade_flow *self = state;
    if (!self->has_first)
        self->first_ns = trade->ts_event_ns;
    self->has_first = true;
    decay_add(&self->signed_fast, trade->ts_event_ns, side_sign(trade->side) * trade->qty);
    decay_add(&self->slow, trade->ts_event_ns, trade->qty);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct trade_flow *self = state;
    double net = decay_sum_at(&self->signed_fast, moment->now_ns) /
                 decay_norm(options[0], self->first_ns, moment->now_ns);
    double usual = decay_sum_at(&self->slow, moment->now_ns) /
                   decay_norm(options[1], self->first_ns, moment->now_ns);
    return share(net, usual, 0);
}

const struct indicator indicator_trade_flow = {
    .name = "trade_flow",
    .summary = "rate of net buying in units of the usual rate of trading",
    .formula = "R(s q, fast) / R(q, slow); R(x, t) = sum(x exp(-age / t)) / (t (1 - exp(-T / t))), "
               "T: age of the first trade",
    .source = "Easley, Lopez de Prado, O'Hara, Flow Toxicity and Liquidity, RFS 25 (2012), signed, "
              "in time instead of volume",
    .edge_cases = "no side known: 0; long silence: towards 0; no trades at all: missing",
    .feed = FEED_TRADE,
    .version = 1,
    .is_directional = true,
    .min = -1000,
    .max = 1000,
    .options = {{"fast", 10, 1, 3600, false, "seconds"}, {"slow", 300, 2, 86400, false, "seconds"}},
    .misfit = misfit_fast_slow,
    .warmup_inputs = warmup_one,
    .warmup_ns = warmup_seconds,
    .place = place,
    .on_trade = on_trade,
    .value = value,
};
