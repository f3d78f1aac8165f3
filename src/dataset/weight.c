/* Concurrency is piecewise constant between the ends of spans. Sorted by time, one walk over the ends of a group gives the
 * running integral of 1 / c(t); the uniqueness of a row is the difference of that integral at its two ends over its length. */
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

static struct end *sorted_ends(const struct weight_row *rows, size_t n)
{
    struct end *ends = malloc((n > 0 ? 2 * n : 1) * sizeof *ends);
    if (ends == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        assert(rows[i].t0_ns <= rows[i].t1_ns);
        ends[i] = (struct end){rows[i].t0_ns, (uint32_t)i, rows[i].group, true};
        ends[n + i] = (struct end){end_of(&rows[i]), (uint32_t)i, rows[i].group, false};
    }
    qsort(ends, 2 * n, sizeof *ends, end_cmp);
    return ends;
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

static enum al_err walk_ends(const struct weight_row *rows, size_t n, double *u, struct walk *walk)
{
    struct end *ends = sorted_ends(rows, n);
    *walk = (struct walk){0};
    if (ends == NULL)
        return err_set(AL_ENOMEM, "weights of %zu rows", n);
    for (size_t i = 0; i < 2 * n; i++) {
        bool same_group = i > 0 && ends[i].group == ends[i - 1].group;
        if (!same_group)
            walk->integral = walk->alive = 0;
        else if (walk->alive > 0)
            walk->integral += (double)(ends[i].ts_ns - ends[i - 1].ts_ns) / 1e9 / walk->alive;
        meet_end(walk, &ends[i], &rows[ends[i].row], &u[ends[i].row]);
    }
    free(ends);
    return AL_OK;
}

enum al_err weight_uniqueness(const struct weight_row *rows, size_t n, double *u)
{
    struct walk walk;
    return walk_ends(rows, n, u, &walk);
}

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

enum al_err weight_rows(const struct weight_rule *rule,
                        const struct weight_row *rows,
                        size_t n,
                        float *w,
                        double *u,
                        struct weight_summary *summary)
{
    struct walk walk;
    double sum = 0;
    *summary = (struct weight_summary){0};
    enum al_err err = walk_ends(rows, n, u, &walk);
    if (err != AL_OK)
        return err;
    for (size_t i = 0; i < n; i++) {
        summary->n_independent += u[i];
        sum += raw_weight(rule, &rows[i], u[i]);
    }
    for (size_t i = 0; i < n; i++)
        w[i] = sum > 0 ? (float)(raw_weight(rule, &rows[i], u[i]) * (double)n / sum) : 0;
    summary->n_eff = weight_n_eff(w, n);
    summary->concurrency_max = walk.alive_max;
    summary->span_rows = n > 0 ? walk.overlaps / (double)n : 0;
    return AL_OK;
}
