/* Consumers: look the queue up, create it when asked, subscribe, hand messages on, and begin again when
 * the queue or the channel goes away.
 *
 * Invariant: the broker is subscribed to only in the ACTIVE state, or for the moment until a pause is
 * answered; steer() is the one place that subscribes and unsubscribes.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/observe/log.h"
#include "alphaloop/observe/metric.h"
#include "conn_i.h"

struct amqp_consumer {
    struct channel channel; /* first */
    struct amqp_consumer_options options;
    enum amqp_consumer_state state;
    bool creates;       /* the next declaration is not passive */
    bool is_found;      /* the queue is there and prefetch is set */
    bool is_subscribed; /* as far as we asked for */
    bool wants_pause;
    uint64_t generation, n_received, last_tag;
    char tag[16];
    char error[CONN_TEXT_MAX];
};

static struct amqp_consumer *consumer_of(struct channel *channel)
{
    return (struct amqp_consumer *)channel;
}

const char *amqp_consumer_state_name(enum amqp_consumer_state state)
{
    static const char *const names[] = {"down",   "opening", "active",
                                        "paused", "missing", "refused"};
    return names[state];
}

static void log_state(const struct amqp_consumer *consumer)
{
    bool is_bad =
        consumer->state == AMQP_CONSUMER_MISSING || consumer->state == AMQP_CONSUMER_REFUSED;
    log_at(is_bad ? LOG_WARN : LOG_DEBUG, "amqp", "consume", NULL, EV("state"),
           F_STR("queue", consumer->options.queue.name),
           F_STR("state", amqp_consumer_state_name(consumer->state)),
           F_STR("error", consumer->error));
}

static void set_state(struct amqp_consumer *consumer,
                      enum amqp_consumer_state state,
                      const char *error)
{
    snprintf(consumer->error, sizeof(consumer->error), "%s", error);
    if (consumer->state == state)
        return;
    consumer->state = state;
    metric_set(METRIC_amqp_consumer_up, state == AMQP_CONSUMER_ACTIVE, consumer->options.queue.name,
               NULL);
    log_state(consumer);
    if (consumer->options.on_state != NULL)
        consumer->options.on_state(consumer->options.ctx, consumer, state);
}

static void subscribe(struct amqp_consumer *consumer)
{
    amqp_basic_consume_t consume = {.queue = amqp_bytes_of(consumer->options.queue.name),
                                    .consumer_tag = amqp_bytes_of(consumer->tag)};
    consumer->is_subscribed = true;
    channel_call(&consumer->channel, AMQP_BASIC_CONSUME_METHOD, &consume,
                 AMQP_BASIC_CONSUME_OK_METHOD);
}

static void unsubscribe(struct amqp_consumer *consumer)
{
    amqp_basic_cancel_t cancel = {.consumer_tag = amqp_bytes_of(consumer->tag)};
    consumer->is_subscribed = false;
    channel_call(&consumer->channel, AMQP_BASIC_CANCEL_METHOD, &cancel,
                 AMQP_BASIC_CANCEL_OK_METHOD);
}

/* Make the subscription what the pause flag says, one question at a time. */
static void steer(struct amqp_consumer *consumer)
{
    if (!consumer->is_found || consumer->channel.awaited != 0 ||
        !conn_can_talk(consumer->channel.conn))
        return;
    if (consumer->wants_pause == consumer->is_subscribed) {
        if (consumer->wants_pause)
            unsubscribe(consumer);
        else
            subscribe(consumer);
        return;
    }
    set_state(consumer, consumer->wants_pause ? AMQP_CONSUMER_PAUSED : AMQP_CONSUMER_ACTIVE, "");
}

/* ---- what the channel reports ---- */

static void on_open(struct channel *channel)
{
    struct amqp_consumer *consumer = consumer_of(channel);
    consumer->generation++;
    consumer->last_tag = 0;
    consumer->is_found = consumer->is_subscribed = false;
    channel_declare_queue(channel, &consumer->options.queue, !consumer->creates);
}

