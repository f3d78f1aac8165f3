#include "alphaloop/forecast/train.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/dataset/split.h"
#include "alphaloop/model/xgb.h"

#define FIRST_SHARE      0.4
#define VALIDATION_SHARE 0.15

/* ---- one horizon ---- */

struct training {
    const struct forecast_job *job;
    const struct forecast_kind *kind;
    const struct forecast_hooks *hooks;
    const struct forecast_rows *rows;
    size_t horizon; /* index */
    size_t fit;     /* of FORECAST_FOLDS + 1 in this horizon */
    int64_t horizon_ns;
    float *y;                 /* [n_rows] */
    size_t *usable;           /* [n_usable] row of each span */
    struct label_span *spans; /* [n_usable] */
    size_t n_usable;
    uint32_t *picked; /* [n_usable] scratch: spans that may teach */
    size_t *teach;    /* [n_usable] scratch: their rows */
    struct forecast_outcome *outcomes;
    size_t n_outcomes;
};

static void training_deinit(struct training *t)
{
    free(t->y);
    free(t->usable);
    free(t->spans);
    free(t->picked);
    free(t->teach);
    free(t->outcomes);
}

static enum al_err training_alloc(struct training *t)
{
    size_t n = t->rows->n_rows + 1;
    t->y = malloc(n * sizeof *t->y);
    t->usable = malloc(n * sizeof *t->usable);
    t->spans = malloc(n * sizeof *t->spans);
    t->picked = malloc(n * sizeof *t->picked);
    t->teach = malloc(n * sizeof *t->teach);
    t->outcomes = malloc(n * sizeof *t->outcomes);
    return t->y != NULL && t->usable != NULL && t->spans != NULL && t->picked != NULL &&
                   t->teach != NULL && t->outcomes != NULL
               ? AL_OK
               : err_set(AL_ENOMEM, "a training on %zu rows", n);
}

static float sigma_over(const struct training *t, size_t row)
{
    double n_bars = (double)t->horizon_ns / (double)t->rows->interval_ns;
    return (float)((double)t->rows->sigma[row] * sqrt(n_bars));
}

static bool has_features(const struct forecast_rows *rows, size_t row)
{
    const float *x = rows->x + row * rows->n_cols;
    size_t n_known = 0;
    for (size_t k = 0; k < rows->n_cols; k++)
        n_known += isnan(x[k]) ? 0 : 1;
    return 2 * n_known > rows->n_cols;
}

/* Rows with an outcome, a volatility and most of their features, and enough before them to look back on. */
static void find_usable(struct training *t)
{
    forecast_rows_outcomes(t->rows, t->horizon_ns, t->y);
    t->n_usable = 0;
    for (size_t i = t->kind->n_lookback; i < t->rows->n_rows; i++) {
        if (!isfinite(t->y[i]) || !(sigma_over(t, i) > 0) || !has_features(t->rows, i))
            continue;
        int64_t from_ns = t->rows->ts_ns[i];
        t->usable[t->n_usable] = i;
        t->spans[t->n_usable++] =
            (struct label_span){from_ns, from_ns + t->horizon_ns, from_ns + t->horizon_ns};
    }
}

static int64_t embargo_of(const struct training *t)
{
    int64_t span_ns = t->spans[t->n_usable - 1].t0_ns - t->spans[0].t0_ns;
    return t->horizon_ns > span_ns / 100 ? t->horizon_ns : span_ns / 100;
}

/* ---- one fit ---- */

static bool is_cancelled(const struct training *t)
{
    return t->hooks->is_cancelled != NULL && t->hooks->is_cancelled(t->hooks->ctx);
}

