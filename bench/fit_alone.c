/* fit_alone N COLUMNS: 100 rounds of boosted trees on N rows that are in memory already, one thread: the limit of a
 * training run. Prints seconds. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/model/kind.h"
#include "bench.h"

int main(int argc, char **argv)
{
    if (argc != 3)
        bench_die("usage: fit_alone N COLUMNS");
    size_t n = strtoul(argv[1], NULL, 10), n_cols = strtoul(argv[2], NULL, 10);
    float *x = malloc(n * n_cols * sizeof *x), *labels = malloc(n * sizeof *labels);
    struct rng rng;
    if (x == NULL || labels == NULL)
        bench_die("out of memory");
    rng_seed(&rng, 1);
    for (size_t i = 0; i < n * n_cols; i++)
        x[i] = (float)rng_normal(&rng);
    for (size_t i = 0; i < n; i++)
        labels[i] = 5 * (double)x[i * n_cols] + 16 * rng_normal(&rng) > 3;
    const struct model_kind *kind = model_kind_find(SLICE("xgboost"));
    struct model_params params;
    struct model *model;
    model_params_default(kind, &params);
    struct model_fit job = {
        .train = {n, n_cols, x, labels, NULL}, .params = &params, .seed = 1, .n_rounds = 100};
    int64_t started_ns = bench_now_ns();
    if (kind->fit(&job, &model) != AL_OK)
        bench_die("fit: %s", err_text());
    printf("%.2f\n", (double)(bench_now_ns() - started_ns) / 1e9);
    kind->destroy(model);
    free(x);
    free(labels);
    return 0;
}
