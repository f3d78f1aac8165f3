/* The return of the mid over some seconds, in sigmas. Ten buckets a span: the true span is between 1 and 1.1 times the
 * one asked for, and the price compared with is never newer than that. */
#include "indicator_i.h"

#define BUCKETS 10

struct mid_return {
    struct price_marks *marks;
};

static int64_t span_ns(const double *options)
{
    return (int64_t)(options[0] * 1e9);
}

static void place(struct block *block, const double *options)
{
    struct mid_return *state = block_take(block, sizeof(*state));
    struct price_marks *marks = price_marks_take(block, span_ns(options) / BUCKETS, BUCKETS + 4);
    if (state != NULL)
        state->marks = marks;
}

static void on_quote(void *state, const struct market_quote *quote)
{
    struct mid_return *self = state;
    price_marks_set(self->marks, quote->ts_event_ns, quote->mid);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct mid_return *self = state;
    if (moment->quote == NULL)
        return NAN;
    const struct price_mark *then =
        price_marks_before(self->marks, moment->now_ns - span_ns(options));
    if (then == NULL || moment->now_ns - then->ts_ns > 2 * span_ns(options) + PRICE_CARRY_NS)
        return NAN;
    return in_sigmas(log(moment->quote->mid / then->price), moment->sigma, options[0]);
}

static int64_t warmup_ns(const double *options)
{
    return (int64_t)(1.1 * options[0] * 1e9) + 1;
}

const struct indicator indicator_mid_return = {
    .name = "mid_return",
    .summary = "return of the mid over some seconds, in sigmas",
    .formula = "ln(mid / mid then) / (sigma sqrt(seconds / 60)); then: the last mid before "
               "floor((now - seconds) / b) b, "
               "b = seconds / 10",
    .source =
        "Campbell, Lo, MacKinlay, The Econometrics of Financial Markets (1997), ch. 1.4, scaled",
    .edge_cases = "flat: 0; no quote now, or none then within 60 s more than the span: missing",
    .feed = FEED_QUOTE,
    .version = 1,
    .is_directional = true,
    .min = -SIGMAS_MAX,
    .max = SIGMAS_MAX,
    .options = {{"seconds", 60, 1, 3600, true, "span"}},
    .warmup_inputs = warmup_one,
    .warmup_ns = warmup_ns,
    .place = place,
    .on_quote = on_quote,
    .value = value,
};
