/* AMQP 0-9-1 on a libuv loop: a connection that heals by itself, consumers and publishers on it.
 *
 * librabbitmq only encodes and decodes; bytes travel over a transport (amqp_transport.h, plain TCP by
 * default), so nothing here ever blocks. A connection comes up, runs its declarations, is READY, and
 * when it is lost comes up again for ever with jittered backoff. Each consumer and publisher has a
 * channel of its own, so a missing queue or a refused message disturbs nothing else.
 *
 * Lives: a connection owns its consumers and publishers; amqp_conn_close() ends them all. Strings in
 * options (also the password) are kept, not copied: they must outlive the connection.
 * Callbacks run on the loop's thread, may call any function here, and must return soon.
 *
 * A broker under a memory alarm stops reading from connections that publish: use one connection to
 * publish and another to consume, so that acknowledgements are never stuck behind a publish.
 */
#ifndef ALPHALOOP_IO_AMQP_H
#define ALPHALOOP_IO_AMQP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "alphaloop/base/buf.h"
#include "alphaloop/base/err.h"

#define AMQP_CHANNELS_MAX 63 /* consumers and publishers on one connection, and its own one */
#define AMQP_PREFETCH_MAX 65535
#define AMQP_NAME_MAX     255 /* bytes of a queue, exchange, routing key or header name */
#define AMQP_BODY_KEEP_MAX                                                                         \
    (2U << 20) /* bytes of a body that are handed on; see amqp_delivery.body */

struct amqp_conn;
struct amqp_consumer;
struct amqp_publisher;
struct amqp_transport;

/* ---- queues and exchanges ---- */

enum amqp_queue_type { AMQP_QUEUE_CLASSIC, AMQP_QUEUE_QUORUM };

/* A queue is always looked up passively first and taken as it is; the arguments count only when it
 * is absent and `create` is set. Zero or NULL leaves an argument out. Always durable. */
struct amqp_queue {
    const char *name;
    bool create;               /* false: it belongs to someone else; wait for it */
    enum amqp_queue_type type; /* classic adds no x-queue-type argument */
    int64_t message_ttl_ms;
    int64_t max_length;
    const char *overflow; /* "drop-head", "reject-publish" */
    const char *dead_letter_exchange;
    const char *dead_letter_routing_key;
    bool dead_letter_at_least_once; /* quorum only; needs overflow reject-publish */
    int64_t delivery_limit;         /* quorum only */
};

/* What must exist before the connection is READY. A step that is refused is reported, retried with
 * backoff, and holds up nothing else. */
struct amqp_declaration {
    enum { AMQP_DECLARE_EXCHANGE, AMQP_DECLARE_QUEUE, AMQP_DECLARE_BINDING } what;
    struct amqp_queue queue;   /* QUEUE; BINDING uses its name */
    const char *exchange;      /* EXCHANGE, BINDING */
    const char *exchange_type; /* EXCHANGE: "topic", "direct", "fanout"; durable */
    const char *routing_key;   /* BINDING */
};

/* ---- connection ---- */

enum amqp_conn_state {
    AMQP_CONN_IDLE,       /* created */
    AMQP_CONN_CONNECTING, /* name look-up and transport */
    AMQP_CONN_LOGIN,      /* greeting, authentication, tuning */
    AMQP_CONN_DECLARING,  /* running the declarations */
    AMQP_CONN_READY,
    AMQP_CONN_WAITING, /* lost or refused; the next attempt is due after the backoff */
    AMQP_CONN_CLOSING, /* amqp_conn_close() was called */
    AMQP_CONN_CLOSED,
};
const char *amqp_conn_state_name(enum amqp_conn_state state);

struct amqp_options {
    const char *host, *vhost, *user, *password;
    uint16_t port;
    const char *name;        /* shown by the broker; label of logs and metrics */
    uint16_t heartbeat_s;    /* 0: 10 */
    uint32_t frame_max;      /* 0: 131072; at least 4096 */
    size_t output_max;       /* bytes waiting to be sent before publishing is refused; 0: 8 MiB */
    uint32_t rpc_timeout_ms; /* 0: 15000 */
    uint32_t backoff_min_ms; /* 0: 250 */
    uint32_t backoff_max_ms; /* 0: 5000 */
    uint64_t seed;           /* of the jitter */

