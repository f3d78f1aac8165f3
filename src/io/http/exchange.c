/* One request and its answer, as libmicrohttpd tells it.
 *
 * It calls exchange_on_access once when the headers are there, once for each piece of the body, and once
 * when the body is complete; after a suspended request is resumed it repeats the last call. A refusal
 * that concerns framing is answered at the first call, which closes the connection. Every other refusal
 * waits for the end of the body (read and thrown away), so that the client hears it and the connection
 * stays usable.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "server_i.h"

#include "alphaloop/base/timestamp.h"
#include "alphaloop/base/uuid.h"
#include "alphaloop/observe/log.h"
#include "alphaloop/observe/metric.h"

#define DRAIN_BYTES_MAX (32U << 20) /* of a refused body that is read for politeness */
#define GZIP_BYTES_MIN  1024        /* smaller answers fit a packet or two anyway */
#define GZIP_BYTES_POOL (64 * 1024) /* larger ones would hold up the loop for a millisecond */

static const char *const phase_names[EXCHANGE_N_PHASES] = {"head",    "body",  "running", "waiting",
                                                           "packing", "ready", "sending"};

#define TO(phase) (1U << EXCHANGE_##phase)
static const unsigned phase_moves[EXCHANGE_N_PHASES] = {
    [EXCHANGE_HEAD] = TO(BODY) | TO(SENDING),
    [EXCHANGE_BODY] = TO(RUNNING),
    [EXCHANGE_RUNNING] = TO(WAITING) | TO(PACKING) | TO(SENDING),
    [EXCHANGE_WAITING] = TO(PACKING) | TO(READY),
    [EXCHANGE_PACKING] = TO(READY),
    [EXCHANGE_READY] = TO(SENDING),
};

static void set_phase(struct exchange *exchange, enum exchange_phase phase)
{
    assert((phase_moves[exchange->phase] & (1U << phase)) != 0);
    log_debug("http", "exchange", exchange->request.trace_id, EV("phase"),
              F_STR("from", phase_names[exchange->phase]), F_STR("to", phase_names[phase]));
    exchange->phase = phase;
}

/* ---- beginning ---- */

static struct exchange *exchange_create(struct http_conn *conn, const char *uri)
{
    struct http_server *server = conn->server;
    struct exchange *exchange = calloc(1, sizeof *exchange);
    if (exchange == NULL)
        return NULL;
    http_request_init(&exchange->request, server->config.body_bytes_max);
    exchange->request.target_text = strdup(uri);
    if (exchange->request.target_text == NULL) {
        free(exchange);
        return NULL;
    }
    exchange->conn = conn;
    exchange->target_end = uri + strlen(uri);
    exchange->packed = BUF_INIT(HTTP_ANSWER_MAX);
    static uint64_t last_id; /* of all servers: one may come to lie where another was */
    exchange->request.later = (struct http_later){server, ++last_id};
    exchange->started_ns = uv_hrtime();
    server->n_exchanges++;
    return exchange;
}

void http_exchange_destroy(struct exchange *exchange)
{
    struct http_server *server = exchange->conn->server;
    server->n_exchanges--;
    server->bodies_bytes -= exchange->kept_bytes;
    exchange->conn->exchange = NULL;
    http_request_deinit(&exchange->request);
    buf_deinit(&exchange->packed);
    free(exchange);
}

void *exchange_on_target(void *server, const char *uri, struct MHD_Connection *mhd)
{
    struct http_server *self = server;
    struct http_conn *conn = server_conn(mhd);
    if (conn == NULL)
        return NULL;
    if (conn->exchange != NULL)
        http_exchange_destroy(conn->exchange);
    conn->exchange = exchange_create(conn, uri);
    server_set_deadline(conn, self->config.header_timeout_ms);
    return conn->exchange;
}

void exchange_on_completed(void *server,
                           struct MHD_Connection *mhd,
                           void **state,
                           enum MHD_RequestTerminationCode why)
{
    (void)why;
    struct http_server *self = server;
    struct http_conn *conn = server_conn(mhd);
    *state = NULL;
    if (conn == NULL || conn->exchange == NULL)
        return;
    http_exchange_destroy(conn->exchange);
    server_set_deadline(conn, self->config.idle_timeout_ms);
}

/* ---- sending ---- */

