#include "booster_kind_i.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/model/trees.h"
#include "alphaloop/model/walker.h"

#define VERSION    1
#define HEAD_BYTES 16

static const char magic[4] = {'A', 'L', 'F', 'B'};

struct forecast_model {
    float center, scale;
    struct walker *walker;
    struct buf flat; /* what the walker was made of */
};

/* ---- rows for the library ---- */

struct table {
    float *x, *labels; /* [n][n_cols], [n] */
    size_t n;
};

static void table_deinit(struct table *table)
{
    free(table->x);
    free(table->labels);
}

static float label_of(double y, double center, double scale)
{
    double z = (y - center) / scale;
    return (float)fmax(-LABEL_REACH, fmin(LABEL_REACH, z));
}

static enum al_err table_make(const struct forecast_series *series,
                              const size_t *rows,
                              size_t n,
                              const struct forecast_model *model,
                              struct table *out)
{
    size_t n_cols = series->n_cols;
    *out = (struct table){malloc((n * n_cols + 1) * sizeof(float)), malloc((n + 1) * sizeof(float)),
                          n};
    if (out->x == NULL || out->labels == NULL)
        return err_set(AL_ENOMEM, "%zu rows to learn from", n);
    for (size_t i = 0; i < n; i++) {
        memcpy(out->x + i * n_cols, series->x + rows[i] * n_cols, n_cols * sizeof(float));
        out->labels[i] =
            label_of((double)series->y[rows[i]], (double)model->center, (double)model->scale);
    }
    return AL_OK;
}

/* Mean and deviation of what the teachers did; a flat market has no scale of its own. */
static enum al_err measure_teachers(const struct forecast_fit *fit, struct forecast_model *model)
{
    double sum = 0, squares = 0, n = (double)fit->n_teach;
    for (size_t i = 0; i < fit->n_teach; i++)
        sum += (double)fit->series.y[fit->teach[i]];
    for (size_t i = 0; i < fit->n_teach; i++) {
        double d = (double)fit->series.y[fit->teach[i]] - sum / n;
        squares += d * d;
    }
    if (!isfinite(squares))
        return err_set(AL_EINVAL, "a return to learn from is not finite");
    float deviation = (float)sqrt(squares / n);
    model->center = (float)(sum / n);
    model->scale = deviation > 0 ? deviation : 1;
    return AL_OK;
}

/* ---- fitting ---- */

static struct model_rows rows_of(const struct table *table, size_t n_cols)
{
    return (struct model_rows){
        .n_rows = table->n, .n_cols = n_cols, .x = table->x, .labels = table->labels};
}

static enum al_err fit_flat(const struct booster_recipe *recipe,
                            const struct forecast_fit *fit,
                            struct forecast_model *model)
{
    struct table teach = {0}, validation = {0};
    enum al_err err = table_make(&fit->series, fit->teach, fit->n_teach, model, &teach);
    if (err == AL_OK)
        err = table_make(&fit->series, fit->validation, fit->n_validation, model, &validation);
    if (err == AL_OK) {
        const struct model_fit call = {.train = rows_of(&teach, fit->series.n_cols),
                                       .validation = rows_of(&validation, fit->series.n_cols),
                                       .params = fit->params,
                                       .seed = fit->seed,
                                       .on_round = fit->on_round,
                                       .ctx = fit->ctx};
        err = booster_fit_flat(recipe, &call, &model->flat);
    }
    table_deinit(&teach);
    table_deinit(&validation);
    return err == AL_OK ? walker_load(buf_slice(&model->flat), &model->walker) : err;
}

static enum al_err model_create(struct forecast_model **out)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL)
        return err_set(AL_ENOMEM, "a forecast model");
    (*out)->flat = BUF_INIT(MODEL_BYTES_MAX);
    return AL_OK;
}

enum al_err booster_kind_fit(const struct booster_recipe *recipe,
                             const struct forecast_fit *fit,
                             struct forecast_model **out)
{
    struct forecast_model *model = NULL;
    if (fit->n_teach == 0)
        return err_set(AL_EINVAL, "no rows to learn from");
    enum al_err err = model_create(&model);
    if (err == AL_OK)
        err = measure_teachers(fit, model);
    if (err == AL_OK)
        err = fit_flat(recipe, fit, model);
    if (err != AL_OK) {
        booster_kind_destroy(model);
        return err;
    }
    *out = model;
    return AL_OK;
}

/* ---- a fitted one ---- */

enum al_err booster_kind_predict(const struct forecast_model *model,
                                 const struct forecast_series *series,
                                 const size_t *rows,
                                 size_t n,
                                 float *mean,
                                 float *spread)
{
    if (series->n_cols != walker_n_features(model->walker))
        return err_set(AL_EINVAL, "the model knows %zu features, the rows have %zu",
                       walker_n_features(model->walker), series->n_cols);
    for (size_t i = 0; i < n; i++) {
        float z = walker_score(model->walker, series->x + rows[i] * series->n_cols);
        mean[i] = z * model->scale + model->center;
        if (spread != NULL)
            spread[i] = NAN;
    }
    return AL_OK;
}

enum al_err booster_kind_save(const struct forecast_model *model, struct buf *out)
{
    buf_append(out, magic, sizeof magic);
    buf_put_u32le(out, VERSION);
    buf_put_f32le(out, model->center);
    buf_put_f32le(out, model->scale);
    buf_append(out, model->flat.ptr, model->flat.len);
    return buf_ok(out) ? AL_OK : err_set(AL_ERANGE, "the model has more bytes than allowed");
}

enum al_err booster_kind_load(struct slice bytes, struct forecast_model **out)
{
    struct forecast_model *model = NULL;
    if (bytes.len < HEAD_BYTES || memcmp(bytes.ptr, magic, sizeof magic) != 0)
        return err_set(AL_EVERIFY, "not a boosted forecast");
    if (u32le_at(bytes.ptr + 4) != VERSION)
        return err_set(AL_EVERSION, "a boosted forecast of format %u, this program reads %d",
                       u32le_at(bytes.ptr + 4), VERSION);
    float center = f32le_at(bytes.ptr + 8), scale = f32le_at(bytes.ptr + 12);
    if (!isfinite(center) || !isfinite(scale) || !(scale > 0))
        return err_set(AL_EVERIFY, "the scale of the forecast is out of bounds");
    enum al_err err = model_create(&model);
    if (err != AL_OK)
        return err;
    model->center = center;
    model->scale = scale;
    buf_append(&model->flat, bytes.ptr + HEAD_BYTES, bytes.len - HEAD_BYTES);
    err = walker_load(buf_slice(&model->flat), &model->walker);
    if (err != AL_OK) {
        booster_kind_destroy(model);
        return err;
    }
    *out = model;
    return AL_OK;
}

void booster_kind_destroy(struct forecast_model *model)
{
    if (model == NULL)
        return;
    walker_destroy(model->walker);
    buf_deinit(&model->flat);
    free(model);
}
