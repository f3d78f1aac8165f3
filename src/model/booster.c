/* Fitting, saving and asking an XGBoost booster.
 *
 * One thread, so that a training child takes one core and no more, and so that the loop is not disturbed. Early stopping is
 * ours: the C interface has none. After every round the margins of the validation rows are asked for (the library keeps them
 * in a cache, so this costs one tree, not all) and their weighted log loss decides; the best rounds are sliced out at the end.
 * What the library returns is borrowed until the next call, so it is copied at once.
 *
 * The histogram method needs of the teachers only the bin of every value, so the library is given them in the one way where it
 * keeps nothing else (a matrix of quantiles): half the memory of its plain matrix and the same model, bit for bit. Beyond
 * MODEL_SKETCH_ROWS_MAX teachers the bins are laid out by an evenly spread part of them, because sorting all into quantiles
 * costs half as much as the trees: the model is then as good, but not the one of a plain matrix. Every fit makes its bins from
 * its own teachers, so nothing later than them is in a model. Only the histogram method can use such a matrix.
 *
 * A linear booster is given a plain matrix of scaled columns. The scaler belongs to the model: it travels in the library's own
 * file as an attribute. The library cannot slice such a model, so the best so far is kept as bytes.
 */
#include "booster_i.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/model/linear.h"
#include "alphaloop/model/scaler.h"
#include "alphaloop/model/trees.h"
#include "alphaloop/model/xgb.h"

#define SEED_MASK      UINT64_C(0x7fffffff)
#define N_BINS_DEFAULT 256 /* the library's */
#define ARRAY_TEXT_MAX 200

#define FORMAT_UBJ  "{\"format\":\"ubj\"}"
#define FORMAT_JSON "{\"format\":\"json\"}"

#define SCALER_BYTES_MAX (40U * LINEAR_FEATURES_MAX)

struct model {
    const struct xgb *xgb;
    void *booster;
    struct scaler *scaler; /* of a linear one; NULL: rows are seen as they are */
};

enum al_err booster_error(const struct xgb *xgb, const char *what)
{
    const char *text = xgb->XGBGetLastError();
    /* The library's text is a first line and a stack trace: only the line is worth reading. */
    int length = (int)strcspn(text, "\n");
    /* Its only word for a failed allocation is the name of the C++ exception. */
    enum al_err err = strstr(text, "std::bad_alloc") != NULL ? AL_ENOMEM : AL_EMODEL;
    return err_set(err, "xgboost %s: %.*s", what, length < 200 ? length : 200, text);
}

/* ---- rows ---- */

/* Every step-th of n numbers, in the words of the array interface: the library reads them where they are. */
static void column_text(const float *values, size_t n, size_t step, char out[ARRAY_TEXT_MAX])
{
    snprintf(out, ARRAY_TEXT_MAX,
             "{\"data\":[%zu,true],\"shape\":[%zu],\"strides\":[%zu],\"typestr\":\"<f4\","
             "\"version\":3}",
             (size_t)values, (n + step - 1) / step, step * sizeof *values);
}

/* The same of rows. */
static void table_text(
    const float *x, size_t n_rows, size_t n_cols, size_t step, char out[ARRAY_TEXT_MAX])
{
    snprintf(out, ARRAY_TEXT_MAX,
             "{\"data\":[%zu,true],\"shape\":[%zu,%zu],\"strides\":[%zu,%zu],\"typestr\":\"<f4\","
             "\"version\":3}",
             (size_t)x, (n_rows + step - 1) / step, n_cols, step * n_cols * sizeof *x, sizeof *x);
}

static enum al_err set_column(const struct xgb *xgb,
                              void *matrix,
                              const char *field,
                              const float *values,
                              size_t n,
                              size_t step)
{
    char array[ARRAY_TEXT_MAX];
    column_text(values, n, step, array);
    if (xgb->XGDMatrixSetInfoFromInterface(matrix, field, array) != 0)
        return booster_error(xgb, field);
    return AL_OK;
}