static void tell(const struct training *t, double fraction_of_fit)
{
    double done = ((double)t->fit + fraction_of_fit) / (FORECAST_FOLDS + 1);
    struct train_line line = {
        .kind = TRAIN_LINE_PROGRESS,
        .stage = t->fit < FORECAST_FOLDS ? TRAIN_STAGE_FOLD : TRAIN_STAGE_FINAL,
        .fraction = ((double)t->horizon + done) / (double)t->job->n_horizons,
        .n_rows = t->rows->n_rows,
    };
    if (t->hooks->on_progress != NULL)
        t->hooks->on_progress(t->hooks->ctx, &line);
}

static bool on_round(void *ctx, const struct model_round *round)
{
    const struct training *t = ctx;
    tell(t, (double)round->round / (double)round->n_rounds_max);
    return is_cancelled(t);
}

/* Fit on spans picked[0..n): the newest part, purged, says when to stop. */
static enum al_err fit(struct training *t, size_t n, struct forecast_model **out)
{
    size_t n_validation = (size_t)((double)n * VALIDATION_SHARE), n_teach = 0;
    size_t first = n - n_validation; /* of those that validate */
    int64_t cut_ns = n_validation > 0 ? t->spans[t->picked[first]].t0_ns : INT64_MAX;
    for (size_t i = 0; i < first; i++) {
        if (t->spans[t->picked[i]].available_at_ns <= cut_ns)
            t->teach[n_teach++] = t->usable[t->picked[i]];
    }
    for (size_t i = first; i < n; i++)
        t->teach[i] = t->usable[t->picked[i]];
    const struct forecast_fit call = {
        .series = forecast_rows_series(t->rows, t->y),
        .teach = t->teach,
        .n_teach = n_teach,
        .validation = t->teach + first,
        .n_validation = n_validation,
        .params = &t->job->params,
        .seed = t->job->seed,
        .on_round = on_round,
        .ctx = t,
    };
    if (is_cancelled(t))
        return err_set(AL_ECANCELED, "cancelled");
    return t->kind->fit(&call, out);
}

static double mean_move(const struct training *t, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += fabs((double)t->y[t->usable[t->picked[i]]]);
    return n > 0 ? sum / (double)n : NAN;
}

/* ---- walking forward ---- */

static enum al_err add_outcomes(struct training *t,
                                const struct forecast_model *model,
                                const struct split *split,
                                double scale)
{
    size_t n = split->test_end - split->test_begin;
    struct forecast_series series = forecast_rows_series(t->rows, NULL);
    float *mean = malloc((n + 1) * sizeof *mean);
    if (mean == NULL)
        return err_set(AL_ENOMEM, "%zu forecasts", n);
    enum al_err err =
        t->kind->predict(model, &series, t->usable + split->test_begin, n, mean, NULL);
    for (size_t i = 0; i < n && err == AL_OK; i++) {
        size_t row = t->usable[split->test_begin + i];
        if (!isfinite(mean[i]))
            err = err_set(AL_EMODEL, "the forecast of row %zu is not finite", row);
        t->outcomes[t->n_outcomes++] = (struct forecast_outcome){
            .ts_ns = t->rows->ts_ns[row],
            .y = t->y[row],
            .mean = mean[i],
            .sigma = sigma_over(t, row),
            .low = NAN,
            .high = NAN,
            .naive_radius = NAN,
            .scale = (float)scale,
            .price = t->rows->close[row],
        };
    }
    free(mean);
    return err;
}

static enum al_err run_fold(struct training *t, const struct split *split)
{
    struct forecast_model *model = NULL;
    size_t n = split_teachers(split, t->spans, t->n_usable, t->picked);
    if (n == 0)
        return err_set(AL_ESHORT, "a fold has no teachers");
    enum al_err err = fit(t, n, &model);
    if (err == AL_OK)
        err = add_outcomes(t, model, split, mean_move(t, n));
    t->kind->destroy(model);
    return err;
}

/* ---- intervals ---- */

static double worth(const struct training *t, size_t n)
{
    double overlap = (double)t->horizon_ns / (double)t->rows->interval_ns;
    return fmax(1, (double)n / fmax(1, overlap));
}

