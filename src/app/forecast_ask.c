/* One forecast that was asked for: the registry row and its newest bar are read together; when the version in memory has said what it
 * thinks of that bar, that is the answer. Else bars are read, and loading and computing are done in the thread pool. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/app/forecast_store.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/observe/log.h"
#include "alphaloop/observe/metric.h"
#include "alphaloop/store/candles.h"
#include "alphaloop/store/predictions.h"

#include "forecasts_i.h"
#include "worker_i.h"

#define ASKS_MAX    64
#define BATCH_BYTES (64U * 1024)
#define BODY_MAX    4096
#define BARS_MAX    2048 /* more than the columns of any kind look back on */

struct ask {
    struct worker *worker;
    struct forecast_cache *cache;
    size_t *n_asks;
    admin_result_fn done;
    void *ctx;
    char name[ML_MODEL_NAME_MAX];
    int64_t horizon;
    bool save, found;
    struct ml_model_row row;
    struct pg_batch *batch;
    struct candle *candles;
    size_t n_candles;
    struct forecast_served *served; /* held */
    struct forecaster *loaded;      /* by the thread pool, not in the cache yet */
    struct forecast_point points[FORECAST_HORIZONS_MAX];
    struct forecast_point point; /* the one asked for */
    int64_t prediction_id;
    uint64_t began_ns;
    uv_work_t work;
    char folder[FILE_PATH_MAX];
    enum al_err err;
    char error[256];
};

/* ---- the end ---- */

static void finish(struct ask *ask,
                   enum admin_outcome outcome,
                   const char *counted,
                   const char *text,
                   struct slice body)
{
    const struct admin_result result = {.outcome = outcome, .text = text, .body = body};
    metric_add(METRIC_forecasts_total, 1, counted, NULL);
    metric_observe(METRIC_forecast_seconds, (double)(uv_hrtime() - ask->began_ns) / 1e9, NULL,
                   NULL);
    ask->done(ask->ctx, &result);
    (*ask->n_asks)--;
    forecast_served_release(ask->served);
    pg_batch_destroy(ask->batch);
    free(ask->candles);
    free(ask);
}

static void refuse(struct ask *ask, enum admin_outcome outcome, const char *format, ...)
    PRINTF(3, 4);
static void refuse(struct ask *ask, enum admin_outcome outcome, const char *format, ...)
{
    struct buf text = BUF_INIT(1024);
    va_list args;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    finish(ask, outcome, outcome == ADMIN_REFUSED ? "refused" : "failed", buf_str(&text),
           (struct slice){"", 0});
    buf_deinit(&text);
}

static void write_answer(const struct ask *ask, struct json_writer *w)
{
    const struct forecast_manifest *m = forecaster_manifest(ask->served->forecaster);
    const struct forecast_point *p = &ask->point;
    json_w_object(w);
    json_m_str(w, "model_name", ask->name);
    json_m_time(w, "base_timestamp", p->base_ns);
    json_m_i64(w, "prediction_horizon", ask->horizon);
    json_m_number(w, "predicted_value", p->price);
    json_m_time(w, "predicted_time", p->target_ns);
    json_m_number(w, "current_price", p->base_price);
    json_m_number(w, "predicted_change_percent", 100 * (p->price / p->base_price - 1));
    json_m_number(w, "lower", p->low);
    json_m_number(w, "upper", p->high);
    json_m_number(w, "interval_coverage", m->coverage);
    json_m_str(w, "asset", m->asset.text);
    json_m_i64(w, "interval_seconds", m->interval_ns / NS_PER_S);
    json_m_str(w, "served_by", m->kind);
    json_m_count(w, "version", m->version);
    json_m_str(w, "fallback", NULL);
    json_m_bool(w, "saved", ask->save);
    json_w_key(w, "prediction_id");
    if (ask->save)
        json_w_i64(w, ask->prediction_id);
    else
        json_w_null(w);
    json_w_end_object(w);
}

