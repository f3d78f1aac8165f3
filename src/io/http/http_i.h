/* Inside io/http: a request in three layers, of which only the last knows sockets.
 *
 *   guard.c, target.c         is this head one request, and what does it ask for
 *   router.c, param.c, request.c   which row, is the caller allowed, are the parameters right; handler
 *   exchange.c, server.c      libmicrohttpd, deadlines, compression, stopping
 *
 * The first two take plain memory, so tests and the fuzzer drive them without a server.
 */
#ifndef ALPHALOOP_SRC_IO_HTTP_HTTP_I_H
#define ALPHALOOP_SRC_IO_HTTP_HTTP_I_H

#include "alphaloop/base/hash.h"
#include "alphaloop/base/json.h"
#include "alphaloop/io/http.h"

#define HTTP_HEADERS_MAX     64          /* of one request */
#define HTTP_HEAD_BYTES_MAX  (16 * 1024) /* names and values together */
#define HTTP_TARGET_MAX      8192        /* bytes of path and query */
#define HTTP_QUERY_MAX       48          /* name=value pairs */
#define HTTP_ANSWER_MAX      (64U << 20) /* bytes of an answer */
#define HTTP_OWN_HEADERS_MAX 8
#define HTTP_PROBLEMS_MAX    16 /* of one 422 */

/* ---- guard ---- */

struct http_field {
    struct slice name, value;
};

struct http_head {
    struct slice method;
    bool http_1_1;
    bool overflow; /* more fields than fit */
    size_t n_fields;
    struct http_field fields[HTTP_HEADERS_MAX];
};

struct slice http_head_get(const struct http_head *head,
                           const char *name); /* first one, or empty */
/* 0, or the status to refuse the connection with; *why says it in words, *kind in one word. */
unsigned http_guard(const struct http_head *head, const char **why, const char **kind);
/* Weighs an Accept or Accept-Encoding value: the q of `token`, of its `type/` + `*`, or of `*`; -1 when
 * the list does not name it at all. Thousandths. */
int http_quality(struct slice list, const char *token);

/* ---- target ---- */

struct http_target {
    bool asterisk;     /* OPTIONS * */
    size_t n_segments; /* HTTP_SEGMENTS_MAX + 1 when deeper: matches nothing */
    struct slice segments[HTTP_SEGMENTS_MAX];
    size_t n_query;
    struct http_field query[HTTP_QUERY_MAX];
};

/* Splits and decodes in place; the target's slices point into `text`. Returns NULL or what is wrong. */
const char *http_target_parse(char *text, size_t n_bytes, struct http_target *out);

/* ---- router ---- */

struct http_match {
    const struct http_route *route;              /* NULL: no row of this method */
    const char *label;                           /* "GET /api/v1/models" for metrics; "unmatched" */
    unsigned methods;                            /* bit per method the path has */
    bool open;                                   /* some row of the path needs no key */
    struct slice path_values[HTTP_SEGMENTS_MAX]; /* in the order of the {names} */
};

void http_router_match(const struct http_router *router,
                       const struct http_target *target,
                       int method /* -1: none of ours */,
                       struct http_match *out);
/* Which of path_values belongs to the {name}. */
size_t http_router_path_index(const struct http_route *route, const char *name);
void http_router_touch_metrics(const struct http_router *router);

/* ---- request ---- */

struct http_value {
    bool given;
    struct slice text;
    int64_t i64;
    double number;
    bool flag;
    struct json_node *json;
};

struct http_response {
    unsigned status; /* 0: nothing answered yet */
    const char *content_type;
    struct buf body;
    struct json_writer writer;
    size_t n_headers;
    struct {
        char name[40];
        char value[256];
    } headers[HTTP_OWN_HEADERS_MAX];
};

struct http_policy {
    const struct http_router *router;
    struct sha256 key_hash;
    bool guard_metrics;
    size_t body_bytes_max;
    void *ctx;
    struct json_reader *reader;
};

struct http_request {
    struct http_later later;
    struct http_head head;
    char *target_text; /* owns */
    struct http_target target;
    struct http_match match;
    bool head_only;   /* HEAD: as GET, without the bytes */
    bool is_stranger; /* at a page, without the key: what would be 200 is 401 */
    char trace_id[HTTP_TRACE_MAX];
    struct buf body;
    struct json_node *json;
    struct http_value values[HTTP_PARAMS_MAX];
    struct buf problems; /* what 422 will say, as JSON values with commas between */
    size_t n_problems;
    struct http_response response;
};

void http_request_init(struct http_request *request, size_t body_bytes_max);
void http_request_deinit(struct http_request *request);

/* Looks the row up and decides what can be decided from the head: 401, 404, 405, 415, OPTIONS. When the
 * response has a status afterwards, the body need not be kept and the handler must not run. */
void http_request_decide(struct http_request *request, const struct http_policy *policy);
/* The body is there: read parameters, answer 422 or call the handler. */
enum http_answer http_request_run(struct http_request *request, const struct http_policy *policy);

/* Fills request->values; problems are collected in request->problems. Returns whether there are none. */
bool http_params_read(struct http_request *request, struct json_reader *reader);
void http_problem(struct http_request *request,
                  const char *in,
                  const char *name,
                  const char *type,
                  const char *message);
/* Whether `text` is a value this row takes; fills *out. *type and *message say why not. */
bool http_param_parse(const struct http_param *param,
                      struct slice text,
                      struct http_value *out,
                      const char **type,
                      char message[160]);

/* ---- compression ---- */

/* gzip of `in` into `out`, fast setting. False when it would not become smaller. */
bool http_gzip(struct slice in, struct buf *out);

#endif