static void count_answer(const struct exchange *exchange)
{
    const struct http_request *request = &exchange->request;
    char code[8];
    double seconds = (double)(uv_hrtime() - exchange->started_ns) / 1e9;
    snprintf(code, sizeof code, "%u", request->response.status);
    metric_add(METRIC_http_requests_total, 1, request->match.label, code);
    metric_observe(METRIC_http_request_duration_seconds, seconds, request->match.label, NULL);
    bool notable = request->response.status >= 500 ||
                   (request->match.route != NULL && request->match.route->method != HTTP_GET);
    log_at(request->response.status == 500 ? LOG_ERROR
           : notable                       ? LOG_INFO
                                           : LOG_DEBUG,
           "http", "answer", request->trace_id, EV("answered"),
           F_STR("route", request->match.label), F_I64("status", request->response.status),
           F_F64("seconds", seconds));
}

static void add_headers(struct MHD_Response *mhd, const struct exchange *exchange)
{
    const struct http_response *response = &exchange->request.response;
    if (response->content_type != NULL)
        MHD_add_response_header(mhd, "Content-Type", response->content_type);
    MHD_add_response_header(mhd, "X-Trace-ID", exchange->request.trace_id);
    MHD_add_response_header(mhd, "X-Content-Type-Options", "nosniff");
    bool own_cache = false;
    for (size_t i = 0; i < response->n_headers; i++) {
        MHD_add_response_header(mhd, response->headers[i].name, response->headers[i].value);
        own_cache = own_cache || strcmp(response->headers[i].name, "Cache-Control") == 0;
    }
    if (!own_cache)
        MHD_add_response_header(mhd, "Cache-Control", "no-store");
    MHD_add_response_header(mhd, "Vary", "Accept-Encoding");
    if (exchange->is_packed)
        MHD_add_response_header(mhd, "Content-Encoding", "gzip");
    if (exchange->hang_up || exchange->conn->server->state != SERVER_OPEN)
        MHD_add_response_header(mhd, "Connection", "close");
}

/* Hands the answer to libmicrohttpd. Its bytes stay ours until the exchange ends. */
static enum MHD_Result send_answer(struct exchange *exchange)
{
    struct buf *body = exchange->is_packed ? &exchange->packed : &exchange->request.response.body;
    set_phase(exchange, EXCHANGE_SENDING);
    struct MHD_Response *mhd = MHD_create_response_from_buffer(
        body->len, body->len > 0 ? body->ptr : (char *)"", MHD_RESPMEM_PERSISTENT);
    if (mhd == NULL)
        return MHD_NO;
    add_headers(mhd, exchange);
    server_set_deadline(exchange->conn, exchange->conn->server->config.request_timeout_ms);
    enum MHD_Result result =
        MHD_queue_response(exchange->conn->mhd, exchange->request.response.status, mhd);
    MHD_destroy_response(mhd);
    count_answer(exchange);
    return result;
}

/* ---- compression ---- */

static bool is_worth_packing(const struct exchange *exchange)
{
    const struct http_request *request = &exchange->request;
    const char *type = request->response.content_type;
    if (request->response.body.len < GZIP_BYTES_MIN || type == NULL || exchange->is_packed)
        return false;
    if (strncmp(type, "text/", 5) != 0 && strstr(type, "json") == NULL &&
        strstr(type, "javascript") == NULL && strstr(type, "svg") == NULL)
        return false;
    return http_quality(http_head_get(&request->head, "Accept-Encoding"), "gzip") > 0;
}

static void pack(struct exchange *exchange)
{
    exchange->is_packed = http_gzip(buf_slice(&exchange->request.response.body), &exchange->packed);
}

static void on_pack(uv_work_t *work)
{
    pack(work->data);
}

static void on_packed(uv_work_t *work, int status)
{
    struct exchange *exchange = work->data;
    (void)status; /* a cancelled job leaves the answer as it is */
    exchange->conn->server->n_packing--;
    set_phase(exchange, EXCHANGE_READY);
    server_resume(exchange->conn);
}

/* The answer is written. True when the pool has it now and a resume will follow; false when it is ready
 * as it stands. */
static bool pack_elsewhere(struct exchange *exchange)
{
    struct http_server *server = exchange->conn->server;
    if (!buf_ok(&exchange->request.response.body))
        http_error(&exchange->request, 500, "the answer is too large");
    if (!is_worth_packing(exchange))
        return false;
    exchange->work.data = exchange;
    if (exchange->request.response.body.len < GZIP_BYTES_POOL || server->state != SERVER_OPEN ||
        uv_queue_work(server->loop, &exchange->work, on_pack, on_packed) != 0) {
        pack(exchange);
        return false;
    }
    server->n_packing++;
    set_phase(exchange, EXCHANGE_PACKING);
    return true;
}

/* ---- later ---- */

struct http_later http_later(struct http_request *request)
{
    return request->later;
}

