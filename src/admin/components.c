/* Health part by part, at length: one function for each row of health_components.def, and the minutes that went before.
 * Like all of health this tells what the program knows, so it never waits. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_i.h"

#include "alphaloop/base/timestamp.h"
#include "alphaloop/observe/metric.h"

#define FIGURES_MAX      (8 + 2 * ADMIN_UPSTREAMS_MAX)
#define TREND_POINTS_MAX 288
#define LAG_BAD_SECONDS  0.1
#define ROOM_SMALL_SHARE 0.05 /* of a disk or of memory: below it something will fail soon */

struct component {
    enum admin_health health;
    const char *state;              /* one lower-case word */
    const char *detail;             /* "" when it is well */
    struct metric_summary response; /* count 0: there is nothing to measure */
    size_t n_figures;
    struct figure {
        char name[64];
        double value; /* NaN: null */
    } figures[FIGURES_MAX];
};

static void figure(struct component *out, const char *name, double value)
{
    assert(out->n_figures < FIGURES_MAX);
    struct figure *figure = &out->figures[out->n_figures++];
    (void)chars_set(figure->name, sizeof figure->name, name);
    figure->value = value;
}

/* The worse of what it was and this. */
static void judge(struct component *out,
                  enum admin_health health,
                  const char *state,
                  const char *detail)
{
    if (health < out->health)
        return;
    out->health = health;
    out->state = state;
    out->detail = detail;
}

static void judge_part(struct component *out, const struct admin_part *part)
{
    judge(out, part->ok ? ADMIN_HEALTHY : ADMIN_UNHEALTHY, part->state,
          part->ok ? "" : part->detail);
}

/* ---- one function a row ---- */

static void database(const struct admin_live *live, struct component *out)
{
    judge_part(out, &live->database);
    if (live->database.ok && !admin_schema_ok(live))
        judge(out, ADMIN_UNHEALTHY, "schema", "its schema is not this program's");
    out->response = metric_summarise(METRIC_pg_job_seconds);
    figure(out, "schema_version", live->schema_version < 0 ? NAN : (double)live->schema_version);
    figure(out, "connects", metric_summarise(METRIC_pg_connects_total).sum);
    figure(out, "ledger_rows_waiting", metric_summarise(METRIC_ledger_rows_waiting).sum);
    figure(out, "ledger_rows_refused", metric_summarise(METRIC_ledger_rows_refused_total).sum);
}

static void message_queue(const struct admin_live *live, struct component *out)
{
    judge_part(out, &live->consume_connection);
    judge_part(out, &live->publish_connection);
    out->response = metric_summarise(METRIC_signal_publish_seconds);
    figure(out, "connects", metric_summarise(METRIC_amqp_connects_total).sum);
    figure(out, "connection_failures", metric_summarise(METRIC_amqp_connection_failures_total).sum);
    figure(out, "outbox_pending", (double)live->outbox_pending);
    figure(out, "buffered_events", (double)live->buffered_events);
    figure(out, "quarantined", (double)live->n_quarantined);
}

static void market_data(const struct admin_live *live, struct component *out)
{
    uint64_t n_received = 0;
    size_t n_well = 0;
    int64_t last_at_ns = TIMESTAMP_NONE;
    judge(out, ADMIN_HEALTHY, "active", "");
    for (size_t i = 0; i < live->n_consumers; i++) {
        const struct admin_consumer *consumer = &live->consumers[i];
        n_received += consumer->n_received;
        n_well += consumer->part.ok;
        if (consumer->last_at_ns > last_at_ns)
            last_at_ns = consumer->last_at_ns;
        if (!consumer->part.ok)
            judge(out, consumer->required ? ADMIN_UNHEALTHY : ADMIN_DEGRADED, consumer->part.state,
                  consumer->queue);
    }
    figure(out, "queues", (double)live->n_consumers);
    figure(out, "queues_active", (double)n_well);
    figure(out, "messages_received", (double)n_received);
    figure(out, "newest_message_age_seconds",
           last_at_ns == TIMESTAMP_NONE ? NAN : (double)(live->now_ns - last_at_ns) / 1e9);
}

