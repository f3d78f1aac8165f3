/* Strategies: their configuration, how they did, and going back to the version before. */
#include <stdlib.h>

#include "admin_i.h"

#include "alphaloop/settings/strategy_config.h"
#include "alphaloop/store/performance.h"

/* ---- GET /api/v1/strategies ---- */

static void write_strategy(struct json_writer *w,
                           const struct admin_context *admin,
                           const struct admin_strategy *strategy)
{
    const struct strategy_config *config =
        admin->config == NULL ? NULL : admin->config(admin->app, &strategy->id);
    json_w_object(w);
    json_m_str(w, "strategy_id", strategy->id.text);
    json_m_str(w, "mode", admin_mode_name(strategy->mode));
    json_m_text(w, "active_version", strategy->active_version.text);
    json_w_key(w, "config");
    if (config != NULL)
        strategy_config_write(config, w);
    else
        json_w_null(w);
    json_w_end_object(w);
}

enum http_answer admin_strategies_list(struct http_request *request, void *ctx)
{
    const struct admin_context *admin = ctx;
    struct admin_live *live = admin_live_take(request, admin);
    if (live == NULL)
        return HTTP_ANSWERED;
    struct json_writer *w = http_json(request, 200);
    json_w_object(w);
    json_w_key(w, "items");
    json_w_array(w);
    for (size_t i = 0; i < live->n_strategies; i++)
        write_strategy(w, admin, &live->strategies[i]);
    json_w_end_array(w);
    json_m_i64(w, "total", (int64_t)live->n_strategies);
    json_w_end_object(w);
    free(live);
    return HTTP_ANSWERED;
}

/* ---- GET /api/v1/strategies/{strategy_id}/performance/time-series ---- */

static void on_series(struct admin_query *query, size_t index, const struct pg_result *result)
{
    struct json_writer *w = query->w;
    (void)index;
    if (!admin_series_fits(query, pg_result_n_rows(result)))
        return;
    json_w_object(w);
    json_m_str(w, "strategy_id", query->strategy_id.text);
    admin_series_begin(query);
    for (size_t i = 0; i < pg_result_n_rows(result); i++) {
        struct performance_point point;
        performance_read(result, i, &point);
        json_w_object(w);
        json_m_time(w, "timestamp", point.ts_ns);
        json_m_number(w, "success_rate", point.success_rate);
        json_m_number(w, "total_pnl", point.total_pnl);
        json_m_number(w, "avg_pnl", point.avg_pnl);
        json_m_i64(w, "total_orders", (int64_t)point.total_orders);
        json_m_i64(w, "successful_orders", (int64_t)point.successful_orders);
        json_w_end_object(w);
    }
    json_w_end_array(w);
    json_w_end_object(w);
}

/* A strategy that no longer runs may still have a past, so it is 404 only when it has neither. */
static void answer_if_unknown(struct admin_query *query, struct http_request *request)
{
    struct admin_live *live = admin_live_take(request, query->admin);
    if (live == NULL)
        return;
    if (!query->found && !admin_knows_strategy(live, &query->strategy_id))
        http_error(request, 404, "there is no strategy %s", query->strategy_id.text);
    free(live);
}

static void on_series_found(struct admin_query *query, size_t index, const struct pg_result *result)
{
    query->found = pg_result_n_rows(result) > 0;
    on_series(query, index, result);
}

enum http_answer admin_strategies_series(struct http_request *request, void *ctx)
{
    static const struct admin_query_ops ops = {on_series_found, answer_if_unknown};
    struct admin_window window;
    if (!admin_window_read(request, &window))
        return HTTP_ANSWERED;
    struct admin_query *query = admin_query_create(request, ctx, &ops);
    if (query == NULL)
        return HTTP_ANSWERED;
    query->window = window;
    query->strategy_id = admin_strategy_param(request);
    performance_series(query->batch, &query->strategy_id, window.granularity, window.start_ns,
                       window.end_ns, ADMIN_SERIES_MAX + 1);
    return admin_query_run(query, request);
}

/* ---- POST /api/v1/strategies/{strategy_id}/rollback ---- */

static enum http_answer answer_rolled_back(struct admin_action *action,
                                           struct http_request *request,
                                           const struct admin_result *result)
{
    struct json_writer *w = http_json(request, 200);
    json_w_object(w);
    json_m_str(w, "strategy_id", action->strategy_id.text);
    json_m_text(w, "active_version", result->version.text);
    json_m_str(w, "message", result->text);
    json_w_end_object(w);
    return HTTP_ANSWERED;
}

enum http_answer admin_strategies_rollback(struct http_request *request, void *ctx)
{
    const struct admin_context *admin = ctx;
    struct admin_action *action = admin_action_create(request, admin);
    if (action == NULL)
        return HTTP_ANSWERED;
    action->strategy_id = admin_strategy_param(request);
    action->on_done = answer_rolled_back;
    admin->actions.rollback(admin->app, &action->strategy_id, admin_action_result, action);
    return HTTP_LATER;
}
