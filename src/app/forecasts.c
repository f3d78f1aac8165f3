#include "forecasts_i.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/observe/log.h"
#include "alphaloop/observe/metric.h"
#include "alphaloop/settings/cron.h"
#include "alphaloop/store/predictions.h"

#include "forecast_job_i.h"
#include "training_job_i.h"
#include "worker_i.h"

#define BATCH_BYTES    (1U << 20)
#define MEASURES_BYTES (256U * 1024)
#define LOOK_NS        (5 * NS_PER_S)
#define RETRY_NS       NS_PER_H /* after a training that failed, of a name that serves nothing */

enum phase { IDLE, LOOKING, NUMBERING, FITTING, VERIFYING, REGISTERING };

struct forecasts {
    struct worker *worker;
    struct forecast_cache *cache;
    size_t n_asks, n_registrations;
    enum phase phase;
    bool stopped, abandoned;
    bool was_reset; /* what was training when the last program ended waits again */
    int64_t next_look_ns;
    struct pg_batch *batch;

    /* the training */
    bool is_due;
    struct forecast_job job;
    char serving[ML_MODEL_PATH_MAX];
    int64_t number;
    char job_path[FILE_PATH_MAX];
    struct proc *child;
    bool has_end;
    struct train_line end;
    uv_work_t work;
    struct ml_model_row row;
    struct buf measures;
    enum al_err err;
    char error[MANIFEST_REASON_MAX];
};

enum al_err forecasts_create(struct worker *worker, struct forecasts **out)
{
    struct forecasts *f = calloc(1, sizeof *f);
    if (f == NULL)
        return err_set(AL_ENOMEM, "forecasts");
    f->worker = worker;
    f->work.data = f;
    f->cache = forecast_cache_create(worker->settings->forecast_cache_models);
    f->batch = pg_batch_create(BATCH_BYTES);
    f->measures = BUF_INIT(MEASURES_BYTES);
    if (f->cache == NULL || f->batch == NULL) {
        forecasts_destroy(f);
        return err_set(AL_ENOMEM, "forecasts");
    }
    if (forecast_store_clean(worker->settings->model_storage_path) != AL_OK)
        log_warn("app", "forecast", NULL, EV("forecasts_not_cleaned"), F_STR("why", err_text()));
    *out = f;
    return AL_OK;
}

void forecasts_destroy(struct forecasts *f)
{
    if (f == NULL)
        return;
    assert(f->child == NULL);
    forecast_cache_destroy(f->cache);
    pg_batch_destroy(f->batch);
    buf_deinit(&f->measures);
    free(f);
}

bool forecasts_are_idle(const struct forecasts *f)
{
    return f->phase == IDLE && f->n_asks == 0 && f->n_registrations == 0;
}

void forecasts_predict(struct forecasts *f,
                       const struct admin_forecast_ask *what,
                       admin_result_fn done,
                       void *ctx)
{
    forecast_ask(f->worker, f->cache, &f->n_asks, what, done, ctx);
}

/* ---- the end of a training ---- */

static void go_idle(struct forecasts *f, int64_t wait_ns)
{
    f->phase = IDLE;
    f->next_look_ns = worker_wall_ns(f->worker) + wait_ns;
}

static void on_recorded(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct forecasts *f = ctx;
    if (err != AL_OK)
        log_warn("app", "forecast", NULL, EV("forecast_not_recorded"),
                 F_STR("model", f->job.name.text),
                 F_STR("why", failure != NULL ? failure->message : "the database is away"));
    go_idle(f, err == AL_OK ? 0 : LOOK_NS);
}

static void record(struct forecasts *f)
{
    const struct pg_job job = {.on_done = on_recorded, .ctx = f};
    f->phase = REGISTERING;
    if (pg_client_run(f->worker->writer, f->batch, &job) != AL_OK)
        go_idle(f, LOOK_NS);
}

