/* The live view: plain values copied out of the parts, made anew for each request. */
#include "view_i.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/observe/metric.h"
#include "alphaloop/store/migrate.h"

#include "feed_i.h"
#include "intake_i.h"
#include "ledger_i.h"
#include "outbox_i.h"
#include "pulse_i.h"
#include "recovery_i.h"
#include "spot_prices_i.h"
#include "training_i.h"
#include "vitals_i.h"
#include "worker_i.h"

static void part(struct admin_part *out, bool ok, const char *state, const char *detail)
{
    out->ok = ok;
    (void)chars_set(out->state, sizeof(out->state), state);
    (void)chars_set(out->detail, sizeof(out->detail), detail);
}

void view_consumer(const struct amqp_consumer *consumer,
                   const char *queue,
                   bool required,
                   int64_t last_at_ns,
                   struct admin_consumer *out)
{
    *out = (struct admin_consumer){.required = required, .last_at_ns = last_at_ns};
    (void)chars_set(out->queue, sizeof(out->queue), queue);
    if (consumer == NULL) {
        part(&out->part, false, "waiting", "the worker is not ready to consume yet");
        return;
    }
    enum amqp_consumer_state state = amqp_consumer_state(consumer);
    part(&out->part, state == AMQP_CONSUMER_ACTIVE, amqp_consumer_state_name(state),
         amqp_consumer_error(consumer));
    out->n_received = amqp_consumer_n_received(consumer);
}

static void connection(const struct amqp_conn *conn, struct admin_part *out)
{
    bool ready = amqp_conn_state(conn) == AMQP_CONN_READY;
    bool blocked = amqp_conn_is_blocked(conn);
    bool is_refused = amqp_conn_error_code(conn) == AL_EAUTH;
    const char *state = blocked      ? "blocked"
                        : ready      ? "connected"
                        : is_refused ? "refused"
                                     : amqp_conn_state_name(amqp_conn_state(conn));
    part(out, ready && !blocked, state, amqp_conn_error(conn));
}

static void database(const struct worker *worker, struct admin_part *out)
{
    const struct pg_client *writer = worker->writer;
    uint64_t silent_ms = pg_client_silent_ms(writer);
    const char *error = pg_client_error(writer);
    char text[64];
    if (error[0] == '\0' && worker->recovery != NULL)
        error = recovery_error(worker->recovery);
    if (!pg_client_is_ready(writer)) {
        bool is_refused = pg_client_error_code(writer) == AL_EAUTH;
        part(out, false, is_refused ? "refused" : pg_state_name(pg_client_state(writer)), error);
    } else if (silent_ms >= PULSE_SILENT_MS) {
        snprintf(text, sizeof(text), "no answer for %llu s", (unsigned long long)silent_ms / 1000);
        part(out, false, "silent", text);
    } else {
        part(out, true, "connected", error);
    }
}

static void strategy(struct worker *worker, size_t index, struct admin_strategy *out)
{
    struct strategy_view view;
    pipeline_strategy_view(worker->pipeline, index, worker_now_ns(worker), &view);
    bool warmup_enabled = worker->settings->warmup_mode_enabled;
    *out = (struct admin_strategy){
        .id = view.strategy_id,
        .mode = !view.is_warmup  ? ADMIN_MODE_MODEL
                : warmup_enabled ? ADMIN_MODE_WARMUP
                                 : ADMIN_MODE_FLAT,
        .warmup_enabled = warmup_enabled,
        .active_version = view.model_version,
        .active_since_ns = view.active_since_ns,
        .n_samples = (int64_t)view.n_samples,
        .n_samples_new = (int64_t)view.n_samples_since_training,
        .n_eff_needed = worker->settings->model_training_min_dataset_size,
        .n_open_decisions = (int64_t)view.n_open,
        .next_scheduled_ns = view.next_training_ns,
        .signals_per_minute = view.signals_per_minute,
        .n_signals = view.n_signals,
        .n_abstentions = view.n_abstained,
        .n_settled = view.n_settled,
        .pnl_settled = view.settled_pnl,
        .win_rate = view.n_settled > 0 ? (double)view.n_won / (double)view.n_settled : NAN,
        .interval_nominal = view.interval_nominal,
        .interval_coverage = view.interval_coverage,
        .last_verdict_at_ns = TIMESTAMP_NONE,
    };
    memcpy(out->markouts, view.markouts, sizeof(out->markouts));
    (void)chars_set(out->active_kind, sizeof(out->active_kind), view.model_kind);
    training_view(worker->training, &view.strategy_id, out);
    if (isnan(out->n_eff))
        out->n_eff = (double)view.n_samples;
}

