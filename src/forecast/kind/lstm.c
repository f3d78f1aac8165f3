/* A recurrent network (forecast/lstm.h) over the last rows. Columns and returns are scaled by what the teachers are and nothing
 * else; a missing value counts as the teachers' mean and the network is told how much of a row is missing. A teacher so near the
 * start that rows before it are wanting is taught with those as missing, so that a short series teaches too; predicting takes
 * whole sequences only.
 */
#include "alphaloop/forecast/kind.h"
#include "alphaloop/forecast/lstm.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TEACHERS_MIN 8

enum {
    N_STEPS,
    HIDDEN,
    LAYERS,
    ATTENTION,
    DROPOUT,
    EPOCHS,
    PATIENCE,
    BATCH,
    BATCHES,
    LEARNING_RATE,
    MC_SAMPLES
};

static const struct model_param_spec params[] = {
    [N_STEPS] = {"n_steps", true, 60, 2, LSTM_STEPS_MAX, "rows it reads, the predicted one last"},
    [HIDDEN] = {"hidden", true, 32, 4, LSTM_HIDDEN_MAX,
                "units a layer and direction, rounded up to a multiple of 4"},
    [LAYERS] = {"layers", true, 2, 1, LSTM_LAYERS_MAX, "layers, each reading both ways"},
    [ATTENTION] = {"attention", true, 0, 0, 1,
                   "1: all steps are weighed; 0: the last one of either way counts"},
    [DROPOUT] = {"dropout", false, 0.2, 0, 0.9, "share of a layer's outputs left out"},
    [EPOCHS] = {"epochs", true, 50, 1, 1000, "times the teachers are gone through at most"},
    [PATIENCE] = {"patience", true, 10, 1, 1000,
                  "epochs without a smaller validation loss before it stops"},
    [BATCH] = {"batch", true, 32, 1, LSTM_BATCH_MAX, "teachers a step"},
    [BATCHES] = {"batches", true, 200, 1, 100000,
                 "steps an epoch at most, each time with other teachers"},
    [LEARNING_RATE] = {"learning_rate", false, 0.002, 1e-6, 0.1, "step of Adam"},
    [MC_SAMPLES] = {"mc_samples", true, 30, 2, LSTM_SAMPLES_MAX,
                    "passes with dropout whose deviation is the spread"},
};

struct forecast_model {
    struct lstm_model lstm;
};

static void destroy(struct forecast_model *model)
{
    if (model == NULL)
        return;
    lstm_model_deinit(&model->lstm);
    free(model);
}

/* ---- fitting ---- */

static enum al_err check_fit(const struct forecast_fit *fit)
{
    const struct forecast_series *series = &fit->series;
    if (fit->n_teach < TEACHERS_MIN)
        return err_set(AL_EINVAL, "%zu teachers, a network needs %d", fit->n_teach, TEACHERS_MIN);
    if (series->n_cols == 0 || series->n_cols > LSTM_COLS_MAX)
        return err_set(AL_EINVAL, "%zu columns, a network reads 1 to %d", series->n_cols,
                       LSTM_COLS_MAX);
    for (size_t i = 0; i < fit->n_teach + fit->n_validation; i++) {
        size_t row = i < fit->n_teach ? fit->teach[i] : fit->validation[i - fit->n_teach];
        if (!isfinite(series->y[row]))
            return err_set(AL_EINVAL, "the outcome of row %zu is not finite", row);
        for (size_t k = 0; k < series->n_cols; k++) {
            if (isinf(series->x[row * series->n_cols + k]))
                return err_set(AL_EINVAL, "column %zu of row %zu is not finite", k, row);
        }
    }
    return AL_OK;
}

/* Of the teachers' rows of values[][n_cols]. */
static enum al_err fit_scaler(const struct forecast_fit *fit,
                              const float *values,
                              size_t n_cols,
                              struct scaler **out)
{
    float *rows = malloc(fit->n_teach * n_cols * sizeof *rows);
    if (rows == NULL)
        return err_set(AL_ENOMEM, "%zu teachers", fit->n_teach);
    for (size_t i = 0; i < fit->n_teach; i++)
        memcpy(rows + i * n_cols, values + fit->teach[i] * n_cols, n_cols * sizeof *rows);
    enum al_err err = scaler_fit(rows, fit->n_teach, n_cols, out);
    free(rows);
    return err;
}

/* Outcomes in deviations of the teachers', NaN where there is none: gives free(). */
static enum al_err scale_targets(const struct forecast_fit *fit,
                                 struct lstm_model *model,
                                 float **out)
{
    struct scaler *scaler = NULL;
    enum al_err err = fit_scaler(fit, fit->series.y, 1, &scaler);
    if (err == AL_OK)
        err = scaler_apply(scaler, fit->series.y, fit->series.n_rows, out);
    if (err == AL_OK) {
        struct scaler_column column = scaler->columns[0];
        model->target_mean = column.mean;
        model->target_deviation = column.inverse > 0 ? 1 / column.inverse : 0;
    }
    free(scaler);
    return err;
}