    const struct amqp_declaration *declarations; /* keeps */
    size_t n_declarations;

    struct amqp_transport *transport; /* takes; NULL: plain TCP */

    /* State, blocking or the error text changed; may be NULL. */
    void (*on_state)(void *ctx, struct amqp_conn *conn, enum amqp_conn_state state);
    void *ctx;
};

/* Checks the options (AL_EINVAL names the field) and makes a connection that is IDLE. */
MUST_CHECK enum al_err amqp_conn_create(uv_loop_t *loop,
                                        const struct amqp_options *options,
                                        struct amqp_conn **out);
void amqp_conn_start(struct amqp_conn *conn);

/* Sends what is buffered, says goodbye, closes; at the latest after `timeout_ms` it just closes. Every
 * unconfirmed message is reported LOST, then on_closed runs once, then the connection with all its
 * consumers and publishers is freed. */
void amqp_conn_close(struct amqp_conn *conn,
                     uint32_t timeout_ms,
                     void (*on_closed)(void *ctx),
                     void *ctx);

enum amqp_conn_state amqp_conn_state(const struct amqp_conn *conn);
bool amqp_conn_is_blocked(const struct amqp_conn *conn); /* broker asked not to publish */
/* Why it is not READY, or was last lost, or is blocked, or which declaration is refused; "" when all is
 * well. Never holds the password. amqp_conn_error_code: AL_EAUTH, AL_ECONN, AL_ETIMEOUT ... or AL_OK. */
const char *amqp_conn_error(const struct amqp_conn *conn);
enum al_err amqp_conn_error_code(const struct amqp_conn *conn);
uint64_t amqp_conn_n_connects(const struct amqp_conn *conn); /* times READY was reached */
size_t amqp_conn_output_bytes(const struct amqp_conn *conn); /* waiting to be sent */

/* ---- consumers ---- */

enum amqp_consumer_state {
    AMQP_CONSUMER_DOWN,    /* the connection is not ready */
    AMQP_CONSUMER_OPENING, /* channel, look-up, subscription */
    AMQP_CONSUMER_ACTIVE,
    AMQP_CONSUMER_PAUSED,
    AMQP_CONSUMER_MISSING, /* the queue is not there; looked up again with backoff */
    AMQP_CONSUMER_REFUSED, /* the broker refused for another reason; tried again with backoff */
};
const char *amqp_consumer_state_name(enum amqp_consumer_state state);

/* A delivery tag and the channel it belongs to. Tags of a channel that is gone are ignored: the broker
 * delivers those messages again. */
struct amqp_tag {
    uint64_t number;
    uint64_t generation;
};

/* One message. Everything is borrowed for the time of the callback. */
struct amqp_delivery {
    struct amqp_tag tag;
    bool redelivered;
    struct slice body;  /* contiguous; the first AMQP_BODY_KEEP_MAX bytes of a longer one */
    uint64_t body_size; /* as sent */
    struct slice exchange, routing_key;
    struct slice content_type, message_id, type, app_id; /* empty when absent */
    int64_t timestamp_s;                                 /* seconds since 1970; 0 when absent */
    const void *headers;                                 /* read with the functions below */
};

/* Text header `name`; empty when absent or not text. */
struct slice amqp_delivery_header(const struct amqp_delivery *delivery, const char *name);
/* All headers as one JSON object, `{}` when none. Bytes that are not UTF-8 become U+FFFD; tables deeper
 * than 8 are left out. Appends to `out`, so check buf_ok(). */
void amqp_delivery_headers_json(const struct amqp_delivery *delivery, struct buf *out);

struct amqp_consumer_options {
    struct amqp_queue queue;
    uint16_t prefetch; /* unacknowledged messages the broker may hand out; at least 1 */
    void (*on_message)(void *ctx, struct amqp_consumer *, const struct amqp_delivery *);
    void (*on_state)(void *ctx, struct amqp_consumer *, enum amqp_consumer_state); /* may be NULL */
    void *ctx;
};

MUST_CHECK enum al_err amqp_consumer_create(struct amqp_conn *conn,
                                            const struct amqp_consumer_options *options,
                                            struct amqp_consumer **out);
