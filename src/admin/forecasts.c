/* Forecasts: the registry, what was kept, and what came of it. */
#include "admin_i.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/store/ml_models.h"
#include "alphaloop/store/predictions.h"

#define HORIZONS_MAX 16
#define CONFIG_MAX   (64U * 1024)

/* ---- GET /models ---- */

static void m_json(struct json_writer *w, const char *key, struct slice json)
{
    json_w_key(w, key);
    if (json.len > 0)
        json_w_raw(w, json);
    else
        json_w_null(w);
}

static void m_whole(struct json_writer *w, const char *key, int64_t value)
{
    json_w_key(w, key);
    if (value > 0)
        json_w_i64(w, value);
    else
        json_w_null(w);
}

static void write_model(struct json_writer *w, const struct ml_model_row *row)
{
    json_w_object(w);
    json_m_i64(w, "id", row->id);
    json_m_str(w, "model_name", row->model_name);
    json_m_str(w, "model_type", row->model_type);
    m_json(w, "prediction_horizons", slice_of(row->horizons));
    json_m_str(w, "file_path", row->file_path);
    m_json(w, "feature_config", row->feature_config);
    json_m_i64(w, "is_active", row->is_active);
    json_m_time(w, "created_at", row->created_at_ns);
    json_m_time(w, "updated_at", row->updated_at_ns);
    json_m_text(w, "asset", row->asset.text);
    json_m_i64(w, "interval_seconds", row->interval_ns / NS_PER_S);
    json_m_str(w, "kind", row->kind);
    json_m_str(w, "state", row->state);
    m_whole(w, "version", row->version);
    json_m_time(w, "trained_at", row->trained_at_ns);
    json_m_time(w, "tried_at", row->tried_at_ns);
    json_w_key(w, "detail");
    if (row->detail.len > 0)
        json_w_string(w, row->detail);
    else
        json_w_null(w);
    m_json(w, "measures", row->measures);
    json_w_end_object(w);
}

static void on_models(struct admin_query *query, size_t index, const struct pg_result *result)
{
    struct ml_model_row row;
    (void)index;
    json_w_array(query->w);
    for (size_t i = 0; i < pg_result_n_rows(result) && query->err == AL_OK; i++) {
        query->err = ml_models_read(result, i, &row);
        if (query->err == AL_OK)
            write_model(query->w, &row);
    }
    json_w_end_array(query->w);
}

enum http_answer admin_forecasts_list(struct http_request *request, void *ctx)
{
    static const struct admin_query_ops ops = {on_models, NULL};
    struct admin_query *query = admin_query_create(request, ctx, &ops);
    if (query == NULL)
        return HTTP_ANSWERED;
    ml_models_list(query->batch);
    return admin_query_run(query, request);
}

/* ---- POST /models/register ---- */

static int hours_cmp(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Rising and each once, as text. False when it is not whole hours within bounds; answered. */
static bool read_horizons(struct http_request *request, struct buf *out)
{
    int64_t hours[HORIZONS_MAX] = {0};
    size_t n = 0;
    struct json_cursor cursor = {0};
    struct json_node *list = http_member(request, "prediction_horizons");
    while (json_walk(list, &cursor)) {
        bool is_whole = json_is_number(cursor.value) && json_i64(cursor.value, &hours[n]) == AL_OK;
        if (!is_whole || hours[n] < 1 || hours[n] > 8760) {
            http_refuse(request, "prediction_horizons", "value_error",
                        "each is a whole number of hours from 1 to 8760");
            return false;
        }
        n++;
    }
    qsort(hours, n, sizeof *hours, hours_cmp);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || hours[i] != hours[i - 1])
            buf_printf(out, "%s%lld", i == 0 ? "" : ",", (long long)hours[i]);
    }
    return true;
}

static struct slice object_text(struct http_request *request, const char *name, struct buf *out)
{
    struct json_writer w;
    if (!http_given(request, name))
        return (struct slice){"", 0};
    json_w_init(&w, out);
    json_w_node(&w, http_member(request, name));
    return buf_slice(out);
}

static enum http_answer answer_registered(struct admin_action *action,
                                          struct http_request *request,
                                          const struct admin_result *result)
{
    (void)action;
    json_w_raw(http_json(request, 200), result->body);
    return HTTP_ANSWERED;
}

static enum http_answer ask_register(struct http_request *request,
                                     const struct admin_context *admin,
                                     const struct admin_forecast_registration *registration)
{
    struct admin_action *action = admin_action_create(request, admin);
    if (action == NULL)
        return HTTP_ANSWERED;
    action->on_done = answer_registered;
    admin->actions.forecast_register(admin->app, registration, admin_action_result, action);
    return HTTP_LATER;
}

enum http_answer admin_forecasts_register(struct http_request *request, void *ctx)
{
    const struct admin_context *admin = ctx;
    struct buf horizons = BUF_INIT(256), config = BUF_INIT(CONFIG_MAX),
               params = BUF_INIT(CONFIG_MAX);
    enum http_answer answer = HTTP_ANSWERED;
    if (admin->actions.forecast_register == NULL)
        return http_away(request, "forecasting");
    if (read_horizons(request, &horizons)) {
        const struct admin_forecast_registration registration = {
            .model_name = http_text(request, "model_name"),
            .model_type = http_text(request, "model_type"),
            .horizons = buf_slice(&horizons),
            .file_path = http_text(request, "file_path"),
            .feature_config = object_text(request, "feature_config", &config),
            .parameters = object_text(request, "parameters", &params),
            .asset = http_text(request, "asset"),
            .interval = http_text(request, "interval"),
        };
        answer = buf_ok(&config) && buf_ok(&params)
                     ? ask_register(request, admin, &registration)
                     : http_refuse(request, "feature_config", "value_error", "it is too long");
    }
    buf_deinit(&horizons);
    buf_deinit(&config);
    buf_deinit(&params);
    return answer;
}

