/* Publishers: a channel in confirm mode and a window of messages whose fate is open.
 *
 * The broker numbers what it receives on the channel 1, 2, 3 ...; the window is a ring indexed by that
 * number. A basic.return names no number, so a mandatory message is recognised by its message id; its
 * confirm follows and is then reported as RETURNED.
 *
 * Invariant: every message in [first, next) that is not `settled` gets exactly one result. A result is
 * reported after the ring is up to date, so the callback may publish again.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/hash.h"
#include "alphaloop/observe/log.h"
#include "alphaloop/observe/metric.h"
#include "conn_i.h"

enum { IN_FLIGHT_DEFAULT = 1024, IN_FLIGHT_MOST = 65536, HEADERS_MAX = 16, METHODS_ROOM = 8192 };

struct in_flight {
    amqp_result_fn on_result;
    void *ctx;
    uint64_t token;
    uint64_t id_hash; /* of the message id */
    bool is_mandatory, is_returned, is_settled;
};

struct amqp_publisher {
    struct channel channel; /* first */
    struct amqp_publisher_options options;
    bool is_ready;        /* the channel is in confirm mode */
    bool was_refused;     /* somebody is waiting for on_room */
    bool is_troubled;     /* the last channel was closed on us; logged once */
    uint64_t first, next; /* numbers in flight: [first, next) */
    size_t n_open;        /* of those, not settled */
    size_t n_slots;       /* a power of two */
    struct in_flight *ring;
};

static struct amqp_publisher *publisher_of(struct channel *channel)
{
    return (struct amqp_publisher *)channel;
}

const char *amqp_result_name(enum amqp_result result)
{
    static const char *const names[] = {"confirmed", "nacked", "returned", "lost"};
    return names[result];
}

static struct in_flight *slot(struct amqp_publisher *p, uint64_t number)
{
    return &p->ring[number & (p->n_slots - 1)];
}

static void settle(struct amqp_publisher *p, uint64_t number, enum amqp_result result)
{
    struct in_flight *entry = slot(p, number);
    if (entry->is_settled)
        return;
    entry->is_settled = true;
    p->n_open--;
    struct in_flight copy = *entry;
    while (p->first < p->next && slot(p, p->first)->is_settled)
        p->first++;
    if (copy.is_returned && result == AMQP_CONFIRMED)
        result = AMQP_RETURNED;
    metric_add(METRIC_amqp_publishes_total, 1, p->channel.conn->options.name,
               amqp_result_name(result));
    copy.on_result(copy.ctx, copy.token, result);
}

/* Settle [first, end); callbacks may add messages from `end` on. */
static void settle_until(struct amqp_publisher *p, uint64_t end, enum amqp_result result)
{
    for (uint64_t number = p->first; number < end; number++) {
        if (number >= p->first)
            settle(p, number, result);
    }
}

static bool on_confirm(struct amqp_publisher *p,
                       uint64_t number,
                       bool multiple,
                       enum amqp_result result)
{
    if (multiple && number == 0)
        number = p->next - 1; /* all so far */
    if (number >= p->next || number == 0)
        return false;
    if (multiple)
        settle_until(p, number + 1, result);
    else if (number >= p->first)
        settle(p, number, result);
    return true;
}

/* ---- what the channel reports ---- */

static void on_open(struct channel *channel)
{
    amqp_confirm_select_t select = {.nowait = false};
    channel_call(channel, AMQP_CONFIRM_SELECT_METHOD, &select, AMQP_CONFIRM_SELECT_OK_METHOD);
}

static void on_reply(struct channel *channel, const amqp_method_t *method)
{
    struct amqp_publisher *p = publisher_of(channel);
    (void)method; /* confirm.select-ok is all we ask for */
    channel_retry_reset(channel);
    p->first = p->next = 1;
    p->is_ready = true;
    p->is_troubled = false;
}

static bool on_method(struct channel *channel, const amqp_method_t *method)
{
    struct amqp_publisher *p = publisher_of(channel);
    if (!p->is_ready)
        return false;
    if (method->id == AMQP_BASIC_ACK_METHOD) {
        const amqp_basic_ack_t *ack = method->decoded;
        return on_confirm(p, ack->delivery_tag, ack->multiple, AMQP_CONFIRMED);
    }
    if (method->id == AMQP_BASIC_NACK_METHOD) {
        const amqp_basic_nack_t *nack = method->decoded;
        return on_confirm(p, nack->delivery_tag, nack->multiple, AMQP_NACKED);
    }
    return false;
}

static void on_content(struct channel *channel, const struct amqp_delivery *returned)
{
    struct amqp_publisher *p = publisher_of(channel);
    uint64_t hash = fnv1a64(returned->message_id.ptr, returned->message_id.len);
    for (uint64_t number = p->first; number < p->next; number++) {
        struct in_flight *entry = slot(p, number);
        if (entry->is_mandatory && !entry->is_returned && !entry->is_settled &&
            entry->id_hash == hash) {
            entry->is_returned = true;
            return;
        }
    }
}

