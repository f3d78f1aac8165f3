#include "window_i.h"

#include <assert.h>
#include <math.h>
#include <stdalign.h>

#define SETTLED_LOG 21.0 /* exp(-21) is below 2^-30 */

void *block_take(struct block *block, size_t n_bytes)
{
    const size_t align = alignof(max_align_t);
    void *part = block->memory == NULL ? NULL : block->memory + block->used;
    block->used += (n_bytes + align - 1) / align * align;
    return part;
}

struct window *window_take(struct block *block, size_t cap)
{
    struct window *window = block_take(block, sizeof(*window) + cap * sizeof(double));
    if (window != NULL)
        *window = (struct window){.cap = cap};
    return window;
}

void window_push(struct window *window, double value)
{
    window->values[window->next] = value;
    window->next = window->next + 1 == window->cap ? 0 : window->next + 1;
    if (window->count < window->cap)
        window->count++;
}

double window_at(const struct window *window, size_t age)
{
    assert(age < window->count);
    size_t back = age + 1;
    return window
        ->values[window->next >= back ? window->next - back : window->next + window->cap - back];
}

void moments_init(struct moments *moments, struct window *window)
{
    *moments = (struct moments){.window = window};
}

static void moments_recompute(struct moments *moments)
{
    const struct window *window = moments->window;
    double sum = 0;
    moments->n_known = 0;
    for (size_t i = 0; i < window->count; i++) {
        if (!isnan(window->values[i])) {
            sum += window->values[i];
            moments->n_known++;
        }
    }
    moments->mean = moments->n_known > 0 ? sum / (double)moments->n_known : 0;
    moments->m2 = 0;
    for (size_t i = 0; i < window->count; i++) {
        double deviation = window->values[i] - moments->mean;
        if (!isnan(deviation))
            moments->m2 += deviation * deviation;
    }
}

/* Welford (1962), forwards and backwards. */
static void moments_take_out(struct moments *moments, double value)
{
    if (isnan(value))
        return;
    double n = (double)--moments->n_known;
    double deviation = value - moments->mean;
    moments->mean = n > 0 ? moments->mean - deviation / n : 0;
    moments->m2 = n > 0 ? moments->m2 - deviation * (value - moments->mean) : 0;
}

static void moments_put_in(struct moments *moments, double value)
{
    if (isnan(value))
        return;
    double n = (double)++moments->n_known;
    double deviation = value - moments->mean;
    moments->mean += deviation / n;
    moments->m2 += deviation * (value - moments->mean);
}

void moments_push(struct moments *moments, double value)
{
    struct window *window = moments->window;
    bool same = window->count > 0 && window_at(window, 0) == value;
    moments->n_equal = same ? moments->n_equal + 1 : 1;
    if (window_is_full(window))
        moments_take_out(moments, window->values[window->next]);
    window_push(window, value);
    if (window->next == 0)
        moments_recompute(moments);
    else
        moments_put_in(moments, value);
}

double moments_mean(const struct moments *moments)
{
    const struct window *window = moments->window;
    if (window->count == 0 || moments->n_known < window->count)
        return NAN;
    return moments->n_equal >= window->count ? window_at(window, 0) : moments->mean;
}

double moments_variance(const struct moments *moments)
{
    const struct window *window = moments->window;
    if (window->count == 0 || moments->n_known < window->count)
        return NAN;
    if (moments->n_equal >= window->count || moments->m2 <= 0)
        return 0;
    return moments->m2 / (double)window->count;
}

struct extreme *extreme_take(struct block *block, size_t cap, double sign)
{
    struct extreme *extreme =
        block_take(block, sizeof(*extreme) + cap * sizeof(struct extreme_item));
    if (extreme != NULL)
        *extreme = (struct extreme){.sign = sign, .cap = cap};
    return extreme;
}

static struct extreme_item *extreme_item(struct extreme *extreme, size_t index)
{
    return &extreme->items[(extreme->first + index) % extreme->cap];
}

/* Kept: only values that no later value beats; the best is always the first. */
void extreme_push(struct extreme *extreme, double value)
{
    if (extreme->count > 0 && extreme_item(extreme, 0)->index + extreme->cap <= extreme->n_seen) {
        extreme->first = (extreme->first + 1) % extreme->cap;
        extreme->count--;
    }
    while (extreme->count > 0 && extreme_item(extreme, extreme->count - 1)->value * extreme->sign <=
                                     value * extreme->sign)
        extreme->count--;
    *extreme_item(extreme, extreme->count++) = (struct extreme_item){value, extreme->n_seen++};
}

double extreme_value(const struct extreme *extreme)
{
    assert(extreme->count > 0);
    return extreme->items[extreme->first].value;
}

size_t extreme_age(const struct extreme *extreme)
{
    assert(extreme->count > 0);
    return (size_t)(extreme->n_seen - 1 - extreme->items[extreme->first].index);
}

struct ema ema_of(size_t period)
{
    return (struct ema){.alpha = 2.0 / ((double)period + 1.0), .period = period};
}