static void tell_end(const struct forecasts *f, const char *outcome, const char *detail)
{
    metric_add(METRIC_trainings_total, 1, outcome, NULL);
    log_info("app", "forecast", NULL, EV("forecast_training_ended"),
             F_STR("model", f->job.name.text), F_STR("kind", f->job.kind),
             F_I64("version", f->number), F_STR("outcome", outcome), F_STR("detail", detail),
             F_F64("seconds", f->has_end ? f->end.seconds : 0));
}

static void fail(struct forecasts *f, const char *outcome, const char *why)
{
    tell_end(f, outcome, why);
    pg_batch_reset(f->batch);
    ml_models_fail(f->batch, slice_of(f->job.name.text), slice_of(why), worker_wall_ns(f->worker));
    record(f);
}

static void serve(struct forecasts *f)
{
    tell_end(f, "activated", f->end.reason);
    f->row.detail = slice_of(f->end.reason);
    pg_batch_reset(f->batch);
    ml_models_serve(f->batch, &f->row, worker_wall_ns(f->worker));
    record(f);
}

/* ---- verifying what the child left ---- */

static void verify(uv_work_t *work)
{
    struct forecasts *f = work->data;
    struct forecaster *forecaster = NULL;
    struct sha256 hash;
    f->err = forecast_store_load(f->job.output, &hash, &forecaster);
    if (f->err == AL_OK && !sha256_eq(&hash, &f->end.manifest_hash))
        f->err = err_set(AL_EVERIFY, "the manifest is not what the training wrote");
    buf_reset(&f->measures);
    if (f->err == AL_OK)
        forecast_row_of(forecaster_manifest(forecaster), &f->row, &f->measures);
    else
        (void)chars_set(f->error, sizeof f->error, err_text());
    forecaster_destroy(forecaster);
}

static void on_verified(uv_work_t *work, int status)
{
    struct forecasts *f = work->data;
    if (f->abandoned)
        f->phase = IDLE;
    else if (status != 0 || f->err != AL_OK)
        fail(f, "failed", status != 0 ? "the program is stopping" : f->error);
    else if (f->end.verdict == TRAIN_PROMOTE)
        serve(f);
    else
        fail(f, "rejected", f->end.reason);
}

/* ---- the child ---- */

static void on_line(void *ctx, struct proc *proc, struct slice text)
{
    struct forecasts *f = ctx;
    struct train_line line;
    (void)proc;
    if (train_line_read(text, &line) != AL_OK || line.kind != TRAIN_LINE_END)
        return;
    f->end = line;
    f->has_end = true;
}

static void on_end(void *ctx, struct proc *proc, const struct proc_end *end)
{
    struct forecasts *f = ctx;
    char why[160];
    (void)proc;
    f->child = NULL;
    if (f->abandoned) {
        f->phase = IDLE;
        return;
    }
    enum al_err removed = file_remove(f->job_path);
    (void)removed; /* it is removed at the next start */
    if (!f->has_end) {
        training_explain_end(end, why, sizeof why);
        fail(f, end->cause == PROC_STOPPED ? "cancelled" : "failed", why);
    } else if (f->end.verdict == TRAIN_FAILED || f->end.verdict == TRAIN_CANCELLED) {
        fail(f, f->end.verdict == TRAIN_FAILED ? "failed" : "cancelled", f->end.reason);
    } else if (f->end.verdict == TRAIN_TOO_FEW) {
        fail(f, "rejected", f->end.reason);
    } else {
        f->phase = VERIFYING;
        if (uv_queue_work(f->worker->loop, &f->work, verify, on_verified) != 0)
            fail(f, "failed", "the thread pool refused the work");
    }
}

static enum al_err spawn(struct forecasts *f)
{
    const struct training_child child = {.settings = f->worker->settings,
                                         .env_file = f->worker->env_file,
                                         .option = "--forecast-job",
                                         .job_path = f->job_path,
                                         .on_line = on_line,
                                         .on_end = on_end,
                                         .ctx = f};
    enum al_err err =
        forecast_job_number(f->worker->settings, (uint64_t)f->number, f->serving, &f->job);
    if (err == AL_OK)
        err = forecast_job_put(f->worker->settings, &f->job, f->job_path);
    return err == AL_OK ? training_spawn(f->worker->loop, &child, &f->child) : err;
}

