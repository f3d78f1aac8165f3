/* Health: one superset for callers of three older services, liveness, and a readiness that says what is
 * missing. Nothing here asks anybody: it tells what the program knows, so it never waits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_i.h"

#include "alphaloop/base/timestamp.h"

static const char *broker_state(const struct admin_live *live)
{
    if (!live->consume_connection.ok)
        return live->consume_connection.state;
    return live->publish_connection.ok ? "connected" : live->publish_connection.state;
}

static void write_problem(struct json_writer *w, const char *part, const struct admin_part *state)
{
    char text[ADMIN_TEXT_MAX + 192];
    if (state->ok)
        return;
    snprintf(text, sizeof text, "%s: %s%s%s", part, state->state,
             state->detail[0] == '\0' ? "" : ": ", state->detail);
    json_w_str(w, text);
}

static void write_problems(struct json_writer *w, const struct admin_live *live)
{
    json_w_key(w, "problems");
    json_w_array(w);
    write_problem(w, "database", &live->database);
    if (live->database.ok && !admin_schema_ok(live))
        json_w_str(w, "database: its schema is not this program's; run `alphaloop migrate`");
    write_problem(w, "broker connection that consumes", &live->consume_connection);
    write_problem(w, "broker connection that publishes", &live->publish_connection);
    write_problem(w, "model storage", &live->model_storage);
    for (size_t i = 0; i < live->n_consumers; i++)
        write_problem(w, live->consumers[i].queue, &live->consumers[i].part);
    json_w_end_array(w);
}

static void write_details(struct json_writer *w, const struct admin_live *live)
{
    json_w_key(w, "details");
    json_w_object(w);
    json_m_str(w, "database", live->database.ok ? "connected" : live->database.state);
    json_m_str(w, "message_queue", broker_state(live));
    json_m_str(w, "model_storage", live->model_storage.ok ? "accessible" : "unavailable");
    json_m_i64(w, "active_models", (int64_t)admin_n_active(live));
    json_w_key(w, "schema_version");
    if (live->schema_version >= 0)
        json_w_i64(w, live->schema_version);
    else
        json_w_null(w);
    json_m_i64(w, "schema_expected", live->schema_expected);
    json_m_bool(w, "publishing", live->publishing);
    json_m_i64(w, "outbox_pending", (int64_t)live->outbox_pending);
    admin_write_consumers(w, live);
    write_problems(w, live);
    json_w_end_object(w);
}

enum http_answer admin_health_get(struct http_request *request, void *ctx)
{
    const struct admin_context *admin = ctx;
    struct admin_live *live = admin_live_take(request, admin);
    if (live == NULL)
        return HTTP_ANSWERED;
    enum admin_health health = admin_health_of(live);
    struct json_writer *w = http_json(request, health == ADMIN_UNHEALTHY ? 503 : 200);
    json_w_object(w);
    json_m_str(w, "status", admin_health_name(health));
    json_m_time(w, "timestamp", live->now_ns);
    json_m_str(w, "service", admin->service);
    json_m_str(w, "version", admin->version);
    json_m_number(w, "uptime_seconds",
                  (double)(live->now_ns - live->started_at_ns) / (double)NS_PER_S);
    write_details(w, live);
    json_m_bool(w, "pytorch_available", false);
    json_m_str(w, "device", "cpu");
    json_m_i64(w, "models_loaded", (int64_t)admin_n_active(live));
    json_w_end_object(w);
    free(live);
    return HTTP_ANSWERED;
}

enum http_answer admin_health_live(struct http_request *request, void *ctx)
{
    (void)ctx;
    struct json_writer *w = http_json(request, 200);
    json_w_object(w);
    json_m_str(w, "status", "alive");
    json_m_time(w, "timestamp", admin_now_ns());
    json_w_end_object(w);
    return HTTP_ANSWERED;
}

/* ---- readiness: a list of what is missing, built once, counted and written ---- */

#define MISSING_MAX (ADMIN_CONSUMERS_MAX + 8)

struct missing {
    size_t n;
    struct {
        const char *part, *state, *detail;
    } items[MISSING_MAX];
};

static void miss(struct missing *missing, const char *part, const char *state, const char *detail)
{
    if (missing->n < MISSING_MAX) {
        missing->items[missing->n].part = part;
        missing->items[missing->n].state = state;
        missing->items[missing->n++].detail = detail;
    }
}

static void miss_part(struct missing *missing, const char *name, const struct admin_part *part)
{
    if (!part->ok)
        miss(missing, name, part->state, part->detail);
}

static void find_missing(const struct admin_live *live, struct missing *missing)
{
    missing->n = 0;
    miss_part(missing, "database", &live->database);
    if (live->database.ok && live->schema_version < 0)
        miss(missing, "schema", "unknown", "its version was not read yet");
    else if (live->database.ok && !admin_schema_ok(live))
        miss(missing, "schema", "mismatch", "run `alphaloop migrate` with this program");
    miss_part(missing, "consume_connection", &live->consume_connection);
    miss_part(missing, "publish_connection", &live->publish_connection);
    miss_part(missing, "model_storage", &live->model_storage);
    for (size_t i = 0; i < live->n_consumers; i++) {
        if (live->consumers[i].required)
            miss_part(missing, live->consumers[i].queue, &live->consumers[i].part);
    }
    if (live->stopping)
        miss(missing, "service", "stopping", "it drains and takes no new work");
}

static void write_ready(struct json_writer *w,
                        const struct admin_live *live,
                        const struct missing *missing)
{
    json_w_object(w);
    json_m_str(w, "status", missing->n == 0 ? "ready" : "not_ready");
    json_m_bool(w, "ready", missing->n == 0);
    json_m_time(w, "timestamp", live->now_ns);
    json_w_key(w, "missing");
    json_w_array(w);
    for (size_t i = 0; i < missing->n; i++) {
        json_w_object(w);
        json_m_str(w, "part", missing->items[i].part);
        json_m_str(w, "state", missing->items[i].state);
        json_m_text(w, "detail", missing->items[i].detail);
        json_w_end_object(w);
    }
    json_w_end_array(w);
    json_w_end_object(w);
}

enum http_answer admin_health_ready(struct http_request *request, void *ctx)
{
    struct missing missing;
    struct admin_live *live = admin_live_take(request, ctx);
    if (live == NULL)
        return HTTP_ANSWERED;
    find_missing(live, &missing);
    write_ready(http_json(request, missing.n == 0 ? 200 : 503), live, &missing);
    free(live);
    return HTTP_ANSWERED;
}
