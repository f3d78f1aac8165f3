/* Price history: what there is, what is missing, candles out and candles in. */
#include <stdio.h>
#include <stdlib.h>

#include "admin_i.h"

#include "alphaloop/base/timestamp.h"
#include "alphaloop/history/posted.h"
#include "alphaloop/store/candles.h"

static void write_interval(struct json_writer *w, int64_t interval_ns)
{
    char text[CANDLE_INTERVAL_TEXT_MAX];
    candle_interval_format(interval_ns, text);
    json_m_str(w, "interval", text);
}

static void begin_items(struct admin_query *query)
{
    json_w_key(query->w, "items");
    json_w_array(query->w);
}

static void end_items(struct admin_query *query)
{
    json_w_end_array(query->w);
    json_m_i64(query->w, "limit", (int64_t)query->limit);
    json_w_end_object(query->w);
}

/* ---- GET /api/v1/history ---- */

static void write_series(struct json_writer *w, const struct candle_series *series)
{
    json_w_object(w);
    json_m_str(w, "asset", series->asset.text);
    write_interval(w, series->interval_ns);
    json_m_i64(w, "interval_seconds", series->interval_ns / NS_PER_S);
    json_m_time(w, "first", series->first_ns);
    json_m_time(w, "last", series->last_ns);
    json_m_count(w, "candles", series->n_candles);
    json_m_count(w, "made", series->n_made);
    json_m_count(w, "gaps", series->n_gaps);
    json_m_count(w, "missing", series->n_missing);
    json_w_end_object(w);
}

static void on_list(struct admin_query *query, size_t index, const struct pg_result *result)
{
    struct candle_series series;
    (void)index;
    json_w_object(query->w);
    begin_items(query);
    for (size_t i = 0; i < pg_result_n_rows(result); i++) {
        query->err = candles_read_series(result, i, &series);
        if (query->err != AL_OK)
            return;
        write_series(query->w, &series);
    }
    end_items(query);
}

enum http_answer admin_history_list(struct http_request *request, void *ctx)
{
    static const struct admin_query_ops ops = {on_list, NULL};
    struct admin_query *query = admin_query_create(request, ctx, &ops);
    struct asset asset;
    if (query == NULL)
        return HTTP_ANSWERED;
    bool is_one = http_given(request, "asset") && asset_parse(http_text(request, "asset"), &asset);
    query->limit = (size_t)http_i64(request, "limit");
    candles_list(query->batch, is_one ? &asset : NULL, query->limit);
    return admin_query_run(query, request);
}

/* ---- a range ---- */

/* The parameters were checked against their formats. */
static void read_series_params(const struct http_request *request,
                               struct asset *asset,
                               int64_t *interval_ns)
{
    if (!asset_parse(http_text(request, "asset"), asset))
        asset->text[0] = '\0';
    *interval_ns = candle_interval_parse(http_text(request, "interval"));
}

static void begin_range(struct admin_query *query)
{
    struct asset asset;
    int64_t interval_ns;
    read_series_params(query->request, &asset, &interval_ns);
    json_w_object(query->w);
    json_m_str(query->w, "asset", asset.text);
    write_interval(query->w, interval_ns);
}

static enum http_answer ask_range(struct http_request *request,
                                  const struct admin_context *admin,
                                  const struct admin_query_ops *ops,
                                  void (*ask)(struct pg_batch *, const struct candles_query *))
{
    struct admin_query *query = admin_query_create(request, admin, ops);
    if (query == NULL)
        return HTTP_ANSWERED;
    struct candles_query range = {.from_ns = http_time_ns(request, "start_time"),
                                  .to_ns = http_time_ns(request, "end_time"),
                                  .rows_max = (size_t)http_i64(request, "limit")};
    read_series_params(request, &range.asset, &range.interval_ns);
    query->limit = range.rows_max;
    ask(query->batch, &range);
    return admin_query_run(query, request);
}

