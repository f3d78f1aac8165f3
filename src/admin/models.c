/* The registry: versions, their quality metrics, activation. */
#include <stdlib.h>
#include <string.h>

#include "admin_i.h"

#include "alphaloop/base/timestamp.h"
#include "alphaloop/store/model_quality_metrics.h"
#include "alphaloop/store/model_versions.h"

#define METRICS_MAX 10000 /* in one answer */

/* ---- writing rows ---- */

static void write_members(struct json_writer *w, const struct model_version_row *row)
{
    char id[UUID_TEXT_MAX], hash[SHA256_TEXT_MAX];
    uuid_format(row->id, id);
    sha256_format(&row->folder_hash, hash);
    json_m_str(w, "id", id);
    json_m_str(w, "version", row->version.text);
    json_m_str(w, "model_type", row->model_type);
    json_m_str(w, "strategy_id", row->strategy_id.text);
    json_m_time(w, "trained_at", row->trained_at_ns);
    json_m_number(w, "training_duration_seconds", row->training_duration_seconds);
    json_m_i64(w, "training_dataset_size", row->training_dataset_size);
    json_m_bool(w, "is_active", row->is_active);
    json_m_bool(w, "is_warmup_mode", row->is_warmup_mode);
    json_m_time(w, "created_at", row->created_at_ns);
    json_m_time(w, "updated_at", row->updated_at_ns);
    json_m_str(w, "state", version_state_name(row->state));
    json_m_i64(w, "attempt", row->attempt);
    json_m_str(w, "folder_hash", hash);
    json_w_key(w, "verdict");
    if (row->verdict.len > 0)
        json_w_raw(w, row->verdict);
    else
        json_w_null(w);
}

static void write_metric(struct json_writer *w, const struct quality_metric_row *row)
{
    char id[UUID_TEXT_MAX], version_id[UUID_TEXT_MAX];
    uuid_format(row->id, id);
    uuid_format(row->model_version_id, version_id);
    json_w_object(w);
    json_m_str(w, "id", id);
    json_m_str(w, "model_version_id", version_id);
    json_m_str(w, "metric_name", row->metric_name);
    json_m_number(w, "metric_value", row->metric_value);
    json_m_str(w, "metric_type", quality_type_name(row->metric_type));
    json_m_time(w, "evaluated_at", row->evaluated_at_ns);
    json_m_i64(w, "evaluation_dataset_size", row->evaluation_dataset_size);
    json_w_end_object(w);
}

static void write_metrics(struct admin_query *query, const struct pg_result *result)
{
    json_w_array(query->w);
    for (size_t i = 0; i < pg_result_n_rows(result) && query->err == AL_OK; i++) {
        struct quality_metric_row row;
        query->err = model_quality_metrics_read(result, i, &row);
        if (query->err == AL_OK)
            write_metric(query->w, &row);
    }
    json_w_end_array(query->w);
}

/* ---- GET /api/v1/models ---- */

static void on_list(struct admin_query *query, size_t index, const struct pg_result *result)
{
    struct json_writer *w = query->w;
    if (index == 1) {
        json_m_i64(w, "total", pg_result_i64(result, 0, 0));
        json_m_i64(w, "limit", (int64_t)query->limit);
        json_m_i64(w, "offset", (int64_t)query->offset);
        json_w_end_object(w);
        return;
    }
    json_w_object(w);
    json_w_key(w, "items");
    json_w_array(w);
    for (size_t i = 0; i < pg_result_n_rows(result) && query->err == AL_OK; i++) {
        struct model_version_row row;
        query->err = model_versions_read(result, i, &row);
        if (query->err != AL_OK)
            return;
        json_w_object(w);
        write_members(w, &row);
        json_w_end_object(w);
    }
    json_w_end_array(w);
}

