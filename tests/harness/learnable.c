#include "harness/learnable.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "alphaloop/base/rng.h"

static double squeeze(float v)
{
    return isnan(v) ? 0 : fmin(fmax((double)v, -2.0), 2.0);
}

void learnable_init(
    struct learnable *rows, size_t n_rows, size_t n_cols, double edge, uint64_t seed)
{
    struct rng rng;
    rng_seed(&rng, seed);
    *rows = (struct learnable){.n_rows = n_rows, .n_cols = n_cols};
    rows->x = malloc(n_rows * n_cols * sizeof *rows->x);
    rows->labels = malloc(n_rows * sizeof *rows->labels);
    rows->weights = malloc(n_rows * sizeof *rows->weights);
    rows->net = malloc(n_rows * sizeof *rows->net);
    rows->log_odds = malloc(n_rows * sizeof *rows->log_odds);
    for (size_t i = 0; i < n_rows; i++) {
        float *x = rows->x + i * n_cols;
        for (size_t k = 0; k < n_cols; k++)
            x[k] = rng_below(&rng, 10) == 0 ? NAN : (float)rng_normal(&rng);
        rows->log_odds[i] = edge * (squeeze(x[0]) + squeeze(x[1]) * (x[2] > 0   ? 1
                                                                     : x[2] < 0 ? -1
                                                                                : 0));
        rows->labels[i] = rng_uniform(&rng) < 1.0 / (1.0 + exp(-rows->log_odds[i])) ? 1.0F : 0.0F;
        rows->weights[i] = (float)(0.5 + rng_uniform(&rng));
        rows->net[i] =
            (float)((rows->labels[i] > 0 ? 0.01 : -0.01) * (0.5 + rng_uniform(&rng)) - 0.001);
    }
}

void learnable_deinit(struct learnable *rows)
{
    free(rows->x);
    free(rows->labels);
    free(rows->weights);
    free(rows->net);
    free(rows->log_odds);
}

struct scored {
    double score;
    float label;
};

static int by_score(const void *a, const void *b)
{
    double x = ((const struct scored *)a)->score, y = ((const struct scored *)b)->score;
    return (x > y) - (x < y);
}

double auc_of_doubles(const double *scores, const float *labels, size_t n)
{
    struct scored *sorted = malloc(n * sizeof *sorted);
    double good = 0, rank_sum = 0;
    for (size_t i = 0; i < n; i++)
        sorted[i] = (struct scored){scores[i], labels[i]};
    qsort(sorted, n, sizeof *sorted, by_score);
    for (size_t i = 0; i < n;) {
        size_t end = i;
        while (end < n && sorted[end].score <= sorted[i].score)
            end++;
        for (size_t k = i; k < end; k++) {
            if (sorted[k].label > 0) {
                good += 1;
                rank_sum += (double)(i + end + 1) / 2.0;
            }
        }
        i = end;
    }
    free(sorted);
    assert(good > 0 && good < (double)n);
    return (rank_sum - good * (good + 1) / 2) / (good * ((double)n - good));
}

double auc_of_floats(const float *scores, const float *labels, size_t n)
{
    double *wide = malloc(n * sizeof *wide);
    for (size_t i = 0; i < n; i++)
        wide[i] = (double)scores[i];
    double auc = auc_of_doubles(wide, labels, n);
    free(wide);
    return auc;
}