static double share(double part, double whole)
{
    return whole > 0 ? part / whole : NAN;
}

static void model_storage(const struct admin_live *live, struct component *out)
{
    double free_share = share(live->vitals.disk_free_bytes, live->vitals.disk_total_bytes);
    judge_part(out, &live->model_storage);
    if (free_share < ROOM_SMALL_SHARE)
        judge(out, ADMIN_DEGRADED, "filling", "little room is left on its disk");
    figure(out, "disk_free_bytes", live->vitals.disk_free_bytes);
    figure(out, "disk_total_bytes", live->vitals.disk_total_bytes);
    figure(out, "active_models", (double)admin_n_active(live));
}

static void training(const struct admin_live *live, struct component *out)
{
    size_t n_running = 0, n_failed = 0;
    judge(out, ADMIN_HEALTHY, "idle", "");
    for (size_t i = 0; i < live->n_strategies; i++) {
        const struct admin_strategy *strategy = &live->strategies[i];
        n_running += strategy->current.exists;
        if (strategy->last.exists && strcmp(strategy->last.outcome, "failed") == 0) {
            n_failed++;
            judge(out, ADMIN_DEGRADED, "failed", strategy->last.detail);
        }
    }
    if (n_running > 0)
        judge(out, ADMIN_HEALTHY, "training", "");
    figure(out, "strategies", (double)live->n_strategies);
    figure(out, "trainings_running", (double)n_running);
    figure(out, "strategies_whose_last_training_failed", (double)n_failed);
    figure(out, "trainings", metric_summarise(METRIC_trainings_total).sum);
}

static void http(const struct admin_live *live, struct component *out)
{
    (void)live;
    judge(out, ADMIN_HEALTHY, "serving", "");
    out->response = metric_summarise(METRIC_http_request_duration_seconds);
    figure(out, "requests", metric_summarise(METRIC_http_requests_total).sum);
    figure(out, "connections", metric_summarise(METRIC_http_connections).sum);
    figure(out, "refused", metric_summarise(METRIC_http_refused_total).sum);
    figure(out, "hangups", metric_summarise(METRIC_http_hangups_total).sum);
}

static void loop(const struct admin_live *live, struct component *out)
{
    judge(out, ADMIN_HEALTHY, "turning", "");
    if (live->loop_lag_p99_seconds > LAG_BAD_SECONDS)
        judge(out, ADMIN_DEGRADED, "late", "its timer fires late");
    out->response = metric_summarise(METRIC_loop_lag_seconds);
    figure(out, "open_decisions", metric_summarise(METRIC_open_decisions).sum);
}

static void upstreams(const struct admin_live *live, struct component *out)
{
    const struct admin_upstreams *all = &live->upstreams;
    char name[64];
    judge(out, ADMIN_HEALTHY, all->exists ? "asking" : "off", "");
    if (!all->exists)
        return;
    out->response = metric_summarise(METRIC_upstream_call_seconds);
    for (size_t i = 0; i < all->n; i++) {
        const struct admin_upstream *one = &all->items[i];
        if (strcmp(one->breaker, "closed") != 0)
            judge(out, ADMIN_DEGRADED, one->breaker, one->name);
        snprintf(name, sizeof name, "%s_calls", one->name);
        figure(out, name, (double)one->n_calls);
        snprintf(name, sizeof name, "%s_calls_ok", one->name);
        figure(out, name, (double)one->n_ok);
    }
    figure(out, "connections_busy", (double)all->n_busy);
    figure(out, "connections_idle", (double)all->n_idle);
    figure(out, "connections_opened", (double)all->n_opened);
    figure(out, "calls_running", (double)all->n_running);
    figure(out, "calls_waiting", (double)all->n_waiting);
    figure(out, "price_hit_rate", all->price_hit_rate);
    figure(out, "assets_per_call", all->assets_per_call);
}