/* From outcomes [0, n) that were known by cut_ns. `of`: 1 for the forecast, 0 for the random walk. */
static enum al_err fit_conformal(
    const struct training *t, size_t n, int64_t cut_ns, double of, struct conformal *out)
{
    double *scores = malloc((n + 1) * sizeof *scores);
    size_t n_scores = 0;
    *out = (struct conformal){0};
    if (scores == NULL)
        return err_set(AL_ENOMEM, "%zu scores", n);
    for (size_t i = 0; i < n; i++) {
        const struct forecast_outcome *o = &t->outcomes[i];
        if (o->ts_ns + t->horizon_ns <= cut_ns)
            scores[n_scores++] = fabs((double)o->y - of * (double)o->mean) / (double)o->sigma;
    }
    enum al_err err = conformal_fit(scores, n_scores, worth(t, n_scores), out);
    free(scores);
    return err == AL_ESHORT ? AL_OK : err; /* too few: there are no intervals */
}

static double radius_of(const struct conformal *conformal, double coverage)
{
    return conformal->n_rows > 0 ? conformal_radius(conformal, coverage) : NAN;
}

/* The intervals a block would have had: from the blocks before it. */
static enum al_err give_intervals(struct training *t, size_t begin, size_t end)
{
    struct conformal own, naive;
    int64_t cut_ns = t->outcomes[begin].ts_ns;
    enum al_err err = fit_conformal(t, begin, cut_ns, 1, &own);
    if (err == AL_OK)
        err = fit_conformal(t, begin, cut_ns, 0, &naive);
    if (err != AL_OK)
        return err;
    double radius = radius_of(&own, t->job->coverage);
    double naive_radius = radius_of(&naive, t->job->coverage);
    for (size_t i = begin; i < end; i++) {
        struct forecast_outcome *o = &t->outcomes[i];
        o->low = (float)((double)o->mean - radius * (double)o->sigma);
        o->high = (float)((double)o->mean + radius * (double)o->sigma);
        o->naive_radius = (float)(naive_radius * (double)o->sigma);
    }
    return AL_OK;
}

static enum al_err walk_forward(struct training *t)
{
    size_t first = (size_t)((double)t->n_usable * FIRST_SHARE);
    size_t n_test = t->n_usable - first;
    for (size_t k = 0; k < FORECAST_FOLDS; k++) {
        struct split split = split_at(t->spans, first + n_test * k / FORECAST_FOLDS,
                                      first + n_test * (k + 1) / FORECAST_FOLDS, embargo_of(t));
        size_t begin = t->n_outcomes;
        t->fit = k;
        enum al_err err = run_fold(t, &split);
        if (err == AL_OK)
            err = give_intervals(t, begin, t->n_outcomes);
        if (err != AL_OK)
            return err;
    }
    return AL_OK;
}

/* ---- what is kept of a horizon ---- */

static enum al_err fit_final(struct training *t, struct buf *model_bytes)
{
    struct forecast_model *model = NULL;
    for (size_t i = 0; i < t->n_usable; i++)
        t->picked[i] = (uint32_t)i;
    t->fit = FORECAST_FOLDS;
    enum al_err err = fit(t, t->n_usable, &model);
    if (err == AL_OK)
        err = t->kind->save(model, model_bytes);
    t->kind->destroy(model);
    return err;
}

static enum al_err keep_oof(const struct training *t, struct forecast_oof_horizon *out)
{
    out->rows = malloc((t->n_outcomes + 1) * sizeof *out->rows);
    if (out->rows == NULL)
        return err_set(AL_ENOMEM, "%zu out-of-fold forecasts", t->n_outcomes);
    out->hours = t->job->hours[t->horizon];
    out->n = t->n_outcomes;
    for (size_t i = 0; i < out->n; i++) {
        const struct forecast_outcome *o = &t->outcomes[i];
        out->rows[i] = (struct forecast_oof_row){o->ts_ns, o->y, o->mean, o->sigma};
    }
    return AL_OK;
}

