/* The part of io/http that knows libmicrohttpd and the loop.
 *
 * A connection has at most one exchange (a request and its answer) at a time:
 *
 *     HEAD -> BODY -> RUNNING -> READY -> SENDING        answered in the handler
 *                        |          ^
 *                        +-> WAITING |                    HTTP_LATER: suspended until http_respond
 *                        |      |    |
 *                        +------+-> PACKING               a large answer is compressed by the pool
 *
 * The exchange ends when libmicrohttpd says the request is completed, whatever became of it.
 */
#ifndef ALPHALOOP_SRC_IO_HTTP_SERVER_I_H
#define ALPHALOOP_SRC_IO_HTTP_SERVER_I_H

#include <microhttpd.h>
#include <uv.h>

#include "http_i.h"

#include "alphaloop/base/rng.h"

enum exchange_phase {
    EXCHANGE_HEAD,    /* the target is known, headers are coming */
    EXCHANGE_BODY,    /* vetted, the body is coming */
    EXCHANGE_RUNNING, /* inside the handler */
    EXCHANGE_WAITING, /* suspended: the handler answers later */
    EXCHANGE_PACKING, /* suspended: the answer is being compressed */
    EXCHANGE_READY,   /* the answer is complete */
    EXCHANGE_SENDING, /* libmicrohttpd has it */
    EXCHANGE_N_PHASES
};

struct exchange {
    struct http_request request; /* first: a request is found back from its address */
    struct http_conn *conn;
    const char *target_end; /* in libmicrohttpd\'s buffer; compared, never read */
    enum exchange_phase phase;
    bool responded;    /* http_respond was called inside the handler */
    bool keep_body;    /* false: the body is read and thrown away */
    bool hang_up;      /* the connection ends with this answer */
    bool is_packed;    /* `packed` is the answer's body */
    size_t body_bytes; /* seen, kept or not */
    size_t kept_bytes; /* counted in server->bodies_bytes */
    uint64_t started_ns;
    struct buf packed;
    uv_work_t work;
};

struct http_conn {
    struct http_server *server;
    struct http_conn *prev, *next;
    struct MHD_Connection *mhd;
    int fd;
    uint64_t deadline_ms;      /* on the loop's clock */
    struct exchange *exchange; /* NULL between requests */
};

enum server_state {
    SERVER_OPEN,
    SERVER_DRAINING, /* no new connections; running requests may finish */
    SERVER_FORCED,   /* the deadline is over: everything waiting got 503 */
    SERVER_CLOSING,  /* handles are being closed */
};

struct http_server {
    uv_loop_t *loop;
    uv_poll_t poll; /* libmicrohttpd's epoll descriptor */
    uv_timer_t run_timer, watch_timer;
    int n_handles;
    struct MHD_Daemon *daemon;
    int listen_fd;
    uint16_t port;
    enum server_state state;
    struct http_config config;
    struct http_router *router;
    struct http_policy policy;
    struct rng rng; /* of trace ids */
    struct http_conn *conns;
    size_t n_conns, n_exchanges, n_packing;
    size_t bodies_bytes;
    struct http_server *next; /* of those that live */
    uint64_t watch_due_ms;    /* UINT64_MAX: the timer rests */
    uint64_t stop_by_ms;
    void (*on_closed)(void *ctx);
    void *on_closed_ctx;
};

/* exchange.c: libmicrohttpd's callbacks, and answering */
void *exchange_on_target(void *server, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result exchange_on_access(void *server,
                                   struct MHD_Connection *mhd,
                                   const char *url,
                                   const char *method,
                                   const char *version,
                                   const char *upload,
                                   size_t *n_upload,
                                   void **state);
void exchange_on_completed(void *server,
                           struct MHD_Connection *mhd,
                           void **state,
                           enum MHD_RequestTerminationCode why);
void http_exchange_destroy(struct exchange *exchange);
/* 503 to a request that waits too long or for a server that stops. */
void exchange_give_up(struct exchange *exchange, const char *why);

/* server.c */
/* Whether a server that was once there still is. */
bool server_lives(const struct http_server *server);
struct http_conn *server_conn(struct MHD_Connection *mhd);
/* Let libmicrohttpd go on with a suspended connection. */
void server_resume(struct http_conn *conn);
/* The connection must get on within this time. */
void server_set_deadline(struct http_conn *conn, unsigned within_ms);

#endif