static enum al_err set_outcomes(const struct xgb *xgb,
                                void *matrix,
                                const struct model_rows *rows,
                                size_t step)
{
    enum al_err err = set_column(xgb, matrix, "label", rows->labels, rows->n_rows, step);
    if (err == AL_OK && rows->weights != NULL)
        err = set_column(xgb, matrix, "weight", rows->weights, rows->n_rows, step);
    return err;
}

enum al_err booster_matrix(
    const struct xgb *xgb, const float *x, size_t n_rows, size_t n_cols, void **out)
{
    char array[ARRAY_TEXT_MAX];
    table_text(x, n_rows, n_cols, 1, array);
    if (xgb->XGDMatrixCreateFromDense(array, "{\"missing\":NaN,\"nthread\":1}", out) != 0)
        return booster_error(xgb, "rows");
    return AL_OK;
}

static enum al_err labelled_matrix_create(const struct xgb *xgb,
                                          const struct model_rows *rows,
                                          void **out)
{
    enum al_err err = booster_matrix(xgb, rows->x, rows->n_rows, rows->n_cols, out);
    return err == AL_OK ? set_outcomes(xgb, *out, rows, 1) : err;
}

/* ---- rows in bins ---- */

/* All rows, or every step-th, as the one batch the library asks for, several times over. */
struct batch {
    const struct xgb *xgb;
    const struct model_rows *rows;
    size_t step;
    void *proxy; /* DMatrix without rows of its own: the library looks there */
    bool is_taken;
    enum al_err err; /* of the last time it was asked for */
};

static void batch_rewind(void *ctx)
{
    struct batch *batch = ctx;
    batch->is_taken = false;
}

/* 1: there is one; 0: there is no more. */
static int batch_next(void *ctx)
{
    struct batch *batch = ctx;
    const struct model_rows *rows = batch->rows;
    char array[ARRAY_TEXT_MAX];
    if (batch->is_taken)
        return 0;
    batch->is_taken = true;
    table_text(rows->x, rows->n_rows, rows->n_cols, batch->step, array);
    batch->err = batch->xgb->XGProxyDMatrixSetDataDense(batch->proxy, array) == 0
                     ? set_outcomes(batch->xgb, batch->proxy, rows, batch->step)
                     : booster_error(batch->xgb, "rows");
    return batch->err == AL_OK;
}

/* like: a matrix whose bins are taken over; NULL: the rows decide. */
static enum al_err binned_matrix_create(struct batch *batch,
                                        unsigned n_bins,
                                        void *like,
                                        void **out)
{
    const struct xgb *xgb = batch->xgb;
    char config[80];
    snprintf(config, sizeof config, "{\"missing\":NaN,\"nthread\":1,\"max_bin\":%u}", n_bins);
    if (xgb->XGProxyDMatrixCreate(&batch->proxy) != 0)
        return booster_error(xgb, "rows");
    int failed = xgb->XGQuantileDMatrixCreateFromCallback(batch, batch->proxy, like, batch_rewind,
                                                          batch_next, config, out);
    enum al_err err = batch->err;
    if (failed != 0 && err == AL_OK)
        err = booster_error(xgb, "rows");
    xgb->XGDMatrixFree(batch->proxy);
    return err;
}

/* Odd, because the rows of a decision's two actions stand side by side: an even step would see one of them only. */
static size_t sketch_step(size_t n_rows)
{
    return n_rows <= MODEL_SKETCH_ROWS_MAX
               ? 1
               : ((n_rows + MODEL_SKETCH_ROWS_MAX - 1) / MODEL_SKETCH_ROWS_MAX) | 1;
}

