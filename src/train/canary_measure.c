/* What the canaries measure with: the AUC of one column, of a small model, and how far chance takes it. */
#include "canary_i.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fit_i.h"

#define N_BINS       16
#define SMOOTHING    2.0 /* rows at the base rate that every bin is given */
#define SMALL_KIND   "xgboost"
#define SMALL_ROUNDS 20

double canary_auc_se(double auc, double n_gains, double n_losses)
{
    double q1 = auc / (2 - auc), q2 = 2 * auc * auc / (1 + auc);
    double spread =
        auc * (1 - auc) + (n_gains - 1) * (q1 - auc * auc) + (n_losses - 1) * (q2 - auc * auc);
    return sqrt(fmax(spread, 0) / (n_gains * n_losses));
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Bins of equal mass; the last one is for missing values. */
struct bins {
    float edges[N_BINS - 1]; /* a bin ends before its edge */
    double gains[N_BINS + 1], rows[N_BINS + 1];
};

static size_t bin_of(const struct bins *bins, float value)
{
    size_t bin = 0;
    if (isnan(value))
        return N_BINS;
    while (bin < N_BINS - 1 && value >= bins->edges[bin])
        bin++;
    return bin;
}

/* values: [n_teach + n_test]; scratch: as long. */
static void fill_bins(
    const float *values, const float *labels, size_t n_teach, float *scratch, struct bins *bins)
{
    size_t n = 0;
    *bins = (struct bins){.gains = {0}};
    for (size_t i = 0; i < n_teach; i++) {
        if (!isnan(values[i]))
            scratch[n++] = values[i];
    }
    qsort(scratch, n, sizeof *scratch, by_value);
    for (size_t k = 1; k < N_BINS; k++)
        bins->edges[k - 1] = n == 0 ? 0 : scratch[k * n / N_BINS];
    for (size_t i = 0; i < n_teach; i++) {
        size_t bin = bin_of(bins, values[i]);
        bins->gains[bin] += labels[i] > 0;
        bins->rows[bin]++;
    }
}

enum al_err canary_values_auc(
    const float *values, const float *labels, size_t n_teach, size_t n_test, double *auc)
{
    struct bins bins;
    float *scores = malloc((n_teach + n_test + 1) * sizeof *scores);
    double base = 0;
    if (scores == NULL)
        return err_set(AL_ENOMEM, "canaries");
    fill_bins(values, labels, n_teach, scores, &bins);
    for (size_t i = 0; i < n_teach; i++)
        base += labels[i] > 0;
    base /= (double)n_teach;
    for (size_t i = 0; i < n_test; i++) {
        size_t bin = bin_of(&bins, values[n_teach + i]);
        scores[i] = (float)((bins.gains[bin] + SMOOTHING * base) / (bins.rows[bin] + SMOOTHING));
    }
    enum al_err err = evaluate_auc(scores, labels + n_teach, NULL, n_test, auc);
    if (!(*auc >= 0))
        *auc = 0.5; /* one class only */
    free(scores);
    return err;
}

enum al_err canary_column_auc(const struct canary_rows *rows,
                              size_t column,
                              bool by_action,
                              double *auc)
{
    size_t n = rows->n_teach + rows->n_test;
    float *values = calloc(n + 1, sizeof *values);
    if (values == NULL)
        return err_set(AL_ENOMEM, "canaries");
    for (size_t i = 0; i < n; i++)
        values[i] = rows->x[i * rows->n_cols + column] * (by_action ? rows->sign[i] : 1.0F);
    enum al_err err = canary_values_auc(values, rows->labels, rows->n_teach, rows->n_test, auc);
    free(values);
    return err;
}

static bool on_round(void *ctx, const struct model_round *round)
{
    (void)round;
    return training_is_cancelled(ctx);
}

enum al_err canary_model_auc(const struct training *t,
                             const struct canary_rows *rows,
                             const float *labels,
                             double *auc)
{
    struct model_params params;
    struct fitted fitted = {.kind = model_kind_find(SLICE(SMALL_KIND))};
    float *margins = malloc((rows->n_test + 1) * sizeof *margins);
    if (margins == NULL)
        return err_set(AL_ENOMEM, "canaries");
    model_params_default(fitted.kind, &params);
    const struct model_fit fit = {
        .train = {rows->n_teach, rows->n_cols, rows->x, labels, NULL},
        .params = &params,
        .seed = t->job->seed,
        .n_rounds = SMALL_ROUNDS,
        .on_round = on_round,
        .ctx = (void *)(uintptr_t)t, /* only asked whether it is cancelled */
    };
    enum al_err err = fitted.kind->fit(&fit, &fitted.model);
    if (err == AL_OK)
        err = fitted_predict(&fitted, rows->x + rows->n_teach * rows->n_cols, rows->n_test,
                             rows->n_cols, margins);
    if (err == AL_OK)
        err = evaluate_auc(margins, labels + rows->n_teach, NULL, rows->n_test, auc);
    fitted_deinit(&fitted);
    free(margins);
    return err;
}

enum al_err canary_shuffle(const float *labels, size_t n, size_t block, struct rng *rng, float *out)
{
    size_t n_blocks = 0, at = 0;
    size_t *begins = malloc((n + 1) * sizeof *begins);
    if (begins == NULL)
        return err_set(AL_ENOMEM, "canaries");
    for (size_t begin = 0; begin < n; begin += block + rng_below(rng, block))
        begins[n_blocks++] = begin;
    size_t *order = malloc((n_blocks + 1) * sizeof *order);
    for (size_t i = 0; order != NULL && i < n_blocks; i++) {
        size_t k = rng_below(rng, i + 1);
        order[i] = order[k];
        order[k] = i;
    }
    for (size_t i = 0; order != NULL && i < n_blocks; i++) {
        size_t begin = begins[order[i]];
        size_t end = order[i] + 1 < n_blocks ? begins[order[i] + 1] : n;
        memcpy(out + at, labels + begin, (end - begin) * sizeof *out);
        at += end - begin;
    }
    free(begins);
    free(order);
    return order == NULL ? err_set(AL_ENOMEM, "canaries") : AL_OK;
}
