/* Concurrency is piecewise constant between the ends of spans. Sorted by time, one walk over the ends of a group gives the
 * running integral I(t) of 1 / c(t). The mean of 1 / c over any part of a span is a difference of I over the part's length: the
 * whole span gives a row's uniqueness, its equal parts weigh the returns of its attribution. */
#include "alphaloop/dataset/weight.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define SPAN_MIN_NS 1000000

struct end {
    int64_t ts_ns;
    uint32_t row;
    uint32_t group;
    bool is_begin;
    double integral; /* I, seconds, since the group's first end */
};

/* Every end of every row, sorted; the mean of 1 / c is read from it. */
struct ends {
    struct end *items; /* [n], by group and time */
    size_t n;
};

/* By group and time; at one instant the order of begins and ends does not matter, because no time passes between them. */
static int end_cmp(const void *left, const void *right)
{
    const struct end *a = left, *b = right;
    if (a->group != b->group)
        return a->group < b->group ? -1 : 1;
    if (a->ts_ns != b->ts_ns)
        return a->ts_ns < b->ts_ns ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

/* No span is shorter than a millisecond: an instant has no concurrency that could be measured. */
static int64_t end_of(const struct weight_row *row)
{
    return row->t1_ns - row->t0_ns > SPAN_MIN_NS ? row->t1_ns : row->t0_ns + SPAN_MIN_NS;
}

static enum al_err sort_ends(const struct weight_row *rows, size_t n, struct ends *out)
{
    struct end *ends = malloc((n > 0 ? 2 * n : 1) * sizeof *ends);
    *out = (struct ends){ends, 2 * n};
    if (ends == NULL)
        return err_set(AL_ENOMEM, "weights of %zu rows", n);
    for (size_t i = 0; i < n; i++) {
        assert(rows[i].t0_ns <= rows[i].t1_ns);
        ends[i] = (struct end){rows[i].t0_ns, (uint32_t)i, rows[i].group, true, 0};
        ends[n + i] = (struct end){end_of(&rows[i]), (uint32_t)i, rows[i].group, false, 0};
    }
    qsort(ends, 2 * n, sizeof *ends, end_cmp);
    return AL_OK;
}

struct walk {
    double integral; /* of 1 / c(t), seconds */
    double alive, alive_max;
    double overlaps; /* pairs of rows that overlap, and each row with itself */
};

/* u[row] holds minus the integral at the begin until the end is met. */
static void meet_end(struct walk *walk,
                     const struct end *end,
                     const struct weight_row *row,
                     double *u)
{
    if (end->is_begin) {
        *u = -walk->integral;
        walk->alive++;
        walk->overlaps += walk->alive;
        walk->alive_max = fmax(walk->alive_max, walk->alive);
        return;
    }
    *u = fmin((*u + walk->integral) / ((double)(end_of(row) - row->t0_ns) / 1e9), 1);
    walk->alive--;
}

static void walk_ends(const struct weight_row *rows,
                      struct ends *ends,
                      double *u,
                      struct walk *walk)
{
    struct end *at = ends->items;
    *walk = (struct walk){0};
    for (size_t i = 0; i < ends->n; i++) {
        bool same_group = i > 0 && at[i].group == at[i - 1].group;
        if (!same_group)
            walk->integral = walk->alive = 0;
        else if (walk->alive > 0)
            walk->integral += (double)(at[i].ts_ns - at[i - 1].ts_ns) / 1e9 / walk->alive;
        at[i].integral = walk->integral;
        meet_end(walk, &at[i], &rows[at[i].row], &u[at[i].row]);
    }
}

enum al_err weight_uniqueness(const struct weight_row *rows, size_t n, double *u)
{
    struct walk walk;
    struct ends ends;
    enum al_err err = sort_ends(rows, n, &ends);
    if (err == AL_OK)
        walk_ends(rows, &ends, u, &walk);
    free(ends.items);
    return err;
}

/* ---- attribution of returns ---- */

/* I at an instant that lies within some span of the group: between two ends it grows evenly. */
static double integral_at(const struct ends *ends, uint32_t group, int64_t ts_ns)
{
    size_t low = 0, high = ends->n; /* the first end later than the instant */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct end *end = &ends->items[middle];
        if (end->group > group || (end->group == group && end->ts_ns > ts_ns))
            high = middle;
        else
            low = middle + 1;
    }
    assert(low > 0 && ends->items[low - 1].group == group);
    const struct end *before = &ends->items[low - 1];
    if (before->ts_ns == ts_ns)
        return before->integral;
    assert(low < ends->n && before[1].group == group);
    double share = (double)(ts_ns - before->ts_ns) / (double)(before[1].ts_ns - before->ts_ns);
    return before->integral + share * (before[1].integral - before->integral);
}