static enum al_err teachers_create(const struct xgb *xgb,
                                   const struct model_rows *rows,
                                   unsigned n_bins,
                                   void **out)
{
    struct batch all = {.xgb = xgb, .rows = rows, .step = 1};
    struct batch some = {.xgb = xgb, .rows = rows, .step = sketch_step(rows->n_rows)};
    void *sketch = NULL;
    enum al_err err = AL_OK;
    if (some.step > 1)
        err = binned_matrix_create(&some, n_bins, NULL, &sketch);
    if (err == AL_OK)
        err = binned_matrix_create(&all, n_bins, sketch, out);
    if (sketch != NULL)
        xgb->XGDMatrixFree(sketch);
    return err;
}

static enum al_err check_features(const struct model_rows *rows, const char *which)
{
    for (size_t i = 0; i < rows->n_rows * rows->n_cols; i++) {
        if (isinf(rows->x[i]))
            return err_set(AL_EINVAL, "%s row %zu column %zu is infinite", which, i / rows->n_cols,
                           i % rows->n_cols);
    }
    return AL_OK;
}

static enum al_err check_numbers(const struct model_rows *rows, const char *which)
{
    for (size_t i = 0; i < rows->n_rows; i++) {
        if (!isfinite(rows->labels[i]))
            return err_set(AL_EINVAL, "%s row %zu: its outcome is not finite", which, i);
    }
    return check_features(rows, which);
}

static enum al_err check_rows(const struct model_rows *rows, const char *which)
{
    double weight[2] = {0, 0};
    for (size_t i = 0; i < rows->n_rows; i++) {
        float w = rows->weights == NULL ? 1.0F : rows->weights[i];
        if (!(isfinite(w) && w >= 0))
            return err_set(AL_EINVAL, "%s row %zu: its weight is not a number from 0 on", which, i);
        if (rows->labels[i] != 0.0F && rows->labels[i] != 1.0F)
            return err_set(AL_EINVAL, "%s row %zu: its label is neither 0 nor 1", which, i);
        weight[rows->labels[i] > 0] += (double)w;
    }
    if (!(weight[0] > 0 && weight[1] > 0))
        return err_set(AL_EINVAL,
                       "%s rows: all outcomes are the same, there is nothing to tell apart", which);
    return check_features(rows, which);
}

/* ---- one fit ---- */

struct fitting {
    const struct xgb *xgb;
    const struct model_fit *fit;
    bool is_regression;
    struct scaler *scaler;    /* of the teachers; NULL when it is not linear */
    void *train, *validation; /* DMatrix, the first in bins unless it is linear */
    void *booster;
    struct buf best; /* a linear one's best round so far, saved */
    size_t n_rounds, patience;
    struct model_round round;
};

static double param_value(const struct booster_recipe *recipe,
                          const struct model_params *params,
                          const char *name,
                          double absent)
{
    for (size_t i = 0; i < recipe->n_params; i++) {
        if (strcmp(recipe->params[i].name, name) == 0)
            return params->values[i];
    }
    return absent;
}

static enum al_err set_param(const struct fitting *f, const char *name, const char *value)
{
    return f->xgb->XGBoosterSetParam(f->booster, name, value) == 0 ? AL_OK
                                                                   : booster_error(f->xgb, name);
}

static bool is_ours(const char *name)
{
    return strcmp(name, PARAM_ROUNDS) == 0 || strcmp(name, PARAM_PATIENCE) == 0;
}

static enum al_err set_params(const struct fitting *f, const struct booster_recipe *recipe)
{
    char text[40];
    enum al_err err = AL_OK;
    for (const struct booster_setting *s = recipe->settings; s->name != NULL && err == AL_OK; s++)
        err = set_param(f, s->name, s->value);
    for (size_t i = 0; i < recipe->n_params && err == AL_OK; i++) {
        if (is_ours(recipe->params[i].name))
            continue;
        snprintf(text, sizeof text, recipe->params[i].is_integer ? "%.0f" : "%.9g",
                 f->fit->params->values[i]);
        err = set_param(f, recipe->params[i].name, text);
    }
    snprintf(text, sizeof text, "%llu", (unsigned long long)(f->fit->seed & SEED_MASK));
    return err == AL_OK ? set_param(f, "seed", text) : err;
}