static void system_(const struct admin_live *live, struct component *out)
{
    const struct admin_vitals *vitals = &live->vitals;
    judge(out, ADMIN_HEALTHY, "running", "");
    if (share(vitals->memory_available_bytes, vitals->memory_total_bytes) < ROOM_SMALL_SHARE)
        judge(out, ADMIN_DEGRADED, "filling", "little memory is left on the machine");
    figure(out, "cpu_share", vitals->cpu_share);
    figure(out, "load_1m", vitals->load_1m);
    figure(out, "memory_resident_bytes", vitals->memory_resident_bytes);
    figure(out, "memory_available_bytes", vitals->memory_available_bytes);
    figure(out, "memory_total_bytes", vitals->memory_total_bytes);
    figure(out, "disk_free_bytes", vitals->disk_free_bytes);
    figure(out, "disk_total_bytes", vitals->disk_total_bytes);
}
#define system system_ /* the C library has the name */

static const struct {
    const char *name, *help;
    void (*look)(const struct admin_live *live, struct component *out);
} rows[] = {
#define COMPONENT(name, help) {#name, help, name},
#include "alphaloop/tbl/health_components.def"
#undef COMPONENT
};

/* ---- writing ---- */

static void write_response(struct json_writer *w, const struct metric_summary *response)
{
    json_w_key(w, "response_seconds");
    if (response->count == 0) {
        json_w_null(w);
        return;
    }
    json_w_object(w);
    json_m_number(w, "p50", response->p50);
    json_m_number(w, "p95", response->p95);
    json_m_number(w, "p99", response->p99);
    json_m_number(w, "mean", response->sum / (double)response->count);
    json_m_i64(w, "count", (int64_t)response->count);
    json_w_end_object(w);
}

static enum admin_health write_component(struct json_writer *w,
                                         const struct admin_live *live,
                                         size_t row)
{
    struct component component = {.state = ""};
    rows[row].look(live, &component);
    json_w_object(w);
    json_m_str(w, "name", rows[row].name);
    json_m_str(w, "description", rows[row].help);
    json_m_str(w, "status", admin_health_name(component.health));
    json_m_str(w, "state", component.state);
    json_m_text(w, "detail", component.detail);
    write_response(w, &component.response);
    json_w_key(w, "figures");
    json_w_object(w);
    for (size_t i = 0; i < component.n_figures; i++)
        json_m_number(w, component.figures[i].name, component.figures[i].value);
    json_w_end_object(w);
    json_w_end_object(w);
    return component.health;
}

/* ---- routes ---- */

enum http_answer admin_health_detailed(struct http_request *request, void *ctx)
{
    const struct admin_context *admin = ctx;
    struct admin_live *live = admin_live_take(request, admin);
    if (live == NULL)
        return HTTP_ANSWERED;
    enum admin_health health = admin_health_of(live);
    struct json_writer *w = http_json(request, health == ADMIN_UNHEALTHY ? 503 : 200);
    json_w_object(w);
    json_m_str(w, "service", admin->service);
    json_m_str(w, "version", admin->version);
    json_m_time(w, "timestamp", live->now_ns);
    json_m_number(w, "uptime_seconds", (double)(live->now_ns - live->started_at_ns) / 1e9);
    json_w_key(w, "components");
    json_w_object(w);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        json_w_key(w, rows[i].name);
        enum admin_health one = write_component(w, live, i);
        if (one == ADMIN_DEGRADED && health == ADMIN_HEALTHY)
            health = ADMIN_DEGRADED;
    }
    json_w_end_object(w);
    json_m_str(w, "status", admin_health_name(health));
    json_w_end_object(w);
    free(live);
    return HTTP_ANSWERED;
}

static enum http_answer refuse_name(struct http_request *request)
{
    char names[256] = "";
    size_t len = 0;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        len += (size_t)snprintf(names + len, sizeof names - len, "%s%s", i > 0 ? ", " : "",
                                rows[i].name);
    return http_error(request, 404, "there is no such component; there are %s", names);
}

enum http_answer admin_health_component(struct http_request *request, void *ctx)
{
    size_t row = 0;
    while (row < COUNT_OF(rows) && !slice_is(http_text(request, "name"), rows[row].name))
        row++;
    if (row == COUNT_OF(rows))
        return refuse_name(request);
    struct admin_live *live = admin_live_take(request, ctx);
    if (live != NULL)
        write_component(http_json(request, 200), live, row);
    free(live);
    return HTTP_ANSWERED;
}