static void on_reply(struct channel *channel, const amqp_method_t *method)
{
    struct amqp_consumer *consumer = consumer_of(channel);
    if (method->id == AMQP_QUEUE_DECLARE_OK_METHOD) {
        amqp_basic_qos_t qos = {.prefetch_count = consumer->options.prefetch};
        consumer->creates = false;
        channel_call(channel, AMQP_BASIC_QOS_METHOD, &qos, AMQP_BASIC_QOS_OK_METHOD);
        return;
    }
    if (method->id == AMQP_BASIC_QOS_OK_METHOD)
        consumer->is_found = true;
    if (method->id == AMQP_BASIC_CONSUME_OK_METHOD)
        channel_retry_reset(channel);
    steer(consumer);
}

/* The queue was deleted, or its node went away. */
static void on_cancelled(struct amqp_consumer *consumer, const amqp_basic_cancel_t *cancel)
{
    if (!cancel->nowait) {
        amqp_basic_cancel_ok_t ok = {.consumer_tag = cancel->consumer_tag};
        channel_call(&consumer->channel, AMQP_BASIC_CANCEL_OK_METHOD, &ok, 0);
    }
    consumer->is_found = consumer->is_subscribed = false;
    channel_retry_later(&consumer->channel);
    set_state(consumer, AMQP_CONSUMER_MISSING, "the broker cancelled it: the queue is gone");
}

static bool on_method(struct channel *channel, const amqp_method_t *method)
{
    if (method->id != AMQP_BASIC_CANCEL_METHOD)
        return false;
    on_cancelled(consumer_of(channel), method->decoded);
    return true;
}

static void on_content(struct channel *channel, const struct amqp_delivery *received)
{
    struct amqp_consumer *consumer = consumer_of(channel);
    if (channel->conn->state != AMQP_CONN_READY)
        return; /* closing: unacknowledged, so the broker keeps it */
    if (received->tag.number <= consumer->last_tag) {
        conn_fail(channel->conn, AL_EPARSE, "broker repeated a delivery tag on channel %u",
                  channel->id);
        return;
    }
    struct amqp_delivery delivery = *received;
    delivery.tag.generation = consumer->generation;
    consumer->last_tag = delivery.tag.number;
    consumer->n_received++;
    metric_add(METRIC_amqp_deliveries_total, 1, consumer->options.queue.name, NULL);
    consumer->options.on_message(consumer->options.ctx, consumer, &delivery);
}

static void on_closed(struct channel *channel, uint16_t code, const char *why)
{
    struct amqp_consumer *consumer = consumer_of(channel);
    bool was_looking = !consumer->creates;
    consumer->is_found = consumer->is_subscribed = consumer->creates = false;
    if (code == 0) {
        set_state(consumer, AMQP_CONSUMER_DOWN, why);
    } else if (code == AMQP_NOT_FOUND && consumer->options.queue.create && was_looking) {
        consumer->creates = true;
        channel_open(channel);
    } else {
        channel_retry_later(channel);
        set_state(consumer, code == AMQP_NOT_FOUND ? AMQP_CONSUMER_MISSING : AMQP_CONSUMER_REFUSED,
                  why);
    }
}

static void on_retry(struct channel *channel)
{
    struct amqp_consumer *consumer = consumer_of(channel);
    if (!channel->is_open)
        channel_open(channel);
    else if (channel->awaited == 0)
        channel_declare_queue(channel, &consumer->options.queue, true);
    else
        channel_retry_later(channel);
}

static void on_ready(struct channel *channel)
{
    set_state(consumer_of(channel), AMQP_CONSUMER_OPENING, "");
    channel_open(channel);
}

static void destroy(struct channel *channel)
{
    channel_deinit(channel);
    free(channel);
}