static void on_closed(struct channel *channel, uint16_t code, const char *why)
{
    struct amqp_publisher *p = publisher_of(channel);
    p->is_ready = false;
    if (code != 0) {
        if (!p->is_troubled)
            log_warn("amqp", "publish", NULL, EV("channel closed"),
                     F_STR("connection", channel->conn->options.name), F_I64("code", code),
                     F_STR("error", why));
        p->is_troubled = true;
        channel_retry_later(channel);
    }
    settle_until(p, p->next, AMQP_LOST);
}

static void on_settled(struct channel *channel)
{
    struct amqp_publisher *p = publisher_of(channel);
    struct amqp_conn *conn = channel->conn;
    bool has_room = p->next - p->first <= p->options.n_in_flight_max / 4 * 3 &&
                    amqp_conn_output_bytes(conn) <= conn->options.output_max / 2;
    if (!p->was_refused || !p->is_ready || conn->is_blocked || !has_room)
        return;
    p->was_refused = false;
    if (p->options.on_room != NULL)
        p->options.on_room(p->options.ctx);
}

static void destroy(struct channel *channel)
{
    channel_deinit(channel);
    free(publisher_of(channel)->ring);
    free(channel);
}

static const struct channel_ops publisher_ops = {
    .content = AMQP_BASIC_RETURN_METHOD,
    .on_open = on_open,
    .on_reply = on_reply,
    .on_method = on_method,
    .on_content = on_content,
    .on_closed = on_closed,
    .on_retry = channel_open,
    .on_ready = channel_open,
    .on_settled = on_settled,
    .destroy = destroy,
};

/* ---- the door ---- */

static enum al_err init(struct amqp_publisher *p, const struct amqp_publisher_options *options)
{
    p->options = *options;
    if (p->options.n_in_flight_max == 0)
        p->options.n_in_flight_max = IN_FLIGHT_DEFAULT;
    if (p->options.n_in_flight_max > IN_FLIGHT_MOST)
        return err_set(AL_EINVAL, "amqp messages in flight: at most %d", IN_FLIGHT_MOST);
    p->first = p->next = 1;
    p->n_slots = 1;
    while (p->n_slots < p->options.n_in_flight_max)
        p->n_slots *= 2;
    p->ring = calloc(p->n_slots, sizeof(*p->ring));
    return p->ring != NULL ? AL_OK : err_set(AL_ENOMEM, "AMQP publisher");
}

enum al_err amqp_publisher_create(struct amqp_conn *conn,
                                  const struct amqp_publisher_options *options,
                                  struct amqp_publisher **out)
{
    struct amqp_publisher *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return err_set(AL_ENOMEM, "AMQP publisher");
    enum al_err err = init(p, options);
    if (err == AL_OK)
        err = channel_init(&p->channel, conn, &publisher_ops);
    if (err != AL_OK) {
        free(p->ring);
        free(p);
        return err;
    }
    for (int result = AMQP_CONFIRMED; result <= AMQP_LOST; result++)
        metric_touch(METRIC_amqp_publishes_total, conn->options.name,
                     amqp_result_name((enum amqp_result)result));
    *out = p;
    channel_open(&p->channel);
    return AL_OK;
}

static bool is_short(const char *text)
{
    return text == NULL || strlen(text) <= AMQP_NAME_MAX;
}

static enum al_err check_message(const struct amqp_message *m)
{
    bool is_named = is_short(m->exchange) && is_short(m->routing_key) &&
                    is_short(m->content_type) && is_short(m->message_id) && is_short(m->type) &&
                    is_short(m->app_id);
    for (size_t i = 0; is_named && i < m->n_headers; i++)
        is_named = m->headers[i].name != NULL && strlen(m->headers[i].name) <= 128;
    if (!is_named)
        return err_set(AL_EINVAL, "amqp message: a name is longer than %d bytes", AMQP_NAME_MAX);
    if (m->n_headers > HEADERS_MAX)
        return err_set(AL_EINVAL, "amqp message: more than %d headers", HEADERS_MAX);
    if (m->mandatory && (m->message_id == NULL || m->message_id[0] == '\0'))
        return err_set(AL_EINVAL, "amqp message: mandatory needs a message_id");
    return AL_OK;
}

static enum al_err refuse(struct amqp_publisher *p, enum al_err err, const char *why)
{
    p->was_refused = true;
    return err_set(err, "publish: %s", why);
}

