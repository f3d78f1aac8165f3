/* The connection: a state machine between a transport below and channels above.
 *
 * Ideas. (1) Nothing is torn down while frames are being handled: conn_fail() only remembers why, and
 * conn_settle() acts at the end of each door, so no callback ever pulls memory from under its caller.
 * (2) Output gathers in one buffer and leaves once per turn of the loop, in uv_prepare. (3) Everything
 * that waits for time is one function, conn_on_time(), behind one timer.
 *
 * Invariants: only conn_set_state() writes `state`; channels talk only in DECLARING and READY; at most
 * one write is under way; `sending` belongs to the transport meanwhile.
 */
#include "conn_i.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/backoff.h"
#include "alphaloop/observe/log.h"
#include "alphaloop/observe/metric.h"

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t conn_now_ms(const struct amqp_conn *conn)
{
    return uv_now(conn->loop);
}

void conn_copy_text(char *out, size_t n_out, struct slice text)
{
    size_t n = text.len < n_out - 1 ? text.len : n_out - 1;
    for (size_t i = 0; i < n; i++)
        out[i] = text.ptr[i] >= ' ' && text.ptr[i] != 0x7f ? text.ptr[i] : '?';
    out[n] = '\0';
}

/* ---- states ---- */

const char *amqp_conn_state_name(enum amqp_conn_state state)
{
    static const char *const names[] = {"idle",  "connecting", "login",   "declaring",
                                        "ready", "waiting",    "closing", "closed"};
    return names[state];
}

static bool may_move(enum amqp_conn_state from, enum amqp_conn_state to)
{
    enum { C = 1 << AMQP_CONN_CLOSING, W = 1 << AMQP_CONN_WAITING };
    static const unsigned moves[] = {
        [AMQP_CONN_IDLE] = 1 << AMQP_CONN_CONNECTING | C,
        [AMQP_CONN_CONNECTING] = 1 << AMQP_CONN_LOGIN | W | C,
        [AMQP_CONN_LOGIN] = 1 << AMQP_CONN_DECLARING | W | C,
        [AMQP_CONN_DECLARING] = 1 << AMQP_CONN_READY | W | C,
        [AMQP_CONN_READY] = W | C,
        [AMQP_CONN_WAITING] = 1 << AMQP_CONN_CONNECTING | C,
        [AMQP_CONN_CLOSING] = 1 << AMQP_CONN_CLOSED,
        [AMQP_CONN_CLOSED] = 0,
    };
    return (moves[from] & 1U << to) != 0;
}

static void tell(struct amqp_conn *conn)
{
    if (conn->options.on_state != NULL)
        conn->options.on_state(conn->options.ctx, conn, conn->state);
}

void conn_set_state(struct amqp_conn *conn, enum amqp_conn_state state)
{
    assert(may_move(conn->state, state));
    conn->state = state;
    metric_set(METRIC_amqp_connection_up, state == AMQP_CONN_READY, conn->options.name, NULL);
    log_debug("amqp", "connection", NULL, EV("state"), F_STR("connection", conn->options.name),
              F_STR("state", amqp_conn_state_name(state)));
    tell(conn);
}

bool conn_can_talk(const struct amqp_conn *conn)
{
    return (conn->state == AMQP_CONN_DECLARING || conn->state == AMQP_CONN_READY) &&
           !conn->is_failing;
}

void conn_set_blocked(struct amqp_conn *conn, bool blocked, struct slice why)
{
    if (blocked == conn->is_blocked)
        return;
    conn->is_blocked = blocked;
    char text[128];
    conn_copy_text(text, sizeof(text), why);
    snprintf(conn->blocked_why, sizeof(conn->blocked_why), "broker asks not to publish for now: %s",
             text);
    metric_set(METRIC_amqp_connection_blocked, blocked, conn->options.name, NULL);
    if (blocked)
        log_warn("amqp", "connection", NULL, EV("blocked"), F_STR("connection", conn->options.name),
                 F_STR("reason", text));
    else
        log_info("amqp", "connection", NULL, EV("unblocked"),
                 F_STR("connection", conn->options.name));
    /* While it blocks, the broker does not read: answers were not late, they could not come. */
    for (uint16_t id = 1; id <= conn->n_channels; id++)
        conn->channels[id]->deadline_ms = conn_now_ms(conn) + conn->options.rpc_timeout_ms;
    conn_wake_at(conn, conn_now_ms(conn));
    tell(conn);
}