enum http_answer admin_models_list(struct http_request *request, void *ctx)
{
    static const struct admin_query_ops ops = {on_list, NULL};
    struct admin_query *query = admin_query_create(request, ctx, &ops);
    if (query == NULL)
        return HTTP_ANSWERED;
    query->limit = (size_t)http_i64(request, "limit");
    query->offset = (size_t)http_i64(request, "offset");
    struct model_versions_filter filter = {
        .strategy_id = admin_strategy_param(request),
        .is_active = !http_given(request, "is_active") ? -1 : http_bool(request, "is_active"),
        .limit = query->limit,
        .offset = query->offset,
    };
    model_versions_list(query->batch, &filter);
    return admin_query_run(query, request);
}

/* ---- GET /api/v1/models/{version} ---- */

/* The version itself, first statement of most routes here: found or 404. */
static bool read_version(struct admin_query *query,
                         const struct pg_result *result,
                         struct model_version_row *row)
{
    query->found = pg_result_n_rows(result) > 0;
    if (query->found)
        query->err = model_versions_read(result, 0, row);
    return query->found && query->err == AL_OK;
}

static void answer_if_missing(struct admin_query *query, struct http_request *request)
{
    if (!query->found)
        http_error(request, 404, "there is no model version %s", query->version.text);
}

static void on_detail(struct admin_query *query, size_t index, const struct pg_result *result)
{
    struct model_version_row row;
    if (index == 0 && read_version(query, result, &row)) {
        json_w_object(query->w);
        write_members(query->w, &row);
        json_w_key(query->w, "quality_metrics");
    } else if (index == 1 && query->found) {
        write_metrics(query, result);
        json_w_end_object(query->w);
    }
}

static struct admin_query *query_version(struct http_request *request,
                                         const struct admin_context *admin,
                                         const struct admin_query_ops *ops)
{
    struct admin_query *query = admin_query_create(request, admin, ops);
    if (query != NULL) {
        query->version = admin_version_param(request);
        model_versions_get(query->batch, &query->version);
    }
    return query;
}

enum http_answer admin_models_get(struct http_request *request, void *ctx)
{
    static const struct admin_query_ops ops = {on_detail, answer_if_missing};
    struct admin_query *query = query_version(request, ctx, &ops);
    if (query == NULL)
        return HTTP_ANSWERED;
    model_quality_metrics_list(query->batch, &query->version, QUALITY_TYPE_COUNT,
                               (struct slice){"", 0}, METRICS_MAX);
    return admin_query_run(query, request);
}

/* ---- POST /api/v1/models/{version}/activate ---- */

static void on_activated(struct admin_query *query, size_t index, const struct pg_result *result)
{
    struct model_version_row row;
    (void)index;
    if (!read_version(query, result, &row))
        return;
    json_w_object(query->w);
    write_members(query->w, &row);
    json_w_end_object(query->w);
}

static enum http_answer answer_activated(struct admin_action *action,
                                         struct http_request *request,
                                         const struct admin_result *result)
{
    static const struct admin_query_ops ops = {on_activated, answer_if_missing};
    (void)result;
    struct admin_query *query = query_version(request, action->admin, &ops);
    return query == NULL ? HTTP_ANSWERED : admin_query_run(query, request);
}

enum http_answer admin_models_activate(struct http_request *request, void *ctx)
{
    const struct admin_context *admin = ctx;
    struct admin_action *action = admin_action_create(request, admin);
    if (action == NULL)
        return HTTP_ANSWERED;
    action->strategy_id = admin_strategy_param(request);
    action->version = admin_version_param(request);
    action->on_done = answer_activated;
    admin->actions.activate(admin->app, &action->version, &action->strategy_id, admin_action_result,
                            action);
    return HTTP_LATER;
}

/* ---- GET /api/v1/models/{version}/importance ---- */

static enum http_answer answer_importance(struct admin_action *action,
                                          struct http_request *request,
                                          const struct admin_result *result)
{
    (void)action;
    json_w_raw(http_json(request, 200), result->body);
    return HTTP_ANSWERED;
}