static enum al_err check_room(struct amqp_publisher *p, size_t n_body)
{
    const struct amqp_conn *conn = p->channel.conn;
    if (n_body + METHODS_ROOM > conn->options.output_max)
        return err_set(AL_EINVAL, "amqp message: %zu bytes are more than the output may hold",
                       n_body);
    if (!p->is_ready || !conn_can_talk(conn))
        return refuse(p, AL_ESTATE, "not connected");
    if (conn->is_blocked)
        return refuse(p, AL_EFULL, "the broker asks not to");
    if (p->next - p->first >= p->options.n_in_flight_max)
        return refuse(p, AL_EFULL, "too many messages are unconfirmed");
    if (amqp_conn_output_bytes(conn) + n_body + METHODS_ROOM > conn->options.output_max)
        return refuse(p, AL_EFULL, "too many bytes are unsent");
    return AL_OK;
}

static void set_text(amqp_basic_properties_t *p,
                     amqp_flags_t flag,
                     amqp_bytes_t *field,
                     const char *text)
{
    if (text == NULL)
        return;
    p->_flags |= flag;
    *field = amqp_bytes_of(text);
}

static void fill_properties(amqp_basic_properties_t *p,
                            const struct amqp_message *m,
                            amqp_table_entry_t entries[HEADERS_MAX])
{
    p->_flags = AMQP_BASIC_DELIVERY_MODE_FLAG;
    p->delivery_mode = m->persistent ? AMQP_DELIVERY_PERSISTENT : AMQP_DELIVERY_NONPERSISTENT;
    set_text(p, AMQP_BASIC_CONTENT_TYPE_FLAG, &p->content_type, m->content_type);
    set_text(p, AMQP_BASIC_MESSAGE_ID_FLAG, &p->message_id, m->message_id);
    set_text(p, AMQP_BASIC_TYPE_FLAG, &p->type, m->type);
    set_text(p, AMQP_BASIC_APP_ID_FLAG, &p->app_id, m->app_id);
    if (m->timestamp_s > 0) {
        p->_flags |= AMQP_BASIC_TIMESTAMP_FLAG;
        p->timestamp = (uint64_t)m->timestamp_s;
    }
    for (size_t i = 0; i < m->n_headers; i++)
        entries[i] = (amqp_table_entry_t){
            .key = amqp_bytes_of(m->headers[i].name),
            .value = {.kind = AMQP_FIELD_KIND_UTF8,
                      .value.bytes = amqp_bytes_of_slice(m->headers[i].value)}};
    if (m->n_headers > 0) {
        p->_flags |= AMQP_BASIC_HEADERS_FLAG;
        p->headers = (amqp_table_t){.num_entries = (int)m->n_headers, .entries = entries};
    }
}

/* All of its frames or none. */
static enum al_err put_message(struct amqp_publisher *p, const struct amqp_message *m)
{
    struct amqp_conn *conn = p->channel.conn;
    amqp_table_entry_t entries[HEADERS_MAX];
    amqp_basic_properties_t properties = {0};
    fill_properties(&properties, m, entries);
    amqp_basic_publish_t publish = {.exchange = amqp_bytes_of(m->exchange),
                                    .routing_key = amqp_bytes_of(m->routing_key),
                                    .mandatory = m->mandatory};
    size_t before = conn->out.len;
    enum al_err err =
        codec_put_method(&conn->out, p->channel.id, AMQP_BASIC_PUBLISH_METHOD, &publish);
    if (err == AL_OK)
        err = codec_put_content(&conn->out, p->channel.id, &properties, m->body,
                                conn->codec.frame_max);
    if (err != AL_OK)
        conn->out.len = before;
    return err == AL_EFULL ? refuse(p, err, "too many bytes are unsent") : err;
}

enum al_err amqp_publish(struct amqp_publisher *p,
                         const struct amqp_message *message,
                         uint64_t token,
                         amqp_result_fn on_result,
                         void *ctx)
{
    assert(on_result != NULL);
    enum al_err err = check_message(message);
    if (err == AL_OK)
        err = check_room(p, message->body.len);
    if (err == AL_OK)
        err = put_message(p, message);
    if (err != AL_OK)
        return err;
    struct slice id = slice_of(message->message_id);
    *slot(p, p->next++) = (struct in_flight){.on_result = on_result,
                                             .ctx = ctx,
                                             .token = token,
                                             .id_hash = fnv1a64(id.ptr, id.len),
                                             .is_mandatory = message->mandatory};
    p->n_open++;
    conn_wants_flush(p->channel.conn);
    return AL_OK;
}

bool amqp_publisher_is_ready(const struct amqp_publisher *p)
{
    const struct amqp_conn *conn = p->channel.conn;
    return p->is_ready && conn_can_talk(conn) && !conn->is_blocked &&
           p->next - p->first < p->options.n_in_flight_max &&
           amqp_conn_output_bytes(conn) + METHODS_ROOM <= conn->options.output_max;
}

size_t amqp_publisher_n_in_flight(const struct amqp_publisher *p)
{
    return p->n_open;
}
