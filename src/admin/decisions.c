/* Decisions, one by one: what they were made from, why, and what came of them. Also what could not be
 * read at all. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "admin_i.h"

#include "alphaloop/base/timestamp.h"
#include "alphaloop/feature/feature_set.h"
#include "alphaloop/store/decision_views.h"
#include "alphaloop/store/order_outcomes.h"
#include "alphaloop/store/quarantine.h"

#define EXECUTIONS_MAX 1000 /* of one signal */

static struct decision_views_filter read_filter(struct http_request *request,
                                                struct admin_query *query)
{
    struct decision_views_filter filter = {.strategy_id = admin_strategy_param(request)};
    if (!http_given(request, "asset") || !asset_parse(http_text(request, "asset"), &filter.asset))
        filter.asset.text[0] = '\0';
    query->limit = filter.limit = (size_t)http_i64(request, "limit");
    query->offset = filter.offset = (size_t)http_i64(request, "offset");
    return filter;
}

static void end_page(struct admin_query *query)
{
    json_w_end_array(query->w);
    json_m_i64(query->w, "limit", (int64_t)query->limit);
    json_m_i64(query->w, "offset", (int64_t)query->offset);
    json_w_end_object(query->w);
}

static void begin_page(struct admin_query *query)
{
    json_w_object(query->w);
    json_w_key(query->w, "items");
    json_w_array(query->w);
}

/* ---- GET /api/v1/signals ---- */

static void write_signal(struct json_writer *w, const struct signal_view *signal)
{
    char id[UUID_TEXT_MAX];
    uuid_format(signal->signal_id, id);
    json_m_str(w, "signal_id", id);
    json_m_str(w, "kind", signal->is_exit ? "exit" : "entry");
    json_m_str(w, "strategy_id", signal->strategy_id.text);
    json_m_str(w, "asset", signal->asset.text);
    json_m_str(w, "signal_type", signal->side);
    json_m_number(w, "amount", signal->amount);
    json_m_number(w, "price", signal->price);
    json_m_number(w, "confidence", signal->confidence);
    json_m_number(w, "expected_value", signal->expected_value);
    json_m_number(w, "propensity", signal->propensity);
    json_m_time(w, "timestamp", signal->decided_at_ns);
    json_m_bool(w, "is_warmup", signal->is_warmup);
    json_m_text(w, "model_version", signal->model_version.text);
    json_m_text(w, "heuristic", signal->heuristic);
    json_m_text(w, "reason", signal->reason);
    json_m_str(w, "status", signal->status);
    json_m_time(w, "published_at", signal->published_at_ns);
    json_m_text(w, "outcome", signal->outcome);
    json_m_number(w, "net_return", signal->net_return);
    json_m_text(w, "trace_id", signal->trace_id.text);
}

static void on_signals(struct admin_query *query, size_t index, const struct pg_result *result)
{
    (void)index;
    begin_page(query);
    for (size_t i = 0; i < pg_result_n_rows(result); i++) {
        struct signal_view signal;
        query->err = decision_views_read_signal(result, i, &signal);
        if (query->err != AL_OK)
            return;
        json_w_object(query->w);
        write_signal(query->w, &signal);
        json_w_end_object(query->w);
    }
    end_page(query);
}

enum http_answer admin_signals_list(struct http_request *request, void *ctx)
{
    static const struct admin_query_ops ops = {on_signals, NULL};
    struct admin_query *query = admin_query_create(request, ctx, &ops);
    if (query == NULL)
        return HTTP_ANSWERED;
    struct decision_views_filter filter = read_filter(request, query);
    decision_views_signals(query->batch, &filter);
    return admin_query_run(query, request);
}

/* ---- GET /api/v1/signals/{signal_id} ---- */

/* Names are those of the strategy's set if it is still the set of the decision; values are always there. */
static void write_features(struct json_writer *w,
                           const struct signal_detail *detail,
                           const struct feature_set *set)
{
    bool is_known =
        set != NULL && set->n_columns == detail->n_features &&
        detail->schema_hash.len == sizeof set->schema_hash.bytes &&
        memcmp(set->schema_hash.bytes, detail->schema_hash.ptr, detail->schema_hash.len) == 0;
    json_w_key(w, "features");
    if (is_known) {
        json_w_object(w);
        for (size_t i = 0; i < detail->n_features; i++)
            json_m_number(w, set->columns[i].name, detail->features[i]);
        json_w_end_object(w);
    } else {
        json_w_null(w);
    }
    json_w_key(w, "feature_values");
    json_w_array(w);
    for (size_t i = 0; i < detail->n_features; i++)
        json_w_number(w, detail->features[i]);
    json_w_end_array(w);
}

