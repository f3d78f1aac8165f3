/* The spread in basis points of the mid. */
#include "indicator_i.h"

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct market_quote *quote = moment->quote;
    (void)state, (void)options;
    return quote == NULL ? NAN : 1e4 * (quote->ask - quote->bid) / quote->mid;
}

const struct indicator indicator_spread_bps = {
    .name = "spread_bps",
    .summary = "spread in basis points of the mid",
    .formula = "1e4 (ask - bid) / mid",
    .source = "Harris, Trading and Exchanges (2003), ch. 14 (quoted spread)",
    .edge_cases = "no quote: missing",
    .feed = FEED_QUOTE,
    .version = 1,
    .min = 0,
    .max = 20000,
    .warmup_inputs = warmup_one,
    .value = value,
};