static void on_number(void *ctx, size_t index, const struct pg_result *result)
{
    struct forecasts *f = ctx;
    if (index != 1 || pg_result_n_rows(result) == 0)
        return;
    f->number = pg_result_i64(result, 0, 0);
    f->err = pg_result_chars(result, 0, 1, f->serving, sizeof f->serving);
}

static void on_numbered(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct forecasts *f = ctx;
    (void)failure;
    if (err != AL_OK || f->err != AL_OK || f->number == 0 || f->stopped) {
        go_idle(f, LOOK_NS);
        return;
    }
    f->phase = FITTING;
    f->has_end = false;
    if (spawn(f) != AL_OK)
        fail(f, "failed", err_text());
    else
        log_info("app", "forecast", NULL, EV("forecast_training"), F_STR("model", f->job.name.text),
                 F_STR("kind", f->job.kind), F_STR("asset", f->job.asset.text),
                 F_I64("version", f->number));
}

static void number(struct forecasts *f)
{
    const struct pg_job job = {.on_result = on_number, .on_done = on_numbered, .ctx = f};
    f->phase = NUMBERING;
    f->number = 0;
    f->err = AL_OK;
    pg_batch_reset(f->batch);
    ml_models_begin(f->batch, slice_of(f->job.name.text));
    ml_models_number(f->batch, slice_of(f->job.name.text));
    if (pg_client_run(f->worker->writer, f->batch, &job) != AL_OK)
        go_idle(f, LOOK_NS);
}

/* ---- looking ---- */

static bool schedule_says(const struct forecasts *f, const struct ml_model_row *row, int64_t now_ns)
{
    struct cron cron;
    int64_t last_ns = row->tried_at_ns > row->trained_at_ns ? row->tried_at_ns : row->trained_at_ns;
    if (last_ns == TIMESTAMP_NONE ||
        cron_parse(slice_of(f->worker->settings->forecast_retraining_schedule), &cron) != AL_OK)
        return false;
    int64_t next_ns = cron_next_after(&cron, last_ns);
    return next_ns != TIMESTAMP_NONE && next_ns <= now_ns;
}

static bool is_due(const struct forecasts *f, const struct ml_model_row *row)
{
    int64_t now_ns = worker_wall_ns(f->worker);
    if (!row->is_active || row->newest_open_ns == TIMESTAMP_NONE ||
        strcmp(row->state, "training") == 0)
        return false;
    if (strcmp(row->state, "waiting") == 0)
        return true;
    if (strcmp(row->state, "failed") == 0 && row->tried_at_ns + RETRY_NS <= now_ns)
        return true;
    return schedule_says(f, row, now_ns);
}

static enum al_err read_parameters(const struct ml_model_row *row, struct forecast_job *job)
{
    struct json_node *object = NULL;
    struct json_reader *reader = json_reader_create(MEASURES_BYTES, 8);
    const struct forecast_kind *kind = forecast_kind_find(slice_of(row->kind));
    if (reader == NULL || kind == NULL) {
        json_reader_destroy(reader);
        return err_set(AL_EVERSION, "this program has no kind '%s'", row->kind);
    }
    enum al_err err =
        row->parameters.len == 0 ? AL_OK : json_read(reader, row->parameters, &object);
    if (err == AL_OK)
        err = forecast_params_read(kind, object, &job->params);
    json_put(object);
    json_reader_destroy(reader);
    return err;
}

/* "[1, 3, 24]" as the job takes it. */
static enum al_err read_horizons(const char *text, struct forecast_job *job)
{
    char plain[ML_MODEL_HORIZONS_MAX];
    size_t n = 0;
    for (; *text != '\0'; text++) {
        if (*text == ',' || (*text >= '0' && *text <= '9'))
            plain[n++] = *text;
    }
    return forecast_job_horizons(job, (struct slice){plain, n});
}