static void write_detail(struct admin_query *query,
                         const struct signal_view *signal,
                         const struct signal_detail *detail)
{
    struct json_writer *w = query->w;
    const struct admin_context *admin = query->admin;
    char hash[SHA256_TEXT_MAX] = "";
    struct sha256 schema_hash;
    if (detail->schema_hash.len == sizeof schema_hash.bytes) {
        memcpy(schema_hash.bytes, detail->schema_hash.ptr, sizeof schema_hash.bytes);
        sha256_format(&schema_hash, hash);
    }
    write_signal(w, signal);
    json_m_raw(w, "message", detail->body);
    json_m_str(w, "schema_hash", hash);
    write_features(
        w, detail,
        admin->feature_set == NULL ? NULL : admin->feature_set(admin->app, &signal->strategy_id));
    json_m_number(w, "horizon_seconds", (double)detail->horizon_ns / (double)NS_PER_S);
    json_m_number(w, "sigma_h", detail->sigma_h);
    json_m_time(w, "expires_at", detail->expires_at_ns);
}

static void on_signal_row(struct admin_query *query, const struct pg_result *result)
{
    static struct signal_detail detail; /* one thread, filled and written here */
    struct signal_view signal;
    query->found = pg_result_n_rows(result) > 0;
    if (!query->found)
        return;
    query->err = decision_views_read_signal(result, 0, &signal);
    if (query->err == AL_OK)
        query->err = decision_views_read_detail(result, 0, &detail);
    if (query->err != AL_OK)
        return;
    json_w_object(query->w);
    write_detail(query, &signal, &detail);
}

static void on_outcomes(struct admin_query *query, const struct pg_result *result)
{
    struct json_writer *w = query->w;
    json_w_key(w, "outcomes");
    json_w_array(w);
    for (size_t i = 0; i < pg_result_n_rows(result); i++) {
        struct outcome_view outcome;
        query->err = decision_views_read_outcome(result, i, &outcome);
        if (query->err != AL_OK)
            return;
        json_w_object(w);
        json_m_str(w, "action", outcome.action);
        json_m_bool(w, "policy_took", outcome.policy_took);
        json_m_str(w, "evidence", outcome.is_own_fill ? "own_fill" : "market");
        json_m_str(w, "barrier", outcome.barrier);
        json_m_number(w, "gross_return", outcome.gross_return);
        json_m_number(w, "cost_return", outcome.cost_return);
        json_m_number(w, "net_return", outcome.net_return);
        json_m_number(w, "fill_fraction", outcome.fill_fraction);
        json_m_time(w, "reached_at", outcome.t1_ns);
        json_m_time(w, "available_at", outcome.available_at_ns);
        json_w_end_object(w);
    }
    json_w_end_array(w);
}

static void on_executions(struct admin_query *query, const struct pg_result *result)
{
    struct json_writer *w = query->w;
    json_w_key(w, "executions");
    json_w_array(w);
    for (size_t i = 0; i < pg_result_n_rows(result); i++) {
        struct execution_view execution;
        char id[UUID_TEXT_MAX];
        query->err = decision_views_read_execution(result, i, &execution);
        if (query->err != AL_OK)
            return;
        uuid_format(execution.event_id, id);
        json_w_object(w);
        json_m_str(w, "event_id", id);
        json_m_str(w, "order_id", execution.order_id.text);
        json_m_number(w, "price", execution.price);
        json_m_number(w, "quantity", execution.quantity);
        json_m_number(w, "fees", execution.fees);
        json_m_time(w, "executed_at", execution.executed_at_ns);
        json_w_end_object(w);
    }
    json_w_end_array(w);
}

static void write_order(struct json_writer *w, const struct order_outcome *order)
{
    json_w_object(w);
    json_m_time(w, "answered_at", order->answered_at_ns);
    json_m_time(w, "first_fill_at", order->first_fill_ns);
    json_m_number(w, "quantity", order->quantity);
    json_m_number(w, "price", order->quantity > 0 ? order->price : (double)NAN);
    json_w_key(w, "markouts");
    json_w_object(w);
    for (size_t i = 0; i < MARKOUT_COUNT; i++)
        json_m_number(w, markout_lags[i].name, order->markouts[i]);
    json_w_end_object(w);
    json_m_number(w, "held", order_outcome_held(order));
    json_m_str(w, "exit_source", exit_source_names[order->exit_source]);
    json_m_number(w, "exit_price", order->exit_quantity > 0 ? order->exit_price : (double)NAN);
    json_m_time(w, "exited_at", order->exited_at_ns);
    json_m_number(w, "realised_gross", order->realised_gross);
    json_m_number(w, "realised_cost", order->realised_cost);
    json_m_number(w, "realised_net", order->realised_net);
    json_w_end_object(w);
}

static void on_order(struct admin_query *query, const struct pg_result *result)
{
    struct order_outcome order;
    json_w_key(query->w, "order");
    if (pg_result_n_rows(result) == 0) {
        json_w_null(query->w);
    } else {
        query->err = order_outcomes_read(result, 0, &order);
        if (query->err != AL_OK)
            return;
        write_order(query->w, &order);
    }
    json_w_end_object(query->w);
}

