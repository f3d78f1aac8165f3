/* What an operator watches: counts of versions, health as truth values, and the live status. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "admin_i.h"

#include "alphaloop/base/timestamp.h"
#include "alphaloop/feature/feature_catalog.h"
#include "alphaloop/settings/settings.h"
#include "alphaloop/store/model_versions.h"

/* ---- GET /api/v1/monitoring/models/performance ---- */

#define COUNTS_MAX                                                                                 \
    256 /* strategies ever trained; more are left out of the breakdown, not of the total */

struct tally {
    size_t n;
    struct {
        char name[STRATEGY_TEXT_MAX];
        uint64_t count;
    } items[COUNTS_MAX];
};

static void tally_add(struct tally *tally, const char *name, uint64_t count)
{
    size_t i = 0;
    while (i < tally->n && strcmp(tally->items[i].name, name) != 0)
        i++;
    if (i == COUNTS_MAX)
        return;
    if (i == tally->n) {
        snprintf(tally->items[i].name, sizeof tally->items[i].name, "%s", name);
        tally->items[i].count = 0;
        tally->n++;
    }
    tally->items[i].count += count;
}

static void tally_write(struct json_writer *w, const char *key, const struct tally *tally)
{
    json_w_key(w, key);
    json_w_object(w);
    for (size_t i = 0; i < tally->n; i++)
        json_m_i64(w, tally->items[i].name, (int64_t)tally->items[i].count);
    json_w_end_object(w);
}

static void on_counts(struct admin_query *query, size_t index, const struct pg_result *result)
{
    static struct tally by_strategy, by_type; /* one thread, filled and written here */
    uint64_t n_active = 0, n_all = 0;
    (void)index;
    by_strategy.n = by_type.n = 0;
    tally_add(&by_type, "xgboost", 0);
    tally_add(&by_type, "random_forest", 0);
    for (size_t i = 0; i < pg_result_n_rows(result); i++) {
        struct model_count count;
        query->err = model_versions_read_count(result, i, &count);
        if (query->err != AL_OK)
            return;
        n_active += count.n_active;
        n_all += count.n_all;
        tally_add(&by_strategy, count.strategy_id.text, count.n_all);
        tally_add(&by_type, count.model_type, count.n_all);
    }
    json_w_object(query->w);
    json_m_i64(query->w, "active_models_count", (int64_t)n_active);
    json_m_i64(query->w, "total_models_count", (int64_t)n_all);
    tally_write(query->w, "models_by_strategy", &by_strategy);
    tally_write(query->w, "models_by_type", &by_type);
    json_w_end_object(query->w);
}

enum http_answer admin_monitoring_models(struct http_request *request, void *ctx)
{
    static const struct admin_query_ops ops = {on_counts, NULL};
    struct admin_query *query = admin_query_create(request, ctx, &ops);
    if (query == NULL)
        return HTTP_ANSWERED;
    model_versions_count(query->batch);
    return admin_query_run(query, request);
}

/* ---- GET /api/v1/monitoring/health ---- */

static bool any_warmup(const struct admin_live *live)
{
    for (size_t i = 0; i < live->n_strategies; i++) {
        if (live->strategies[i].warmup_enabled)
            return true;
    }
    return false;
}

enum http_answer admin_monitoring_health(struct http_request *request, void *ctx)
{
    struct admin_live *live = admin_live_take(request, ctx);
    if (live == NULL)
        return HTTP_ANSWERED;
    struct json_writer *w = http_json(request, 200);
    json_w_object(w);
    json_m_bool(w, "database_connected", live->database.ok);
    json_m_bool(w, "message_queue_connected",
                live->consume_connection.ok && live->publish_connection.ok);
    json_m_bool(w, "model_storage_accessible", live->model_storage.ok);
    json_m_i64(w, "active_models", (int64_t)admin_n_active(live));
    json_m_bool(w, "warmup_mode_enabled", any_warmup(live));
    json_w_end_object(w);
    free(live);
    return HTTP_ANSWERED;
}

/* ---- GET /api/v1/status ---- */

static double finite_or_zero(double value)
{
    return isfinite(value) ? value : 0;
}

static void write_part(struct json_writer *w, const char *key, const struct admin_part *part)
{
    json_w_key(w, key);
    json_w_object(w);
    json_m_bool(w, "ok", part->ok);
    json_m_str(w, "state", part->state);
    json_m_text(w, "detail", part->detail);
    json_w_end_object(w);
}

static void write_progress(struct json_writer *w, const struct admin_strategy *strategy)
{
    json_w_key(w, "samples");
    json_w_object(w);
    json_m_i64(w, "samples", strategy->n_samples);
    json_m_number(w, "n_eff", finite_or_zero(strategy->n_eff));
    json_m_number(w, "needed", finite_or_zero(strategy->n_eff_needed));
    json_w_end_object(w);
    admin_write_training(w, "training", &strategy->id, &strategy->current);
    admin_write_training(w, "last_training", &strategy->id, &strategy->last);
    json_w_key(w, "last_verdict");
    if (strategy->last_verdict[0] == '\0') {
        json_w_null(w);
        return;
    }
    json_w_object(w);
    json_m_str(w, "text", strategy->last_verdict);
    json_m_time(w, "at", strategy->last_verdict_at_ns);
    json_w_end_object(w);
}