static const struct channel_ops consumer_ops = {
    .content = AMQP_BASIC_DELIVER_METHOD,
    .on_open = on_open,
    .on_reply = on_reply,
    .on_method = on_method,
    .on_content = on_content,
    .on_closed = on_closed,
    .on_retry = on_retry,
    .on_ready = on_ready,
    .destroy = destroy,
};

/* ---- the door ---- */

static enum al_err check_options(const struct amqp_consumer_options *options)
{
    const char *name = options->queue.name;
    if (name == NULL || name[0] == '\0' || strlen(name) > AMQP_NAME_MAX)
        return err_set(AL_EINVAL, "amqp queue: must have 1 to %d bytes", AMQP_NAME_MAX);
    if (options->prefetch == 0)
        return err_set(AL_EINVAL, "amqp prefetch of %s: must be 1 to %d", name, AMQP_PREFETCH_MAX);
    assert(options->on_message != NULL);
    return AL_OK;
}

enum al_err amqp_consumer_create(struct amqp_conn *conn,
                                 const struct amqp_consumer_options *options,
                                 struct amqp_consumer **out)
{
    enum al_err err = check_options(options);
    if (err != AL_OK)
        return err;
    struct amqp_consumer *consumer = calloc(1, sizeof(*consumer));
    if (consumer == NULL)
        return err_set(AL_ENOMEM, "AMQP consumer");
    consumer->options = *options;
    err = channel_init(&consumer->channel, conn, &consumer_ops);
    if (err != AL_OK) {
        free(consumer);
        return err;
    }
    snprintf(consumer->tag, sizeof(consumer->tag), "c%u", consumer->channel.id);
    metric_set(METRIC_amqp_consumer_up, 0, options->queue.name, NULL);
    metric_touch(METRIC_amqp_deliveries_total, options->queue.name, NULL);
    *out = consumer;
    if (conn->state == AMQP_CONN_READY)
        on_ready(&consumer->channel);
    return AL_OK;
}

static bool may_settle(const struct amqp_consumer *consumer, struct amqp_tag tag)
{
    const struct channel *channel = &consumer->channel;
    if (tag.generation != consumer->generation || !channel->is_open ||
        !conn_can_talk(channel->conn))
        return false;
    assert(tag.number >= 1 && tag.number <= consumer->last_tag);
    return true;
}

void amqp_consumer_ack(struct amqp_consumer *consumer, struct amqp_tag tag, bool multiple)
{
    if (!may_settle(consumer, tag))
        return;
    amqp_basic_ack_t ack = {.delivery_tag = tag.number, .multiple = multiple};
    channel_call(&consumer->channel, AMQP_BASIC_ACK_METHOD, &ack, 0);
}

void amqp_consumer_nack(struct amqp_consumer *consumer,
                        struct amqp_tag tag,
                        bool multiple,
                        bool requeue)
{
    if (!may_settle(consumer, tag))
        return;
    amqp_basic_nack_t nack = {.delivery_tag = tag.number, .multiple = multiple, .requeue = requeue};
    channel_call(&consumer->channel, AMQP_BASIC_NACK_METHOD, &nack, 0);
}

void amqp_consumer_pause(struct amqp_consumer *consumer)
{
    consumer->wants_pause = true;
    steer(consumer);
}

void amqp_consumer_resume(struct amqp_consumer *consumer)
{
    consumer->wants_pause = false;
    steer(consumer);
}

enum amqp_consumer_state amqp_consumer_state(const struct amqp_consumer *consumer)
{
    return consumer->state;
}

const char *amqp_consumer_queue(const struct amqp_consumer *consumer)
{
    return consumer->options.queue.name;
}

const char *amqp_consumer_error(const struct amqp_consumer *consumer)
{
    return consumer->error;
}

uint64_t amqp_consumer_n_received(const struct amqp_consumer *consumer)
{
    return consumer->n_received;
}

uint64_t amqp_consumer_generation(const struct amqp_consumer *consumer)
{
    return consumer->generation;
}