static void answer(struct ask *ask)
{
    struct buf body = BUF_INIT(BODY_MAX);
    struct json_writer w;
    json_w_init(&w, &body);
    write_answer(ask, &w);
    finish(ask, ADMIN_DONE, ask->n_candles > 0 ? "computed" : "cached", "", buf_slice(&body));
    buf_deinit(&body);
}

/* ---- keeping it ---- */

static void on_saved_row(void *ctx, size_t index, const struct pg_result *result)
{
    struct ask *ask = ctx;
    (void)index;
    if (pg_result_n_rows(result) == 1)
        ask->prediction_id = pg_result_i64(result, 0, 0);
}

static void on_saved(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct ask *ask = ctx;
    if (err == AL_OK)
        answer(ask);
    else
        refuse(ask, ADMIN_AWAY, "The forecast could not be kept: %s",
               failure != NULL ? failure->message : "the database is away");
}

static void save(struct ask *ask)
{
    const struct forecast_manifest *m = forecaster_manifest(ask->served->forecaster);
    const struct forecast_point *p = &ask->point;
    struct prediction_row row = {.target_ns = p->target_ns,
                                 .horizon = ask->horizon,
                                 .value = p->price,
                                 .created_at_ns = worker_wall_ns(ask->worker),
                                 .asset = m->asset,
                                 .interval_ns = m->interval_ns,
                                 .version = (int64_t)m->version,
                                 .base_ns = p->base_ns,
                                 .base_price = p->base_price,
                                 .low = p->low,
                                 .high = p->high,
                                 .coverage = isfinite(p->low) ? m->coverage : (double)NAN,
                                 .naive_scale = p->naive_scale};
    (void)chars_set(row.model_name, sizeof row.model_name, ask->name);
    (void)chars_set(row.kind, sizeof row.kind, m->kind);
    pg_batch_reset(ask->batch);
    predictions_insert(ask->batch, &row);
    const struct pg_job job = {
        .no_transaction = true, .on_result = on_saved_row, .on_done = on_saved, .ctx = ask};
    if (pg_client_run(ask->worker->writer, ask->batch, &job) != AL_OK)
        refuse(ask, ADMIN_AWAY, "The database is away.");
}

/* The version in memory has said what it thinks of the newest bar. */
static void conclude(struct ask *ask)
{
    const struct forecast_manifest *m = forecaster_manifest(ask->served->forecaster);
    size_t index = forecast_manifest_find(m, (uint32_t)ask->horizon);
    if (index == SIZE_MAX) {
        refuse(ask, ADMIN_AWAY, "Model '%s' is being trained for %lld hours.", ask->name,
               (long long)ask->horizon);
        return;
    }
    ask->point = ask->served->points[index];
    if (ask->save)
        save(ask);
    else
        answer(ask);
}

/* ---- computing, in the thread pool ---- */

static void compute(uv_work_t *work)
{
    struct ask *ask = work->data;
    const struct forecaster *forecaster = ask->served != NULL ? ask->served->forecaster : NULL;
    ask->err = AL_OK;
    if (forecaster == NULL) {
        ask->err = forecast_store_load(ask->folder, NULL, &ask->loaded);
        forecaster = ask->loaded;
    }
    if (ask->err == AL_OK)
        ask->err = forecaster_predict(forecaster, ask->candles, ask->n_candles, ask->points);
    if (ask->err != AL_OK)
        (void)chars_set(ask->error, sizeof ask->error, err_text());
}

static void explain(struct ask *ask)
{
    log_warn("app", "forecast", NULL, EV("forecast_failed"), F_STR("model", ask->name),
             F_STR("why", ask->error));
    if (ask->err == AL_ENOTFOUND)
        refuse(ask, ADMIN_NOT_FOUND, "Model file not found: %s", ask->row.file_path);
    else if (ask->err == AL_ESHORT)
        refuse(ask, ADMIN_REFUSED, "No historical data available for prediction");
    else
        refuse(ask, ADMIN_AWAY, "Model '%s' cannot be used: %s", ask->name, ask->error);
}