/* ---- failing and coming back ---- */

void conn_fail(struct amqp_conn *conn, enum al_err code, const char *format, ...)
{
    if (conn->is_failing || !conn->transport_is_open || conn->transport_is_closing)
        return;
    char text[CONN_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    conn_copy_text(conn->error, sizeof(conn->error), slice_of(text));
    conn->error_code = code;
    conn->is_failing = true;
    conn_wants_flush(conn);
}

uint32_t conn_jitter(struct amqp_conn *conn, uint32_t *delay_ms)
{
    return backoff_jittered(&conn->rng, delay_ms, conn->options.backoff_max_ms);
}

static void log_loss(struct amqp_conn *conn, uint32_t delay_ms)
{
    enum log_level level = conn->n_failures_in_row == 0 ? LOG_WARN : LOG_DEBUG;
    conn->n_failures_in_row++;
    metric_add(METRIC_amqp_connection_failures_total, 1, conn->options.name, NULL);
    log_at(level, "amqp", "connection", NULL, EV("lost"), F_STR("connection", conn->options.name),
           F_STR("host", conn->options.host), F_I64("port", conn->options.port),
           F_STR("error", conn->error), F_I64("retry_in_ms", delay_ms));
}

static void schedule_retry(struct amqp_conn *conn, uint64_t now_ms)
{
    bool was_stable =
        conn->state == AMQP_CONN_READY && now_ms - conn->ready_at_ms >= CONN_STABLE_MS;
    if (was_stable)
        conn->retry_ms = conn->options.backoff_min_ms;
    uint32_t delay_ms = conn_jitter(conn, &conn->retry_ms);
    conn->retry_at_ms = now_ms + delay_ms;
    log_loss(conn, delay_ms);
    conn_set_state(conn, AMQP_CONN_WAITING);
    conn_wake_at(conn, conn->retry_at_ms);
}

static void tear_down(struct amqp_conn *conn)
{
    conn->is_failing = false;
    conn->transport_is_up = false;
    if (conn->state != AMQP_CONN_CLOSING)
        schedule_retry(conn, conn_now_ms(conn));
    conn_set_blocked(conn, false, SLICE(""));
    for (uint16_t id = 1; id <= conn->n_channels; id++)
        channel_on_conn_lost(conn->channels[id]);
    if (conn->transport_is_closing)
        return;
    conn->transport_is_closing = true;
    conn->transport->ops->close(conn->transport);
}

static void finish_closing(struct amqp_conn *conn);

static void conn_settle(struct amqp_conn *conn)
{
    if (conn->is_failing)
        tear_down(conn);
    if (conn->state == AMQP_CONN_CLOSING && !conn->transport_is_open)
        finish_closing(conn);
}

static void tell_channels_settled(struct amqp_conn *conn)
{
    for (uint16_t id = 1; id <= conn->n_channels && !conn->is_failing; id++) {
        struct channel *channel = conn->channels[id];
        if (channel->ops->on_settled != NULL)
            channel->ops->on_settled(channel);
    }
}

/* ---- output ---- */

static void on_flush(uv_prepare_t *handle)
{
    struct amqp_conn *conn = handle->data;
    uv_prepare_stop(handle);
    conn_settle(conn);
    if (!conn->transport_is_up || conn->is_writing || conn->out.len == 0)
        return;
    struct buf full = conn->out;
    conn->out = conn->sending;
    conn->sending = full;
    conn->is_writing = true;
    conn->transport->ops->write(conn->transport, buf_slice(&conn->sending));
    conn_settle(conn); /* the write may have failed at once */
}

void conn_wants_flush(struct amqp_conn *conn)
{
    if (!uv_is_closing((uv_handle_t *)&conn->flush))
        uv_prepare_start(&conn->flush, on_flush);
}

void conn_put(struct amqp_conn *conn, uint16_t channel, amqp_method_number_t id, void *decoded)
{
    if (codec_put_method(&conn->out, channel, id, decoded) != AL_OK)
        conn_fail(conn, AL_EFULL, "broker takes nothing: %zu bytes are waiting", conn->out.len);
    conn_wants_flush(conn);
}

size_t amqp_conn_output_bytes(const struct amqp_conn *conn)
{
    return conn->out.len + (conn->is_writing ? conn->sending.len : 0);
}

static void on_transport_written(void *ctx)
{
    struct amqp_conn *conn = ctx;
    conn->is_writing = false;
    conn->written_at_ms = conn_now_ms(conn);
    if (conn->state == AMQP_CONN_LOGIN)
        explicit_bzero(conn->sending.ptr, conn->sending.len); /* the password was in there */
    buf_reset(&conn->sending);
    if (conn->out.len > 0)
        conn_wants_flush(conn);
    tell_channels_settled(conn);
    conn_settle(conn);
}

/* ---- input ---- */

static bool channel_is_open(void *ctx, uint16_t id)
{
    struct amqp_conn *conn = ctx;
    return id <= conn->n_channels && conn->channels[id]->is_open;
}

static bool on_frame(void *ctx, const amqp_frame_t *frame)
{
    struct amqp_conn *conn = ctx;
    if (frame->channel != 0) {
        channel_on_frame(conn->channels[frame->channel], frame);
    } else {
        if (frame->frame_type == AMQP_FRAME_METHOD)
            login_on_method(conn, &frame->payload.method);
        codec_release(&conn->codec, 0);
    }
    return !conn->is_failing;
}

static void on_transport_read(void *ctx, struct slice bytes)
{
    static const struct codec_events events = {channel_is_open, on_frame};
    struct amqp_conn *conn = ctx;
    if (conn->is_failing || !conn->transport_is_up)
        return;
    conn->read_at_ms = conn_now_ms(conn);
    conn->looks_dead = false;
    if (codec_feed(&conn->codec, bytes, &events, conn) != AL_OK)
        conn_fail(conn, AL_EPARSE, "%s", err_text());
    tell_channels_settled(conn);
    conn_settle(conn);
}

/* ---- transport up and down ---- */

static void conn_connect(struct amqp_conn *conn)
{
    uint64_t now_ms = conn_now_ms(conn);
    buf_reset(&conn->out);
    buf_reset(&conn->sending);
    conn_set_state(conn, AMQP_CONN_CONNECTING);
    if (conn->state != AMQP_CONN_CONNECTING)
        return;
    conn->transport_is_open = true;
    conn->deadline_ms = now_ms + conn->options.rpc_timeout_ms;
    conn_wake_at(conn, conn->deadline_ms);
    conn->transport->ops->open(conn->transport, conn->options.host, conn->options.port);
    if (codec_reset(&conn->codec) != AL_OK)
        conn_fail(conn, AL_ENOMEM, "%s", err_text());
}

static void on_transport_open(void *ctx)
{
    struct amqp_conn *conn = ctx;
    if (conn->state != AMQP_CONN_CONNECTING || conn->is_failing)
        return;
    conn->transport_is_up = true;
    conn->read_at_ms = conn->written_at_ms = conn_now_ms(conn);
    conn->heartbeat_ms = 0;
    conn->looks_dead = false;
    conn->deadline_ms = conn_now_ms(conn) + conn->options.rpc_timeout_ms;
    conn_wake_at(conn, conn->deadline_ms);
    login_begin(conn);
    conn_settle(conn);
}

static void on_transport_fail(void *ctx, enum al_err err, const char *why)
{
    struct amqp_conn *conn = ctx;
    const char *hint = conn->state == AMQP_CONN_LOGIN ? " during login" : "";
    conn_fail(conn, err, "%s:%u: %s%s", conn->options.host, conn->options.port, why, hint);
}

static void on_transport_closed(void *ctx)
{
    struct amqp_conn *conn = ctx;
    conn->transport_is_open = conn->transport_is_closing = false;
    conn->transport_is_up = conn->is_writing = false;
    if (conn->sending.len > 0)
        explicit_bzero(conn->sending.ptr, conn->sending.len);
    buf_reset(&conn->out);
    buf_reset(&conn->sending);
    if (conn->state == AMQP_CONN_WAITING)
        conn_wake_at(conn, conn->retry_at_ms);
    conn_settle(conn);
}

void conn_logged_in(struct amqp_conn *conn)
{
    conn_set_state(conn, AMQP_CONN_DECLARING);
    conn_wake_at(conn, conn_now_ms(conn)); /* heartbeats begin */
    if (conn->declarations == NULL)
        conn_declared(conn, "");
    else
        channel_open(conn->declarations);
}

static void become_ready(struct amqp_conn *conn)
{
    bool came_back = conn->n_failures_in_row > 0;
    conn->error[0] = '\0';
    conn->error_code = AL_OK;
    conn->n_connects++;
    conn->n_failures_in_row = 0;
    conn->ready_at_ms = conn_now_ms(conn);
    metric_add(METRIC_amqp_connects_total, 1, conn->options.name, NULL);
    log_info("amqp", "connection", NULL, EV(came_back ? "recovered" : "connected"),
             F_STR("connection", conn->options.name), F_STR("host", conn->options.host),
             F_I64("port", conn->options.port));
    conn_set_state(conn, AMQP_CONN_READY);
    for (uint16_t id = 1; id <= conn->n_channels && conn_can_talk(conn); id++)
        conn->channels[id]->ops->on_ready(conn->channels[id]);
}

void conn_declared(struct amqp_conn *conn, const char *error)
{
    bool changed = strcmp(conn->declare_error, error) != 0;
    conn_copy_text(conn->declare_error, sizeof(conn->declare_error), slice_of(error));
    if (changed && error[0] != '\0')
        log_warn("amqp", "declare", NULL, EV("refused"), F_STR("connection", conn->options.name),
                 F_STR("error", error));
    if (conn->state == AMQP_CONN_DECLARING)
        become_ready(conn);
    else if (changed)
        tell(conn);
}

/* ---- time ---- */

static uint64_t on_time_state(struct amqp_conn *conn, uint64_t now_ms)
{
    switch (conn->state) {
    case AMQP_CONN_WAITING:
        if (conn->transport_is_open)
            return CONN_NEVER; /* on_transport_closed wakes us */
        if (now_ms < conn->retry_at_ms)
            return conn->retry_at_ms;
        conn_connect(conn);
        return conn->deadline_ms;
    case AMQP_CONN_CONNECTING:
    case AMQP_CONN_LOGIN:
    case AMQP_CONN_CLOSING:
        if (now_ms < conn->deadline_ms)
            return conn->deadline_ms;
        conn_fail(conn, AL_ETIMEOUT, "%s:%u: no answer while %s", conn->options.host,
                  conn->options.port, amqp_conn_state_name(conn->state));
        return CONN_NEVER;
    default:
        return CONN_NEVER;
    }
}

static uint64_t send_heartbeat(struct amqp_conn *conn, uint64_t now_ms)
{
    uint64_t due_ms = conn->written_at_ms + conn->heartbeat_ms / 2;
    if (now_ms < due_ms)
        return due_ms;
    if (!conn->is_writing && conn->out.len == 0) {
        codec_put_heartbeat(&conn->out);
        conn_wants_flush(conn);
    }
    return now_ms + conn->heartbeat_ms / 2;
}

static uint64_t expect_heartbeat(struct amqp_conn *conn, uint64_t now_ms)
{
    enum { SECOND_LOOK_MS = 200 };
    uint64_t due_ms = conn->read_at_ms + 2 * (uint64_t)conn->heartbeat_ms;
    if (now_ms < due_ms)
        return due_ms;
    if (conn->looks_dead) {
        conn_fail(conn, AL_ETIMEOUT, "%s:%u: no heartbeat for %u s", conn->options.host,
                  conn->options.port, (unsigned)((now_ms - conn->read_at_ms) / 1000));
        return CONN_NEVER;
    }
    conn->looks_dead = true;
    return now_ms + SECOND_LOOK_MS;
}

static uint64_t on_time_heartbeat(struct amqp_conn *conn, uint64_t now_ms)
{
    bool is_tuned = conn->state == AMQP_CONN_DECLARING || conn->state == AMQP_CONN_READY;
    if (!is_tuned || conn->heartbeat_ms == 0)
        return CONN_NEVER;
    return earlier(send_heartbeat(conn, now_ms), expect_heartbeat(conn, now_ms));
}

uint64_t conn_on_time(struct amqp_conn *conn, uint64_t now_ms)
{
    uint64_t next_ms = on_time_state(conn, now_ms);
    next_ms = earlier(next_ms, on_time_heartbeat(conn, now_ms));
    for (uint16_t id = 1; id <= conn->n_channels && conn_can_talk(conn); id++)
        next_ms = earlier(next_ms, channel_on_time(conn->channels[id], now_ms));
    return next_ms;
}

static void on_timer(uv_timer_t *handle)
{
    struct amqp_conn *conn = handle->data;
    conn->timer_at_ms = CONN_NEVER;
    conn_wake_at(conn, conn_on_time(conn, conn_now_ms(conn)));
    conn_settle(conn);
}

void conn_wake_at(struct amqp_conn *conn, uint64_t at_ms)
{
    if (at_ms >= conn->timer_at_ms || uv_is_closing((uv_handle_t *)&conn->timer))
        return;
    uint64_t now_ms = conn_now_ms(conn);
    conn->timer_at_ms = at_ms;
    uv_timer_start(&conn->timer, on_timer, at_ms > now_ms ? at_ms - now_ms : 0, 0);
}

/* ---- life ---- */

static enum al_err check_text(const char *field, const char *text, size_t n_min)
{
    size_t n = text == NULL ? 0 : strlen(text);
    if (text == NULL || n < n_min || n > AMQP_NAME_MAX)
        return err_set(AL_EINVAL, "amqp %s: must have %zu to %d bytes", field, n_min,
                       AMQP_NAME_MAX);
    return AL_OK;
}

static enum al_err check_options(const struct amqp_options *o)
{
    const struct {
        const char *field, *text;
        size_t n_min;
    } texts[] = {{"host", o->host, 1},
                 {"vhost", o->vhost, 1},
                 {"user", o->user, 1},
                 {"password", o->password, 0},
                 {"connection name", o->name, 1}};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        enum al_err err = check_text(texts[i].field, texts[i].text, texts[i].n_min);
        if (err != AL_OK)
            return err;
    }
    if (o->port == 0)
        return err_set(AL_EINVAL, "amqp port: must be 1 to 65535");
    if (o->frame_max != 0 && (o->frame_max < FRAME_MAX_LOWEST || o->frame_max > 1U << 20))
        return err_set(AL_EINVAL, "amqp frame_max: must be %d to %u", FRAME_MAX_LOWEST, 1U << 20);
    return AL_OK;
}

