/* Any bytes as a request: split as a careless parser would, then through the guard, the target, the router, the
 * parameters and a handler that reads all of them. What must hold: an answer with a status, valid JSON in it, and no
 * handler behind a refusal. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/io/http/http_i.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static bool is_lower(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < 'a' || text.ptr[i] > 'z')
            return false;
    }
    return text.len > 0;
}

static const struct http_format lower = {"lower", "^[a-z]+$", is_lower};

static enum http_answer echo(struct http_request *request, void *ctx)
{
    *(bool *)ctx = true;
    struct json_writer *w = http_json(request, 200);
    json_w_array(w);
    json_w_string(w, http_text(request, "name"));
    json_w_i64(w, http_i64(request, "count"));
    json_w_double(w, http_number(request, "ratio"));
    json_w_bool(w, http_bool(request, "flag"));
    json_w_i64(w, http_time_ns(request, "since"));
    json_w_string(w, http_text(request, "kind"));
    json_w_string(w, http_text(request, "id"));
    json_w_string(w, http_text(request, "names"));
    json_w_i64(w, (int64_t)json_length(http_member(request, "items")));
    json_w_bool(w, json_is_object(http_member(request, "more")));
    json_w_end_array(w);
    http_request_wants_html(request);
    return HTTP_ANSWERED;
}

static enum http_answer hello(struct http_request *request, void *ctx)
{
    *(bool *)ctx = true;
    return http_error(request, 200, "hello");
}

#define P(name_, in_, type_, ...)                                                                  \
    {                                                                                              \
        .name = name_, .in = HTTP_##in_, .type = HTTP_##type_, .help = "h", __VA_ARGS__            \
    }
static const struct http_param params[] = {
    P("name", PATH, TEXT, .required = true, .format = &lower, .min = 1, .max = 8),
    P("count", QUERY, INTEGER, .fallback = "7", .min = -5, .max = 1000),
    P("since", QUERY, TIME, .required = false),
    P("kind", QUERY, CHOICE, .choices = "a|bc|d"),
    P("id", QUERY, UUID, .required = false),
    P("names", QUERY, NAMES, .format = &lower, .min = 1, .max = 3),
    P("ratio", BODY, NUMBER, .required = true, .min = 0, .max = 1),
    P("flag", BODY, BOOLEAN, .required = false),
    P("items", BODY, ARRAY, .min = 0, .max = 3),
    P("more", BODY, OBJECT, .required = false),
    {.name = NULL},
};
static const struct http_param none[] = {{.name = NULL}};

static const struct http_route routes[] = {
    {HTTP_GET, "/open", hello, HTTP_OPEN, "t", "S.", none, "", ""},
    {HTTP_GET, "/closed", hello, HTTP_KEY, "t", "S.", none, "", ""},
    {HTTP_POST, "/e/{name}", echo, HTTP_OPEN, "t", "S.", params, "", ""},
    {HTTP_GET, "/e/literal", hello, HTTP_OPEN, "t", "S.", none, "", ""},
};

/* The part of *rest before the mark; *rest moves behind it. */
static struct slice cut(struct slice *rest, const char *mark)
{
    size_t n_mark = strlen(mark);
    const char *end = memmem(rest->ptr, rest->len, mark, n_mark);
    size_t len = end == NULL ? rest->len : (size_t)(end - rest->ptr);
    size_t used = end == NULL ? len : len + n_mark;
    struct slice part = {rest->ptr, len};
    *rest = (struct slice){rest->ptr + used, rest->len - used};
    return part;
}

static void split_head(struct slice lines, struct http_head *head)
{
    while (lines.len > 0) {
        struct slice value = cut(&lines, "\r\n"), name = cut(&value, ":");
        head->overflow = head->n_fields == HTTP_HEADERS_MAX;
        if (head->overflow)
            return;
        if (value.len > 0 && value.ptr[0] == ' ')
            value = (struct slice){value.ptr + 1, value.len - 1};
        head->fields[head->n_fields++] = (struct http_field){name, value};
    }
}

static void check_answer(const struct http_request *request)
{
    const struct http_response *response = &request->response;
    struct json_node *root;
    assert(response->status >= 200 && response->status < 600);
    if (response->content_type == NULL)
        return;
    struct json_reader *reader = json_reader_create(1 << 24, 64);
    enum al_err err = json_read(reader, buf_slice(&response->body), &root);
    assert(err == AL_OK);
    json_put(root);
    json_reader_destroy(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct slice body = {(const char *)bytes, n_bytes};
    struct slice head = cut(&body, "\r\n\r\n"), line = cut(&head, "\r\n");
    struct http_request request;
    const char *why, *kind;
    bool was_run = false;
    struct http_policy policy = {.ctx = &was_run, .reader = json_reader_create(4096, 8)};
    struct http_router *router;
    if (http_router_create(routes, COUNT_OF(routes), &router) != AL_OK)
        abort();
    policy.router = router;
    sha256_of("key", 3, &policy.key_hash);
    http_request_init(&request, 4096);
    request.head.method = cut(&line, " ");
    struct slice target = cut(&line, " ");
    request.head.http_1_1 = slice_is(line, "HTTP/1.1");
    split_head(head, &request.head);
    request.target_text = malloc(target.len + 1);
    memcpy(request.target_text, target.ptr, target.len);
    if (http_guard(&request.head, &why, &kind) == 0 &&
        http_target_parse(request.target_text, target.len, &request.target) == NULL) {
        http_request_decide(&request, &policy);
        bool is_refused = request.response.status != 0;
        buf_append(&request.body, body.ptr, body.len);
        http_request_run(&request, &policy);
        assert(!(is_refused && was_run));
        check_answer(&request);
    }
    http_request_deinit(&request);
    http_router_destroy(router);
    json_reader_destroy(policy.reader);
    return 0;
}