static enum al_err fit_network(const struct forecast_fit *fit,
                               const float *targets,
                               struct lstm_model *model)
{
    const struct forecast_series *series = &fit->series;
    const double *p = fit->params->values;
    size_t n_hidden =
        ((size_t)p[HIDDEN] + LSTM_HIDDEN_STEP - 1) / LSTM_HIDDEN_STEP * LSTM_HIDDEN_STEP;
    struct lstm_fit job = {
        .shape = {.n_steps = (size_t)p[N_STEPS],
                  .n_inputs = series->n_cols + 1,
                  .n_hidden = n_hidden,
                  .n_layers = (size_t)p[LAYERS],
                  .has_attention = p[ATTENTION] > 0,
                  .dropout = (float)p[DROPOUT]},
        .table = {series->n_rows, series->n_cols, series->x, model->scaler},
        .targets = targets,
        .teach = fit->teach,
        .n_teach = fit->n_teach,
        .validation = fit->validation,
        .n_validation = fit->n_validation,
        .n_epochs = (size_t)p[EPOCHS],
        .n_batch = (size_t)p[BATCH],
        .n_batches_max = (size_t)p[BATCHES],
        .patience = (size_t)p[PATIENCE],
        .learning_rate = (float)p[LEARNING_RATE],
        .seed = fit->seed,
        .on_batch = fit->on_round,
        .ctx = fit->ctx,
    };
    model->n_samples = (size_t)p[MC_SAMPLES];
    model->seed = fit->seed;
    return lstm_fit(&job, &model->net);
}

static enum al_err fit(const struct forecast_fit *call, struct forecast_model **out)
{
    float *targets = NULL;
    enum al_err err = check_fit(call);
    if (err != AL_OK)
        return err;
    struct forecast_model *model = calloc(1, sizeof *model);
    if (model == NULL)
        return err_set(AL_ENOMEM, "a network");
    err = fit_scaler(call, call->series.x, call->series.n_cols, &model->lstm.scaler);
    if (err == AL_OK)
        err = scale_targets(call, &model->lstm, &targets);
    if (err == AL_OK)
        err = fit_network(call, targets, &model->lstm);
    free(targets);
    if (err != AL_OK) {
        destroy(model);
        return err;
    }
    *out = model;
    return AL_OK;
}

/* ---- predicting ---- */

/* One row, in returns. A network without dropout has no spread. */
static enum al_err predict_row(const struct lstm_model *model,
                               const struct lstm_rows *table,
                               size_t row,
                               float *mean,
                               float *spread)
{
    const struct lstm_shape *shape = lstm_shape(model->net);
    bool has_spread = spread != NULL && shape->dropout > 0;
    *mean = NAN;
    if (spread != NULL)
        *spread = NAN;
    if (row + 1 < shape->n_steps)
        return AL_OK;
    enum al_err err = lstm_predict(model->net, table, &row, 1, model->n_samples, model->seed, mean,
                                   has_spread ? spread : NULL);
    *mean = model->target_mean + model->target_deviation * *mean;
    if (has_spread)
        *spread *= model->target_deviation;
    return err;
}

static enum al_err predict(const struct forecast_model *model,
                           const struct forecast_series *series,
                           const size_t *rows,
                           size_t n,
                           float *mean,
                           float *spread)
{
    const struct lstm_model *lstm = &model->lstm;
    struct lstm_rows table = {series->n_rows, series->n_cols, series->x, lstm->scaler};
    enum al_err err = AL_OK;
    if (series->n_cols != lstm->scaler->n_cols)
        return err_set(AL_EINVAL, "%zu columns, the network was taught %zu", series->n_cols,
                       lstm->scaler->n_cols);
    for (size_t i = 0; i < n && err == AL_OK; i++) {
        assert(rows[i] < series->n_rows);
        err = predict_row(lstm, &table, rows[i], &mean[i], spread == NULL ? NULL : &spread[i]);
    }
    return err;
}

/* ---- as bytes ---- */

static enum al_err save(const struct forecast_model *model, struct buf *out)
{
    lstm_model_write(&model->lstm, out);
    return buf_ok(out) ? AL_OK : err_set(AL_ERANGE, "the network takes more bytes than allowed");
}

static enum al_err load(struct slice bytes, struct forecast_model **out)
{
    struct forecast_model *model = calloc(1, sizeof *model);
    if (model == NULL)
        return err_set(AL_ENOMEM, "a network");
    enum al_err err = lstm_model_read(bytes, &model->lstm);
    if (err != AL_OK) {
        free(model);
        return err;
    }
    *out = model;
    return AL_OK;
}

extern const struct forecast_kind forecast_kind_lstm;
const struct forecast_kind forecast_kind_lstm = {
    .name = "lstm",
    .summary = "recurrent network over the last rows, with dropout and optional attention",
    .params = params,
    .n_params = COUNT_OF(params),
    .n_lookback = LSTM_STEPS_MAX - 1,
    .fit = fit,
    .predict = predict,
    .save = save,
    .load = load,
    .destroy = destroy,
};