/* The rows on the teachers' scale. */
static enum al_err scaled_matrix_create(const struct fitting *f,
                                        const struct model_rows *rows,
                                        void **out)
{
    struct model_rows scaled = *rows;
    float *x;
    enum al_err err = scaler_apply(f->scaler, rows->x, rows->n_rows, &x);
    if (err != AL_OK)
        return err;
    scaled.x = x;
    err = labelled_matrix_create(f->xgb, &scaled, out);
    free(x);
    return err;
}

static enum al_err plain_matrix_create(const struct fitting *f,
                                       const struct model_rows *rows,
                                       void **out)
{
    return f->scaler != NULL ? scaled_matrix_create(f, rows, out)
                             : labelled_matrix_create(f->xgb, rows, out);
}

static enum al_err fitting_teachers(struct fitting *f, const struct booster_recipe *recipe)
{
    const struct model_fit *fit = f->fit;
    if (!recipe->is_linear)
        return teachers_create(
            f->xgb, &fit->train,
            (unsigned)param_value(recipe, fit->params, PARAM_BINS, N_BINS_DEFAULT), &f->train);
    enum al_err err = scaler_fit(fit->train.x, fit->train.n_rows, fit->train.n_cols, &f->scaler);
    return err == AL_OK ? plain_matrix_create(f, &fit->train, &f->train) : err;
}

/* The scaler goes where the weights go. */
static enum al_err attach_scaler(const struct fitting *f)
{
    struct buf text = BUF_INIT(SCALER_BYTES_MAX);
    enum al_err err = AL_OK;
    scaler_write(f->scaler, &text);
    if (!buf_ok(&text))
        err = err_set(AL_ERANGE, "a scaler of %zu columns is too long", f->scaler->n_cols);
    else if (f->xgb->XGBoosterSetAttr(f->booster, LINEAR_SCALER, buf_str(&text)) != 0)
        err = booster_error(f->xgb, LINEAR_SCALER);
    buf_deinit(&text);
    return err;
}

static enum al_err fitting_begin(struct fitting *f, const struct booster_recipe *recipe)
{
    const struct model_fit *fit = f->fit;
    enum al_err err = recipe->is_regression ? check_numbers(&fit->train, "training")
                                            : check_rows(&fit->train, "training");
    if (err == AL_OK)
        err = fitting_teachers(f, recipe);
    if (err == AL_OK && fit->validation.n_rows > 0) {
        assert(fit->validation.n_cols == fit->train.n_cols);
        err = plain_matrix_create(f, &fit->validation, &f->validation);
    }
    if (err != AL_OK)
        return err;
    void *matrices[] = {f->train, f->validation};
    if (f->xgb->XGBoosterCreate(matrices, f->validation == NULL ? 1 : 2, &f->booster) != 0)
        return booster_error(f->xgb, "model");
    err = set_params(f, recipe);
    return err == AL_OK && f->scaler != NULL ? attach_scaler(f) : err;
}

static void fitting_end(struct fitting *f)
{
    if (f->booster != NULL)
        f->xgb->XGBoosterFree(f->booster);
    if (f->train != NULL)
        f->xgb->XGDMatrixFree(f->train);
    if (f->validation != NULL)
        f->xgb->XGDMatrixFree(f->validation);
    free(f->scaler);
    buf_deinit(&f->best);
}

enum al_err booster_margins(
    const struct xgb *xgb, void *booster, void *matrix, size_t n_rows, const float **margins)
{
    static const char config[] =
        "{\"type\":1,\"training\":false,\"iteration_begin\":0,\"iteration_end\":0,"
        "\"strict_shape\":false}";
    const uint64_t *shape;
    uint64_t n_dims;
    if (xgb->XGBoosterPredictFromDMatrix(booster, matrix, config, &shape, &n_dims, margins) != 0)
        return booster_error(xgb, "prediction");
    size_t n = 1;
    for (uint64_t i = 0; i < n_dims; i++)
        n *= (size_t)shape[i];
    return n == n_rows ? AL_OK
                       : err_set(AL_EMODEL, "xgboost gave %zu predictions for %zu rows", n, n_rows);
}

