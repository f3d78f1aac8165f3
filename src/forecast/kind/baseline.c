/* A random walk with drift: the log return over the horizon is its mean over the teachers, whatever the features. What every
 * other kind has to beat (Hyndman & Athanasopoulos, Forecasting: Principles and Practice, 5.2).
 *
 * File, little endian: magic "ALFD"  u32 version  u32 n_cols  f32 drift  f32 standard deviation. */
#include "alphaloop/forecast/kind.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define VERSION    1
#define FILE_BYTES 20

static const char magic[4] = {'A', 'L', 'F', 'D'};

struct forecast_model {
    uint32_t n_cols;
    float drift, deviation; /* per horizon */
};

static enum al_err give(struct forecast_model model, struct forecast_model **out)
{
    struct forecast_model *copy = malloc(sizeof *copy);
    if (copy == NULL)
        return err_set(AL_ENOMEM, "a baseline");
    *copy = model;
    *out = copy;
    return AL_OK;
}

static double mean_square(const struct forecast_fit *fit, double drift)
{
    double sum = 0;
    for (size_t i = 0; i < fit->n_validation; i++) {
        double d = (double)fit->series.y[fit->validation[i]] - drift;
        sum += d * d;
    }
    return fit->n_validation > 0 ? sum / (double)fit->n_validation : NAN;
}

static enum al_err fit_baseline(const struct forecast_fit *fit, struct forecast_model **out)
{
    double sum = 0, squares = 0, n = (double)fit->n_teach;
    if (fit->n_teach == 0)
        return err_set(AL_EINVAL, "no rows to learn from");
    for (size_t i = 0; i < fit->n_teach; i++)
        sum += (double)fit->series.y[fit->teach[i]];
    double drift = sum / n;
    for (size_t i = 0; i < fit->n_teach; i++) {
        double d = (double)fit->series.y[fit->teach[i]] - drift;
        squares += d * d;
    }
    if (!isfinite(squares))
        return err_set(AL_EINVAL, "a return to learn from is not finite");
    double loss = mean_square(fit, drift);
    struct model_round round = {1, 1, loss, 1, loss};
    if (fit->on_round != NULL && fit->on_round(fit->ctx, &round))
        return err_set(AL_ECANCELED, "cancelled after round 1");
    return give((struct forecast_model){(uint32_t)fit->series.n_cols, (float)drift,
                                        (float)sqrt(squares / n)},
                out);
}

static enum al_err predict(const struct forecast_model *model,
                           const struct forecast_series *series,
                           const size_t *rows,
                           size_t n,
                           float *mean,
                           float *spread)
{
    (void)rows;
    if (series->n_cols != model->n_cols)
        return err_set(AL_EINVAL, "the model knows %u features, the rows have %zu", model->n_cols,
                       series->n_cols);
    for (size_t i = 0; i < n; i++) {
        mean[i] = model->drift;
        if (spread != NULL)
            spread[i] = model->deviation;
    }
    return AL_OK;
}

static enum al_err save(const struct forecast_model *model, struct buf *out)
{
    buf_append(out, magic, sizeof magic);
    buf_put_u32le(out, VERSION);
    buf_put_u32le(out, model->n_cols);
    buf_put_f32le(out, model->drift);
    buf_put_f32le(out, model->deviation);
    return buf_ok(out) ? AL_OK : err_set(AL_ERANGE, "a baseline has more bytes than allowed");
}

static enum al_err load(struct slice bytes, struct forecast_model **out)
{
    if (bytes.len != FILE_BYTES || memcmp(bytes.ptr, magic, sizeof magic) != 0)
        return err_set(AL_EVERIFY, "not a baseline");
    if (u32le_at(bytes.ptr + 4) != VERSION)
        return err_set(AL_EVERSION, "a baseline of format %u, this program reads %d",
                       u32le_at(bytes.ptr + 4), VERSION);
    struct forecast_model model = {u32le_at(bytes.ptr + 8), f32le_at(bytes.ptr + 12),
                                   f32le_at(bytes.ptr + 16)};
    if (model.n_cols == 0 || model.n_cols > FORECAST_COLS_MAX || !isfinite(model.drift) ||
        !isfinite(model.deviation) || model.deviation < 0)
        return err_set(AL_EVERIFY, "a number of the baseline is out of bounds");
    return give(model, out);
}

static void destroy(struct forecast_model *model)
{
    free(model);
}

extern const struct forecast_kind forecast_kind_baseline;
const struct forecast_kind forecast_kind_baseline = {
    .name = "baseline",
    .summary = "random walk with drift",
    .is_naive = true,
    .fit = fit_baseline,
    .predict = predict,
    .save = save,
    .load = load,
    .destroy = destroy,
};
