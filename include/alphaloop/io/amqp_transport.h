/* The seam under an AMQP connection: something that carries bytes both ways.
 *
 * Plain TCP is one implementation (amqp_transport_tcp_create); TLS or a test's byte script are others. A
 * transport is used again and again: open, ... , close, open, ... One that is closed calls back
 * on_closed once and nothing after it until the next open.
 */
#ifndef ALPHALOOP_IO_AMQP_TRANSPORT_H
#define ALPHALOOP_IO_AMQP_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "alphaloop/base/buf.h"
#include "alphaloop/base/err.h"

struct amqp_transport;

/* What the connection hears. Only on_fail may be called from inside open or write, none from inside
 * close. */
struct amqp_transport_events {
    void (*on_open)(void *ctx);
    void (*on_read)(void *ctx, struct slice bytes); /* borrows */
    void (*on_written)(void *ctx);                  /* the bytes of the last write may go */
    void (*on_fail)(void *ctx, enum al_err err, const char *why); /* then close it */
    void (*on_closed)(void *ctx);
};

struct amqp_transport_ops {
    void (*open)(struct amqp_transport *, const char *host, uint16_t port); /* on_open or on_fail */
    void (*write)(struct amqp_transport *,
                  struct slice bytes);        /* keeps until on_written; one at a time */
    void (*close)(struct amqp_transport *);   /* on_closed; fine in any open state */
    void (*destroy)(struct amqp_transport *); /* only when closed */
};

struct amqp_transport { /* first member of every implementation */
    const struct amqp_transport_ops *ops;
    const struct amqp_transport_events *events; /* set by the connection that takes it */
    void *ctx;
};

/* uv_getaddrinfo, each address in turn, TCP_NODELAY. NULL when out of memory. */
struct amqp_transport *amqp_transport_tcp_create(uv_loop_t *loop);

#endif
