/* The declarations: one channel that walks the table each time the connection comes up, and walks it
 * again with backoff for as long as a step is refused. Every step may be repeated without harm.
 */
#include <stdio.h>
#include <stdlib.h>

#include "conn_i.h"

struct declarations {
    struct channel channel; /* first */
    size_t at;              /* step under way */
    bool creates;           /* this queue was looked up and is absent: now create it */
    char error[CONN_TEXT_MAX];
};

static struct declarations *declarations_of(struct channel *channel)
{
    return (struct declarations *)channel;
}

static const struct amqp_declaration *step_of(const struct declarations *d)
{
    return &d->channel.conn->options.declarations[d->at];
}

static const char *step_name(const struct amqp_declaration *step)
{
    return step->what == AMQP_DECLARE_EXCHANGE ? step->exchange : step->queue.name;
}

static void declare_exchange(struct declarations *d, const struct amqp_declaration *step)
{
    amqp_exchange_declare_t declare = {.exchange = amqp_bytes_of(step->exchange),
                                       .type = amqp_bytes_of(step->exchange_type),
                                       .durable = true};
    channel_call(&d->channel, AMQP_EXCHANGE_DECLARE_METHOD, &declare,
                 AMQP_EXCHANGE_DECLARE_OK_METHOD);
}

static void declare_binding(struct declarations *d, const struct amqp_declaration *step)
{
    amqp_queue_bind_t bind = {.queue = amqp_bytes_of(step->queue.name),
                              .exchange = amqp_bytes_of(step->exchange),
                              .routing_key = amqp_bytes_of(step->routing_key)};
    channel_call(&d->channel, AMQP_QUEUE_BIND_METHOD, &bind, AMQP_QUEUE_BIND_OK_METHOD);
}

/* Run the step at hand, or report the end of the walk. */
static void walk(struct declarations *d)
{
    struct amqp_conn *conn = d->channel.conn;
    if (d->at == conn->options.n_declarations) {
        if (d->error[0] != '\0')
            channel_retry_later(&d->channel);
        else
            channel_retry_reset(&d->channel);
        conn_declared(conn, d->error);
        return;
    }
    const struct amqp_declaration *step = step_of(d);
    if (step->what == AMQP_DECLARE_EXCHANGE)
        declare_exchange(d, step);
    else if (step->what == AMQP_DECLARE_BINDING)
        declare_binding(d, step);
    else
        channel_declare_queue(&d->channel, &step->queue, !d->creates);
}

static void begin(struct channel *channel)
{
    struct declarations *d = declarations_of(channel);
    d->at = 0;
    d->creates = false;
    d->error[0] = '\0';
    if (channel->is_open)
        walk(d);
    else
        channel_open(channel);
}

static void on_open(struct channel *channel)
{
    walk(declarations_of(channel));
}

static void on_reply(struct channel *channel, const amqp_method_t *method)
{
    struct declarations *d = declarations_of(channel);
    (void)method;
    d->at++;
    d->creates = false;
    walk(d);
}

static bool on_method(struct channel *channel, const amqp_method_t *method)
{
    (void)channel;
    (void)method;
    return false;
}

/* A refused step closes the channel: go on behind it on a new one. */
static void on_refused(struct declarations *d, uint16_t code, const char *why)
{
    const struct amqp_declaration *step = step_of(d);
    bool is_absent = code == AMQP_NOT_FOUND && step->what == AMQP_DECLARE_QUEUE && !d->creates;
    if (is_absent && step->queue.create) {
        d->creates = true;
    } else {
        snprintf(d->error, sizeof(d->error), "declare %s: %u %.150s", step_name(step), code, why);
        d->at++;
        d->creates = false;
    }
    channel_open(&d->channel);
}

static void on_closed(struct channel *channel, uint16_t code, const char *why)
{
    struct declarations *d = declarations_of(channel);
    bool is_walking = d->at < channel->conn->options.n_declarations;
    if (code == 0) {
        d->at = 0;
        d->creates = false;
        d->error[0] = '\0';
    } else if (code == AMQP_CHANNEL_ERROR || !is_walking) {
        snprintf(d->error, sizeof(d->error), "declare: %u %.150s", code, why);
        d->at = channel->conn->options.n_declarations;
        channel_retry_later(channel);
        conn_declared(channel->conn, d->error);
    } else {
        on_refused(d, code, why);
    }
}

static void on_ready(struct channel *channel)
{
    (void)channel; /* it is why the connection is ready */
}

static void destroy(struct channel *channel)
{
    channel_deinit(channel);
    free(channel);
}

static const struct channel_ops declaration_ops = {
    .on_open = on_open,
    .on_reply = on_reply,
    .on_method = on_method,
    .on_closed = on_closed,
    .on_retry = begin,
    .on_ready = on_ready,
    .destroy = destroy,
};

enum al_err declarations_create(struct amqp_conn *conn, struct channel **out)
{
    struct declarations *d = calloc(1, sizeof(*d));
    if (d == NULL)
        return err_set(AL_ENOMEM, "AMQP declarations");
    enum al_err err = channel_init(&d->channel, conn, &declaration_ops);
    if (err != AL_OK) {
        free(d);
        return err;
    }
    *out = &d->channel;
    return AL_OK;
}
