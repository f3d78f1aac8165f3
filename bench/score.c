/* score: one row through 200 trees of depth 5 over 64 features: our walker beside the library, and whether their bits agree
 * on 20 000 rows of which one value in ten is missing. Prints "walker_us library_us n_rows n_different".
 *
 * score explain: what every one of 115 features adds to the log-odds of one row, beside the library's pred_contribs, and how
 * far they are apart on 500 rows. Prints "ours_us library_us n_rows largest_difference". */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/model/kind.h"
#include "alphaloop/model/trees.h"
#include "alphaloop/model/xgb.h"
#include "bench.h"

enum {
    TRAIN = 20000,
    ROWS = 20000,
    SCORE_COLS = 64,
    EXPLAIN_COLS = 115,
    TREES = 200,
    DEPTH = 5,
    LIBRARY_ROWS = 2000,
    PASSES = 200,
    EXPLAIN_ROWS = 500,
    EXPLAIN_BATCH = 10
};
enum { WARM_ROWS = 256 }; /* as live: the row was just made, so it is in the cache */

static size_t n_cols;

static void check(enum al_err err, const char *doing)
{
    if (err != AL_OK)
        bench_die("%s: %s", doing, err_text());
}

/* Log-odds 0.8 (x0 + x1 sign(x2)); the other columns mean nothing. */
static void make_rows(struct rng *rng, float *x, float *labels, size_t n_rows)
{
    for (size_t i = 0; i < n_rows; i++) {
        float *row = x + i * n_cols;
        for (size_t c = 0; c < n_cols; c++)
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
        .train = {TRAIN, n_cols, x, labels, NULL}, .params = &params, .seed = 1, .n_rounds = TREES};
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
            sink = sink + trees_score(trees, x + i * n_cols);
        best = fmin(best, (double)(bench_now_ns() - started_ns) / 1e3 / WARM_ROWS);
    }
    return best;
}

static double time_library(const struct model_kind *kind, const struct model *model, const float *x)
{
    int64_t started_ns = bench_now_ns();
    for (size_t i = 0; i < LIBRARY_ROWS; i++) {
        float margin;
        check(kind->predict(model, x + i * n_cols, 1, n_cols, &margin), "predict");
    }
    return (double)(bench_now_ns() - started_ns) / 1e3 / LIBRARY_ROWS;
}

/* ---- explaining ---- */

static void *library_booster(const struct xgb *xgb,
                             const struct model_kind *kind,
                             const struct model *model)
{
    struct buf bytes = BUF_INIT(MODEL_BYTES_MAX);
    void *booster;
    check(kind->save(model, &bytes), "save");
    if (xgb->XGBoosterCreate(NULL, 0, &booster) != 0 ||
        xgb->XGBoosterSetParam(booster, "nthread", "1") != 0 ||
        xgb->XGBoosterLoadModelFromBuffer(booster, bytes.ptr, bytes.len) != 0)
        bench_die("%s", xgb->XGBGetLastError());
    buf_deinit(&bytes);
    return booster;
}

/* [n_cols + 1], the mean last. */
static void library_contributions(const struct xgb *xgb,
                                  void *booster,
                                  const float *row,
                                  float *out)
{
    const uint64_t *shape;
    uint64_t n_dims;
    const float *borrowed;
    char array[160];
    void *matrix;
    snprintf(array, sizeof array,
             "{\"data\":[%zu,true],\"shape\":[1,%zu],\"typestr\":\"<f4\",\"version\":3}",
             (size_t)row, n_cols);
    if (xgb->XGDMatrixCreateFromDense(array, "{\"missing\":NaN,\"nthread\":1}", &matrix) != 0 ||
        xgb->XGBoosterPredictFromDMatrix(booster, matrix,
                                         "{\"type\":2,\"training\":false,\"iteration_begin\":0,"
                                         "\"iteration_end\":0,\"strict_shape\":false}",
                                         &shape, &n_dims, &borrowed) != 0)
        bench_die("%s", xgb->XGBGetLastError());
    memcpy(out, borrowed, (n_cols + 1) * sizeof *out);
    xgb->XGDMatrixFree(matrix);
}