static enum al_err job_of(const struct forecasts *f,
                          const struct ml_model_row *row,
                          struct forecast_job *job)
{
    forecast_job_from_settings(f->worker->settings, job);
    job->asset = row->asset;
    job->interval_ns = row->interval_ns;
    (void)chars_set(job->kind, sizeof job->kind, row->kind);
    if (!forecast_name_parse(slice_of(row->model_name), &job->name))
        return err_set(AL_EPARSE, "a name of a forecast is 1 to 100 of A-Za-z0-9_-");
    enum al_err err = read_horizons(row->horizons, job);
    if (err == AL_OK)
        err = forecast_job_check(job);
    return err == AL_OK ? read_parameters(row, job) : err;
}

enum { LOOK_RESET, LOOK_ASSETS, LOOK_SETTLE, LOOK_GAPS, LOOK_LIST };

static void on_looked_at(void *ctx, size_t index, const struct pg_result *result)
{
    struct forecasts *f = ctx;
    size_t step = index + (f->was_reset ? 1 : 0);
    if (step == LOOK_SETTLE)
        metric_add(METRIC_predictions_settled_total, (double)pg_result_n_affected(result), NULL,
                   NULL);
    for (size_t i = 0; step == LOOK_LIST && i < pg_result_n_rows(result) && !f->is_due; i++) {
        struct ml_model_row row;
        if (ml_models_read(result, i, &row) != AL_OK || !is_due(f, &row))
            continue;
        f->is_due = job_of(f, &row, &f->job) == AL_OK;
        if (!f->is_due)
            log_debug("app", "forecast", NULL, EV("forecast_not_trainable"),
                      F_STR("model", row.model_name), F_STR("why", err_text()));
    }
}

static void on_looked(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct forecasts *f = ctx;
    if (err != AL_OK) {
        log_debug("app", "forecast", NULL, EV("forecasts_not_read"),
                  F_STR("why", failure != NULL ? failure->message : ""));
        go_idle(f, LOOK_NS);
        return;
    }
    f->was_reset = true;
    if (f->is_due && !f->stopped)
        number(f);
    else
        go_idle(f, LOOK_NS);
}

static void look(struct forecasts *f)
{
    struct asset assets[64];
    size_t n = 0;
    const struct setting_list *traded = &f->worker->settings->trading_assets;
    const struct pg_job job = {.on_result = on_looked_at, .on_done = on_looked, .ctx = f};
    for (size_t i = 0; i < traded->count && n < COUNT_OF(assets); i++)
        n += asset_parse(slice_of(traded->items[i]), &assets[n]) ? 1 : 0;
    f->phase = LOOKING;
    f->is_due = false;
    pg_batch_reset(f->batch);
    if (!f->was_reset)
        ml_models_reset(f->batch);
    ml_models_find_assets(f->batch, assets, n);
    predictions_settle(f->batch, worker_wall_ns(f->worker));
    ml_models_list(f->batch);
    if (pg_client_run(f->worker->writer, f->batch, &job) != AL_OK)
        go_idle(f, LOOK_NS);
}

void forecasts_run(struct forecasts *f)
{
    if (f->phase == IDLE && !f->stopped && worker_wall_ns(f->worker) >= f->next_look_ns)
        look(f);
}

void forecasts_stop(struct forecasts *f)
{
    f->stopped = true;
    if (f->child != NULL)
        proc_stop(f->child);
}

void forecasts_abandon(struct forecasts *f)
{
    forecasts_stop(f);
    f->abandoned = true;
}

/* ---- registering ---- */

struct registration {
    struct forecasts *f;
    admin_result_fn done;
    void *ctx;
    struct ml_model_row row;
    struct buf config, parameters, measures;
    struct pg_batch *batch;
    bool is_trained; /* by file_path: that version serves */
    char relative[FILE_PATH_MAX], folder[FILE_PATH_MAX], asked[ML_MODEL_PATH_MAX];
    char type[ML_MODEL_TYPE_MAX];
    uv_work_t work;
    enum al_err err;
    char error[256];
};

