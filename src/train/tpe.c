#include "tpe_i.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>

#define REJECTIONS_MAX 100

/* Of a normal around `at` at x, cut off at 0 and 1. */
static double kernel(double x, double at, double sigma)
{
    double z = (x - at) / sigma, root = sigma * sqrt(2.0);
    double mass = 0.5 * (erf((1 - at) / root) + erf(at / root));
    return exp(-0.5 * z * z) / (sigma * sqrt(2 * acos(-1.0)) * mass);
}

/* The same at random. Inside the cube half a normal at least is within, so a few draws are enough. */
static double draw_kernel(double at, double sigma, struct rng *rng)
{
    for (int i = 0; i < REJECTIONS_MAX; i++) {
        double x = at + sigma * rng_normal(rng);
        if (x >= 0 && x <= 1)
            return x;
    }
    return at;
}

struct mixture {
    const struct tpe_point *seen;
    size_t n, n_dims;
    uint16_t members[TPE_POINTS_MAX];
    double sigma;
};

static void mixture_finish(struct mixture *m)
{
    double exponent = -1.0 / (4.0 + (double)m->n_dims);
    m->sigma = fmax(TPE_SIGMA * pow(fmax((double)m->n, 1), exponent), TPE_SIGMA_MIN);
}

static double log_density(const struct mixture *m, const double *x)
{
    double sum = 1; /* the uniform part */
    for (size_t i = 0; i < m->n; i++) {
        double product = 1;
        for (size_t d = 0; d < m->n_dims; d++)
            product *= kernel(x[d], m->seen[m->members[i]].x[d], m->sigma);
        sum += product;
    }
    return log(sum / (double)(m->n + 1));
}

static void draw_uniform(size_t n_dims, struct rng *rng, double *x)
{
    for (size_t d = 0; d < n_dims; d++)
        x[d] = rng_uniform(rng);
}

static void draw(const struct mixture *m, struct rng *rng, double *x)
{
    uint64_t part = rng_below(rng, m->n + 1);
    if (part == m->n) {
        draw_uniform(m->n_dims, rng, x);
        return;
    }
    for (size_t d = 0; d < m->n_dims; d++)
        x[d] = draw_kernel(m->seen[m->members[part]].x[d], m->sigma, rng);
}

/* Of equal losses the earlier point is the better one. */
static size_t rank_of(const struct tpe_point *seen, size_t n, size_t index)
{
    size_t rank = 0;
    for (size_t i = 0; i < n; i++)
        rank += seen[i].loss < seen[index].loss || (i < index && seen[i].loss == seen[index].loss);
    return rank;
}

static void part_good_from_bad(const struct tpe_point *seen,
                               size_t n,
                               size_t n_dims,
                               struct mixture *good,
                               struct mixture *bad)
{
    size_t n_good = (size_t)ceil(TPE_GOOD_SHARE * (double)n);
    *good = (struct mixture){.seen = seen, .n_dims = n_dims};
    *bad = (struct mixture){.seen = seen, .n_dims = n_dims};
    for (size_t i = 0; i < n; i++) {
        struct mixture *of = rank_of(seen, n, i) < n_good ? good : bad;
        of->members[of->n++] = (uint16_t)i;
    }
    mixture_finish(good);
    mixture_finish(bad);
}

void tpe_next(const struct tpe_point *seen, size_t n, size_t n_dims, struct rng *rng, double *x)
{
    struct mixture good, bad;
    double best = -INFINITY, candidate[TPE_DIMS_MAX] = {0};
    assert(n <= TPE_POINTS_MAX && n_dims <= TPE_DIMS_MAX);
    draw_uniform(n_dims, rng, x);
    if (n < TPE_STARTUP)
        return;
    part_good_from_bad(seen, n, n_dims, &good, &bad);
    for (int i = 0; i < TPE_CANDIDATES; i++) {
        draw(&good, rng, candidate);
        double gain = log_density(&good, candidate) - log_density(&bad, candidate);
        if (gain <= best)
            continue;
        best = gain;
        for (size_t d = 0; d < n_dims; d++)
            x[d] = candidate[d];
    }
}
