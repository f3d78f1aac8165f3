/* Pieces of JSON and small questions that several areas share. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "admin_i.h"

#include "alphaloop/base/timestamp.h"

const char *admin_mode_name(enum admin_mode mode)
{
    static const char *const names[] = {"warmup", "model", "flat"};
    return names[mode];
}

struct admin_live *admin_live_take(struct http_request *request, const struct admin_context *admin)
{
    struct admin_live *live = calloc(1, sizeof *live);
    if (live == NULL) {
        http_error(request, 500, "out of memory");
        return NULL;
    }
    admin->live(admin->app, live);
    return live;
}

int64_t admin_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

bool admin_schema_ok(const struct admin_live *live)
{
    return live->schema_version == live->schema_expected;
}

static bool all_consumers_ok(const struct admin_live *live, bool required_only)
{
    for (size_t i = 0; i < live->n_consumers; i++) {
        const struct admin_consumer *consumer = &live->consumers[i];
        if (!consumer->part.ok && (consumer->required || !required_only))
            return false;
    }
    return true;
}

enum admin_health admin_health_of(const struct admin_live *live)
{
    if (!live->database.ok || !live->consume_connection.ok || !live->publish_connection.ok ||
        !live->model_storage.ok || !admin_schema_ok(live))
        return ADMIN_UNHEALTHY;
    return all_consumers_ok(live, false) ? ADMIN_HEALTHY : ADMIN_DEGRADED;
}

const char *admin_health_name(enum admin_health health)
{
    static const char *const names[] = {"healthy", "degraded", "unhealthy"};
    return names[health];
}

size_t admin_n_active(const struct admin_live *live)
{
    size_t n = 0;
    for (size_t i = 0; i < live->n_strategies; i++)
        n += live->strategies[i].mode == ADMIN_MODE_MODEL ? 1 : 0;
    return n;
}

bool admin_knows_strategy(const struct admin_live *live, const struct strategy_id *id)
{
    for (size_t i = 0; i < live->n_strategies; i++) {
        if (strategy_id_eq(&live->strategies[i].id, id))
            return true;
    }
    return false;
}

struct strategy_id admin_strategy_param(const struct http_request *request)
{
    struct strategy_id id = {""};
    if (!http_given(request, "strategy_id") ||
        !strategy_id_parse(http_text(request, "strategy_id"), &id))
        id.text[0] = '\0';
    return id;
}

struct model_version_id admin_version_param(const struct http_request *request)
{
    struct model_version_id id = {""};
    if (!model_version_id_parse(http_text(request, "version"), &id))
        id.text[0] = '\0';
    return id;
}

void admin_write_consumers(struct json_writer *w, const struct admin_live *live)
{
    json_w_key(w, "consumers");
    json_w_array(w);
    for (size_t i = 0; i < live->n_consumers; i++) {
        const struct admin_consumer *consumer = &live->consumers[i];
        json_w_object(w);
        json_m_str(w, "queue", consumer->queue);
        json_m_str(w, "state", consumer->part.state);
        json_m_bool(w, "required", consumer->required);
        json_m_i64(w, "received", (int64_t)consumer->n_received);
        json_m_time(w, "last_message_at", consumer->last_at_ns);
        json_m_text(w, "detail", consumer->part.detail);
        json_w_end_object(w);
    }
    json_w_end_array(w);
}

void admin_write_training(struct json_writer *w,
                          const char *key,
                          const struct strategy_id *strategy_id,
                          const struct admin_training *training)
{
    json_w_key(w, key);
    if (training == NULL || !training->exists) {
        json_w_null(w);
        return;
    }
    json_w_object(w);
    json_m_str(w, "run_id", training->run_id);
    json_m_str(w, "strategy_id", strategy_id->text);
    json_m_str(w, "trigger", training->trigger);
    json_m_str(w, "stage", training->stage);
    json_m_number(w, "progress", isfinite(training->progress) ? training->progress : 0);
    json_m_time(w, "started_at", training->started_at_ns);
    json_m_time(w, "finished_at", training->finished_at_ns);
    json_w_key(w, "dataset_size");
    if (training->n_rows >= 0)
        json_w_i64(w, training->n_rows);
    else
        json_w_null(w);
    json_m_text(w, "version", training->version);
    json_m_text(w, "outcome", training->outcome);
    json_m_text(w, "detail", training->detail);
    json_w_end_object(w);
}