static void end_registration(struct registration *r,
                             enum admin_outcome outcome,
                             const char *text,
                             struct slice body)
{
    const struct admin_result result = {.outcome = outcome, .text = text, .body = body};
    r->done(r->ctx, &result);
    r->f->n_registrations--;
    pg_batch_destroy(r->batch);
    buf_deinit(&r->config);
    buf_deinit(&r->parameters);
    buf_deinit(&r->measures);
    free(r);
}

static void refuse(struct registration *r, enum admin_outcome outcome, const char *text)
{
    end_registration(r, outcome, text, (struct slice){"", 0});
}

static void answer_registered(struct registration *r)
{
    struct buf body = BUF_INIT(8192);
    struct json_writer w;
    char message[256];
    snprintf(message, sizeof message, "Model '%s' registered; %s", r->row.model_name,
             r->is_trained ? "the version of the file serves" : "its training begins");
    json_w_init(&w, &body);
    json_w_object(&w);
    json_m_str(&w, "model_name", r->row.model_name);
    json_m_str(&w, "model_type", r->type);
    json_m_raw(&w, "prediction_horizons", slice_of(r->row.horizons));
    json_m_str(&w, "kind", r->row.kind);
    json_m_str(&w, "status", r->is_trained ? "serving" : "training");
    json_m_str(&w, "message", message);
    json_w_end_object(&w);
    end_registration(r, ADMIN_DONE, message, buf_slice(&body));
    buf_deinit(&body);
}

static void on_registered(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct registration *r = ctx;
    if (err != AL_OK) {
        refuse(r, err == AL_EDB ? ADMIN_FAILED : ADMIN_AWAY,
               failure != NULL ? failure->message : "The database is away.");
        return;
    }
    r->f->next_look_ns = 0;
    answer_registered(r);
}

static void write_registration(struct registration *r)
{
    const struct pg_job job = {.on_done = on_registered, .ctx = r};
    int64_t now_ns = worker_wall_ns(r->f->worker);
    struct ml_model_row named = r->row;
    (void)chars_set(named.model_type, sizeof named.model_type, r->type);
    ml_models_register(r->batch, &named, now_ns);
    if (r->is_trained) {
        r->row.detail = SLICE("registered by its file");
        ml_models_serve(r->batch, &r->row, now_ns);
    }
    if (pg_client_run(r->f->worker->writer, r->batch, &job) != AL_OK)
        refuse(r, ADMIN_AWAY, "The database is away.");
}

/* A version of our own store, by its path: what it is decides, not what the caller says. */
static void read_folder(uv_work_t *work)
{
    struct registration *r = work->data;
    struct forecaster *forecaster = NULL;
    struct ml_model_row row;
    r->err = forecast_store_load(r->folder, NULL, &forecaster);
    if (r->err != AL_OK) {
        (void)chars_set(r->error, sizeof r->error, err_text());
        return;
    }
    forecast_row_of(forecaster_manifest(forecaster), &row, &r->measures);
    (void)chars_set(row.model_name, sizeof row.model_name, r->row.model_name);
    (void)chars_set(row.file_path, sizeof row.file_path, r->relative);
    row.feature_config = buf_slice(&r->config);
    r->row = row;
    forecaster_destroy(forecaster);
}

static void on_folder_read(uv_work_t *work, int status)
{
    struct registration *r = work->data;
    char text[1024];
    if (status != 0) {
        refuse(r, ADMIN_AWAY, "The program is stopping.");
    } else if (r->err == AL_ENOTFOUND) {
        snprintf(text, sizeof text, "Model file not found: %s", r->asked);
        refuse(r, ADMIN_NOT_FOUND, text);
    } else if (r->err != AL_OK) {
        snprintf(text, sizeof text, "%s is no version that can serve: %s", r->asked, r->error);
        refuse(r, ADMIN_REFUSED, text);
    } else {
        r->is_trained = true;
        write_registration(r);
    }
}

