/* The regime of the spread: where it lies among the spreads of the recent past. Fifty samples, the last spread of each
 * stretch of time that had a quote; spreads are multiples of the tick, so most comparisons are ties. */
#include "indicator_i.h"

#define SAMPLES 50
#define TIE     1e-6 /* relative; spreads differ by whole ticks or by rounding */

struct spread_rank {
    struct price_marks *spreads;
};

static int64_t sample_ns(const double *options)
{
    return (int64_t)(options[0] * 1e9) / SAMPLES;
}

static void place(struct block *block, const double *options)
{
    struct spread_rank *state = block_take(block, sizeof(*state));
    struct price_marks *spreads = price_marks_take(block, sample_ns(options), SAMPLES);
    if (state != NULL)
        state->spreads = spreads;
}

static void on_quote(void *state, const struct market_quote *quote)
{
    struct spread_rank *self = state;
    price_marks_set(self->spreads, quote->ts_event_ns, quote->ask - quote->bid);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct price_marks *spreads = ((const struct spread_rank *)state)->spreads;
    int64_t oldest = moment->now_ns / sample_ns(options) - SAMPLES + 1;
    double n_samples = 0, n_below = 0;
    if (moment->quote == NULL)
        return NAN;
    double spread = moment->quote->ask - moment->quote->bid;
    for (size_t i = 0; i < spreads->count; i++) {
        double gap = spread - spreads->items[i].price;
        if (spreads->items[i].bucket < oldest)
            continue;
        n_samples++;
        n_below += fabs(gap) <= TIE * spread ? 0.5 : gap > 0;
    }
    return n_samples > 0 ? n_below / n_samples : NAN;
}

const struct indicator indicator_spread_rank = {
    .name = "spread_rank",
    .summary = "percentile rank of the spread among those of the recent past",
    .formula = "(number of smaller samples + half the equal ones) / number of samples; samples: "
               "the last ask - bid of each "
               "fiftieth of `seconds` that had a quote, the newest fifty fiftieths",
    .source = "percentile rank with ties halved; the spread as a state of the market: Bouchaud, "
              "Bonart, Donier, Gould, "
              "Trades, Quotes and Prices (2018), ch. 4",
    .edge_cases = "flat: 0.5; no quote now, or none for `seconds`: missing",
    .feed = FEED_QUOTE,
    .version = 1,
    .min = 0,
    .max = 1,
    .options = {{"seconds", 300, 1, 86400, true, "how far back"}},
    .warmup_inputs = warmup_one,
    .warmup_ns = warmup_seconds,
    .place = place,
    .on_quote = on_quote,
    .value = value,
};