static enum al_err keep_horizon(struct training *t,
                                struct forecast_result *result,
                                struct forecast_oof *oof)
{
    struct forecast_horizon *h = &result->manifest->horizons[t->horizon];
    char name[MANIFEST_NAME_MAX];
    h->hours = t->job->hours[t->horizon];
    h->n_taught = t->n_usable;
    snprintf(name, sizeof name, "h%u.model", h->hours);
    enum al_err err = fit_conformal(t, t->n_outcomes, INT64_MAX, 1, &h->conformal);
    if (err == AL_OK)
        err = forecast_measure_outcomes(t->outcomes, t->n_outcomes, t->horizon_ns, t->job->coverage,
                                        &h->measures);
    if (err == AL_OK)
        err = keep_oof(t, &oof->horizons[t->horizon]);
    if (err == AL_OK)
        err = fit_final(t, &result->models[t->horizon]);
    if (err == AL_OK)
        forecast_file_describe(name, buf_slice(&result->models[t->horizon]), &h->file);
    oof->n_horizons = result->manifest->n_horizons = t->horizon + 1;
    return err;
}

static enum al_err run_horizon(struct training *t,
                               struct forecast_result *result,
                               struct forecast_oof *oof)
{
    enum al_err err = training_alloc(t);
    if (err != AL_OK)
        return err;
    find_usable(t);
    if (t->n_usable < FORECAST_ROWS_MIN) {
        result->end.verdict = TRAIN_TOO_FEW;
        snprintf(result->end.reason, sizeof result->end.reason,
                 "too few: %zu bars of %zu have features and an outcome %u hours later, %d are "
                 "needed",
                 t->n_usable, t->rows->n_rows, t->job->hours[t->horizon], FORECAST_ROWS_MIN);
        return AL_OK;
    }
    err = walk_forward(t);
    return err == AL_OK ? keep_horizon(t, result, oof) : err;
}

/* ---- the run ---- */

static void describe(const struct forecast_job *job,
                     const struct feature_set *set,
                     const struct forecast_rows *rows,
                     struct forecast_manifest *m)
{
    m->name = job->name;
    m->version = job->version;
    m->asset = job->asset;
    m->interval_ns = job->interval_ns;
    m->params = job->params;
    m->coverage = job->coverage;
    m->seed = job->seed;
    m->schema_hash = set->schema_hash;
    m->n_features = set->n_columns;
    m->n_bars = rows->n_rows;
    m->n_gaps = rows->n_gaps;
    m->from_ns = rows->ts_ns[0];
    m->to_ns = rows->ts_ns[rows->n_rows - 1];
    sha256_of(rows->close, rows->n_rows * sizeof *rows->close, &m->data_hash);
    (void)chars_set(m->kind, sizeof m->kind, job->kind);
    for (size_t i = 0; i < set->n_columns; i++)
        (void)chars_set(m->features[i], sizeof m->features[i], set->columns[i].name);
}

static enum al_err run_horizons(const struct forecast_job *job,
                                const struct forecast_rows *rows,
                                const struct forecast_hooks *hooks,
                                struct forecast_result *result,
                                struct forecast_oof *oof)
{
    enum al_err err = AL_OK;
    result->end.verdict = TRAIN_REFUSE;
    for (size_t i = 0; i < job->n_horizons && err == AL_OK && result->end.verdict == TRAIN_REFUSE;
         i++) {
        struct training training = {.job = job,
                                    .kind = forecast_kind_find(slice_of(job->kind)),
                                    .hooks = hooks,
                                    .rows = rows,
                                    .horizon = i,
                                    .horizon_ns = job->hours[i] * NS_PER_H};
        err = run_horizon(&training, result, oof);
        training_deinit(&training);
    }
    return err;
}

