/* Channels. See channel_i.h.
 *
 * Invariant: `awaited` is 0 unless the channel is open (or being opened) and one answer is due; memory of
 * the codec is released after every method and every message, never in between.
 */
#include "channel_i.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "conn_i.h"
#include "content_i.h"

enum al_err channel_init(struct channel *channel,
                         struct amqp_conn *conn,
                         const struct channel_ops *ops)
{
    if (conn->n_channels == AMQP_CHANNELS_MAX)
        return err_set(AL_EFULL, "more than %d channels on one AMQP connection", AMQP_CHANNELS_MAX);
    channel->conn = conn;
    channel->ops = ops;
    channel->id = ++conn->n_channels;
    channel->retry_ms = conn->options.backoff_min_ms;
    conn->channels[channel->id] = channel;
    content_init(&channel->content);
    return AL_OK;
}

void channel_deinit(struct channel *channel)
{
    content_deinit(&channel->content);
}

void channel_open(struct channel *channel)
{
    struct amqp_conn *conn = channel->conn;
    channel->retry_at_ms = 0;
    if (channel->is_open || !conn_can_talk(conn))
        return;
    if (channel->id > conn->channel_max) {
        char why[64];
        snprintf(why, sizeof(why), "broker allows only %u channels", conn->channel_max);
        channel->ops->on_closed(channel, AMQP_CHANNEL_ERROR, why);
        return;
    }
    amqp_channel_open_t open = {.out_of_band = amqp_empty_bytes};
    channel->is_open = true;
    channel_call(channel, AMQP_CHANNEL_OPEN_METHOD, &open, AMQP_CHANNEL_OPEN_OK_METHOD);
}

void channel_call(struct channel *channel,
                  amqp_method_number_t id,
                  void *decoded,
                  amqp_method_number_t reply)
{
    struct amqp_conn *conn = channel->conn;
    assert(channel->is_open && (reply == 0 || channel->awaited == 0));
    if (reply != 0) {
        channel->awaited = reply;
        channel->deadline_ms = conn_now_ms(conn) + conn->options.rpc_timeout_ms;
        conn_wake_at(conn, channel->deadline_ms);
    }
    conn_put(conn, channel->id, id, decoded);
}

/* ---- retries and time ---- */

void channel_retry_later(struct channel *channel)
{
    struct amqp_conn *conn = channel->conn;
    channel->retry_at_ms = conn_now_ms(conn) + conn_jitter(conn, &channel->retry_ms);
    conn_wake_at(conn, channel->retry_at_ms);
}

void channel_retry_reset(struct channel *channel)
{
    channel->retry_at_ms = 0;
    channel->retry_ms = channel->conn->options.backoff_min_ms;
}

static uint64_t on_time_reply(struct channel *channel, uint64_t now_ms)
{
    struct amqp_conn *conn = channel->conn;
    if (channel->awaited == 0 || conn->is_blocked)
        return CONN_NEVER;
    if (now_ms < channel->deadline_ms)
        return channel->deadline_ms;
    conn_fail(conn, AL_ETIMEOUT, "broker did not answer in %u ms (waiting for %s)",
              conn->options.rpc_timeout_ms, amqp_method_name(channel->awaited));
    return CONN_NEVER;
}

uint64_t channel_on_time(struct channel *channel, uint64_t now_ms)
{
    uint64_t next_ms = on_time_reply(channel, now_ms);
    if (channel->retry_at_ms == 0)
        return next_ms;
    if (now_ms < channel->retry_at_ms)
        return channel->retry_at_ms < next_ms ? channel->retry_at_ms : next_ms;
    channel->retry_at_ms = 0;
    channel->ops->on_retry(channel);
    return next_ms; /* what on_retry waits for, it asked to be woken for */
}

/* ---- frames ---- */

static void shut(struct channel *channel)
{
    channel->is_open = false;
    channel->awaited = 0;
    channel->retry_at_ms = 0;
    content_reset(&channel->content);
}

static void on_channel_close(struct channel *channel, const amqp_channel_close_t *close)
{
    char why[200];
    uint16_t code = close->reply_code;
    conn_copy_text(why, sizeof(why), slice_of_amqp(close->reply_text));
    amqp_channel_close_ok_t ok = {0};
    channel_call(channel, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok, 0);
    shut(channel);
    channel->ops->on_closed(channel, code, why);
}

