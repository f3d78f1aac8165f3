/* Order flow imbalance of the best level: what was added to and taken from each side, whatever the cause. */
#include "indicator_i.h"

struct order_flow {
    struct decay net, gross;
    struct market_quote before;
};

static void place(struct block *block, const double *options)
{
    struct order_flow *state = block_take(block, sizeof(*state));
    if (state != NULL)
        *state = (struct order_flow){.net = decay_of(options[0]), .gross = decay_of(options[0])};
}

static double contribution(const struct market_quote *before, const struct market_quote *quote)
{
    double bid = (quote->bid >= before->bid ? quote->bid_qty : 0) -
                 (quote->bid <= before->bid ? before->bid_qty : 0);
    double ask = (quote->ask <= before->ask ? quote->ask_qty : 0) -
                 (quote->ask >= before->ask ? before->ask_qty : 0);
    return bid - ask;
}

static void on_quote(void *state, const struct market_quote *quote)
{
    struct order_flow *self = state;
    if (isnan(quote->bid_qty) || isnan(quote->ask_qty))
        return;
    if (self->before.bid > 0) {
        double flow = contribution(&self->before, quote);
        decay_add(&self->net, quote->ts_event_ns, flow);
        decay_add(&self->gross, quote->ts_event_ns, fabs(flow));
    }
    self->before = *quote;
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct order_flow *self = state;
    (void)options, (void)moment;
    return self->before.bid > 0 ? share(self->net.sum, self->gross.sum, 0) : NAN;
}

const struct indicator indicator_order_flow_imbalance = {
    .name = "order_flow_imbalance",
    .summary = "net change of the best level's queues as a share of all change, fading with time",
    .formula = "sum(w e) / sum(w |e|), w = exp(-age / seconds); e = qb [b >= b'] - qb' [b <= b'] - "
               "qa [a <= a'] + qa' [a >= a']",
    .source = "Cont, Kukanov, Stoikov, The Price Impact of Order Book Events, J. Fin. Econometrics "
              "12 (2014), eq. 4",
    .edge_cases = "flat: 0; sizes never known: missing",
    .feed = FEED_QUOTE,
    .version = 1,
    .is_directional = true,
    .min = -1,
    .max = 1,
    .options = {SECONDS(10)},
    .warmup_inputs = warmup_one,
    .warmup_ns = warmup_seconds,
    .place = place,
    .on_quote = on_quote,
    .value = value,
};