static void judge(const struct forecast_job *job,
                  const struct forecast_oof *oof,
                  const struct forecast_version *incumbent,
                  struct forecast_result *result)
{
    struct forecast_version challenger = {result->manifest, oof};
    struct forecast_gate *gate = &result->manifest->gate;
    forecast_gate_judge(job, &challenger, incumbent, gate);
    result->end.verdict = gate->promote ? TRAIN_PROMOTE : TRAIN_REFUSE;
    memcpy(result->end.reason, gate->reason, sizeof result->end.reason);
}

static enum al_err train_rows(const struct forecast_job *job,
                              const struct feature_set *set,
                              const struct forecast_rows *rows,
                              const struct forecast_version *incumbent,
                              const struct forecast_hooks *hooks,
                              struct forecast_result *result)
{
    struct forecast_oof oof = {0};
    if (rows->n_rows == 0) {
        result->end.verdict = TRAIN_TOO_FEW;
        snprintf(result->end.reason, sizeof result->end.reason, "too few: there are no bars of %s",
                 job->asset.text);
        return AL_OK;
    }
    describe(job, set, rows, result->manifest);
    enum al_err err = run_horizons(job, rows, hooks, result, &oof);
    if (err == AL_OK && result->end.verdict == TRAIN_REFUSE) {
        judge(job, &oof, incumbent, result);
        forecast_oof_write(&oof, &result->oof);
        forecast_file_describe(FORECAST_OOF_FILE, buf_slice(&result->oof), &result->manifest->oof);
        (void)chars_set(result->manifest->library_version, sizeof result->manifest->library_version,
                        xgb_version());
    }
    forecast_oof_deinit(&oof);
    return err;
}

enum al_err forecast_train(const struct forecast_job *job,
                           const struct feature_set *set,
                           const struct candle *candles,
                           size_t n_candles,
                           const struct forecast_version *incumbent,
                           const struct forecast_hooks *hooks,
                           struct forecast_result *out)
{
    struct forecast_rows rows = {0};
    *out = (struct forecast_result){.end = {.kind = TRAIN_LINE_END},
                                    .manifest = calloc(1, sizeof *out->manifest),
                                    .oof = BUF_INIT(FORECAST_OOF_BYTES_MAX),
                                    .manifest_json = BUF_INIT(FORECAST_MANIFEST_BYTES_MAX)};
    for (size_t i = 0; i < FORECAST_HORIZONS_MAX; i++)
        out->models[i] = BUF_INIT(MODEL_BYTES_MAX);
    if (out->manifest == NULL)
        return err_set(AL_ENOMEM, "a forecast");
    enum al_err err =
        forecast_rows_make(set, &job->asset, job->interval_ns, candles, n_candles, &rows);
    if (err == AL_OK)
        err = train_rows(job, set, &rows, incumbent, hooks, out);
    out->end.n_rows = rows.n_rows;
    forecast_rows_deinit(&rows);
    return err;
}

enum al_err forecast_result_seal(struct forecast_result *result,
                                 int64_t trained_at_ns,
                                 double seconds)
{
    result->manifest->trained_at_ns = trained_at_ns;
    result->manifest->training_seconds = seconds;
    forecast_manifest_write(result->manifest, &result->manifest_json);
    if (!buf_ok(&result->manifest_json) || !buf_ok(&result->oof))
        return err_set(AL_ERANGE, "the forecast has more bytes than allowed");
    sha256_of(result->manifest_json.ptr, result->manifest_json.len, &result->end.manifest_hash);
    return AL_OK;
}

void forecast_result_deinit(struct forecast_result *result)
{
    free(result->manifest);
    for (size_t i = 0; i < FORECAST_HORIZONS_MAX; i++)
        buf_deinit(&result->models[i]);
    buf_deinit(&result->oof);
    buf_deinit(&result->manifest_json);
    *result = (struct forecast_result){0};
}
