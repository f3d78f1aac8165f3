#include "alphaloop/dataset/markout.h"

#include <math.h>

#include "alphaloop/base/timestamp.h"

#define MEMORY_FILLS 1000.0

const struct markout_lag markout_lags[MARKOUT_COUNT] = {
    {"1s", NS_PER_S}, {"10s", 10 * NS_PER_S}, {"60s", NS_PER_MIN}, {"5m", 5 * NS_PER_MIN}};

/* The newest mid at ts_ns; NaN while later prices may still come before it, or when it is not known. */
static double mid_at(const struct price_path *path, int64_t ts_ns, int64_t gap_max_ns)
{
    size_t after = price_path_after(path, ts_ns);
    if (after == 0 || (after == path->count && price_path_newest_ns(path) < ts_ns))
        return NAN;
    const struct price_bar *bar = price_path_at(path, after - 1);
    return ts_ns - bar->ts_close_ns <= gap_max_ns ? bar->mid : (double)NAN;
}

void markouts_of(const struct price_path *path,
                 enum side side,
                 double price,
                 int64_t fill_ns,
                 int64_t gap_max_ns,
                 double out[MARKOUT_COUNT])
{
    for (size_t i = 0; i < MARKOUT_COUNT; i++) {
        double mid = mid_at(path, fill_ns + markout_lags[i].lag_ns, gap_max_ns);
        out[i] = side_sign(side) * (mid - price) / price;
    }
}

static double news_in(struct markout_mean *mean, int64_t fill_ns, int64_t lag_ns)
{
    int64_t since_ns = fill_ns - mean->last_fill_ns;
    if (mean->n > 0 && since_ns <= 0)
        return 0;
    mean->last_fill_ns = fill_ns;
    return mean->n == 0 || since_ns >= lag_ns ? 1 : (double)since_ns / (double)lag_ns;
}

/* West (1979) with decay, as the cost model's means. */
void markout_mean_update(struct markout_mean *mean, double markout, int64_t fill_ns, int64_t lag_ns)
{
    double decay = 1.0 - 1.0 / MEMORY_FILLS;
    if (isnan(markout))
        return;
    mean->worth = decay * mean->worth + news_in(mean, fill_ns, lag_ns);
    mean->n++;
    mean->weight = decay * mean->weight + 1.0;
    double delta = markout - mean->mean;
    mean->mean += delta / mean->weight;
    mean->m2 = decay * mean->m2 + delta * (markout - mean->mean);
}

double markout_mean_t(const struct markout_mean *mean)
{
    if (mean->worth < MARKOUT_FILLS_MIN)
        return NAN;
    return mean->mean / sqrt(mean->m2 / (mean->weight - 1.0) / mean->worth);
}