static void register_folder(struct registration *r)
{
    char text[1024];
    const char *root = r->f->worker->settings->model_storage_path;
    if (!forecast_store_own(root, slice_of(r->asked), r->relative) ||
        forecast_store_path(root, r->relative, r->folder) != AL_OK) {
        snprintf(text, sizeof text,
                 "Model file not found: %s. Only versions of our own store can be registered by "
                 "file, as forecasts/<name>/<number>; without file_path one is trained",
                 r->asked);
        refuse(r, ADMIN_NOT_FOUND, text);
    } else if (uv_queue_work(r->f->worker->loop, &r->work, read_folder, on_folder_read) != 0) {
        refuse(r, ADMIN_FAILED, "The thread pool refused the work.");
    }
}

static void take_text(char *out, size_t out_size, struct slice text)
{
    size_t n = text.len < out_size - 1 ? text.len : out_size - 1;
    memset(out, 0, out_size);
    memcpy(out, text.ptr, n);
}

static enum al_err no_kind(const char *type)
{
    struct buf names = BUF_INIT(256);
    for (size_t i = 0; i < forecast_kind_count(); i++)
        buf_printf(&names, "%s%s", i == 0 ? "" : ", ", forecast_kind_at(i)->name);
    enum al_err err = err_set(AL_EINVAL, "model_type '%s' is none that can be trained: %s", type,
                              buf_str(&names));
    buf_deinit(&names);
    return err;
}

/* What was asked for as a row; AL_EINVAL, AL_ERANGE when it cannot be trained. */
static enum al_err read_wish(struct registration *r, const struct admin_forecast_registration *wish)
{
    struct forecast_job job;
    const struct forecast_kind *kind = forecast_kind_by_type(wish->model_type);
    if (kind == NULL)
        return no_kind(r->type);
    forecast_job_from_settings(r->f->worker->settings, &job);
    take_text(r->row.kind, sizeof r->row.kind, slice_of(kind->name));
    r->row.interval_ns = job.interval_ns = candle_interval_parse(wish->interval);
    r->row.parameters = buf_slice(&r->parameters);
    if (wish->asset.len > 0 && !asset_parse(wish->asset, &r->row.asset))
        return err_set(AL_EINVAL, "asset is 3 to 20 of A-Z0-9");
    enum al_err err = forecast_job_horizons(&job, wish->horizons);
    if (err == AL_OK)
        err = forecast_job_check(&job);
    if (err == AL_OK)
        err = read_parameters(&r->row, &job);
    forecast_horizons_text(job.hours, job.n_horizons, r->row.horizons);
    return err;
}

void forecasts_register(struct forecasts *f,
                        const struct admin_forecast_registration *wish,
                        admin_result_fn done,
                        void *ctx)
{
    struct registration *r = calloc(1, sizeof *r);
    assert(r != NULL);
    *r = (struct registration){.f = f,
                               .done = done,
                               .ctx = ctx,
                               .config = BUF_INIT(BATCH_BYTES),
                               .parameters = BUF_INIT(BATCH_BYTES),
                               .measures = BUF_INIT(MEASURES_BYTES),
                               .batch = pg_batch_create(BATCH_BYTES)};
    assert(r->batch != NULL);
    r->work.data = r;
    f->n_registrations++;
    buf_append(&r->config, wish->feature_config.ptr, wish->feature_config.len);
    buf_append(&r->parameters, wish->parameters.ptr, wish->parameters.len);
    take_text(r->row.model_name, sizeof r->row.model_name, wish->model_name);
    take_text(r->type, sizeof r->type, wish->model_type);
    take_text(r->asked, sizeof r->asked, wish->file_path);
    r->row.feature_config = buf_slice(&r->config);
    if (r->asked[0] != '\0')
        register_folder(r);
    else if (read_wish(r, wish) == AL_OK)
        write_registration(r);
    else
        refuse(r, ADMIN_REFUSED, err_text());
}