/* Microseconds a row, the best of small batches: a long one is interrupted on a busy machine. */
static double best_us(double best, int64_t started_ns)
{
    return fmin(best, (double)(bench_now_ns() - started_ns) / 1e3 / EXPLAIN_BATCH);
}

static void explain(const struct model_kind *kind,
                    const struct model *model,
                    const struct trees *trees,
                    const float *x)
{
    float *theirs = calloc(EXPLAIN_BATCH * (n_cols + 1), sizeof *theirs);
    double *ours = calloc(EXPLAIN_BATCH * n_cols, sizeof *ours);
    double ours_us = INFINITY, library_us = INFINITY, largest = 0;
    const struct xgb *xgb;
    check(xgb_load(&xgb), "load the library");
    void *booster = library_booster(xgb, kind, model);
    for (size_t first = 0; first < EXPLAIN_ROWS; first += EXPLAIN_BATCH) {
        int64_t started_ns = bench_now_ns();
        for (size_t i = 0; i < EXPLAIN_BATCH; i++)
            library_contributions(xgb, booster, x + (first + i) * n_cols,
                                  theirs + i * (n_cols + 1));
        library_us = best_us(library_us, started_ns);
        started_ns = bench_now_ns();
        for (size_t i = 0; i < EXPLAIN_BATCH; i++) {
            if (!trees_contributions(trees, x + (first + i) * n_cols, ours + i * n_cols))
                bench_die("the trees have no covers");
        }
        ours_us = best_us(ours_us, started_ns);
        for (size_t i = 0; i < EXPLAIN_BATCH; i++) {
            for (size_t c = 0; c < n_cols; c++)
                largest = fmax(largest,
                               fabs(ours[i * n_cols + c] - (double)theirs[i * (n_cols + 1) + c]));
        }
    }
    printf("%.1f %.1f %d %.1e\n", ours_us, library_us, EXPLAIN_ROWS, largest);
    xgb->XGBoosterFree(booster);
    free(theirs);
    free(ours);
}

/* ---- scoring ---- */

static void score(const struct model_kind *kind,
                  const struct model *model,
                  const struct trees *trees,
                  const float *x)
{
    float *ours = calloc(ROWS, sizeof *ours), *theirs = calloc(ROWS, sizeof *theirs);
    size_t n_different = 0;
    if (ours == NULL || theirs == NULL)
        bench_die("out of memory");
    trees_score_rows(trees, x, ROWS, ours);
    check(kind->predict(model, x, ROWS, n_cols, theirs), "predict");
    for (size_t i = 0; i < ROWS; i++)
        n_different += memcmp(&ours[i], &theirs[i], sizeof(float)) != 0;
    printf("%.3f %.3f %d %zu\n", time_walker(trees, x), time_library(kind, model, x), ROWS,
           n_different);
    free(ours);
    free(theirs);
}

int main(int argc, char **argv)
{
    bool explains = argc > 1 && strcmp(argv[1], "explain") == 0;
    n_cols = explains ? EXPLAIN_COLS : SCORE_COLS;
    float *x = calloc(ROWS * n_cols, sizeof *x), *labels = calloc(ROWS, sizeof *labels);
    struct rng rng;
    if (x == NULL || labels == NULL)
        bench_die("out of memory");
    rng_seed(&rng, 1);
    const struct model_kind *kind = model_kind_find(SLICE("xgboost"));
    make_rows(&rng, x, labels, TRAIN);
    struct model *model = fit(kind, x, labels);
    struct trees *trees = flatten(kind, model);
    make_rows(&rng, x, labels, ROWS);
    (explains ? explain : score)(kind, model, trees, x);
    trees_destroy(trees);
    kind->destroy(model);
    free(x);
    free(labels);
    return 0;
}