struct ema wilder_of(size_t period)
{
    return (struct ema){.alpha = 1.0 / (double)period, .period = period};
}

void ema_push(struct ema *ema, double value)
{
    ema->n_seen++;
    if (ema->n_seen <= ema->period)
        ema->value += (value - ema->value) / (double)ema->n_seen;
    else
        ema->value += ema->alpha * (value - ema->value);
}

static size_t memory_of(size_t period, double alpha)
{
    return alpha >= 1 ? period : period + (size_t)ceil(SETTLED_LOG / -log1p(-alpha));
}

size_t ema_memory(size_t period)
{
    return memory_of(period, 2.0 / ((double)period + 1.0));
}

size_t wilder_memory(size_t period)
{
    return memory_of(period, 1.0 / (double)period);
}

/* Subtracted as whole numbers: a double of nanoseconds since 1970 is off by a quarter of a microsecond. Unsigned, because
 * a decay begins at INT64_MIN. */
static double elapsed_ns(int64_t from_ns, int64_t to_ns)
{
    return to_ns <= from_ns ? 0.0 : (double)((uint64_t)to_ns - (uint64_t)from_ns);
}

static double fade(double tau_ns, int64_t from_ns, int64_t to_ns)
{
    return exp(-elapsed_ns(from_ns, to_ns) / tau_ns);
}

struct decay decay_of(double tau_s)
{
    return (struct decay){.tau_ns = tau_s * 1e9, .ts_ns = INT64_MIN};
}

void decay_to(struct decay *decay, int64_t ts_ns)
{
    if (ts_ns <= decay->ts_ns)
        return;
    decay->sum *= fade(decay->tau_ns, decay->ts_ns, ts_ns);
    decay->ts_ns = ts_ns;
}

void decay_add(struct decay *decay, int64_t ts_ns, double amount)
{
    decay_to(decay, ts_ns);
    decay->sum += amount;
}

double decay_sum_at(const struct decay *decay, int64_t ts_ns)
{
    return decay->sum * fade(decay->tau_ns, decay->ts_ns, ts_ns);
}

double decay_norm(double tau_s, int64_t first_ns, int64_t ts_ns)
{
    double age_s = elapsed_ns(first_ns, ts_ns) / 1e9;
    return tau_s * -expm1(-fmax(age_s, 1e-3) / tau_s);
}

struct time_mean time_mean_of(double tau_s)
{
    return (struct time_mean){.tau_ns = tau_s * 1e9};
}

void time_mean_set(struct time_mean *mean, int64_t ts_ns, double value)
{
    if (!mean->is_set)
        mean->mean = value;
    else
        mean->mean =
            mean->value + (mean->mean - mean->value) * fade(mean->tau_ns, mean->ts_ns, ts_ns);
    mean->ts_ns = mean->is_set && ts_ns < mean->ts_ns ? mean->ts_ns : ts_ns;
    mean->value = value;
    mean->is_set = true;
}

double time_mean_at(const struct time_mean *mean, int64_t ts_ns)
{
    if (!mean->is_set)
        return NAN;
    return mean->value + (mean->mean - mean->value) * fade(mean->tau_ns, mean->ts_ns, ts_ns);
}

struct price_marks *price_marks_take(struct block *block, int64_t bucket_ns, size_t cap)
{
    struct price_marks *marks = block_take(block, sizeof(*marks) + cap * sizeof(struct price_mark));
    if (marks != NULL)
        *marks = (struct price_marks){.bucket_ns = bucket_ns, .cap = cap};
    return marks;
}

static int64_t bucket_of(const struct price_marks *marks, int64_t ts_ns)
{
    int64_t bucket = ts_ns / marks->bucket_ns;
    return ts_ns % marks->bucket_ns < 0 ? bucket - 1 : bucket;
}

void price_marks_set(struct price_marks *marks, int64_t ts_ns, double price)
{
    assert(marks->cap > 0);
    int64_t bucket = bucket_of(marks, ts_ns);
    struct price_mark *newest =
        marks->count == 0 ? NULL : &marks->items[(marks->first + marks->count - 1) % marks->cap];
    if (newest != NULL && bucket < newest->bucket)
        return;
    if (newest == NULL || bucket > newest->bucket) {
        if (marks->count == marks->cap)
            marks->first = (marks->first + 1) % marks->cap;
        else
            marks->count++;
        newest = &marks->items[(marks->first + marks->count - 1) % marks->cap];
    }
    *newest = (struct price_mark){bucket, ts_ns, price};
}

const struct price_mark *price_marks_before(const struct price_marks *marks, int64_t ts_ns)
{
    int64_t bucket = bucket_of(marks, ts_ns);
    size_t low = 0, high = marks->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (marks->items[(marks->first + middle) % marks->cap].bucket < bucket)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? NULL : &marks->items[(marks->first + low - 1) % marks->cap];
}

double in_sigmas(double log_return, double sigma, double seconds)
{
    return isnan(sigma) ? NAN : log_return / fmax(sigma * sqrt(seconds / 60.0), 1e-8);
}