static void write_markouts(struct json_writer *w, const struct admin_strategy *strategy)
{
    json_w_key(w, "markouts");
    json_w_object(w);
    for (size_t i = 0; i < MARKOUT_COUNT; i++) {
        const struct markout_mean *mean = &strategy->markouts[i];
        json_w_key(w, markout_lags[i].name);
        json_w_object(w);
        json_m_i64(w, "fills", (int64_t)mean->n);
        json_m_number(w, "mean", mean->n > 0 ? mean->mean : (double)NAN);
        json_m_number(w, "t", markout_mean_t(mean));
        json_w_end_object(w);
    }
    json_w_end_object(w);
}

static void write_strategy(struct json_writer *w, const struct admin_strategy *strategy)
{
    json_w_object(w);
    json_m_str(w, "strategy_id", strategy->id.text);
    json_m_str(w, "mode", admin_mode_name(strategy->mode));
    json_m_text(w, "active_version", strategy->active_version.text);
    json_m_text(w, "active_type", strategy->active_kind);
    json_m_time(w, "active_since", strategy->active_since_ns);
    write_progress(w, strategy);
    json_m_number(w, "signals_per_minute", finite_or_zero(strategy->signals_per_minute));
    json_m_i64(w, "signals", (int64_t)strategy->n_signals);
    json_m_i64(w, "abstentions", (int64_t)strategy->n_abstentions);
    json_m_i64(w, "open_decisions", strategy->n_open_decisions);
    json_m_i64(w, "settled", (int64_t)strategy->n_settled);
    json_m_number(w, "pnl", finite_or_zero(strategy->pnl_settled));
    json_m_number(w, "win_rate", strategy->win_rate);
    json_m_number(w, "interval_nominal", strategy->interval_nominal);
    json_m_number(w, "interval_coverage", strategy->interval_coverage);
    write_markouts(w, strategy);
    json_w_end_object(w);
}

static const char *common_mode(const struct admin_live *live)
{
    for (size_t i = 1; i < live->n_strategies; i++) {
        if (live->strategies[i].mode != live->strategies[0].mode)
            return "mixed";
    }
    return live->n_strategies == 0 ? "flat" : admin_mode_name(live->strategies[0].mode);
}

static void write_world(struct json_writer *w, const struct admin_live *live)
{
    write_part(w, "database", &live->database);
    write_part(w, "consume_connection", &live->consume_connection);
    write_part(w, "publish_connection", &live->publish_connection);
    write_part(w, "model_storage", &live->model_storage);
    admin_write_consumers(w, live);
    json_m_i64(w, "outbox_pending", (int64_t)live->outbox_pending);
    json_m_i64(w, "buffered_events", (int64_t)live->buffered_events);
    json_m_i64(w, "quarantined", (int64_t)live->n_quarantined);
    json_m_number(w, "loop_lag_p99_seconds", live->loop_lag_p99_seconds);
}

static void write_strategies(struct json_writer *w, const struct admin_live *live)
{
    double signals_per_minute = 0, pnl = 0;
    for (size_t i = 0; i < live->n_strategies; i++) {
        signals_per_minute += finite_or_zero(live->strategies[i].signals_per_minute);
        pnl += finite_or_zero(live->strategies[i].pnl_settled);
    }
    json_m_number(w, "signals_per_minute", signals_per_minute);
    json_m_number(w, "pnl", pnl);
    json_w_key(w, "strategies");
    json_w_array(w);
    for (size_t i = 0; i < live->n_strategies; i++)
        write_strategy(w, &live->strategies[i]);
    json_w_end_array(w);
}

enum http_answer admin_status_get(struct http_request *request, void *ctx)
{
    const struct admin_context *admin = ctx;
    struct admin_live *live = admin_live_take(request, admin);
    if (live == NULL)
        return HTTP_ANSWERED;
    struct json_writer *w = http_json(request, 200);
    json_w_object(w);
    json_m_time(w, "timestamp", live->now_ns);
    json_m_time(w, "market_time", live->market_now_ns);
    json_m_str(w, "service", admin->service);
    json_m_str(w, "version", admin->version);
    json_m_number(w, "uptime_seconds",
                  (double)(live->now_ns - live->started_at_ns) / (double)NS_PER_S);
    json_m_str(w, "status", admin_health_name(admin_health_of(live)));
    json_m_str(w, "mode", common_mode(live));
    json_m_bool(w, "publishing", live->publishing);
    json_m_bool(w, "stopping", live->stopping);
    write_world(w, live);
    write_strategies(w, live);
    json_w_end_object(w);
    free(live);
    return HTTP_ANSWERED;
}

/* ---- GET /api/v1/settings and /api/v1/features ---- */

enum http_answer admin_settings_get(struct http_request *request, void *ctx)
{
    const struct admin_context *admin = ctx;
    struct buf items = BUF_INIT(1 << 20);
    settings_print_json(admin->settings, &items);
    struct json_writer *w = http_json(request, 200);
    json_w_object(w);
    json_m_raw(w, "items", buf_slice(&items));
    json_m_i64(w, "total", SETTING_COUNT);
    json_w_end_object(w);
    buf_deinit(&items);
    return HTTP_ANSWERED;
}

enum http_answer admin_features_get(struct http_request *request, void *ctx)
{
    (void)ctx;
    feature_catalog_json(http_raw(request, 200, "application/json"));
    return HTTP_ANSWERED;
}
