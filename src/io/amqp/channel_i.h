/* One AMQP channel: open, one question at a time, messages put together from their frames, closed.
 *
 * A channel keeps its number for the life of its connection and is opened again after the broker closed
 * it. Its owner (a consumer, a publisher, the declarations) has it as first member and hears through
 * channel_ops.
 */
#ifndef ALPHALOOP_IO_AMQP_CHANNEL_I_H
#define ALPHALOOP_IO_AMQP_CHANNEL_I_H

#include "alphaloop/io/amqp.h"
#include "codec_i.h"
#include "content_i.h"

struct channel;

struct channel_ops {
    amqp_method_number_t content; /* basic.deliver or basic.return; 0: no messages arrive here */
    void (*on_open)(struct channel *);
    void (*on_reply)(struct channel *, const amqp_method_t *);
    bool (*on_method)(struct channel *,
                      const amqp_method_t *); /* unasked; false: not expected here */
    void (*on_content)(struct channel *, const struct amqp_delivery *);
    void (*on_closed)(struct channel *,
                      uint16_t code,
                      const char *why); /* code 0: connection lost */
    void (*on_retry)(struct channel *); /* the time set by channel_retry_later() has come */
    void (*on_ready)(struct channel *); /* the connection is ready */
    void (*on_settled)(
        struct channel *); /* all bytes that arrived together are dealt with; may be NULL */
    void (*destroy)(struct channel *);
};

struct channel {
    struct amqp_conn *conn;
    const struct channel_ops *ops;
    uint16_t id;
    bool is_open;                 /* the broker may use the number */
    amqp_method_number_t awaited; /* reply we wait for; 0: none */
    uint64_t deadline_ms;         /* of that reply */
    uint64_t retry_at_ms;         /* 0: none */
    uint32_t retry_ms;            /* the next backoff */
    struct content content;
};

/* Adds the channel to its connection. AL_EFULL beyond AMQP_CHANNELS_MAX. */
MUST_CHECK enum al_err channel_init(struct channel *channel,
                                    struct amqp_conn *conn,
                                    const struct channel_ops *ops);
void channel_deinit(struct channel *channel);

void channel_open(struct channel *channel); /* on_open, or on_closed */
/* Send a method; `reply` is what to wait for, 0 for nothing. */
void channel_call(struct channel *channel,
                  amqp_method_number_t id,
                  void *decoded,
                  amqp_method_number_t reply);
void channel_retry_later(struct channel *channel); /* with growing, jittered delays */
void channel_retry_reset(struct channel *channel); /* it went well: the next delay is short again */

/* For the connection. */
void channel_on_frame(struct channel *channel, const amqp_frame_t *frame);
void channel_on_conn_lost(struct channel *channel);
uint64_t channel_on_time(struct channel *channel,
                         uint64_t now_ms); /* does what is due; next due time */

/* Ask for a queue, passively or creating it. The reply is queue.declare-ok. */
void channel_declare_queue(struct channel *channel, const struct amqp_queue *queue, bool passive);

#endif