/* log(1 + exp(-z)) for z = the margin in the direction of the label, without overflow. */
static double log_loss(const struct model_rows *rows, const float *margins)
{
    double sum = 0, weight = 0;
    for (size_t i = 0; i < rows->n_rows; i++) {
        double w = rows->weights == NULL ? 1.0 : (double)rows->weights[i];
        double z = rows->labels[i] > 0 ? (double)margins[i] : -(double)margins[i];
        sum += w * (z > 0 ? log1p(exp(-z)) : -z + log1p(exp(z)));
        weight += w;
    }
    return weight > 0 ? sum / weight : NAN;
}

static double squared_loss(const struct model_rows *rows, const float *margins)
{
    double sum = 0, weight = 0;
    for (size_t i = 0; i < rows->n_rows; i++) {
        double w = rows->weights == NULL ? 1.0 : (double)rows->weights[i];
        double d = (double)rows->labels[i] - (double)margins[i];
        sum += w * d * d;
        weight += w;
    }
    return weight > 0 ? sum / weight : NAN;
}

static enum al_err judge_round(struct fitting *f, size_t round)
{
    struct model_round *r = &f->round;
    const float *margins;
    r->round = round;
    if (f->validation == NULL) {
        r->best_round = round;
        return AL_OK;
    }
    enum al_err err =
        booster_margins(f->xgb, f->booster, f->validation, f->fit->validation.n_rows, &margins);
    if (err != AL_OK)
        return err;
    r->loss = f->is_regression ? squared_loss(&f->fit->validation, margins)
                               : log_loss(&f->fit->validation, margins);
    if (r->best_round == 0 || r->loss < r->best_loss) {
        r->best_round = round;
        r->best_loss = r->loss;
    }
    return AL_OK;
}

static bool is_cancelled(const struct fitting *f)
{
    return f->fit->on_round != NULL && f->fit->on_round(f->fit->ctx, &f->round);
}

/* borrows until the library is asked again. */
static enum al_err save_as(const struct xgb *xgb,
                           void *booster,
                           const char *config,
                           struct slice *out)
{
    uint64_t n_bytes;
    if (xgb->XGBoosterSaveModelToBuffer(booster, config, &n_bytes, &out->ptr) != 0)
        return booster_error(xgb, "save");
    out->len = (size_t)n_bytes;
    return AL_OK;
}

/* What the library saves of a linear model now is its best so far. */
static enum al_err keep_bytes(struct fitting *f)
{
    struct slice bytes;
    enum al_err err = save_as(f->xgb, f->booster, FORMAT_UBJ, &bytes);
    if (err != AL_OK)
        return err;
    buf_reset(&f->best);
    buf_append(&f->best, bytes.ptr, bytes.len);
    return buf_ok(&f->best) ? AL_OK : err_set(AL_ENOMEM, "a model");
}

static enum al_err run_rounds(struct fitting *f)
{
    f->round = (struct model_round){.n_rounds_max = f->n_rounds, .loss = NAN, .best_loss = NAN};
    for (size_t round = 1; round <= f->n_rounds; round++) {
        if (f->xgb->XGBoosterUpdateOneIter(f->booster, (int)(round - 1), f->train) != 0)
            return booster_error(f->xgb, "round");
        enum al_err err = judge_round(f, round);
        if (err == AL_OK && f->scaler != NULL && f->round.best_round == round)
            err = keep_bytes(f);
        if (err != AL_OK)
            return err;
        if (is_cancelled(f))
            return err_set(AL_ECANCELED, "cancelled after round %zu", round);
        if (round - f->round.best_round >= f->patience)
            break;
    }
    return AL_OK;
}