/* Somebody else may have loaded the same version meanwhile. */
static bool take_loaded(struct ask *ask)
{
    struct forecast_served *served = forecast_cache_find(ask->cache, ask->row.file_path);
    if (served != NULL)
        forecaster_destroy(ask->loaded);
    else
        served = forecast_cache_put(ask->cache, ask->row.file_path, ask->loaded);
    ask->loaded = NULL;
    ask->served = served;
    if (served != NULL)
        forecast_served_hold(served);
    return served != NULL;
}

static void on_computed(uv_work_t *work, int status)
{
    struct ask *ask = work->data;
    if (status != 0) {
        refuse(ask, ADMIN_AWAY, "The program is stopping.");
        return;
    }
    if (ask->err != AL_OK) {
        forecaster_destroy(ask->loaded);
        explain(ask);
        return;
    }
    if (ask->served == NULL && !take_loaded(ask)) {
        refuse(ask, ADMIN_FAILED, "out of memory");
        return;
    }
    /* What was read may be newer than what was asked about: its own bar is the key. */
    const struct candle *newest = &ask->candles[ask->n_candles - 1];
    memcpy(ask->served->points, ask->points, sizeof ask->points);
    ask->served->newest_open_ns = newest->ts_open_ns;
    ask->served->newest_close = newest->close;
    conclude(ask);
}

/* ---- reading bars ---- */

static void on_candles(void *ctx, size_t index, const struct pg_result *result)
{
    struct ask *ask = ctx;
    struct candle_row row;
    (void)index;
    size_t n = pg_result_n_rows(result);
    ask->candles = calloc(n + 1, sizeof *ask->candles);
    for (size_t i = 0; i < n && ask->candles != NULL && ask->err == AL_OK; i++) {
        ask->err = candles_read(result, i, &row);
        ask->candles[ask->n_candles++] = row.candle;
    }
}

static void on_candles_read(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct ask *ask = ctx;
    (void)failure;
    if (err != AL_OK || ask->err != AL_OK || ask->candles == NULL)
        refuse(ask, ADMIN_AWAY, "The database is away.");
    else if (ask->n_candles == 0)
        refuse(ask, ADMIN_REFUSED, "No historical data available for prediction");
    else if (uv_queue_work(ask->worker->loop, &ask->work, compute, on_computed) != 0)
        refuse(ask, ADMIN_FAILED, "The thread pool refused the work.");
}

static void read_candles(struct ask *ask)
{
    const struct candles_query query = {.asset = ask->row.asset,
                                        .interval_ns = ask->row.interval_ns,
                                        .from_ns = TIMESTAMP_NONE,
                                        .to_ns = TIMESTAMP_NONE,
                                        .rows_max = BARS_MAX};
    const struct pg_job job = {
        .no_transaction = true, .on_result = on_candles, .on_done = on_candles_read, .ctx = ask};
    pg_batch_reset(ask->batch);
    candles_load_range(ask->batch, &query);
    if (pg_client_run(ask->worker->reader, ask->batch, &job) != AL_OK)
        refuse(ask, ADMIN_AWAY, "The database is away.");
}

/* ---- the registry row ---- */

static void on_row(void *ctx, size_t index, const struct pg_result *result)
{
    struct ask *ask = ctx;
    (void)index;
    ask->found = pg_result_n_rows(result) > 0;
    if (ask->found)
        ask->err = ml_models_read(result, 0, &ask->row);
}

/* "[1, 3, 24]" holds it. */
static bool is_supported(const char *horizons, int64_t horizon)
{
    for (const char *at = horizons; *at != '\0';) {
        char *end;
        long long hours = strtoll(at, &end, 10);
        if (end == at)
            at++;
        else if (hours == horizon)
            return true;
        else
            at = end;
    }
    return false;
}