static void fill_defaults(struct amqp_options *o)
{
    o->heartbeat_s = o->heartbeat_s != 0 ? o->heartbeat_s : 10;
    o->frame_max = o->frame_max != 0 ? o->frame_max : AMQP_DEFAULT_FRAME_SIZE;
    o->output_max = o->output_max != 0 ? o->output_max : 8U << 20;
    o->rpc_timeout_ms = o->rpc_timeout_ms != 0 ? o->rpc_timeout_ms : 15000;
    o->backoff_min_ms = o->backoff_min_ms != 0 ? o->backoff_min_ms : 250;
    o->backoff_max_ms = o->backoff_max_ms != 0 ? o->backoff_max_ms : 5000;
}

static const struct amqp_transport_events transport_events = {
    .on_open = on_transport_open,
    .on_read = on_transport_read,
    .on_written = on_transport_written,
    .on_fail = on_transport_fail,
    .on_closed = on_transport_closed,
};

static void free_conn(struct amqp_conn *conn)
{
    for (uint16_t id = conn->n_channels; id > 0; id--)
        conn->channels[id]->ops->destroy(conn->channels[id]);
    if (conn->transport != NULL)
        conn->transport->ops->destroy(conn->transport);
    codec_deinit(&conn->codec);
    buf_deinit(&conn->out);
    buf_deinit(&conn->sending);
    free(conn);
}

