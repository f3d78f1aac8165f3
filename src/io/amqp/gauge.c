/* How full a queue is: a passive declaration answers with its messages and consumers. A queue that is not
 * there closes the channel, which is opened again with the next question.
 */
#include <stdlib.h>
#include <string.h>

#include "conn_i.h"

struct amqp_gauge {
    struct channel channel; /* first */
    struct amqp_queue queue;
    bool is_asked;
    void (*on_depth)(void *ctx, const struct amqp_depth *depth);
    void *ctx;
};

static struct amqp_gauge *gauge_of(struct channel *channel)
{
    return (struct amqp_gauge *)channel;
}

static void answer(struct amqp_gauge *gauge, struct amqp_depth depth)
{
    if (!gauge->is_asked)
        return;
    gauge->is_asked = false;
    gauge->on_depth(gauge->ctx, &depth);
}

static void on_open(struct channel *channel)
{
    channel_declare_queue(channel, &gauge_of(channel)->queue, true);
}

static void on_reply(struct channel *channel, const amqp_method_t *method)
{
    const amqp_queue_declare_ok_t *ok = method->decoded;
    answer(gauge_of(channel), (struct amqp_depth){.exists = true,
                                                  .n_messages = ok->message_count,
                                                  .n_consumers = ok->consumer_count});
}

static bool on_method(struct channel *channel, const amqp_method_t *method)
{
    (void)channel;
    (void)method;
    return false;
}

static void on_closed(struct channel *channel, uint16_t code, const char *why)
{
    (void)code;
    (void)why;
    answer(gauge_of(channel), (struct amqp_depth){.exists = false});
}

static void on_nothing(struct channel *channel)
{
    (void)channel;
}

static void destroy(struct channel *channel)
{
    channel_deinit(channel);
    free(channel);
}

static const struct channel_ops gauge_ops = {
    .on_open = on_open,
    .on_reply = on_reply,
    .on_method = on_method,
    .on_closed = on_closed,
    .on_retry = on_nothing,
    .on_ready = on_nothing,
    .destroy = destroy,
};

enum al_err amqp_gauge_create(struct amqp_conn *conn,
                              const char *queue,
                              void (*on_depth)(void *ctx, const struct amqp_depth *),
                              void *ctx,
                              struct amqp_gauge **out)
{
    if (queue == NULL || queue[0] == '\0' || strlen(queue) > AMQP_NAME_MAX)
        return err_set(AL_EINVAL, "amqp queue: must have 1 to %d bytes", AMQP_NAME_MAX);
    struct amqp_gauge *gauge = calloc(1, sizeof(*gauge));
    if (gauge == NULL)
        return err_set(AL_ENOMEM, "AMQP gauge");
    gauge->queue.name = queue;
    gauge->on_depth = on_depth;
    gauge->ctx = ctx;
    enum al_err err = channel_init(&gauge->channel, conn, &gauge_ops);
    if (err != AL_OK) {
        free(gauge);
        return err;
    }
    *out = gauge;
    return AL_OK;
}

bool amqp_gauge_ask(struct amqp_gauge *gauge)
{
    struct channel *channel = &gauge->channel;
    if (gauge->is_asked || channel->awaited != 0 || channel->conn->state != AMQP_CONN_READY ||
        !conn_can_talk(channel->conn))
        return false;
    gauge->is_asked = true;
    if (channel->is_open)
        channel_declare_queue(channel, &gauge->queue, true);
    else
        channel_open(channel);
    return true;
}