static void on_answer(struct channel *channel, const amqp_method_t *method)
{
    channel->awaited = 0;
    if (method->id == AMQP_CHANNEL_OPEN_OK_METHOD)
        channel->ops->on_open(channel);
    else
        channel->ops->on_reply(channel, method);
}

static void on_method(struct channel *channel, const amqp_method_t *method)
{
    if (method->id == AMQP_CHANNEL_CLOSE_METHOD)
        on_channel_close(channel, method->decoded);
    else if (method->id == channel->awaited)
        on_answer(channel, method);
    else if (!channel->ops->on_method(channel, method))
        conn_fail(channel->conn, AL_EPARSE, "broker sent an unexpected %s on channel %u",
                  amqp_method_name(method->id), channel->id);
    codec_release(&channel->conn->codec, channel->id);
}

static void on_method_frame(struct channel *channel, const amqp_method_t *method)
{
    if (channel->content.expects != CONTENT_NONE && method->id != AMQP_CHANNEL_CLOSE_METHOD)
        conn_fail(channel->conn, AL_EPARSE, "broker sent %s inside a message on channel %u",
                  amqp_method_name(method->id), channel->id);
    else if (method->id == channel->ops->content)
        content_begin(&channel->content, method);
    else
        on_method(channel, method);
}

void channel_on_frame(struct channel *channel, const amqp_frame_t *frame)
{
    if (frame->frame_type == AMQP_FRAME_METHOD) {
        on_method_frame(channel, &frame->payload.method);
        return;
    }
    struct codec *codec = &channel->conn->codec;
    switch (content_add(&channel->content, frame)) {
    case CONTENT_MORE:
        return;
    case CONTENT_MORE_COPIED:
        codec_release(codec, channel->id);
        return;
    case CONTENT_DONE:
        channel->ops->on_content(channel, &channel->content.delivery);
        content_reset(&channel->content);
        codec_release(codec, channel->id);
        return;
    case CONTENT_BAD:
        conn_fail(channel->conn, AL_EPARSE,
                  "broker sent a misplaced frame of type %u on channel %u", frame->frame_type,
                  channel->id);
        return;
    }
}

void channel_on_conn_lost(struct channel *channel)
{
    shut(channel);
    channel_retry_reset(channel);
    channel->ops->on_closed(channel, 0, "connection lost");
}

/* ---- queue.declare ---- */

static void add_text(amqp_table_t *table, const char *key, const char *value)
{
    if (value != NULL)
        table->entries[table->num_entries++] = (amqp_table_entry_t){
            .key = amqp_bytes_of(key),
            .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_bytes_of(value)}};
}

static void add_number(amqp_table_t *table, const char *key, int64_t value)
{
    if (value > 0)
        table->entries[table->num_entries++] = (amqp_table_entry_t){
            .key = amqp_bytes_of(key), .value = {.kind = AMQP_FIELD_KIND_I64, .value.i64 = value}};
}

void channel_declare_queue(struct channel *channel, const struct amqp_queue *queue, bool passive)
{
    amqp_table_entry_t entries[8];
    amqp_table_t table = {.num_entries = 0, .entries = entries};
    bool is_quorum = queue->type == AMQP_QUEUE_QUORUM;
    if (!passive) {
        add_text(&table, "x-queue-type", is_quorum ? "quorum" : NULL);
        add_number(&table, "x-message-ttl", queue->message_ttl_ms);
        add_number(&table, "x-max-length", queue->max_length);
        add_text(&table, "x-overflow", queue->overflow);
        add_text(&table, "x-dead-letter-exchange", queue->dead_letter_exchange);
        add_text(&table, "x-dead-letter-routing-key", queue->dead_letter_routing_key);
        add_text(&table, "x-dead-letter-strategy",
                 queue->dead_letter_at_least_once ? "at-least-once" : NULL);
        add_number(&table, "x-delivery-limit", queue->delivery_limit);
    }
    amqp_queue_declare_t declare = {.queue = amqp_bytes_of(queue->name),
                                    .passive = passive,
                                    .durable = true,
                                    .arguments = table};
    channel_call(channel, AMQP_QUEUE_DECLARE_METHOD, &declare, AMQP_QUEUE_DECLARE_OK_METHOD);
}
