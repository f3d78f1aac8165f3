/* The time of the month as a point on a circle; months have their own lengths, UTC. */
#include "indicator_i.h"

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    struct civil_time now, first, next;
    (void)state;
    timestamp_to_civil(moment->now_ns, &now);
    first = (struct civil_time){.year = now.year, .month = now.month, .day = 1};
    next = (struct civil_time){
        .year = now.year + now.month / 12, .month = now.month % 12 + 1, .day = 1};
    int64_t begin_ns = timestamp_from_civil(&first), end_ns = timestamp_from_civil(&next);
    double turn =
        (double)(moment->now_ns - begin_ns) / (double)(end_ns - begin_ns) + 0.25 * options[0];
    return sin(2.0 * M_PI * turn);
}

const struct indicator indicator_month_cycle = {
    .name = "month_cycle",
    .summary = "time of the month as sine (quarter 0) or cosine (quarter 1)",
    .formula = "sin(2 pi (share of the month gone + quarter / 4)), UTC",
    .source = "Ariel, A Monthly Effect in Stock Returns, JFE 18 (1987)",
    .edge_cases = "always known",
    .feed = FEED_CLOCK,
    .version = 1,
    .min = -1,
    .max = 1,
    .options = {{"quarter", 0, 0, 1, true, "0 sine, 1 cosine"}},
    .value = value,
};