static void on_signal(struct admin_query *query, size_t index, const struct pg_result *result)
{
    if (index == 0)
        on_signal_row(query, result);
    else if (query->found && index == 1)
        on_outcomes(query, result);
    else if (query->found && index == 2)
        on_executions(query, result);
    else if (query->found)
        on_order(query, result);
}

static void answer_if_missing(struct admin_query *query, struct http_request *request)
{
    if (!query->found)
        http_error(request, 404, "there is no such signal");
}

enum http_answer admin_signals_get(struct http_request *request, void *ctx)
{
    static const struct admin_query_ops ops = {on_signal, answer_if_missing};
    struct uuid id;
    if (uuid_parse(http_text(request, "signal_id"), &id) != AL_OK)
        return http_refuse(request, "signal_id", "uuid_parsing", "must be a UUID");
    struct admin_query *query = admin_query_create(request, ctx, &ops);
    if (query == NULL)
        return HTTP_ANSWERED;
    decision_views_signal(query->batch, id);
    decision_views_outcomes(query->batch, id);
    decision_views_executions(query->batch, id, EXECUTIONS_MAX);
    order_outcomes_find(query->batch, id);
    return admin_query_run(query, request);
}

/* ---- GET /api/v1/abstentions ---- */

static void write_abstention(struct json_writer *w, const struct abstention_view *abstention)
{
    char id[UUID_TEXT_MAX];
    enum reason reason = REASON_NONE;
    bool is_known = reason_from_name(slice_of(abstention->reason), &reason);
    uuid_format(abstention->decision_id, id);
    json_w_object(w);
    json_m_str(w, "decision_id", id);
    json_m_str(w, "strategy_id", abstention->strategy_id.text);
    json_m_str(w, "asset", abstention->asset.text);
    json_m_str(w, "reason", abstention->reason);
    json_m_str(w, "text", is_known ? reason_text(reason) : "");
    json_m_number(w, "confidence", abstention->confidence);
    json_m_number(w, "expected_value", abstention->expected_value);
    json_m_time(w, "timestamp", abstention->decided_at_ns);
    json_m_bool(w, "is_warmup", abstention->is_warmup);
    json_m_text(w, "model_version", abstention->model_version.text);
    json_m_text(w, "outcome", abstention->outcome);
    json_w_end_object(w);
}

static void on_abstentions(struct admin_query *query, size_t index, const struct pg_result *result)
{
    (void)index;
    begin_page(query);
    for (size_t i = 0; i < pg_result_n_rows(result); i++) {
        struct abstention_view abstention;
        query->err = decision_views_read_abstention(result, i, &abstention);
        if (query->err != AL_OK)
            return;
        write_abstention(query->w, &abstention);
    }
    end_page(query);
}

enum http_answer admin_abstentions_list(struct http_request *request, void *ctx)
{
    static const struct admin_query_ops ops = {on_abstentions, NULL};
    struct admin_query *query = admin_query_create(request, ctx, &ops);
    if (query == NULL)
        return HTTP_ANSWERED;
    struct decision_views_filter filter = read_filter(request, query);
    decision_views_abstentions(query->batch, &filter);
    return admin_query_run(query, request);
}

/* ---- GET /api/v1/quarantine ---- */

static void write_quarantined(struct json_writer *w, const struct quarantine_row *row)
{
    json_w_object(w);
    json_m_i64(w, "id", row->id);
    json_m_time(w, "received_at", row->received_at_ns);
    json_m_string(w, "queue", row->queue);
    json_m_str(w, "reason", reason_name(row->reason));
    json_m_string(w, "field", row->field);
    json_m_string(w, "detail", row->detail);
    json_m_str(w, "status", row->status == QUARANTINE_WAITING ? "waiting" : "retried");
    json_m_time(w, "retried_at", row->retried_at_ns);
    json_w_end_object(w);
}

/* Two statements: how many wait, then the page. */
static void on_quarantine(struct admin_query *query, size_t index, const struct pg_result *result)
{
    if (index == 0) {
        json_w_object(query->w);
        json_m_i64(query->w, "waiting", pg_result_i64(result, 0, 0));
        json_w_key(query->w, "items");
        json_w_array(query->w);
        return;
    }
    for (size_t i = 0; i < pg_result_n_rows(result); i++) {
        struct quarantine_row row;
        query->err = quarantine_read(result, i, &row);
        if (query->err != AL_OK)
            return;
        write_quarantined(query->w, &row);
    }
    end_page(query);
}

enum http_answer admin_quarantine_list_get(struct http_request *request, void *ctx)
{
    static const struct admin_query_ops ops = {on_quarantine, NULL};
    struct admin_query *query = admin_query_create(request, ctx, &ops);
    if (query == NULL)
        return HTTP_ANSWERED;
    query->limit = (size_t)http_i64(request, "limit");
    query->offset = (size_t)http_i64(request, "offset");
    quarantine_count_waiting(query->batch);
    quarantine_list(query->batch, query->limit, query->offset);
    return admin_query_run(query, request);
}
