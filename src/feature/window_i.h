/* The few accumulators that indicators are made of: windows over the newest n inputs, exponential means over inputs, and
 * exponential decay over time. All live in memory their owner hands out, none allocates, every push is O(1), amortised.
 *
 * A running sum picks up rounding with every step, so a window's moments are computed afresh once a turn of its ring: the
 * error stays that of one turn. Equal inputs throughout a window are recognised as such, so that a flat market has a
 * spread of exactly 0 and not of rounding noise.
 */
#ifndef ALPHALOOP_FEATURE_WINDOW_I_H
#define ALPHALOOP_FEATURE_WINDOW_I_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Hands out parts of one block, each aligned for any type. */
struct block {
    char *memory; /* NULL: only measure */
    size_t used;
};
void *block_take(struct block *block, size_t n_bytes);

/* The newest `cap` values. */
struct window {
    size_t cap, count, next;
    double values[];
};
struct window *window_take(struct block *block, size_t cap);
void window_push(struct window *window, double value);
double window_at(const struct window *window, size_t age); /* 0 is the newest; age < count */
static inline bool window_is_full(const struct window *window)
{
    return window->count == window->cap;
}

/* Mean and variance of a window. A NaN makes both NaN until it has left. */
struct moments {
    struct window *window;
    double mean, m2; /* of the known values; sum of squared deviations */
    size_t n_known;
    size_t n_equal; /* newest values that are all the same */
};
void moments_init(struct moments *moments, struct window *window);
void moments_push(struct moments *moments, double value);
double moments_mean(const struct moments *moments);
double moments_variance(const struct moments *moments); /* population; never below 0 */

/* The largest (sign 1) or smallest (sign -1) of the newest `cap` values: a monotonic queue. */
struct extreme_item {
    double value;
    uint64_t index;
};
struct extreme {
    double sign;
    size_t cap, first, count;
    uint64_t n_seen;
    struct extreme_item items[];
};
struct extreme *extreme_take(struct block *block, size_t cap, double sign);
void extreme_push(struct extreme *extreme, double value);
double extreme_value(const struct extreme *extreme); /* after the first push */
size_t extreme_age(const struct extreme *extreme);   /* pushes since it, the newest of equals */

/* Exponential mean over inputs, begun with the plain mean of its first `period`, as technical analysis does. */
struct ema {
    double alpha, value;
    size_t period, n_seen;
};
struct ema ema_of(size_t period);    /* alpha = 2 / (period + 1) */
struct ema wilder_of(size_t period); /* alpha = 1 / period: Wilder's smoothing */
void ema_push(struct ema *ema, double value);
static inline bool ema_is_ready(const struct ema *ema)
{
    return ema->n_seen >= ema->period;
}
/* Inputs after which the beginning weighs less than half a unit in the last place of a float, with some to spare. */
size_t ema_memory(size_t period);
size_t wilder_memory(size_t period);

/* A sum in which everything fades with exp(-age / tau). */
struct decay {
    double tau_ns;
    double sum;
    int64_t ts_ns;
};
struct decay decay_of(double tau_s);
void decay_to(struct decay *decay, int64_t ts_ns);
void decay_add(struct decay *decay, int64_t ts_ns, double amount);
double decay_sum_at(const struct decay *decay, int64_t ts_ns);
/* What a steady stream of weight 1 a second that began at first_ns would have added up to by ts_ns: the divisor that makes
 * a rate out of a sum, without a bias while the stream is young. Above 0. */
double decay_norm(double tau_s, int64_t first_ns, int64_t ts_ns);

/* The mean over time of a value that stays as it is between its changes, weighted with exp(-age / tau). */
struct time_mean {
    double tau_ns;
    double mean, value;
    int64_t ts_ns;
    bool is_set;
};
struct time_mean time_mean_of(double tau_s);
void time_mean_set(struct time_mean *mean, int64_t ts_ns, double value);
double time_mean_at(const struct time_mean *mean, int64_t ts_ns); /* NaN when never set */

/* Prices by time: the last one of each bucket that had any. */
struct price_mark {
    int64_t bucket, ts_ns;
    double price;
};
struct price_marks {
    int64_t bucket_ns;
    size_t cap, first, count;
    struct price_mark items[];
};
struct price_marks *price_marks_take(struct block *block, int64_t bucket_ns, size_t cap);
void price_marks_set(struct price_marks *marks, int64_t ts_ns, double price);
/* The newest price of all buckets that ended at or before the beginning of ts_ns's bucket; NULL when not kept. */
const struct price_mark *price_marks_before(const struct price_marks *marks, int64_t ts_ns);

/* A price older than this, beyond the span asked for, is not carried forward. */
#define PRICE_CARRY_NS (INT64_C(60) * 1000000000)

/* A log return in units of what sigma (of one minute) expects over `seconds`. A market that has not moved for so long that
 * sigma is next to nothing is measured against 1e-8. */
double in_sigmas(double log_return, double sigma, double seconds);

#endif