static void init_loop_parts(struct amqp_conn *conn)
{
    uv_timer_init(conn->loop, &conn->timer);
    uv_prepare_init(conn->loop, &conn->flush);
    conn->timer.data = conn->flush.data = conn;
    conn->n_handles_open = 2;
    conn->transport->events = &transport_events;
    conn->transport->ctx = conn;
}

static enum al_err init_parts(struct amqp_conn *conn)
{
    conn->transport = conn->options.transport;
    if (conn->transport == NULL)
        conn->transport = amqp_transport_tcp_create(conn->loop);
    if (conn->transport == NULL)
        return err_set(AL_ENOMEM, "AMQP transport");
    size_t max = conn->options.output_max + CONN_CONTROL_ROOM;
    conn->out = BUF_INIT(max);
    conn->sending = BUF_INIT(max);
    enum al_err err = codec_init(&conn->codec);
    if (err == AL_OK && conn->options.n_declarations > 0)
        err = declarations_create(conn, &conn->declarations);
    return err;
}

enum al_err amqp_conn_create(uv_loop_t *loop,
                             const struct amqp_options *options,
                             struct amqp_conn **out)
{
    enum al_err err = check_options(options);
    if (err != AL_OK)
        return err;
    struct amqp_conn *conn = calloc(1, sizeof(*conn));
    if (conn == NULL)
        return err_set(AL_ENOMEM, "AMQP connection");
    conn->loop = loop;
    conn->options = *options;
    fill_defaults(&conn->options);
    conn->timer_at_ms = CONN_NEVER;
    conn->retry_ms = conn->options.backoff_min_ms;
    rng_seed(&conn->rng, options->seed);
    err = init_parts(conn);
    if (err != AL_OK) {
        free_conn(conn);
        return err;
    }
    init_loop_parts(conn);
    metric_touch(METRIC_amqp_connects_total, options->name, NULL);
    metric_touch(METRIC_amqp_connection_failures_total, options->name, NULL);
    metric_set(METRIC_amqp_connection_up, 0, options->name, NULL);
    metric_set(METRIC_amqp_connection_blocked, 0, options->name, NULL);
    *out = conn;
    return AL_OK;
}

