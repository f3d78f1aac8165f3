/* fit_alone N COLUMNS ROUNDS: boosted trees on N rows that are in memory already, one thread, as polite (nice 10) as the
 * worker's training child: the limit of a training run. First as the library's manual has it, one plain matrix and a round after
 * another, then as the worker fits. Prints "seconds cpu_seconds" of the first, then of the second. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/model/kind.h"
#include "alphaloop/model/xgb.h"
#include "bench.h"

enum { NICE = 10, SEED = 1 };

static const struct xgb *xgb;

static void check(int code, const char *what)
{
    if (code != 0)
        bench_die("%s: %s", what, xgb->XGBGetLastError());
}

static void array_text(const float *values, size_t n_rows, size_t n_cols, char out[160])
{
    snprintf(out, 160,
             "{\"data\":[%zu,true],\"shape\":[%zu,%zu],\"typestr\":\"<f4\",\"version\":3}",
             (size_t)values, n_rows, n_cols);
}

static void set(void *booster, const char *name, const char *value)
{
    check(xgb->XGBoosterSetParam(booster, name, value), name);
}

static void set_params(void *booster, const struct model_fit *job, const struct model_kind *kind)
{
    char text[40];
    set(booster, "objective", "binary:logistic");
    set(booster, "tree_method", "hist");
    set(booster, "nthread", "1");
    for (size_t i = 0; i < kind->n_params; i++) {
        const char *name = kind->params[i].name;
        if (strcmp(name, "rounds") == 0 || strcmp(name, "patience") == 0)
            continue;
        snprintf(text, sizeof text, "%.9g", job->params->values[i]);
        set(booster, name, text);
    }
}

static void fit_plainly(const struct model_fit *job, const struct model_kind *kind)
{
    const struct model_rows *rows = &job->train;
    void *matrix, *booster;
    char array[160];
    array_text(rows->x, rows->n_rows, rows->n_cols, array);
    check(xgb->XGDMatrixCreateFromDense(array, "{\"missing\":NaN,\"nthread\":1}", &matrix), "rows");
    array_text(rows->labels, rows->n_rows, 1, array);
    check(xgb->XGDMatrixSetInfoFromInterface(matrix, "label", array), "labels");
    check(xgb->XGBoosterCreate(&matrix, 1, &booster), "model");
    set_params(booster, job, kind);
    for (int round = 0; round < (int)job->n_rounds; round++)
        check(xgb->XGBoosterUpdateOneIter(booster, round, matrix), "round");
    check(xgb->XGBoosterFree(booster), "model");
    check(xgb->XGDMatrixFree(matrix), "rows");
}

static void fit_as_the_worker(const struct model_fit *job, const struct model_kind *kind)
{
    struct model *model;
    if (kind->fit(job, &model) != AL_OK)
        bench_die("fit: %s", err_text());
    kind->destroy(model);
}

static void measure(void (*fit)(const struct model_fit *, const struct model_kind *),
                    const struct model_fit *job,
                    const struct model_kind *kind)
{
    int64_t started_ns = bench_now_ns(), cpu_ns = bench_cpu_ns();
    fit(job, kind);
    printf("%.2f %.2f\n", (double)(bench_now_ns() - started_ns) / 1e9,
           (double)(bench_cpu_ns() - cpu_ns) / 1e9);
}

int main(int argc, char **argv)
{
    if (argc != 4 || nice(NICE) == -1)
        bench_die("usage: fit_alone N COLUMNS ROUNDS");
    size_t n = strtoul(argv[1], NULL, 10), n_cols = strtoul(argv[2], NULL, 10);
    size_t n_rounds = strtoul(argv[3], NULL, 10);
    float *x = malloc(n * n_cols * sizeof *x), *labels = malloc(n * sizeof *labels);
    struct rng rng;
    if (x == NULL || labels == NULL)
        bench_die("out of memory");
    rng_seed(&rng, SEED);
    for (size_t i = 0; i < n * n_cols; i++)
        x[i] = (float)rng_normal(&rng);
    for (size_t i = 0; i < n; i++)
        labels[i] = 5 * (double)x[i * n_cols] + 16 * rng_normal(&rng) > 3;
    const struct model_kind *kind = model_kind_find(SLICE("xgboost"));
    struct model_params params;
    model_params_default(kind, &params);
    struct model_fit job = {.train = {n, n_cols, x, labels, NULL},
                            .params = &params,
                            .seed = SEED,
                            .n_rounds = n_rounds};
    if (xgb_load(&xgb) != AL_OK)
        bench_die("%s", err_text());
    measure(fit_plainly, &job, kind);
    measure(fit_as_the_worker, &job, kind);
    free(x);
    free(labels);
    return 0;
}
