/* How often trades come now, relative to how often they usually come. */
#include "indicator_i.h"

struct trade_rate {
    struct decay fast, slow;
    int64_t first_ns;
    bool has_first;
};

static void place(struct block *block, const double *options)
{
    struct trade_rate *state = block_take(block, sizeof(*state));
    if (state != NULL)
        *state = (struct trade_rate){.fast = decay_of(options[0]), .slow = decay_of(options[1])};
}

static void on_trade(void *state, const struct trade *trade)
{
    struct trade_rate *self = state;
    if (!self->has_first)
        self->first_ns = trade->ts_event_ns;
    self->has_first = true;
    decay_add(&self->fast, trade->ts_event_ns, 1);
    decay_add(&self->slow, trade->ts_event_ns, 1);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct trade_rate *self = state;
    double fast = decay_sum_at(&self->fast, moment->now_ns) /
                  decay_norm(options[0], self->first_ns, moment->now_ns);
    double slow = decay_sum_at(&self->slow, moment->now_ns) /
                  decay_norm(options[1], self->first_ns, moment->now_ns);
    return share(fast, slow, 0);
}

const struct indicator indicator_trade_rate_ratio = {
    .name = "trade_rate_ratio",
    .summary = "how often trades come now, relative to usual",
    .formula = "R(1, fast) / R(1, slow); R(x, t) = sum(x exp(-age / t)) / (t (1 - exp(-T / t))), "
               "T: age of the first trade",
    .source = "Engle, Russell, Autoregressive Conditional Duration, Econometrica 66 (1998), as a "
              "ratio of intensities",
    .edge_cases = "long silence: towards 0; no trades at all: missing",
    .feed = FEED_TRADE,
    .version = 1,
    .min = 0,
    .max = 1000,
    .options = {{"fast", 10, 1, 3600, false, "seconds"}, {"slow", 300, 2, 86400, false, "seconds"}},
    .misfit = misfit_fast_slow,
    .warmup_inputs = warmup_one,
    .warmup_ns = warmup_seconds,
    .place = place,
    .on_trade = on_trade,
    .value = value,
};
