/* What a handler sees: the request's values, and the response it fills. Also the part of the road that
 * needs no socket: deciding from the head, then reading parameters and calling the handler. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "http_i.h"

void http_request_init(struct http_request *request, size_t body_bytes_max)
{
    memset(request, 0, sizeof *request);
    request->body = BUF_INIT(body_bytes_max);
    request->problems = BUF_INIT(HTTP_ANSWER_MAX);
    request->response.body = BUF_INIT(HTTP_ANSWER_MAX);
    request->match.label = "unmatched";
}

void http_request_deinit(struct http_request *request)
{
    json_put(request->json);
    buf_deinit(&request->body);
    buf_deinit(&request->problems);
    buf_deinit(&request->response.body);
    free(request->target_text);
}

/* ---- deciding from the head ---- */

static int method_of(struct slice text, bool *head_only)
{
    *head_only = slice_is(text, "HEAD");
    if (*head_only)
        return HTTP_GET;
    for (int method = 0; method < HTTP_METHOD_COUNT; method++) {
        if (slice_is(text, http_method_name((enum http_method)method)))
            return method;
    }
    return -1;
}

static bool key_is_right(const struct http_request *request, const struct http_policy *policy)
{
    struct slice key = http_head_get(&request->head, "X-API-Key");
    struct sha256 hash;
    sha256_of(key.ptr, key.len, &hash);
    return sodium_memcmp(hash.bytes, policy->key_hash.bytes, sizeof hash.bytes) == 0;
}

static bool needs_key(const struct http_request *request, const struct http_policy *policy)
{
    const struct http_route *route = request->match.route;
    if (route == NULL)
        return !request->match.open; /* what exists is not shown to strangers */
    return route->auth == HTTP_KEY || route->auth == HTTP_PAGE ||
           (route->auth == HTTP_GUARDED && policy->guard_metrics);
}

/* A browser cannot send the key along with an address that a person typed: the page asks for it. */
static bool is_stranger_at_page(const struct http_request *request)
{
    return request->match.route != NULL && request->match.route->auth == HTTP_PAGE &&
           http_head_get(&request->head, "X-API-Key").ptr == NULL &&
           http_request_wants_html(request);
}

static void allow_header(struct http_request *request)
{
    char text[96] = "";
    size_t len = 0;
    for (int method = 0; method < HTTP_METHOD_COUNT; method++) {
        if ((request->match.methods & (1U << method)) == 0)
            continue;
        const char *name = http_method_name((enum http_method)method);
        const char *more = method == HTTP_GET ? ", HEAD" : "";
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s%s", len > 0 ? ", " : "", name,
                                more);
    }
    snprintf(text + len, sizeof text - len, ", OPTIONS");
    http_header(request, "Allow", text);
}

static void answer_options(struct http_request *request)
{
    http_raw(request, 204, NULL);
    if (request->match.methods != 0)
        allow_header(request);
}

static bool is_json_type(struct slice type)
{
    const char *semicolon = type.len == 0 ? NULL : memchr(type.ptr, ';', type.len);
    size_t len = semicolon == NULL ? type.len : (size_t)(semicolon - type.ptr);
    while (len > 0 && (type.ptr[len - 1] == ' ' || type.ptr[len - 1] == '\t'))
        len--;
    return slice_is_nocase((struct slice){type.ptr, len}, "application/json");
}

static bool takes_body(const struct http_route *route)
{
    for (const struct http_param *param = route->params; param->name != NULL; param++) {
        if (param->in == HTTP_BODY)
            return true;
    }
    return false;
}

/* 415: a body that is not plain JSON, for a row that reads one. */
static void decide_content(struct http_request *request)
{
    struct slice length = http_head_get(&request->head, "Content-Length");
    struct slice coding = http_head_get(&request->head, "Content-Encoding");
    bool has_body = http_head_get(&request->head, "Transfer-Encoding").len > 0 ||
                    (length.len > 0 && !slice_is(length, "0"));
    if (!has_body || !takes_body(request->match.route))
        return;
    if (!is_json_type(http_head_get(&request->head, "Content-Type")))
        http_error(request, 415, "send the body as Content-Type: application/json");
    else if (coding.len > 0 && !slice_is_nocase(coding, "identity"))
        http_error(request, 415, "send the body without Content-Encoding");
}

void http_request_decide(struct http_request *request, const struct http_policy *policy)
{
    bool is_options = slice_is(request->head.method, "OPTIONS");
    int method = method_of(request->head.method, &request->head_only);
    if (request->target.asterisk) {
        if (is_options)
            answer_options(request);
        else
            http_error(request, 400, "the target is not a path");
        return;
    }
    http_router_match(policy->router, &request->target, method, &request->match);
    request->is_stranger = is_stranger_at_page(request);
    if (needs_key(request, policy) && !request->is_stranger && !key_is_right(request, policy)) {
        bool given = http_head_get(&request->head, "X-API-Key").ptr != NULL;
        http_error(request, 401,
                   given ? "the X-API-Key is wrong" : "an X-API-Key header is needed");
        http_header(request, "WWW-Authenticate", "X-API-Key");
    } else if (request->match.methods == 0) {
        http_error(request, 404, "there is nothing at this path");
    } else if (is_options) {
        answer_options(request);
    } else if (request->match.route == NULL) {
        http_error(request, 405, "this path does not take this method");
        allow_header(request);
    } else {
        decide_content(request);
    }
}