struct http_request *http_later_request(struct http_later later)
{
    if (!server_lives(later.server))
        return NULL;
    for (struct http_conn *conn = later.server->conns; conn != NULL; conn = conn->next) {
        struct exchange *exchange = conn->exchange;
        if (exchange != NULL && exchange->request.later.id == later.id)
            return exchange->phase == EXCHANGE_RUNNING || exchange->phase == EXCHANGE_WAITING
                       ? &exchange->request
                       : NULL;
    }
    return NULL;
}

void http_respond(struct http_request *request)
{
    struct exchange *exchange = (struct exchange *)request;
    assert(request->response.status != 0 && "http_respond without an answer");
    if (exchange->phase == EXCHANGE_RUNNING) {
        exchange->responded = true;
        return;
    }
    assert(exchange->phase == EXCHANGE_WAITING);
    if (pack_elsewhere(exchange))
        return;
    set_phase(exchange, EXCHANGE_READY);
    server_resume(exchange->conn);
}

void exchange_give_up(struct exchange *exchange, const char *why)
{
    http_error(&exchange->request, 503, "%s", why);
    http_header(&exchange->request, "Retry-After", "5");
    http_respond(&exchange->request);
}

/* ---- head ---- */

/* libmicrohttpd splits the head in place, and takes a bare CR, a bare LF and a NUL for the end of a line
 * or of a value. What it made of them shows only in where things lie: in a clean head every field
 * begins exactly two bytes (CR LF) behind the end of what comes before it, and the version one behind
 * the target. */
static bool lies_behind(const char *end, const char *begin, size_t gap)
{
    return (uintptr_t)begin - (uintptr_t)end == gap;
}

static bool is_clean(const struct exchange *exchange, const char *version)
{
    const struct http_head *head = &exchange->request.head;
    const char *end = version + strlen(version);
    if (!lies_behind(exchange->target_end, version, 1))
        return false;
    for (size_t i = 0; i < head->n_fields; i++) {
        if (!lies_behind(end, head->fields[i].name.ptr, 2))
            return false;
        end = head->fields[i].value.ptr + head->fields[i].value.len;
    }
    return head->n_fields == 0 || end[1] == '\0'; /* once the LF of the last field */
}

static enum MHD_Result on_field(void *ctx,
                                enum MHD_ValueKind kind,
                                const char *name,
                                size_t n_name,
                                const char *value,
                                size_t n_value)
{
    struct http_head *head = ctx;
    (void)kind;
    head->overflow = head->n_fields == HTTP_HEADERS_MAX;
    if (head->overflow)
        return MHD_NO;
    head->fields[head->n_fields++] =
        (struct http_field){{name, n_name}, {value == NULL ? "" : value, n_value}};
    return MHD_YES;
}

static bool is_trace_id(struct slice text)
{
    if (text.len == 0 || text.len >= HTTP_TRACE_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] <= 0x20 || text.ptr[i] > 0x7e || text.ptr[i] == '"' || text.ptr[i] == '\\')
            return false;
    }
    return true;
}

/* Echo the caller's trace id, or make one. */
static void set_trace_id(struct http_request *request, struct rng *rng)
{
    struct slice given = http_head_get(&request->head, "X-Trace-ID");
    if (is_trace_id(given)) {
        memcpy(request->trace_id, given.ptr, given.len);
        request->trace_id[given.len] = '\0';
        return;
    }
    uv_timeval64_t now;
    uv_gettimeofday(&now);
    int64_t now_ns = (int64_t)now.tv_sec * NS_PER_S + (int64_t)now.tv_usec * NS_PER_US;
    uuid_format(uuid_v7(now_ns, rng), request->trace_id);
}

/* A head that cannot be trusted, or a target that cannot be read: answer and hang up. */
static enum MHD_Result refuse_head(struct exchange *exchange,
                                   unsigned status,
                                   const char *why,
                                   const char *kind)
{
    metric_add(METRIC_http_refused_total, 1, kind, NULL);
    http_error(&exchange->request, status, "%s", why);
    exchange->hang_up = true;
    return send_answer(exchange);
}

/* The announced length of the body; 0 without one. More than fits counts as the most there is. */
static uint64_t announced(const struct http_request *request)
{
    struct slice text = http_head_get(&request->head, "Content-Length");
    uint64_t length = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (length > UINT64_MAX / 16)
            return UINT64_MAX;
        length = length * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    return length;
}

static void refuse_too_large(struct exchange *exchange)
{
    http_error(&exchange->request, 413, "the body has more than %zu bytes",
               exchange->conn->server->config.body_bytes_max);
    exchange->keep_body = false;
}

