/* An HTTP/1.1 server on a libuv loop: libmicrohttpd inside, a request and a response outside.
 *
 * A handler gets a checked struct http_request and fills its response at once, or answers later:
 *
 *     static enum http_answer models_get(struct http_request *request, void *ctx)
 *     {
 *         struct job *job = job_create(http_later(request));
 *         return ask_database(ctx, job) == AL_OK ? HTTP_LATER : http_away(request, "database");
 *     }
 *     static void on_rows(struct job *job)
 *     {
 *         struct http_request *request = http_later_request(job->later);
 *         if (request != NULL) {          // NULL: the time was over and the client was told 503
 *             write_rows(http_json(request, 200));
 *             http_respond(request);
 *         }
 *         job_destroy(job);
 *     }
 *
 * The server vets what libmicrohttpd would let through (two lengths, length with transfer coding,
 * names with blanks, NUL, two Hosts, unknown codings), keeps its own deadlines against slow clients, and
 * bounds connections, connections of one address, bytes of headers, of one body and of all bodies.
 * Everything runs on the loop's thread, except the compression of large answers (thread pool).
 */
#ifndef ALPHALOOP_IO_HTTP_H
#define ALPHALOOP_IO_HTTP_H

#include <stdint.h>

#include <uv.h>

#include "alphaloop/base/json.h"
#include "alphaloop/io/http_route.h"

#define HTTP_TRACE_MAX 132 /* bytes of a trace id with its NUL */

/* ---- server ---- */

/* Zero means the default in brackets. Strings are borrowed for the call. */
struct http_config {
    const char *host;    /* numeric address or "localhost" */
    uint16_t port;       /* 0: any free one, see http_server_port */
    const char *api_key; /* only its hash is kept */
    bool guard_metrics;
    const struct http_route *routes; /* keeps */
    size_t n_routes;
    void *ctx; /* handed to every handler */

    unsigned header_timeout_ms;  /* first byte to end of headers [10000] */
    unsigned request_timeout_ms; /* to the end of the body, and again to send the answer [30000] */
    unsigned idle_timeout_ms;    /* between two requests of one connection [60000] */
    unsigned answer_timeout_ms;  /* HTTP_LATER until 503 [15000] */
    unsigned connections_max;    /* [256] */
    unsigned connections_per_address_max; /* [64] */
    size_t body_bytes_max;                /* of one request, else 413 [8 MiB] */
    size_t bodies_bytes_max;              /* of all requests together, else 503 [64 MiB] */
};

struct http_server;

MUST_CHECK enum al_err http_server_start(uv_loop_t *loop,
                                         const struct http_config *config,
                                         struct http_server **out);
uint16_t http_server_port(const struct http_server *server);
void http_server_set_key(struct http_server *server, const char *api_key);
void http_server_guard_metrics(struct http_server *server, bool guard);
size_t http_server_n_connections(const struct http_server *server);

/* Take no more connections, let running requests finish for at most deadline_ms (then they get 503),
 * close, free the server, call on_closed (may be NULL). */
void http_server_close(struct http_server *server,
                       unsigned deadline_ms,
                       void (*on_closed)(void *ctx),
                       void *ctx);

/* ---- request: all views are borrowed for as long as the request lives ---- */

const struct http_route *http_request_route(const struct http_request *request);
const char *http_request_trace_id(const struct http_request *request);
struct slice http_request_header(const struct http_request *request,
                                 const char *name);                      /* or empty */
struct slice http_request_body(const struct http_request *request);      /* raw bytes */
struct json_node *http_request_json(const struct http_request *request); /* NULL without a body */
/* The client asks for HTML before JSON (a browser). */
bool http_request_wants_html(const struct http_request *request);

/* A declared parameter by name (asserted to be declared with that type). Absent ones without a
 * fallback: http_given is false, text is empty, numbers are 0. */
bool http_given(const struct http_request *request, const char *name);
struct slice http_text(const struct http_request *request,
                       const char *name); /* TEXT, CHOICE, UUID, NAMES */
int64_t http_i64(const struct http_request *request, const char *name); /* INTEGER */
double http_number(const struct http_request *request, const char *name);
bool http_bool(const struct http_request *request, const char *name);
int64_t http_time_ns(const struct http_request *request,
                     const char *name); /* TIMESTAMP_NONE if absent */
struct json_node *http_member(const struct http_request *request,
                              const char *name); /* ARRAY, OBJECT */

/* ---- response ---- */

/* Begin an answer of this status; write JSON into it. Starting again forgets what was written. */
struct json_writer *http_json(struct http_request *request, unsigned status);
/* An answer that is not JSON. */
struct buf *http_raw(struct http_request *request, unsigned status, const char *content_type);
/* One more header; at most 8, copied. Line breaks in it are a bug (asserted). */
void http_header(struct http_request *request, const char *name, const char *value);

/* {"detail": text}. Returns HTTP_ANSWERED so that `return http_error(...)` reads well. */
enum http_answer http_error(struct http_request *request, unsigned status, const char *format, ...)
    PRINTF(3, 4);
/* 503: what we need is away. */
enum http_answer http_away(struct http_request *request, const char *what);
/* 429: more is asked at once than we take; `what` says of what there is too much. */
enum http_answer http_too_many(struct http_request *request, const char *what);
/* 422 for one declared parameter; `type` is a short word, "value_error" when nothing fits better. */
enum http_answer http_refuse(struct http_request *request,
                             const char *param,
                             const char *type,
                             const char *format,
                             ...) PRINTF(4, 5);

/* ---- later ---- */

/* A promise to answer. The request may end before (time-out, stop), and the server with it, while a database or a thread
 * still works on the answer; then http_later_request gives NULL. */
struct http_later {
    struct http_server *server;
    uint64_t id;
};

struct http_later http_later(struct http_request *request);
struct http_request *http_later_request(struct http_later later);
/* Send the response now. Only for a handler that returned HTTP_LATER, once. */
void http_respond(struct http_request *request);

#endif
