/* A broker made of bytes: a transport that keeps what the connection sends and gives it what a test says.
 *
 * Time passes only through wire_turn() and wire_until(), which run the loop. Frames of the broker are
 * made with the same encoder the connection uses; the tests of the codec use bytes made by hand.
 */
#ifndef TESTS_HARNESS_AMQP_WIRE_H
#define TESTS_HARNESS_AMQP_WIRE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef WIRE_CHECK /* a fuzzer has no cmocka and defines it as assert */
#    include "harness/check.h"
#    define WIRE_CHECK(condition) assert_true(condition)
#endif

#include "../src/io/amqp/conn_i.h"
#include "alphaloop/base/buf.h"
#include "alphaloop/io/amqp.h"
#include "alphaloop/io/amqp_transport.h"

struct wire {
    struct amqp_transport base; /* first */
    uv_loop_t loop;
    struct amqp_conn *conn;
    struct codec peer; /* reads what the connection sent */
    struct buf sent;   /* not yet read by the test */
    struct buf give;   /* the broker's next bytes */
    size_t n_opens;
    bool is_writing, is_closing, is_open, is_stuck, was_closed;
    const amqp_frame_t *want;
    amqp_frame_t frame; /* the last one read */
};

static void wire_op_open(struct amqp_transport *t, const char *host, uint16_t port)
{
    struct wire *w = (struct wire *)t;
    (void)host;
    (void)port;
    w->n_opens++;
    w->is_open = true;
    buf_reset(&w->sent);
}

static void wire_op_write(struct amqp_transport *t, struct slice bytes)
{
    struct wire *w = (struct wire *)t;
    WIRE_CHECK(!w->is_writing);
    buf_append(&w->sent, bytes.ptr, bytes.len);
    w->is_writing = true;
}

static void wire_op_close(struct amqp_transport *t)
{
    struct wire *w = (struct wire *)t;
    WIRE_CHECK(!w->is_closing);
    w->is_closing = true;
}

static void wire_op_destroy(struct amqp_transport *t)
{
    (void)t; /* the test owns it */
}

static const struct amqp_transport_ops wire_ops = {wire_op_open, wire_op_write, wire_op_close,
                                                   wire_op_destroy};

static inline void wire_init(struct wire *w)
{
    memset(w, 0, sizeof(*w));
    w->base.ops = &wire_ops;
    w->sent = BUF_INIT(64U << 20);
    w->give = BUF_INIT(64U << 20);
    WIRE_CHECK(uv_loop_init(&w->loop) == 0);
    WIRE_CHECK(codec_init(&w->peer) == AL_OK);
}

static inline struct amqp_options wire_options(struct wire *w)
{
    return (struct amqp_options){.host = "broker",
                                 .vhost = "/",
                                 .user = "user",
                                 .password = "sesame-opens",
                                 .port = 5672,
                                 .name = "test",
                                 .backoff_min_ms = 2,
                                 .backoff_max_ms = 4,
                                 .transport = &w->base};
}

/* One turn of the loop; writes and closes complete in it. */
static inline void wire_turn(struct wire *w)
{
    uv_run(&w->loop, UV_RUN_NOWAIT);
    if (w->is_writing && !w->is_closing && !w->is_stuck) {
        w->is_writing = false;
        w->base.events->on_written(w->base.ctx);
    }
    if (w->is_closing) {
        w->is_closing = w->is_open = w->is_writing = false;
        w->base.events->on_closed(w->base.ctx);
    }
    uv_run(&w->loop, UV_RUN_NOWAIT);
}

/* Turn the loop until the condition holds; a test that waits for ever is ended by its runner. */
#define wire_until(w, condition)                                                                   \
    do {                                                                                           \
        while (!(condition))                                                                       \
            wire_turn(w);                                                                          \
    } while (0)

/* ---- the broker speaks ---- */

static inline void wire_add(struct wire *w,
                            uint16_t channel,
                            amqp_method_number_t id,
                            void *decoded)
{
    WIRE_CHECK(codec_put_method(&w->give, channel, id, decoded) == AL_OK);
}

/* Hand over what was added, in pieces of `step` bytes (0: all at once). */
static inline void wire_give_in(struct wire *w, size_t step)
{
    struct buf bytes = w->give;
    w->give = BUF_INIT(64U << 20);
    for (size_t at = 0; at < bytes.len && w->is_open && !w->is_closing;) {
        size_t n = step == 0 || step > bytes.len - at ? bytes.len - at : step;
        char *copy = malloc(n); /* so that a sanitizer sees any use after the callback */
        memcpy(copy, bytes.ptr + at, n);
        w->base.events->on_read(w->base.ctx, (struct slice){copy, n});
        free(copy);
        at += n;
    }
    buf_deinit(&bytes);
    wire_turn(w);
}

static inline void wire_give(struct wire *w)
{
    wire_give_in(w, 0);
}

static inline void wire_say(struct wire *w,
                            uint16_t channel,
                            amqp_method_number_t id,
                            void *decoded)
{
    wire_add(w, channel, id, decoded);
    wire_give(w);
}

/* ---- what the connection said ---- */

static bool wire_any_channel(void *ctx, uint16_t channel)
{
    (void)ctx;
    (void)channel;
    return true;
}

static bool wire_take_frame(void *ctx, const amqp_frame_t *frame)
{
    ((struct wire *)ctx)->frame = *frame;
    return true;
}

