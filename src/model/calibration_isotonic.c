/* Isotonic regression: rows in order of their margin are pooled into blocks, and neighbouring blocks whose means are in the
 * wrong order are pooled again until none is (pool adjacent violators). What is served is a line from centre to centre. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "calibration_i.h"

/* Rows that share one value of q. */
struct block {
    double weight, good, margin; /* sums; margin is weighted */
};

static int by_margin(const void *a, const void *b, void *ctx)
{
    const float *margins = *(const float *const *)ctx;
    uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
    if (margins[i] != margins[k])
        return margins[i] < margins[k] ? -1 : 1;
    return (i > k) - (i < k);
}

static size_t n_distinct(const struct calibration_rows *rows, const uint32_t *order)
{
    size_t n = 1;
    for (size_t i = 1; i < rows->n; i++)
        n += rows->margins[order[i]] != rows->margins[order[i - 1]];
    return n;
}

static void pool(struct block *into, const struct block *other)
{
    into->weight += other->weight;
    into->good += other->good;
    into->margin += other->margin;
}

static void pool_violators(struct block *blocks, size_t *n)
{
    while (*n > 1 && blocks[*n - 2].good * blocks[*n - 1].weight >=
                         blocks[*n - 1].good * blocks[*n - 2].weight) {
        pool(&blocks[*n - 2], &blocks[*n - 1]);
        (*n)--;
    }
}

/* Rows of one margin always stand in one block; with `mass` > 0 a block is closed only when it has got so far of the total. */
static size_t make_blocks(const struct calibration_rows *rows,
                          const uint32_t *order,
                          double mass,
                          struct block *blocks)
{
    double so_far = 0, next = mass;
    struct block open = {0};
    size_t n = 0;
    for (size_t i = 0; i < rows->n; i++) {
        double w = calibration_weight(rows, order[i]), f = (double)rows->margins[order[i]];
        pool(&open, &(struct block){w, rows->labels[order[i]] > 0 ? w : 0, w * f});
        so_far += w;
        bool is_last = i + 1 == rows->n;
        bool ties = !is_last && rows->margins[order[i + 1]] == rows->margins[order[i]];
        if (!is_last && (ties || so_far < next))
            continue;
        while (mass > 0 && next <= so_far)
            next += mass;
        if (!(open.weight > 0))
            continue;
        blocks[n++] = open;
        open = (struct block){0};
        pool_violators(blocks, &n);
    }
    return n;
}

/* Where all of a block went one way, q stays as far from certain as Platt's targets do. */
static void set_knots(const struct block *blocks,
                      size_t n,
                      const struct class_targets *targets,
                      struct isotonic *out)
{
    out->n_knots = 0;
    for (size_t i = 0; i < n; i++) {
        double margin = blocks[i].margin / blocks[i].weight;
        double q =
            fmin(fmax(blocks[i].good / blocks[i].weight, targets->target[0]), targets->target[1]);
        if (out->n_knots > 0 && margin <= out->margin[out->n_knots - 1])
            continue; /* one and the same after rounding */
        out->margin[out->n_knots] = margin;
        out->q[out->n_knots++] = q;
    }
}

enum al_err isotonic_fit(const struct calibration_rows *rows,
                         size_t knots_max,
                         struct isotonic *out)
{
    struct class_targets targets;
    assert(knots_max >= 1 && knots_max <= ISOTONIC_KNOTS_MAX);
    enum al_err err = class_targets_of(rows, &targets);
    if (err != AL_OK)
        return err;
    uint32_t *order = malloc(rows->n * sizeof *order);
    if (order == NULL)
        return err_set(AL_ENOMEM, "isotonic calibration");
    for (size_t i = 0; i < rows->n; i++)
        order[i] = (uint32_t)i;
    const float *margins = rows->margins;
    qsort_r(order, rows->n, sizeof *order, by_margin, &margins);
    bool is_few = n_distinct(rows, order) <= knots_max;
    struct block blocks[ISOTONIC_KNOTS_MAX + 1];
    size_t n = make_blocks(rows, order, is_few ? 0 : targets.weight / (double)knots_max, blocks);
    set_knots(blocks, n < knots_max ? n : knots_max, &targets, out);
    free(order);
    return AL_OK;
}

double isotonic_apply(const struct isotonic *isotonic, double margin)
{
    size_t low = 0, high = isotonic->n_knots - 1;
    assert(isotonic->n_knots > 0);
    if (margin <= isotonic->margin[low])
        return isotonic->q[low];
    if (!(margin < isotonic->margin[high]))
        return isotonic->q[high];
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (isotonic->margin[middle] <= margin)
            low = middle;
        else
            high = middle;
    }
    double share =
        (margin - isotonic->margin[low]) / (isotonic->margin[high] - isotonic->margin[low]);
    return isotonic->q[low] + share * (isotonic->q[high] - isotonic->q[low]);
}