static double attribution_of(const struct ends *ends, const struct weight_row *row)
{
    int64_t length_ns = end_of(row) - row->t0_ns;
    double part_s = (double)length_ns / 1e9 / SPAN_PIECES, sum = 0;
    double last = integral_at(ends, row->group, row->t0_ns);
    for (int64_t k = 0; k < SPAN_PIECES; k++) {
        double next = integral_at(ends, row->group, row->t0_ns + length_ns * (k + 1) / SPAN_PIECES);
        sum += (double)row->returns[k] * (next - last) / part_s;
        last = next;
    }
    return fabs(sum);
}

static bool has_returns(const struct weight_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (rows[i].returns == NULL)
            return false;
    }
    return true;
}

/* All 1 where nothing can be attributed. */
static void fill_attribution(const struct weight_row *rows,
                             size_t n,
                             const struct ends *ends,
                             double *a)
{
    bool any = false, known = has_returns(rows, n);
    for (size_t i = 0; i < n; i++) {
        a[i] = known ? attribution_of(ends, &rows[i]) : 0;
        assert(isfinite(a[i]));
        any |= a[i] > 0;
    }
    for (size_t i = 0; i < n && !any; i++)
        a[i] = 1;
}

/* Ends, uniqueness and attribution in one go; u and a [n]. */
static enum al_err measure(
    const struct weight_row *rows, size_t n, double *u, double *a, struct walk *walk)
{
    struct ends ends;
    enum al_err err = sort_ends(rows, n, &ends);
    if (err == AL_OK) {
        walk_ends(rows, &ends, u, walk);
        fill_attribution(rows, n, &ends, a);
    }
    free(ends.items);
    return err;
}

enum al_err weight_attribution(const struct weight_row *rows, size_t n, double *a)
{
    struct walk walk;
    double *u = malloc((n + 1) * sizeof *u);
    enum al_err err =
        u == NULL ? err_set(AL_ENOMEM, "weights of %zu rows", n) : measure(rows, n, u, a, &walk);
    free(u);
    return err;
}

/* ---- weights ---- */

static double raw_weight(const struct weight_rule *rule, const struct weight_row *row, double u)
{
    assert(row->propensity > 0 && row->propensity <= 1 && row->fill_fraction >= 0);
    double age_s = fmax(0, (double)(rule->cut_ns - row->t0_ns) / 1e9);
    double decay = rule->half_life_s > 0 ? exp2(-age_s / rule->half_life_s) : 1;
    return u * decay * fmin(1 / (double)row->propensity, rule->propensity_cap) *
           (double)row->fill_fraction;
}

double weight_n_eff(const float *w, size_t n)
{
    double sum = 0, squares = 0;
    if (w == NULL)
        return (double)n;
    for (size_t i = 0; i < n; i++) {
        sum += (double)w[i];
        squares += (double)w[i] * (double)w[i];
    }
    return squares > 0 ? sum * sum / squares : 0;
}

/* w[i] = raw_weight times a (NULL: 1), scaled to mean 1. */
static void scale(const struct weight_rule *rule,
                  const struct weight_row *rows,
                  size_t n,
                  const double *u,
                  const double *a,
                  float *w)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += raw_weight(rule, &rows[i], u[i]) * (a == NULL ? 1 : a[i]);
    for (size_t i = 0; i < n; i++) {
        double raw = raw_weight(rule, &rows[i], u[i]) * (a == NULL ? 1 : a[i]);
        w[i] = sum > 0 ? (float)(raw * (double)n / sum) : 0;
    }
}

enum al_err weight_rows(const struct weight_rule *rule,
                        const struct weight_row *rows,
                        size_t n,
                        const struct weight_columns *out,
                        struct weight_summary *summary)
{
    struct walk walk;
    double *a = malloc((n + 1) * sizeof *a);
    *summary = (struct weight_summary){0};
    enum al_err err = a == NULL ? err_set(AL_ENOMEM, "weights of %zu rows", n)
                                : measure(rows, n, out->u, a, &walk);
    if (err == AL_OK) {
        scale(rule, rows, n, out->u, NULL, out->plain);
        scale(rule, rows, n, out->u, a, out->teach);
        for (size_t i = 0; i < n; i++)
            summary->n_independent += out->u[i];
        summary->n_eff = weight_n_eff(out->plain, n);
        summary->n_eff_teach = weight_n_eff(out->teach, n);
        summary->concurrency_max = walk.alive_max;
        summary->span_rows = n > 0 ? walk.overlaps / (double)n : 0;
    }
    free(a);
    return err;
}