/* Acknowledge this message, or it and all before it. Written out once per turn of the loop. */
void amqp_consumer_ack(struct amqp_consumer *consumer, struct amqp_tag tag, bool multiple);
/* Give it back: the broker delivers it again (requeue) or drops or dead-letters it. */
void amqp_consumer_nack(struct amqp_consumer *consumer,
                        struct amqp_tag tag,
                        bool multiple,
                        bool requeue);
/* Stop taking. What was on its way still arrives, at most `prefetch` messages in all. Kept over a
 * reconnect. Unacknowledged messages stay ours and can be acknowledged while paused. */
void amqp_consumer_pause(struct amqp_consumer *consumer);
void amqp_consumer_resume(struct amqp_consumer *consumer);

enum amqp_consumer_state amqp_consumer_state(const struct amqp_consumer *consumer);
const char *amqp_consumer_queue(const struct amqp_consumer *consumer);
const char *amqp_consumer_error(const struct amqp_consumer *consumer); /* "" when well */
uint64_t amqp_consumer_n_received(const struct amqp_consumer *consumer);
uint64_t amqp_consumer_generation(const struct amqp_consumer *consumer);

/* ---- how full a queue is ---- */

struct amqp_gauge;

struct amqp_depth {
    bool exists;
    uint32_t n_messages; /* ready, that is not yet handed to a consumer */
    uint32_t n_consumers;
};

/* A channel that asks the broker about one queue whenever amqp_gauge_ask() is called. */
MUST_CHECK enum al_err amqp_gauge_create(struct amqp_conn *conn,
                                         const char *queue, /* keeps */
                                         void (*on_depth)(void *ctx, const struct amqp_depth *),
                                         void *ctx,
                                         struct amqp_gauge **out);
/* on_depth comes later, once for each question that was asked. False, and nothing comes, while one is
 * under way or the connection is not ready. */
bool amqp_gauge_ask(struct amqp_gauge *gauge);

/* ---- publishers ---- */

enum amqp_result {
    AMQP_CONFIRMED, /* the broker has it */
    AMQP_NACKED,    /* the broker could not take it */
    AMQP_RETURNED,  /* no queue for it: not published, although the broker confirms it too */
    AMQP_LOST,      /* the channel went away first: published or not, nobody knows */
};
const char *amqp_result_name(enum amqp_result result);

typedef void (*amqp_result_fn)(void *ctx, uint64_t token, enum amqp_result result);

struct amqp_publisher_options {
    size_t n_in_flight_max;     /* unconfirmed messages; 0: 1024, at most 65536 */
    void (*on_room)(void *ctx); /* publishing was refused and is worth another try; may be NULL */
    void *ctx;
};

struct amqp_header {
    const char *name;
    struct slice value;
};

struct amqp_message {
    const char *exchange; /* "" is the default exchange */
    const char *routing_key;
    bool mandatory; /* RETURNED when no queue takes it; needs a message_id */
    bool persistent;
    const char *content_type, *message_id, *type, *app_id; /* NULL leaves it out */
    int64_t timestamp_s;                                   /* 0 leaves it out */
    const struct amqp_header *headers;
    size_t n_headers; /* at most 16 */
    struct slice body;
};

MUST_CHECK enum al_err amqp_publisher_create(struct amqp_conn *conn,
                                             const struct amqp_publisher_options *options,
                                             struct amqp_publisher **out);

/* Send one message (copied at once).
 *
 *   on_result  called exactly once, later, with `token`, when AL_OK is returned; never otherwise
 *   returns    AL_OK; AL_ESTATE while not connected; AL_EFULL while blocked by the broker or when too
 *              much is unconfirmed or unsent (on_room tells when to try again); AL_EINVAL: a name is too
 *              long, or mandatory without a message_id
 */
MUST_CHECK enum al_err amqp_publish(struct amqp_publisher *publisher,
                                    const struct amqp_message *message,
                                    uint64_t token,
                                    amqp_result_fn on_result,
                                    void *ctx);

bool amqp_publisher_is_ready(
    const struct amqp_publisher *publisher); /* amqp_publish would take one */
size_t amqp_publisher_n_in_flight(const struct amqp_publisher *publisher);

#endif
