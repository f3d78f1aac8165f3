/* fit_alone N COLUMNS ROUNDS: boosted trees on N rows that are in memory already, one thread, as polite (nice 10) as the
 * worker's training child: the limit of a training run. Prints "seconds cpu_seconds". */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/model/kind.h"
#include "bench.h"

enum { NICE = 10 };

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
        .train = {n, n_cols, x, labels, NULL}, .params = &params, .seed = 1, .n_rounds = n_rounds};
    int64_t started_ns = bench_now_ns(), cpu_ns = bench_cpu_ns();
    if (kind->fit(&job, &model) != AL_OK)
        bench_die("fit: %s", err_text());
    printf("%.2f %.2f\n", (double)(bench_now_ns() - started_ns) / 1e9,
           (double)(bench_cpu_ns() - cpu_ns) / 1e9);
    kind->destroy(model);
    free(x);
    free(labels);
    return 0;
}
