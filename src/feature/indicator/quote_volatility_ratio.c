/* How much the mid moves from quote to quote, relative to sigma. */
#include "indicator_i.h"

struct quote_volatility {
    struct decay squares;
    double mid;
    int64_t first_ns;
};

static void place(struct block *block, const double *options)
{
    struct quote_volatility *state = block_take(block, sizeof(*state));
    if (state != NULL)
        *state = (struct quote_volatility){.squares = decay_of(options[0])};
}

static void on_quote(void *state, const struct market_quote *quote)
{
    struct quote_volatility *self = state;
    if (self->mid > 0) {
        double step = log(quote->mid / self->mid);
        decay_add(&self->squares, quote->ts_event_ns, step * step);
    } else {
        self->first_ns = quote->ts_event_ns;
    }
    self->mid = quote->mid;
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct quote_volatility *self = state;
    double norm_s = decay_norm(options[0], self->first_ns, moment->now_ns);
    double a_minute = sqrt(60.0 * decay_sum_at(&self->squares, moment->now_ns) / norm_s);
    return isnan(moment->sigma) ? NAN : a_minute / fmax(moment->sigma, 1e-8);
}

const struct indicator indicator_quote_volatility_ratio = {
    .name = "quote_volatility_ratio",
    .summary = "volatility from quote to quote relative to sigma",
    .formula = "sqrt(60 sum(w r^2) / (t (1 - exp(-T / t)))) / sigma, r = ln(mid / mid before), w = "
               "exp(-age / t), "
               "t = seconds, T: age of the first quote",
    .source = "Zhang, Mykland, Ait-Sahalia, A Tale of Two Time Scales, JASA 100 (2005): fast scale "
              "over slow",
    .edge_cases = "flat: 0; sigma not known: missing",
    .feed = FEED_QUOTE,
    .version = 1,
    .min = 0,
    .max = 100,
    .options = {SECONDS(60)},
    .warmup_inputs = warmup_one,
    .warmup_ns = warmup_seconds,
    .place = place,
    .on_quote = on_quote,
    .value = value,
};
