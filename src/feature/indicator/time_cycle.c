/* The time as a point on a circle, so that the end of a day or week lies beside its beginning. Weeks begin on Thursday,
 * as 1970 did. */
#include "indicator_i.h"

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    int64_t period_ns = (int64_t)options[0] * NS_PER_S;
    int64_t into_ns = moment->now_ns % period_ns;
    double turn = (double)into_ns / (double)period_ns + 0.25 * options[1];
    (void)state;
    return sin(2.0 * M_PI * turn);
}

const struct indicator indicator_time_cycle = {
    .name = "time_cycle",
    .summary = "time of day or week as sine (quarter 0) or cosine (quarter 1)",
    .formula = "sin(2 pi (t mod seconds / seconds + quarter / 4)), t since 1970-01-01T00:00:00Z",
    .source = "Andersen, Bollerslev, Intraday Periodicity and Volatility Persistence, J. Emp. "
              "Finance 4 (1997)",
    .edge_cases = "always known",
    .feed = FEED_CLOCK,
    .version = 1,
    .min = -1,
    .max = 1,
    .options = {{"seconds", 86400, 60, 31557600, true, "length of the cycle"},
                {"quarter", 0, 0, 1, true, "0 sine, 1 cosine"}},
    .value = value,
};