enum al_err booster_adopt(const struct xgb *xgb, void *booster, struct model **out)
{
    struct model *model = malloc(sizeof *model);
    if (model == NULL) {
        xgb->XGBoosterFree(booster);
        return err_set(AL_ENOMEM, "a model");
    }
    *model = (struct model){.xgb = xgb, .booster = booster};
    *out = model;
    return AL_OK;
}

/* The first best_round rounds as a model of their own. */
static enum al_err keep_best(struct fitting *f, struct model **out)
{
    void *best = NULL;
    if (f->scaler != NULL)
        return booster_load(buf_slice(&f->best), out);
    if (f->xgb->XGBoosterSlice(f->booster, 0, (int)f->round.best_round, 1, &best) != 0)
        return booster_error(f->xgb, "slice");
    return booster_adopt(f->xgb, best, out);
}

enum al_err booster_fit(const struct booster_recipe *recipe,
                        const struct model_fit *fit,
                        struct model **out)
{
    struct fitting f = {
        .fit = fit, .is_regression = recipe->is_regression, .best = BUF_INIT(MODEL_BYTES_MAX)};
    if (fit->train.n_rows == 0 || fit->train.n_cols == 0)
        return err_set(AL_EINVAL, "no rows to learn from");
    enum al_err err = xgb_load(&f.xgb);
    if (err != AL_OK)
        return err;
    f.n_rounds = fit->n_rounds > 0 ? fit->n_rounds
                                   : (size_t)param_value(recipe, fit->params, PARAM_ROUNDS, 1);
    f.patience = (size_t)param_value(recipe, fit->params, PARAM_PATIENCE, (double)f.n_rounds);
    err = fitting_begin(&f, recipe);
    if (err == AL_OK)
        err = run_rounds(&f);
    if (err == AL_OK)
        err = keep_best(&f, out);
    fitting_end(&f);
    return err;
}

enum al_err booster_fit_flat(const struct booster_recipe *recipe,
                             const struct model_fit *fit,
                             struct buf *flat)
{
    struct model *model = NULL;
    enum al_err err = booster_fit(recipe, fit, &model);
    if (err == AL_OK)
        err = booster_flatten(model, flat);
    booster_destroy(model);
    return err;
}

/* ---- a fitted one ---- */

size_t booster_n_rounds(const struct model *model)
{
    int n = 0;
    if (model->xgb->XGBoosterBoostedRounds(model->booster, &n) != 0 || n < 0)
        return 0;
    return (size_t)n;
}

enum al_err booster_predict(
    const struct model *model, const float *x, size_t n_rows, size_t n_cols, float *margins)
{
    void *matrix = NULL;
    uint64_t n_features = 0;
    const float *borrowed;
    if (n_rows == 0)
        return AL_OK;
    if (model->xgb->XGBoosterGetNumFeature(model->booster, &n_features) != 0 ||
        n_features != n_cols)
        return err_set(AL_EINVAL, "the model knows %llu features, the rows have %zu",
                       (unsigned long long)n_features, n_cols);
    float *scaled = NULL;
    enum al_err err =
        model->scaler != NULL ? scaler_apply(model->scaler, x, n_rows, &scaled) : AL_OK;
    if (err == AL_OK)
        err = booster_matrix(model->xgb, scaled != NULL ? scaled : x, n_rows, n_cols, &matrix);
    if (err == AL_OK)
        err = booster_margins(model->xgb, model->booster, matrix, n_rows, &borrowed);
    if (err == AL_OK)
        memcpy(margins, borrowed, n_rows * sizeof *margins);
    if (matrix != NULL)
        model->xgb->XGDMatrixFree(matrix);
    free(scaled);
    return err;
}

