/* The imbalance of the best level as a mean over time: pressure that lasts, not a flicker. */
#include "indicator_i.h"

struct top_imbalance {
    struct time_mean imbalance;
};

static void place(struct block *block, const double *options)
{
    struct top_imbalance *state = block_take(block, sizeof(*state));
    if (state != NULL)
        *state = (struct top_imbalance){time_mean_of(options[0])};
}

static void on_quote(void *state, const struct market_quote *quote)
{
    struct top_imbalance *self = state;
    double depth = quote->bid_qty + quote->ask_qty;
    if (!isnan(depth))
        time_mean_set(&self->imbalance, quote->ts_event_ns,
                      share(quote->bid_qty - quote->ask_qty, depth, 0));
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct top_imbalance *self = state;
    (void)options;
    return time_mean_at(&self->imbalance, moment->now_ns);
}

const struct indicator indicator_top_imbalance = {
    .name = "top_imbalance",
    .summary = "imbalance of the best level, a mean over time",
    .formula = "mean over time of (qb - qa) / (qb + qa), weighted exp(-age / seconds)",
    .source = "Gould, Bonart, Queue Imbalance as a One-Tick-Ahead Price Predictor (2016)",
    .edge_cases = "empty level: 0; sizes never known: missing",
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