/* The next frame the connection sent, in w->frame; false when there is none. */
static inline bool wire_next(struct wire *w)
{
    static const struct codec_events events = {wire_any_channel, wire_take_frame};
    if (w->sent.len >= 4 && memcmp(w->sent.ptr, "AMQP", 4) == 0)
        buf_consume(&w->sent, 8);
    if (w->sent.len < FRAME_OVERHEAD)
        return false;
    const uint8_t *p = (const uint8_t *)w->sent.ptr;
    size_t n =
        FRAME_OVERHEAD + ((size_t)p[3] << 24 | (size_t)p[4] << 16 | (size_t)p[5] << 8 | p[6]);
    WIRE_CHECK(n <= w->sent.len);
    w->frame = (amqp_frame_t){0};
    struct slice bytes = {w->sent.ptr, n};
    WIRE_CHECK(codec_feed(&w->peer, bytes, &events, w) == AL_OK);
    buf_consume(&w->sent, n);
    return true;
}

static inline void *wire_expect(struct wire *w, uint16_t channel, amqp_method_number_t id)
{
    WIRE_CHECK(wire_next(w));
    WIRE_CHECK(w->frame.frame_type == AMQP_FRAME_METHOD);
    if (w->frame.payload.method.id != id)
        fprintf(stderr, "sent %s, expected %s\n", amqp_method_name(w->frame.payload.method.id),
                amqp_method_name(id));
    WIRE_CHECK(w->frame.payload.method.id == id);
    WIRE_CHECK(w->frame.channel == channel);
    return w->frame.payload.method.decoded;
}

static inline void wire_expect_nothing(struct wire *w)
{
    WIRE_CHECK(w->sent.len == 0);
}

/* ---- whole conversations ---- */

static inline void wire_up(struct wire *w)
{
    WIRE_CHECK(codec_reset(&w->peer) == AL_OK);
    w->base.events->on_open(w->base.ctx);
    wire_turn(w);
}

static inline void wire_add_start(struct wire *w)
{
    amqp_connection_start_t start = {.version_minor = 9,
                                     .mechanisms = amqp_bytes_of("AMQPLAIN PLAIN"),
                                     .locales = amqp_bytes_of("en_US")};
    wire_add(w, 0, AMQP_CONNECTION_START_METHOD, &start);
}

static inline void wire_add_tune(struct wire *w,
                                 uint16_t channel_max,
                                 uint32_t frame_max,
                                 uint16_t heartbeat)
{
    amqp_connection_tune_t tune = {
        .channel_max = channel_max, .frame_max = frame_max, .heartbeat = heartbeat};
    wire_add(w, 0, AMQP_CONNECTION_TUNE_METHOD, &tune);
}

static inline void wire_add_open_ok(struct wire *w)
{
    amqp_connection_open_ok_t ok = {.known_hosts = amqp_empty_bytes};
    wire_add(w, 0, AMQP_CONNECTION_OPEN_OK_METHOD, &ok);
}

static inline void wire_login(struct wire *w)
{
    wire_up(w);
    wire_add_start(w);
    wire_give(w);
    wire_expect(w, 0, AMQP_CONNECTION_START_OK_METHOD);
    WIRE_CHECK(codec_tune(&w->peer, 131072) == AL_OK);
    wire_add_tune(w, 2047, 131072, 60);
    wire_give(w);
    wire_expect(w, 0, AMQP_CONNECTION_TUNE_OK_METHOD);
    wire_expect(w, 0, AMQP_CONNECTION_OPEN_METHOD);
    wire_add_open_ok(w);
    wire_give(w);
}

static inline void wire_open_channel(struct wire *w, uint16_t channel)
{
    amqp_channel_open_ok_t ok = {.channel_id = amqp_empty_bytes};
    wire_expect(w, channel, AMQP_CHANNEL_OPEN_METHOD);
    wire_say(w, channel, AMQP_CHANNEL_OPEN_OK_METHOD, &ok);
}

static inline void wire_say_declared(struct wire *w, uint16_t channel)
{
    amqp_queue_declare_ok_t ok = {.queue = amqp_bytes_of("q")};
    wire_say(w, channel, AMQP_QUEUE_DECLARE_OK_METHOD, &ok);
}

static inline void wire_close_channel(struct wire *w,
                                      uint16_t channel,
                                      uint16_t code,
                                      const char *why)
{
    amqp_channel_close_t close = {.reply_code = code, .reply_text = amqp_bytes_of(why)};
    wire_say(w, channel, AMQP_CHANNEL_CLOSE_METHOD, &close);
    wire_expect(w, channel, AMQP_CHANNEL_CLOSE_OK_METHOD);
}

static inline void wire_break(struct wire *w)
{
    w->base.events->on_fail(w->base.ctx, AL_ECONN, "connection closed by the broker");
    wire_turn(w);
    wire_turn(w);
}

static void wire_on_closed(void *ctx)
{
    ((struct wire *)ctx)->was_closed = true;
}

/* Ends the connection and proves that nothing is left on the loop. */
static inline void wire_deinit(struct wire *w)
{
    if (w->conn != NULL) {
        w->is_stuck = false;
        w->was_closed = false;
        amqp_conn_close(w->conn, 0, wire_on_closed, w);
        wire_until(w, w->was_closed);
    }
    wire_turn(w);
    WIRE_CHECK(uv_loop_close(&w->loop) == 0);
    codec_deinit(&w->peer);
    buf_deinit(&w->sent);
    buf_deinit(&w->give);
}

#endif
