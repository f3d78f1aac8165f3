/* The mid relative to its own mean over time, in sigmas: short momentum, without the noise of a single past price. */
#include "indicator_i.h"

struct mid_mean {
    struct time_mean log_mid;
};

static void place(struct block *block, const double *options)
{
    struct mid_mean *state = block_take(block, sizeof(*state));
    if (state != NULL)
        *state = (struct mid_mean){time_mean_of(options[0])};
}

static void on_quote(void *state, const struct market_quote *quote)
{
    struct mid_mean *self = state;
    time_mean_set(&self->log_mid, quote->ts_event_ns, log(quote->mid));
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct mid_mean *self = state;
    if (moment->quote == NULL)
        return NAN;
    double distance = log(moment->quote->mid) - time_mean_at(&self->log_mid, moment->now_ns);
    return in_sigmas(distance, moment->sigma, options[0]);
}

const struct indicator indicator_mid_mean_distance = {
    .name = "mid_mean_distance",
    .summary = "the mid relative to its mean over time, in sigmas",
    .formula = "(ln mid - M) / (sigma sqrt(seconds / 60)); M: mean of ln mid over time, weighted "
               "exp(-age / seconds)",
    .source = "Muller, Specially Weighted Moving Averages with Repeated Application of the EMA "
              "Operator, O&A (1989)",
    .edge_cases = "flat: 0; no quote: missing",
    .feed = FEED_QUOTE,
    .version = 1,
    .is_directional = true,
    .min = -SIGMAS_MAX,
    .max = SIGMAS_MAX,
    .options = {SECONDS(60)},
    .warmup_inputs = warmup_one,
    .warmup_ns = warmup_seconds,
    .place = place,
    .on_quote = on_quote,
    .value = value,
};