static enum MHD_Result take_head(struct exchange *exchange, const char *method, const char *version)
{
    struct http_request *request = &exchange->request;
    struct http_server *server = exchange->conn->server;
    const char *why, *kind = "target";
    request->head.method = slice_of(method);
    request->head.http_1_1 = strcmp(version, "HTTP/1.1") == 0;
    MHD_get_connection_values_n(exchange->conn->mhd, MHD_HEADER_KIND, on_field, &request->head);
    set_trace_id(request, &server->rng);
    if (!is_clean(exchange, version))
        return refuse_head(exchange, 400, "a line is folded, or has NUL, bare CR or bare LF",
                           "line");
    unsigned status = http_guard(&request->head, &why, &kind);
    if (status != 0)
        return refuse_head(exchange, status, why, kind);
    size_t n_target = strlen(request->target_text);
    if (n_target > HTTP_TARGET_MAX)
        return refuse_head(exchange, 414, "the target is too long", kind);
    why = http_target_parse(request->target_text, n_target, &request->target);
    if (why != NULL)
        return refuse_head(exchange, 400, why, kind);
    http_request_decide(request, &server->policy);
    exchange->keep_body = request->response.status == 0;
    uint64_t length = announced(request);
    if (exchange->keep_body && length > server->config.body_bytes_max)
        refuse_too_large(exchange);
    bool polite = http_head_get(&request->head, "Expect").len == 0 && length <= DRAIN_BYTES_MAX;
    if (request->response.status != 0 && length > 0 && !polite) {
        exchange->hang_up = true;
        return send_answer(exchange);
    }
    set_phase(exchange, EXCHANGE_BODY);
    server_set_deadline(exchange->conn, server->config.request_timeout_ms);
    return MHD_YES;
}

/* ---- body ---- */

static enum MHD_Result take_body(struct exchange *exchange, const char *bytes, size_t n_bytes)
{
    struct http_server *server = exchange->conn->server;
    exchange->body_bytes += n_bytes;
    if (exchange->body_bytes > DRAIN_BYTES_MAX)
        return MHD_NO;
    if (!exchange->keep_body)
        return MHD_YES;
    if (exchange->body_bytes > server->config.body_bytes_max) {
        refuse_too_large(exchange);
        return MHD_YES;
    }
    buf_append(&exchange->request.body, bytes, n_bytes);
    if (server->bodies_bytes + n_bytes > server->config.bodies_bytes_max ||
        !buf_ok(&exchange->request.body)) {
        http_too_many(&exchange->request, "too many large requests at once");
        exchange->keep_body = false;
        return MHD_YES;
    }
    server->bodies_bytes += n_bytes;
    exchange->kept_bytes += n_bytes;
    return MHD_YES;
}

static enum MHD_Result run(struct exchange *exchange)
{
    struct http_server *server = exchange->conn->server;
    set_phase(exchange, EXCHANGE_RUNNING);
    enum http_answer answer = http_request_run(&exchange->request, &server->policy);
    if (answer == HTTP_LATER && !exchange->responded) {
        set_phase(exchange, EXCHANGE_WAITING);
        server_set_deadline(exchange->conn, server->config.answer_timeout_ms);
        MHD_suspend_connection(exchange->conn->mhd);
        if (server->state == SERVER_FORCED)
            exchange_give_up(exchange, "the service is stopping");
        return MHD_YES;
    }
    assert(exchange->request.response.status != 0 && "a handler answered nothing");
    if (pack_elsewhere(exchange)) {
        MHD_suspend_connection(exchange->conn->mhd);
        return MHD_YES;
    }
    return send_answer(exchange);
}

enum MHD_Result exchange_on_access(void *server,
                                   struct MHD_Connection *mhd,
                                   const char *url,
                                   const char *method,
                                   const char *version,
                                   const char *upload,
                                   size_t *n_upload,
                                   void **state)
{
    (void)server, (void)url, (void)state;
    struct http_conn *conn = server_conn(mhd);
    struct exchange *exchange = conn == NULL ? NULL : conn->exchange;
    if (exchange == NULL)
        return MHD_NO;
    if (exchange->phase == EXCHANGE_HEAD)
        return take_head(exchange, method, version);
    if (exchange->phase == EXCHANGE_BODY && *n_upload > 0) {
        enum MHD_Result result = take_body(exchange, upload, *n_upload);
        *n_upload = 0;
        return result;
    }
    if (exchange->phase == EXCHANGE_BODY)
        return run(exchange);
    if (exchange->phase == EXCHANGE_READY)
        return send_answer(exchange);
    return MHD_YES;
}