enum http_answer admin_models_importance(struct http_request *request, void *ctx)
{
    const struct admin_context *admin = ctx;
    struct admin_action *action = admin_action_create(request, admin);
    if (action == NULL)
        return HTTP_ANSWERED;
    action->version = admin_version_param(request);
    action->only_reads = true;
    action->on_done = answer_importance;
    admin->actions.importance(admin->app, &action->version, admin_action_result, action);
    return HTTP_LATER;
}

/* ---- GET /api/v1/models/{version}/metrics ---- */

static void on_metrics(struct admin_query *query, size_t index, const struct pg_result *result)
{
    struct model_version_row row;
    if (index == 0)
        read_version(query, result, &row);
    else if (query->found)
        write_metrics(query, result);
}

enum http_answer admin_models_metrics(struct http_request *request, void *ctx)
{
    static const struct admin_query_ops ops = {on_metrics, answer_if_missing};
    struct admin_query *query = query_version(request, ctx, &ops);
    if (query == NULL)
        return HTTP_ANSWERED;
    enum quality_type type = QUALITY_TYPE_COUNT;
    if (http_given(request, "metric_type") &&
        !quality_type_parse(http_text(request, "metric_type"), &type))
        type = QUALITY_TYPE_COUNT; /* the row's choices are the table's names */
    model_quality_metrics_list(query->batch, &query->version, type,
                               http_text(request, "metric_name"), METRICS_MAX);
    return admin_query_run(query, request);
}

/* ---- GET /api/v1/models/{version}/metrics/time-series ---- */

static void on_series(struct admin_query *query, size_t index, const struct pg_result *result)
{
    struct json_writer *w = query->w;
    struct model_version_row row;
    if (index == 0) {
        read_version(query, result, &row);
        return;
    }
    if (!query->found || !admin_series_fits(query, pg_result_n_rows(result)))
        return;
    json_w_object(w);
    json_m_str(w, "model_version", query->version.text);
    admin_series_begin(query);
    for (size_t i = 0; i < pg_result_n_rows(result) && query->err == AL_OK; i++) {
        struct metric_point point;
        query->err = model_quality_metrics_read_point(result, i, &point);
        if (query->err != AL_OK)
            return;
        json_w_object(w);
        json_m_time(w, "timestamp", point.ts_ns);
        json_m_number(w, "value", point.value);
        json_m_str(w, "metric_name", point.metric_name);
        json_w_end_object(w);
    }
    json_w_end_array(w);
    json_w_end_object(w);
}

/* "a,b" into slices; the parameter's check bounds their number. */
static size_t split_names(struct slice text, struct slice *names, size_t n_max)
{
    size_t n = 0;
    while (text.len > 0 && n < n_max) {
        const char *comma = memchr(text.ptr, ',', text.len);
        size_t len = comma == NULL ? text.len : (size_t)(comma - text.ptr);
        names[n++] = (struct slice){text.ptr, len};
        size_t used = comma == NULL ? len : len + 1;
        text = (struct slice){text.ptr + used, text.len - used};
    }
    return n;
}

enum http_answer admin_models_series(struct http_request *request, void *ctx)
{
    static const struct admin_query_ops ops = {on_series, answer_if_missing};
    struct admin_window window;
    struct slice names[20];
    if (!admin_window_read(request, &window))
        return HTTP_ANSWERED;
    struct admin_query *query = query_version(request, ctx, &ops);
    if (query == NULL)
        return HTTP_ANSWERED;
    query->window = window;
    size_t n_names = split_names(http_text(request, "metric_names"), names, COUNT_OF(names));
    model_quality_metrics_series(query->batch, &query->version, window.granularity, window.start_ns,
                                 window.end_ns, names, n_names, ADMIN_SERIES_MAX + 1);
    return admin_query_run(query, request);
}