static void on_candles(struct admin_query *query, size_t index, const struct pg_result *result)
{
    struct json_writer *w = query->w;
    struct candle_row row;
    (void)index;
    begin_range(query);
    begin_items(query);
    for (size_t i = 0; i < pg_result_n_rows(result); i++) {
        query->err = candles_read(result, i, &row);
        if (query->err != AL_OK)
            return;
        json_w_object(w);
        json_m_time(w, "timestamp", row.candle.ts_open_ns);
        json_m_number(w, "open", row.candle.open);
        json_m_number(w, "high", row.candle.high);
        json_m_number(w, "low", row.candle.low);
        json_m_number(w, "close", row.candle.close);
        json_m_number(w, "volume", row.candle.volume);
        json_w_end_object(w);
    }
    end_items(query);
}

enum http_answer admin_history_candles(struct http_request *request, void *ctx)
{
    static const struct admin_query_ops ops = {on_candles, NULL};
    return ask_range(request, ctx, &ops, candles_load_range);
}

static void on_gaps(struct admin_query *query, size_t index, const struct pg_result *result)
{
    struct gap gap;
    (void)index;
    begin_range(query);
    begin_items(query);
    for (size_t i = 0; i < pg_result_n_rows(result); i++) {
        query->err = candles_read_gap(result, i, &gap);
        if (query->err != AL_OK)
            return;
        json_w_object(query->w);
        json_m_time(query->w, "from", gap.from_ns);
        json_m_time(query->w, "to", gap.to_ns);
        json_m_count(query->w, "missing", gap.n_missing);
        json_w_end_object(query->w);
    }
    end_items(query);
}

enum http_answer admin_history_gaps(struct http_request *request, void *ctx)
{
    static const struct admin_query_ops ops = {on_gaps, NULL};
    return ask_range(request, ctx, &ops, candles_load_gaps);
}

/* ---- POST /api/v1/history/{asset}/candles ---- */

static void write_problem(struct json_writer *w, const struct posted_problem *problem)
{
    char index[24];
    snprintf(index, sizeof(index), "%zu", problem->index);
    json_w_object(w);
    json_w_key(w, "loc");
    json_w_array(w);
    json_w_str(w, "body");
    json_w_str(w, "candles");
    json_w_str(w, index);
    if (problem->field[0] != '\0')
        json_w_str(w, problem->field);
    json_w_end_array(w);
    json_m_str(w, "msg", problem->text);
    json_m_str(w, "type", "value_error");
    json_w_end_object(w);
}

static enum http_answer refuse_candles(struct http_request *request,
                                       const struct posted_problem *problems,
                                       size_t n)
{
    struct json_writer *w = http_json(request, 422);
    json_w_object(w);
    json_w_key(w, "detail");
    json_w_array(w);
    for (size_t i = 0; i < n; i++)
        write_problem(w, &problems[i]);
    json_w_end_array(w);
    json_w_end_object(w);
    return HTTP_ANSWERED;
}

static void on_stored(struct admin_query *query, size_t index, const struct pg_result *result)
{
    struct candles_imported stored = candles_read_imported(result);
    (void)index;
    begin_range(query);
    json_m_count(query->w, "received", query->limit);
    json_m_count(query->w, "new", stored.n_new);
    json_m_count(query->w, "changed", stored.n_changed);
    json_w_end_object(query->w);
}

static enum http_answer store_candles(struct http_request *request,
                                      const struct admin_context *admin,
                                      const struct candle *candles,
                                      size_t n_candles)
{
    static const struct admin_query_ops ops = {on_stored, NULL};
    struct admin_query *query = admin_query_create(request, admin, &ops);
    struct asset asset;
    int64_t interval_ns;
    if (query == NULL)
        return HTTP_ANSWERED;
    read_series_params(request, &asset, &interval_ns);
    query->limit = n_candles;
    candles_import(query->batch, &asset, interval_ns, candles, n_candles);
    return admin_query_run(query, request);
}

enum http_answer admin_history_post(struct http_request *request, void *ctx)
{
    struct json_node *array = http_member(request, "candles");
    struct posted_problem problems[POSTED_PROBLEMS_MAX];
    struct candle *candles = calloc(json_length(array), sizeof(*candles));
    if (candles == NULL)
        return http_error(request, 500, "out of memory");
    size_t n_problems =
        posted_candles_read(array, candle_interval_parse(http_text(request, "interval")),
                            admin_now_ns(), candles, problems);
    enum http_answer answer = n_problems > 0
                                  ? refuse_candles(request, problems, n_problems)
                                  : store_candles(request, ctx, candles, json_length(array));
    free(candles);
    return answer;
}
