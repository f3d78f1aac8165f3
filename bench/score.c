/* score: one row through 200 trees of depth 5 over 64 features: our walker beside the library, and whether their bits agree
 * on 20 000 rows of which one value in ten is missing. Prints "walker_us library_us n_rows n_different". */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/model/kind.h"
#include "alphaloop/model/trees.h"
#include "bench.h"

enum {
    TRAIN = 20000,
    ROWS = 20000,
    COLS = 64,
    TREES = 200,
    DEPTH = 5,
    LIBRARY_ROWS = 2000,
    PASSES = 200
};
enum { WARM_ROWS = 256 }; /* as live: the row was just made, so it is in the cache */

static void check(enum al_err err, const char *doing)
{
    if (err != AL_OK)
        bench_die("%s: %s", doing, err_text());
}

/* Log-odds 0.8 (x0 + x1 sign(x2)); the other columns mean nothing. */
static void make_rows(struct rng *rng, float *x, float *labels, size_t n_rows)
{
    for (size_t i = 0; i < n_rows; i++) {
        float *row = x + i * COLS;
        for (size_t c = 0; c < COLS; c++)
            row[c] = rng_uniform(rng) < 0.1 ? NAN : (float)rng_normal(rng);
        double a = isnan(row[0]) ? 0 : row[0], b = isnan(row[1]) ? 0 : row[1],
               s = row[2] > 0 ? 1 : -1;
        labels[i] = rng_uniform(rng) < 1 / (1 + exp(-0.8 * (a + b * s)));
    }
}

static struct model *fit(const struct model_kind *kind, const float *x, const float *labels)
{
    struct model_params params;
    model_params_default(kind, &params);
    for (size_t i = 0; i < kind->n_params; i++) {
        if (strcmp(kind->params[i].name, "max_depth") == 0)
            params.values[i] = DEPTH;
    }
    struct model_fit job = {
        .train = {TRAIN, COLS, x, labels, NULL}, .params = &params, .seed = 1, .n_rounds = TREES};
    struct model *model;
    check(kind->fit(&job, &model), "fit");
    return model;
}

static struct trees *flatten(const struct model_kind *kind, const struct model *model)
{
    struct buf bytes = BUF_INIT(TREES_BYTES_MAX);
    struct trees *trees;
    check(kind->flatten(model, &bytes), "flatten");
    check(trees_load(buf_slice(&bytes), &trees), "load trees");
    if (trees_count(trees) != TREES)
        bench_die("%zu trees", trees_count(trees));
    buf_deinit(&bytes);
    return trees;
}

/* Microseconds a row, one row a call, the best of PASSES passes. */
static double time_walker(const struct trees *trees, const float *x)
{
    double best = INFINITY;
    volatile float sink = 0;
    for (int pass = 0; pass < PASSES; pass++) {
        int64_t started_ns = bench_now_ns();
        for (size_t i = 0; i < WARM_ROWS; i++)
            sink = sink + trees_score(trees, x + i * COLS);
        best = fmin(best, (double)(bench_now_ns() - started_ns) / 1e3 / WARM_ROWS);
    }
    return best;
}

static double time_library(const struct model_kind *kind, const struct model *model, const float *x)
{
    int64_t started_ns = bench_now_ns();
    for (size_t i = 0; i < LIBRARY_ROWS; i++) {
        float margin;
        check(kind->predict(model, x + i * COLS, 1, COLS, &margin), "predict");
    }
    return (double)(bench_now_ns() - started_ns) / 1e3 / LIBRARY_ROWS;
}

int main(void)
{
    float *x = calloc((size_t)ROWS * COLS, sizeof *x), *labels = calloc(ROWS, sizeof *labels);
    float *ours = calloc(ROWS, sizeof *ours), *theirs = calloc(ROWS, sizeof *theirs);
    struct rng rng;
    if (x == NULL || labels == NULL || ours == NULL || theirs == NULL)
        bench_die("out of memory");
    rng_seed(&rng, 1);
    const struct model_kind *kind = model_kind_find(SLICE("xgboost"));
    make_rows(&rng, x, labels, TRAIN);
    struct model *model = fit(kind, x, labels);
    struct trees *trees = flatten(kind, model);
    make_rows(&rng, x, labels, ROWS);
    trees_score_rows(trees, x, ROWS, ours);
    check(kind->predict(model, x, ROWS, COLS, theirs), "predict");
    size_t n_different = 0;
    for (size_t i = 0; i < ROWS; i++)
        n_different += memcmp(&ours[i], &theirs[i], sizeof(float)) != 0;
    printf("%.3f %.3f %d %zu\n", time_walker(trees, x), time_library(kind, model, x), ROWS,
           n_different);
    trees_destroy(trees);
    kind->destroy(model);
    free(x);
    free(labels);
    free(ours);
    free(theirs);
    return 0;
}