/* False when there is nothing to forecast with; refused. */
static bool check_row(struct ask *ask)
{
    const struct ml_model_row *row = &ask->row;
    if (!ask->found || !row->is_active)
        refuse(ask, ADMIN_REFUSED, "Model '%s' not found or inactive", ask->name);
    else if (!is_supported(row->horizons, ask->horizon))
        refuse(ask, ADMIN_REFUSED,
               "Horizon %lldh not supported by model '%s'. Supported horizons: %s",
               (long long)ask->horizon, ask->name, row->horizons);
    else if (row->newest_open_ns == TIMESTAMP_NONE)
        refuse(ask, ADMIN_REFUSED, "No historical data available for prediction");
    else if (row->file_path[0] == '\0' && strcmp(row->state, "failed") == 0)
        refuse(ask, ADMIN_REFUSED, "Model '%s' not found or inactive: its training failed",
               ask->name);
    else if (row->file_path[0] == '\0')
        refuse(ask, ADMIN_AWAY, "Model '%s' is being trained.", ask->name);
    else
        return true;
    return false;
}

static void on_row_read(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct ask *ask = ctx;
    (void)failure;
    if (err != AL_OK || ask->err != AL_OK) {
        refuse(ask, ADMIN_AWAY, "The database is away.");
        return;
    }
    if (!check_row(ask))
        return;
    if (forecast_store_path(ask->worker->settings->model_storage_path, ask->row.file_path,
                            ask->folder) != AL_OK) {
        refuse(ask, ADMIN_NOT_FOUND, "Model file not found: %s", ask->row.file_path);
        return;
    }
    ask->served = forecast_cache_find(ask->cache, ask->row.file_path);
    if (ask->served != NULL)
        forecast_served_hold(ask->served);
    bool is_known = ask->served != NULL && ask->served->newest_open_ns == ask->row.newest_open_ns &&
                    ask->served->newest_close == ask->row.newest_close;
    if (is_known)
        conclude(ask);
    else
        read_candles(ask);
}

static void turn_away(admin_result_fn done, void *ctx, const char *text)
{
    const struct admin_result result = {.outcome = ADMIN_AWAY, .text = text};
    metric_add(METRIC_forecasts_total, 1, "failed", NULL);
    done(ctx, &result);
}

void forecast_ask(struct worker *worker,
                  struct forecast_cache *cache,
                  size_t *n_asks,
                  const struct admin_forecast_ask *what,
                  admin_result_fn done,
                  void *ctx)
{
    if (*n_asks >= ASKS_MAX || worker->state != WORKER_RUNNING) {
        turn_away(done, ctx, "Too many forecasts are asked for at once, or none can be yet.");
        return;
    }
    struct ask *ask = calloc(1, sizeof *ask);
    assert(ask != NULL);
    *ask = (struct ask){.worker = worker,
                        .cache = cache,
                        .n_asks = n_asks,
                        .done = done,
                        .ctx = ctx,
                        .horizon = what->horizon,
                        .save = what->save,
                        .batch = pg_batch_create(BATCH_BYTES),
                        .began_ns = uv_hrtime()};
    assert(ask->batch != NULL);
    ask->work.data = ask;
    (*n_asks)++;
    size_t n_name =
        what->model_name.len < sizeof ask->name - 1 ? what->model_name.len : sizeof ask->name - 1;
    memcpy(ask->name, what->model_name.ptr, n_name);
    ml_models_get(ask->batch, slice_of(ask->name));
    const struct pg_job job = {
        .no_transaction = true, .on_result = on_row, .on_done = on_row_read, .ctx = ask};
    if (pg_client_run(worker->reader, ask->batch, &job) != AL_OK)
        refuse(ask, ADMIN_AWAY, "The database is away.");
}
