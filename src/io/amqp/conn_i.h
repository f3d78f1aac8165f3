/* The inside of a connection, for its channels. */
#ifndef ALPHALOOP_IO_AMQP_CONN_I_H
#define ALPHALOOP_IO_AMQP_CONN_I_H

#include "alphaloop/base/rng.h"
#include "alphaloop/io/amqp.h"
#include "alphaloop/io/amqp_transport.h"
#include "channel_i.h"
#include "codec_i.h"

#define CONN_NEVER UINT64_MAX

enum {
    CONN_TEXT_MAX = 256,
    CONN_CONTROL_ROOM = 1 << 20, /* output kept free for everything that is not a message */
    CONN_STABLE_MS = 10000,      /* ready for so long: the next backoff is short again */
};

struct amqp_conn {
    uv_loop_t *loop;
    struct amqp_options options; /* with defaults filled in */
    enum amqp_conn_state state;
    struct rng rng;
    uv_timer_t timer;
    uv_prepare_t flush; /* runs once before the loop sleeps, when there is something to do */
    int n_handles_open;

    struct amqp_transport *transport;
    bool transport_is_open; /* from open() to on_closed */
    bool transport_is_closing;
    bool transport_is_up; /* on_open came, and close() not yet */
    bool is_writing;
    struct buf out, sending;
    struct codec codec;
    amqp_method_number_t login_awaits;
    uint16_t channel_max;
    uint32_t heartbeat_ms; /* 0: none */

    uint64_t timer_at_ms;
    uint64_t deadline_ms; /* of connecting, login, closing */
    uint64_t retry_at_ms; /* of WAITING */
    uint32_t retry_ms;
    uint64_t ready_at_ms, read_at_ms, written_at_ms;
    bool looks_dead; /* silent for too long; one more chance, in case it was we who slept */

    bool is_failing; /* conn_fail() was called: the transport goes down when the stack is unwound */
    bool is_blocked;
    enum al_err error_code;
    char error[CONN_TEXT_MAX], blocked_why[CONN_TEXT_MAX], declare_error[CONN_TEXT_MAX];
    uint64_t n_connects, n_failures_in_row;

    struct channel *channels[AMQP_CHANNELS_MAX + 1]; /* by number; 0 is not used */
    uint16_t n_channels;
    struct channel *declarations;

    void (*on_closed)(void *ctx);
    void *on_closed_ctx;
};

/* The connection cannot go on: remember why, tear down once the stack is unwound, try again later. */
void conn_fail(struct amqp_conn *conn, enum al_err code, const char *format, ...) PRINTF(3, 4);
bool conn_can_talk(const struct amqp_conn *conn); /* channels may be used */
void conn_put(struct amqp_conn *conn, uint16_t channel, amqp_method_number_t id, void *decoded);
void conn_wants_flush(struct amqp_conn *conn);
void conn_wake_at(struct amqp_conn *conn, uint64_t at_ms);
uint64_t conn_now_ms(const struct amqp_conn *conn);
uint32_t conn_jitter(struct amqp_conn *conn, uint32_t *delay_ms); /* this delay; doubles the next */
void conn_declared(struct amqp_conn *conn, const char *error);    /* "" when all steps went well */
/* Copy text of a peer for people: printable, bounded. */
void conn_copy_text(char *out, size_t n_out, struct slice text);

/* login.c: methods on channel 0. */
void login_begin(struct amqp_conn *conn);
void login_on_method(struct amqp_conn *conn, const amqp_method_t *method);

/* conn.c, for login.c */
void conn_set_state(struct amqp_conn *conn, enum amqp_conn_state state);
void conn_logged_in(struct amqp_conn *conn);
void conn_set_blocked(struct amqp_conn *conn, bool blocked, struct slice why);

/* Does everything that is due and returns when it wants to be called again. */
uint64_t conn_on_time(struct amqp_conn *conn, uint64_t now_ms);

/* declare.c: the channel that runs the declarations. */
MUST_CHECK enum al_err declarations_create(struct amqp_conn *conn, struct channel **out);

#endif