void amqp_conn_start(struct amqp_conn *conn)
{
    assert(conn->state == AMQP_CONN_IDLE);
    conn_connect(conn);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct amqp_conn *conn = handle->data;
    if (--conn->n_handles_open > 0)
        return;
    conn_set_state(conn, AMQP_CONN_CLOSED);
    if (conn->on_closed != NULL)
        conn->on_closed(conn->on_closed_ctx);
    free_conn(conn);
}

static void finish_closing(struct amqp_conn *conn)
{
    if (uv_is_closing((uv_handle_t *)&conn->timer))
        return;
    uv_close((uv_handle_t *)&conn->timer, on_handle_closed);
    uv_close((uv_handle_t *)&conn->flush, on_handle_closed);
}

static void say_goodbye(struct amqp_conn *conn)
{
    amqp_connection_close_t goodbye = {.reply_code = AMQP_REPLY_SUCCESS,
                                       .reply_text = amqp_bytes_of("goodbye")};
    conn_put(conn, 0, AMQP_CONNECTION_CLOSE_METHOD, &goodbye);
}

void amqp_conn_close(struct amqp_conn *conn,
                     uint32_t timeout_ms,
                     void (*on_closed)(void *ctx),
                     void *ctx)
{
    assert(conn->state != AMQP_CONN_CLOSING && conn->state != AMQP_CONN_CLOSED);
    bool is_logged_in = conn_can_talk(conn);
    conn->on_closed = on_closed;
    conn->on_closed_ctx = ctx;
    conn->deadline_ms = conn_now_ms(conn) + timeout_ms;
    conn_set_state(conn, AMQP_CONN_CLOSING);
    conn_wake_at(conn, conn->deadline_ms);
    if (is_logged_in)
        say_goodbye(conn);
    else
        conn_fail(conn, AL_ECANCELED, "closed");
    conn_wants_flush(conn); /* where nothing is open, conn_settle() ends it from there */
}

/* ---- looking ---- */

enum amqp_conn_state amqp_conn_state(const struct amqp_conn *conn)
{
    return conn->state;
}

bool amqp_conn_is_blocked(const struct amqp_conn *conn)
{
    return conn->is_blocked;
}

const char *amqp_conn_error(const struct amqp_conn *conn)
{
    if (conn->state != AMQP_CONN_READY)
        return conn->error;
    return conn->is_blocked ? conn->blocked_why : conn->declare_error;
}

enum al_err amqp_conn_error_code(const struct amqp_conn *conn)
{
    return conn->error_code;
}

uint64_t amqp_conn_n_connects(const struct amqp_conn *conn)
{
    return conn->n_connects;
}