/* ---- trends ---- */

static const char *const trend_names[] = {
#define TREND(name, help) #name,
#include "alphaloop/tbl/health_trends.def"
#undef TREND
};

/* Mean, least and most of what is known. */
struct extent {
    double sum, min, max, last;
    size_t n;
};

static void take(struct extent *extent, double value)
{
    if (isnan(value))
        return;
    extent->min = extent->n == 0 ? value : fmin(extent->min, value);
    extent->max = extent->n == 0 ? value : fmax(extent->max, value);
    extent->sum += value;
    extent->last = value;
    extent->n++;
}

static double mean_of(const struct extent *extent)
{
    return extent->n == 0 ? NAN : extent->sum / (double)extent->n;
}

struct trends {
    int64_t begin_ns, step_ns;
    int64_t point_ns; /* beginning of the point that is being gathered; TIMESTAMP_NONE: none */
    struct extent point[ADMIN_TREND_COUNT], whole[ADMIN_TREND_COUNT];
};

static void write_point(struct json_writer *w, struct trends *trends)
{
    if (trends->point_ns == TIMESTAMP_NONE)
        return;
    json_w_object(w);
    json_m_time(w, "timestamp", trends->point_ns);
    for (size_t i = 0; i < ADMIN_TREND_COUNT; i++)
        json_m_number(w, trend_names[i], mean_of(&trends->point[i]));
    json_w_end_object(w);
    memset(trends->point, 0, sizeof trends->point);
}

static void add_minute(struct json_writer *w,
                       struct trends *trends,
                       const struct admin_trend_point *minute)
{
    int64_t inside_ns = minute->at_ns - 1; /* at_ns is its end */
    int64_t point_ns = inside_ns - inside_ns % trends->step_ns;
    if (minute->at_ns <= trends->begin_ns)
        return;
    if (point_ns != trends->point_ns)
        write_point(w, trends);
    trends->point_ns = point_ns;
    for (size_t i = 0; i < ADMIN_TREND_COUNT; i++) {
        take(&trends->point[i], (double)minute->values[i]);
        take(&trends->whole[i], (double)minute->values[i]);
    }
}

static void write_summary(struct json_writer *w, const struct trends *trends)
{
    json_w_key(w, "summary");
    json_w_object(w);
    for (size_t i = 0; i < ADMIN_TREND_COUNT; i++) {
        const struct extent *extent = &trends->whole[i];
        json_w_key(w, trend_names[i]);
        json_w_object(w);
        json_m_number(w, "mean", mean_of(extent));
        json_m_number(w, "min", extent->n == 0 ? NAN : extent->min);
        json_m_number(w, "max", extent->n == 0 ? NAN : extent->max);
        json_m_number(w, "last", extent->n == 0 ? NAN : extent->last);
        json_w_end_object(w);
    }
    json_w_end_object(w);
}

enum http_answer admin_health_trends(struct http_request *request, void *ctx)
{
    const struct admin_context *admin = ctx;
    int64_t hours = http_i64(request, "hours"), now_ns = admin_now_ns();
    int64_t minutes = (hours * 60 + TREND_POINTS_MAX - 1) / TREND_POINTS_MAX;
    struct trends trends = {.begin_ns = now_ns - hours * NS_PER_H,
                            .step_ns = minutes * 60 * NS_PER_S,
                            .point_ns = TIMESTAMP_NONE};
    struct json_writer *w = http_json(request, 200);
    struct admin_trend_point minute;
    json_w_object(w);
    json_m_i64(w, "hours", hours);
    json_m_i64(w, "interval_seconds", minutes * 60);
    json_m_time(w, "start_time", trends.begin_ns);
    json_m_time(w, "end_time", now_ns);
    json_w_key(w, "data_points");
    json_w_array(w);
    for (size_t i = 0; admin->trend != NULL && admin->trend(admin->app, i, &minute); i++)
        add_minute(w, &trends, &minute);
    write_point(w, &trends);
    json_w_end_array(w);
    write_summary(w, &trends);
    json_w_end_object(w);
    return HTTP_ANSWERED;
}
