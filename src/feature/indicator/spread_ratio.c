/* The spread relative to its own mean over time: is liquidity thinner than usual? */
#include "indicator_i.h"

struct spread_ratio {
    struct time_mean spread;
};

static void place(struct block *block, const double *options)
{
    struct spread_ratio *state = block_take(block, sizeof(*state));
    if (state != NULL)
        *state = (struct spread_ratio){time_mean_of(options[0])};
}

static void on_quote(void *state, const struct market_quote *quote)
{
    struct spread_ratio *self = state;
    time_mean_set(&self->spread, quote->ts_event_ns, (quote->ask - quote->bid) / quote->mid);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct spread_ratio *self = state;
    const struct market_quote *quote = moment->quote;
    (void)options;
    if (quote == NULL)
        return NAN;
    return share((quote->ask - quote->bid) / quote->mid,
                 time_mean_at(&self->spread, moment->now_ns), 1);
}

const struct indicator indicator_spread_ratio = {
    .name = "spread_ratio",
    .summary = "the spread relative to its mean over time",
    .formula = "(ask - bid) / mid / S; S: mean of (ask - bid) / mid over time, weighted exp(-age / "
               "seconds)",
    .source = "Hasbrouck, Empirical Market Microstructure (2007), ch. 2; means as in Muller (1989)",
    .edge_cases = "flat: 1; no quote: missing",
    .feed = FEED_QUOTE,
    .version = 1,
    .min = 0,
    .max = 1000,
    .options = {SECONDS(300)},
    .warmup_inputs = warmup_one,
    .warmup_ns = warmup_seconds,
    .place = place,
    .on_quote = on_quote,
    .value = value,
};
