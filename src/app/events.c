#include "events_i.h"

#include <stdlib.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/base/uuid.h"
#include "alphaloop/observe/metric.h"

#include "worker_i.h"

#define EVENT_BYTES_MAX (256U * 1024)

struct events {
    struct worker *worker;
    struct amqp_publisher *publisher; /* NULL with --no-publish */
    struct rng rng;
    struct buf body;
    struct json_writer writer;
    const char *type;
    char id_text[UUID_TEXT_MAX];
};

enum al_err events_create(struct worker *worker, struct events **out)
{
    struct events *events = calloc(1, sizeof(*events));
    if (events == NULL)
        return err_set(AL_ENOMEM, "events");
    events->worker = worker;
    events->body = BUF_INIT(EVENT_BYTES_MAX);
    rng_seed(&events->rng, worker->seed ^ 0x6576656e7473ULL);
    *out = events;
    if (!worker->publishes)
        return AL_OK;
    struct amqp_publisher_options options = {.n_in_flight_max = 256};
    return amqp_publisher_create(worker->publishing, &options, &events->publisher);
}

void events_destroy(struct events *events)
{
    if (events == NULL)
        return;
    buf_deinit(&events->body);
    free(events);
}

struct json_writer *events_begin(struct events *events, const char *type, const char *strategy_id)
{
    struct json_writer *w = &events->writer;
    int64_t wall_ns = worker_wall_ns(events->worker);
    events->type = type;
    buf_reset(&events->body);
    json_w_init(w, &events->body);
    json_w_object(w);
    uuid_format(uuid_v7(wall_ns, &events->rng), events->id_text);
    json_m_str(w, "event_id", events->id_text);
    json_m_str(w, "event_type", type);
    json_m_time(w, "timestamp", wall_ns);
    json_m_str(w, "strategy_id", strategy_id);
    return w;
}

static void on_result(void *ctx, uint64_t token, enum amqp_result result)
{
    (void)ctx;
    (void)token;
    metric_add(METRIC_events_total, 1, amqp_result_name(result), NULL);
}

void events_send(struct events *events)
{
    json_w_end_object(&events->writer);
    if (events->publisher == NULL || !buf_ok(&events->body))
        return;
    struct amqp_message message = {
        .exchange = events->worker->settings->events_exchange,
        .routing_key = events->type,
        .persistent = true,
        .content_type = "application/json",
        .message_id = events->id_text,
        .type = events->type,
        .app_id = events->worker->settings->model_service_service_name,
        .timestamp_s = worker_wall_ns(events->worker) / NS_PER_S,
        .body = buf_slice(&events->body),
    };
    if (amqp_publish(events->publisher, &message, 0, on_result, events) != AL_OK)
        metric_add(METRIC_events_total, 1, "not_sent", NULL);
}