enum al_err booster_save(const struct model *model, struct buf *out)
{
    struct slice bytes;
    enum al_err err = save_as(model->xgb, model->booster, FORMAT_UBJ, &bytes);
    if (err != AL_OK)
        return err;
    buf_append(out, bytes.ptr, bytes.len);
    return buf_ok(out)
               ? AL_OK
               : err_set(AL_ERANGE, "the model has %zu bytes, more than allowed", bytes.len);
}

enum al_err booster_flatten(const struct model *model, struct buf *out)
{
    struct slice json;
    enum al_err err = save_as(model->xgb, model->booster, FORMAT_JSON, &json);
    if (err != AL_OK)
        return err;
    return model->scaler != NULL ? linear_flatten(json, out) : trees_flatten(json, out);
}

/* One number of every column that splits, or has a weight: `out` is that member of the first column. The library names columns f0, f1 ... */
static enum al_err add_scores(const struct model *model,
                              const char *type,
                              size_t n_cols,
                              float *out)
{
    const size_t stride = sizeof(struct model_importance) / sizeof *out;
    char config[64];
    const char **names;
    uint64_t n_names, n_dims;
    const uint64_t *shape;
    const float *scores;
    snprintf(config, sizeof config, "{\"importance_type\":\"%s\"}", type);
    if (model->xgb->XGBoosterFeatureScore(model->booster, config, &n_names, &names, &n_dims, &shape,
                                          &scores) != 0)
        return booster_error(model->xgb, type);
    for (uint64_t i = 0; i < n_names; i++) {
        char *end;
        unsigned long column = strtoul(names[i] + 1, &end, 10);
        if (names[i][0] != 'f' || *end != '\0' || column >= n_cols)
            return err_set(AL_EMODEL, "xgboost %s: there is no column %s", type, names[i]);
        out[column * stride] = scores[i];
    }
    return AL_OK;
}

enum al_err booster_importance(const struct model *model,
                               size_t n_cols,
                               struct model_importance *out)
{
    memset(out, 0, n_cols * sizeof *out);
    enum al_err err = add_scores(model, "weight", n_cols, &out->weight);
    if (err == AL_OK && model->scaler != NULL)
        return AL_OK; /* a linear one has weights alone */
    if (err == AL_OK)
        err = add_scores(model, "gain", n_cols, &out->gain);
    if (err == AL_OK)
        err = add_scores(model, "cover", n_cols, &out->cover);
    return err;
}

/* The scaler of a linear model; none is found in one of trees. */
static enum al_err detach_scaler(struct model *model)
{
    const char *text = NULL;
    int found = 0;
    uint64_t n_features = 0;
    if (model->xgb->XGBoosterGetAttr(model->booster, LINEAR_SCALER, &text, &found) != 0 ||
        model->xgb->XGBoosterGetNumFeature(model->booster, &n_features) != 0)
        return booster_error(model->xgb, LINEAR_SCALER);
    return found == 0 ? AL_OK : scaler_read(slice_of(text), (size_t)n_features, &model->scaler);
}

enum al_err booster_load(struct slice bytes, struct model **out)
{
    const struct xgb *xgb;
    void *booster = NULL;
    struct model *model = NULL;
    enum al_err err = xgb_load(&xgb);
    if (err != AL_OK)
        return err;
    if (xgb->XGBoosterCreate(NULL, 0, &booster) != 0)
        return booster_error(xgb, "model");
    err = booster_adopt(xgb, booster, &model);
    if (err != AL_OK)
        return err;
    if (xgb->XGBoosterLoadModelFromBuffer(booster, bytes.ptr, bytes.len) != 0 ||
        xgb->XGBoosterSetParam(booster, "nthread", "1") != 0)
        err = booster_error(xgb, "load");
    if (err == AL_OK)
        err = detach_scaler(model);
    if (err != AL_OK)
        booster_destroy(model);
    else
        *out = model;
    return err;
}

void booster_destroy(struct model *model)
{
    if (model == NULL)
        return;
    model->xgb->XGBoosterFree(model->booster);
    free(model->scaler);
    free(model);
}