/* ---- GET /predictions/latest ---- */

static void write_prediction(struct json_writer *w, const struct prediction_row *row)
{
    bool is_settled = isfinite(row->actual), has_interval = isfinite(row->low);
    json_w_object(w);
    json_m_i64(w, "id", row->id);
    json_m_time(w, "timestamp", row->target_ns);
    json_m_str(w, "model_name", row->model_name);
    json_m_i64(w, "prediction_horizon", row->horizon);
    json_m_number(w, "predicted_value", row->value);
    json_m_time(w, "created_at", row->created_at_ns);
    json_m_text(w, "asset", row->asset.text);
    json_m_time(w, "base_timestamp", row->base_ns);
    json_m_number(w, "base_price", row->base_price);
    json_m_number(w, "lower", row->low);
    json_m_number(w, "upper", row->high);
    json_m_number(w, "interval_coverage", row->coverage);
    m_whole(w, "version", row->version);
    json_m_text(w, "served_by", row->kind);
    json_m_str(w, "settlement", row->settlement);
    json_m_number(w, "actual", row->actual);
    json_m_number(w, "error", row->error);
    json_w_key(w, "within_interval");
    if (is_settled && has_interval)
        json_w_bool(w, row->low <= row->actual && row->actual <= row->high);
    else
        json_w_null(w);
    json_m_time(w, "settled_at", row->settled_at_ns);
    json_w_end_object(w);
}

static void on_predictions(struct admin_query *query, size_t index, const struct pg_result *result)
{
    struct prediction_row row;
    (void)index;
    json_w_array(query->w);
    for (size_t i = 0; i < pg_result_n_rows(result) && query->err == AL_OK; i++) {
        query->err = predictions_read(result, i, &row);
        if (query->err == AL_OK)
            write_prediction(query->w, &row);
    }
    json_w_end_array(query->w);
}

static struct predictions_filter filter_of(struct http_request *request, size_t limit)
{
    return (struct predictions_filter){.model_name = http_text(request, "model_name"),
                                       .horizon = http_i64(request, "horizon"),
                                       .limit = limit};
}

enum http_answer admin_predictions_latest(struct http_request *request, void *ctx)
{
    static const struct admin_query_ops ops = {on_predictions, NULL};
    struct admin_query *query = admin_query_create(request, ctx, &ops);
    if (query == NULL)
        return HTTP_ANSWERED;
    const struct predictions_filter filter = filter_of(request, (size_t)http_i64(request, "limit"));
    predictions_list(query->batch, &filter);
    return admin_query_run(query, request);
}

/* ---- GET /predictions/evaluation ---- */

static void write_evaluation(struct json_writer *w, const struct prediction_evaluation *e)
{
    json_w_object(w);
    json_m_str(w, "model_name", e->model_name);
    json_m_str(w, "asset", e->asset.text);
    json_m_i64(w, "prediction_horizon", e->horizon);
    json_m_i64(w, "n_settled", e->n_settled);
    json_m_i64(w, "n_waiting", e->n_waiting);
    json_m_i64(w, "n_gap", e->n_gap);
    json_m_number(w, "mae", e->mae);
    json_m_number(w, "naive_mae", e->naive_mae);
    json_m_number(w, "mape", e->mape);
    json_m_number(w, "rmse", e->rmse);
    json_m_number(w, "mase", e->mase);
    json_m_number(w, "skill", e->naive_mae > 0 ? 1 - e->mae / e->naive_mae : (double)NAN);
    json_m_number(w, "coverage", e->coverage);
    json_m_number(w, "nominal_coverage", e->nominal);
    json_m_number(w, "directional_accuracy", e->directional_accuracy);
    json_m_i64(w, "n_directed", e->n_directed);
    json_w_end_object(w);
}

static void on_evaluation(struct admin_query *query, size_t index, const struct pg_result *result)
{
    struct prediction_evaluation row;
    (void)index;
    json_w_array(query->w);
    for (size_t i = 0; i < pg_result_n_rows(result) && query->err == AL_OK; i++) {
        query->err = predictions_read_evaluation(result, i, &row);
        if (query->err == AL_OK)
            write_evaluation(query->w, &row);
    }
    json_w_end_array(query->w);
}

enum http_answer admin_predictions_evaluation(struct http_request *request, void *ctx)
{
    static const struct admin_query_ops ops = {on_evaluation, NULL};
    struct admin_query *query = admin_query_create(request, ctx, &ops);
    if (query == NULL)
        return HTTP_ANSWERED;
    const struct predictions_filter filter = filter_of(request, 10000);
    predictions_evaluate(query->batch, &filter,
                         admin_now_ns() - http_i64(request, "days") * NS_PER_DAY);
    return admin_query_run(query, request);
}