const struct strategy_config *view_config(void *app, const struct strategy_id *strategy_id)
{
    const struct worker *worker = app;
    for (size_t i = 0; i < worker->n_strategies; i++) {
        if (strategy_id_eq(&worker->strategies[i].strategy_id, strategy_id))
            return &worker->strategies[i];
    }
    return NULL;
}

const struct feature_set *view_feature_set(void *app, const struct strategy_id *strategy_id)
{
    const struct worker *worker = app;
    return pipeline_feature_set(worker->pipeline, strategy_id);
}

bool view_rollout(void *app, size_t index, struct rollout_view *out)
{
    struct worker *worker = app;
    if (index >= pipeline_n_strategies(worker->pipeline))
        return false;
    pipeline_rollout_view(worker->pipeline, index, worker_now_ns(worker), out);
    return true;
}

static double ratio(uint64_t part, uint64_t whole)
{
    return whole == 0 ? NAN : (double)part / (double)whole;
}

static void upstreams(const struct worker *worker, struct admin_upstreams *out)
{
    *out = (struct admin_upstreams){.exists = worker->upstreams != NULL};
    if (!out->exists)
        return;
    struct fetch_pool pool;
    fetch_pool(worker->upstreams, &pool);
    out->n_busy = pool.n_busy;
    out->n_idle = pool.n_idle;
    out->n_running = pool.n_running;
    out->n_waiting = pool.n_waiting;
    out->n_opened = pool.n_opened;
    for (size_t i = 0; i < fetch_n_upstreams(worker->upstreams) && i < ADMIN_UPSTREAMS_MAX; i++) {
        const struct fetch_upstream *upstream = fetch_upstream_at(worker->upstreams, i);
        struct admin_upstream *item = &out->items[out->n++];
        (void)chars_set(item->name, sizeof(item->name), upstream->name);
        item->breaker = breaker_state_name(upstream->breaker.state);
        item->n_calls = upstream->n_calls;
        item->n_ok = upstream->n_ok;
    }
    struct prices_counts prices = spot_prices_counts(worker->spot_prices);
    uint64_t n_told = prices.states[PRICE_FRESH] + prices.states[PRICE_STALE];
    out->price_hit_rate =
        ratio(n_told, n_told + prices.states[PRICE_AWAITED] + prices.states[PRICE_FAILED]);
    out->assets_per_call = ratio(prices.n_assets, prices.n_calls);
}

bool view_trend(void *app, size_t index, struct admin_trend_point *out)
{
    const struct worker *worker = app;
    return vitals_trend(worker->vitals, index, out);
}

static void storage(const struct worker *worker, struct admin_part *out)
{
    part(out, worker->storage_ok, worker->storage_ok ? "accessible" : "unavailable",
         worker->storage_error);
}

void view_live(void *app, struct admin_live *out)
{
    struct worker *worker = app;
    memset(out, 0, sizeof(*out));
    out->now_ns = worker_wall_ns(worker);
    out->market_now_ns = worker_now_ns(worker);
    out->started_at_ns = worker->started_at_ns;
    out->publishing = worker->publishes;
    out->stopping = worker->state >= WORKER_DRAINING;
    database(worker, &out->database);
    out->schema_expected = (int)n_migrations;
    out->schema_version = worker->state >= WORKER_RUNNING ? (int)n_migrations : -1;
    connection(worker->consuming, &out->consume_connection);
    connection(worker->publishing, &out->publish_connection);
    storage(worker, &out->model_storage);
    intake_view(worker->intake, &out->consumers[0]);
    out->n_consumers = 1 + feed_view(worker->feed, &out->consumers[1]);
    out->outbox_pending = outbox_count(worker->outbox);
    out->buffered_events = intake_count(worker->intake);
    out->n_quarantined = intake_n_quarantined(worker->intake);
    out->loop_lag_p99_seconds = metric_quantile(METRIC_loop_lag_seconds, 0.99, NULL, NULL);
    out->vitals = vitals_now(worker->vitals);
    upstreams(worker, &out->upstreams);
    out->n_strategies = pipeline_n_strategies(worker->pipeline);
    for (size_t i = 0; i < out->n_strategies; i++)
        strategy(worker, i, &out->strategies[i]);
}