static void answer_problems(struct http_request *request)
{
    struct json_writer *w = http_json(request, 422);
    json_w_object(w);
    json_w_key(w, "detail");
    json_w_array(w);
    json_w_raw(w, buf_slice(&request->problems));
    json_w_end_array(w);
    json_w_end_object(w);
}

enum http_answer http_request_run(struct http_request *request, const struct http_policy *policy)
{
    if (request->response.status != 0)
        return HTTP_ANSWERED;
    if (!http_params_read(request, policy->reader)) {
        if (request->response.status == 0)
            answer_problems(request);
        return HTTP_ANSWERED;
    }
    return request->match.route->handler(request, policy->ctx);
}

/* ---- what a handler reads ---- */

const struct http_route *http_request_route(const struct http_request *request)
{
    return request->match.route;
}

const char *http_request_trace_id(const struct http_request *request)
{
    return request->trace_id;
}

struct slice http_request_header(const struct http_request *request, const char *name)
{
    return http_head_get(&request->head, name);
}

struct slice http_request_body(const struct http_request *request)
{
    return buf_slice(&request->body);
}

struct json_node *http_request_json(const struct http_request *request)
{
    return request->json;
}

bool http_request_wants_html(const struct http_request *request)
{
    struct slice accept = http_head_get(&request->head, "Accept");
    int html = http_quality(accept, "text/html"), json = http_quality(accept, "application/json");
    return html > 0 && html > json;
}

/* The value of a declared parameter; asking for an undeclared one, or by another type, is a bug. */
static const struct http_value *value_of(const struct http_request *request,
                                         const char *name,
                                         unsigned types)
{
    const struct http_param *params = request->match.route->params;
    for (size_t i = 0; params[i].name != NULL; i++) {
        if (strcmp(params[i].name, name) == 0) {
            assert((types & (1U << params[i].type)) != 0 && "parameter asked for by another type");
            return &request->values[i];
        }
    }
    assert(false && "parameter is not declared in routes.def");
    abort();
}

bool http_given(const struct http_request *request, const char *name)
{
    return value_of(request, name, ~0U)->given;
}

struct slice http_text(const struct http_request *request, const char *name)
{
    unsigned types = 1U << HTTP_TEXT | 1U << HTTP_CHOICE | 1U << HTTP_UUID | 1U << HTTP_NAMES;
    return value_of(request, name, types)->text;
}

int64_t http_i64(const struct http_request *request, const char *name)
{
    return value_of(request, name, 1U << HTTP_INTEGER)->i64;
}

double http_number(const struct http_request *request, const char *name)
{
    return value_of(request, name, 1U << HTTP_NUMBER)->number;
}

bool http_bool(const struct http_request *request, const char *name)
{
    return value_of(request, name, 1U << HTTP_BOOLEAN)->flag;
}

int64_t http_time_ns(const struct http_request *request, const char *name)
{
    const struct http_value *value = value_of(request, name, 1U << HTTP_TIME);
    return value->given ? value->i64 : INT64_MIN;
}

struct json_node *http_member(const struct http_request *request, const char *name)
{
    return value_of(request, name, 1U << HTTP_ARRAY | 1U << HTTP_OBJECT)->json;
}

/* ---- what a handler writes ---- */

struct buf *http_raw(struct http_request *request, unsigned status, const char *content_type)
{
    struct http_response *response = &request->response;
    response->status = request->is_stranger && status == 200 ? 401 : status;
    response->content_type = content_type;
    response->n_headers = 0;
    buf_reset(&response->body);
    return &response->body;
}

struct json_writer *http_json(struct http_request *request, unsigned status)
{
    struct buf *body = http_raw(request, status, "application/json");
    json_w_init(&request->response.writer, body);
    return &request->response.writer;
}

void http_header(struct http_request *request, const char *name, const char *value)
{
    struct http_response *response = &request->response;
    assert(response->n_headers < HTTP_OWN_HEADERS_MAX && strpbrk(value, "\r\n") == NULL);
    size_t i = response->n_headers++;
    snprintf(response->headers[i].name, sizeof response->headers[i].name, "%s", name);
    snprintf(response->headers[i].value, sizeof response->headers[i].value, "%s", value);
}

enum http_answer http_error(struct http_request *request, unsigned status, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct json_writer *w = http_json(request, status);
    json_w_object(w);
    json_m_str(w, "detail", text);
    json_w_end_object(w);
    return HTTP_ANSWERED;
}

enum http_answer http_too_many(struct http_request *request, const char *what)
{
    http_error(request, 429, "%s, try again later", what);
    http_header(request, "Retry-After", "1");
    return HTTP_ANSWERED;
}

enum http_answer http_away(struct http_request *request, const char *what)
{
    http_error(request, 503, "%s is away, try again later", what);
    http_header(request, "Retry-After", "5");
    return HTTP_ANSWERED;
}

static const char *place_of(const struct http_request *request, const char *name)
{
    static const char *const names[] = {"path", "query", "body"};
    const struct http_param *params = request->match.route->params;
    for (size_t i = 0; params[i].name != NULL; i++) {
        if (strcmp(params[i].name, name) == 0)
            return names[params[i].in];
    }
    return "body";
}

enum http_answer http_refuse(
    struct http_request *request, const char *param, const char *type, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    http_problem(request, place_of(request, param), param, type, text);
    answer_problems(request);
    return HTTP_ANSWERED;
}
