#include "harness/check.h"

#include <stdio.h>
#include <string.h>

#include "../../../../src/io/http/http_i.h"

static enum http_answer answer_ok(struct http_request *request, void *ctx)
{
    (void)ctx;
    struct json_writer *w = http_json(request, 200);
    json_w_object(w);
    json_w_end_object(w);
    return HTTP_ANSWERED;
}

static bool is_lower(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < 'a' || text.ptr[i] > 'z')
            return false;
    }
    return text.len > 0;
}

static const struct http_format lower = {"lower", "^[a-z]+$", is_lower};

#define P(...)                                                                                     \
    {                                                                                              \
        __VA_ARGS__, .help = "help"                                                                \
    }
#define PARAMS(...)                                                                                \
    (const struct http_param[])                                                                    \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            .name = NULL                                                                           \
        }                                                                                          \
    }
#define NAME P(.name = "name", .in = HTTP_PATH, .type = HTTP_TEXT, .required = true)
#define NONE                                                                                       \
    (const struct http_param[])                                                                    \
    {                                                                                              \
        {                                                                                          \
            .name = NULL                                                                           \
        }                                                                                          \
    }
#define ROW(method, path, params)                                                                  \
    {                                                                                              \
        HTTP_##method, path, answer_ok, HTTP_KEY, "t", "Summary.", params, "", ""                  \
    }

static enum al_err create(const struct http_route *routes, size_t n_routes)
{
    struct http_router *router;
    enum al_err err = http_router_create(routes, n_routes, &router);
    if (err == AL_OK)
        http_router_destroy(router);
    return err;
}

static void test_router_refuses_rows_that_match_the_same(void **state)
{
    (void)state;
    const struct http_route same[] = {ROW(GET, "/a/b", NONE), ROW(GET, "/a/b", NONE)};
    check_err(create(same, 2), AL_EEXIST);
    check_has(err_text(), "GET /a/b");
    const struct http_route renamed[] = {
        ROW(GET, "/a/{name}", PARAMS(NAME)),
        ROW(GET, "/a/{other}",
            PARAMS(P(.name = "other", .in = HTTP_PATH, .type = HTTP_TEXT, .required = true)))};
    check_err(create(renamed, 2), AL_EEXIST);
    const struct http_route fine[] = {ROW(GET, "/a/{name}", PARAMS(NAME)),
                                      ROW(POST, "/a/{name}", PARAMS(NAME)), ROW(GET, "/a/b", NONE),
                                      ROW(GET, "/a", NONE)};
    check_ok(create(fine, 4));
}

static void refused(const char *path, const struct http_param *params)
{
    const struct http_route row[] = {ROW(GET, "", NONE)};
    struct http_route copy = row[0];
    copy.path = path;
    copy.params = params;
    check_err(create(&copy, 1), AL_EINVAL);
}

static void test_router_refuses_a_row_that_contradicts_itself(void **state)
{
    (void)state;
    refused("a", NONE);
    refused("/a/", NONE);
    refused("/a//b", NONE);
    refused("/a/{name}", NONE);
    refused("/a", PARAMS(NAME));
    refused("/a", PARAMS({.name = "x", .in = HTTP_QUERY, .type = HTTP_TEXT, .help = ""}));
    refused("/a", PARAMS(P(.name = "x", .in = HTTP_BODY, .type = HTTP_TEXT)));
    refused("/a", PARAMS(P(.name = "x", .in = HTTP_QUERY, .type = HTTP_ARRAY)));
    refused("/a", PARAMS(P(.name = "x", .in = HTTP_QUERY, .type = HTTP_CHOICE)));
    refused("/a", PARAMS(P(.name = "x", .in = HTTP_QUERY, .type = HTTP_INTEGER, .min = 1, .max = 5,
                           .fallback = "6")));
    refused("/a", PARAMS(P(.name = "x", .in = HTTP_QUERY, .type = HTTP_TEXT, .format = &lower,
                           .example = "A")));
}

static const struct http_route table[] = {
    ROW(GET, "/", NONE),
    ROW(GET, "/models", NONE),
    ROW(GET, "/models/{name}", PARAMS(NAME)),
    ROW(DELETE, "/models/{name}", PARAMS(NAME)),
    ROW(POST, "/models/register", NONE),
    ROW(GET, "/models/{name}/metrics", PARAMS(NAME)),
    ROW(GET, "/models/all/metrics", NONE),
};

static void match(const struct http_router *router,
                  int method,
                  const char *path,
                  struct http_match *out)
{
    static char copy[128];
    struct http_target target;
    snprintf(copy, sizeof copy, "%s", path);
    assert_null(http_target_parse(copy, strlen(copy), &target));
    http_router_match(router, &target, method, out);
}

static void test_router_prefers_the_literal_segment(void **state)
{
    (void)state;
    struct http_router *router;
    struct http_match found;
    check_ok(http_router_create(table, COUNT_OF(table), &router));
    match(router, HTTP_GET, "/models/all/metrics", &found);
    check_str(found.label, "GET /models/all/metrics");
    match(router, HTTP_GET, "/models/v1/metrics", &found);
    check_str(found.label, "GET /models/{name}/metrics");
    assert_true(slice_is(found.path_values[0], "v1"));
    match(router, HTTP_GET, "/models/register", &found);
    check_str(found.label, "GET /models/{name}");
    match(router, HTTP_GET, "/", &found);
    check_str(found.label, "GET /");
    http_router_destroy(router);
}

static void test_router_knows_the_methods_of_a_path(void **state)
{
    (void)state;
    struct http_router *router;
    struct http_match found;
    check_ok(http_router_create(table, COUNT_OF(table), &router));
    match(router, HTTP_PUT, "/models/v1", &found);
    assert_null(found.route);
    check_i64(found.methods, 1U << HTTP_GET | 1U << HTTP_DELETE);
    match(router, HTTP_GET, "/models/", &found);
    check_i64(found.methods, 0);
    match(router, HTTP_GET, "/models/v1/metrics/x", &found);
    check_i64(found.methods, 0);
    check_str(found.label, "unmatched");
    http_router_destroy(router);
}

/* ---- parameters ---- */

struct param_case {
    struct http_param param;
    const char *text;
    const char *type; /* NULL: accepted */
};

#define INTEGER                                                                                    \
    {                                                                                              \
        .type = HTTP_INTEGER, .min = 1, .max = 1000                                                \
    }
#define TEXT                                                                                       \
    {                                                                                              \
        .type = HTTP_TEXT, .min = 2, .max = 4, .format = &lower                                    \
    }
#define NAMES                                                                                      \
    {                                                                                              \
        .type = HTTP_NAMES, .min = 1, .max = 2, .format = &lower                                   \
    }
#define CHOICE                                                                                     \
    {                                                                                              \
        .type = HTTP_CHOICE, .choices = "hour|day|week"                                            \
    }

static const struct param_case param_cases[] = {
    {INTEGER, "1", NULL},
    {INTEGER, "1000", NULL},
    {INTEGER, "0", "greater_than_equal"},
    {INTEGER, "1001", "less_than_equal"},
    {INTEGER, "", "int_parsing"},
    {INTEGER, "1.5", "int_parsing"},
    {INTEGER, " 1", "int_parsing"},
    {INTEGER, "1x", "int_parsing"},
    {INTEGER, "0x1", "int_parsing"},
    {INTEGER, "99999999999999999999", "int_parsing"},
    {{.type = HTTP_INTEGER}, "-5", NULL},
    {{.type = HTTP_INTEGER, .min = 0, .max = 9}, "-5", "greater_than_equal"},
    {{.type = HTTP_NUMBER}, "1e-3", NULL},
    {{.type = HTTP_NUMBER}, "nan", "float_parsing"},
    {{.type = HTTP_NUMBER}, "1e999", "float_parsing"},
    {{.type = HTTP_NUMBER, .min = 0, .max = 1}, "1.01", "less_than_equal"},
    {{.type = HTTP_BOOLEAN}, "true", NULL},
    {{.type = HTTP_BOOLEAN}, "False", NULL},
    {{.type = HTTP_BOOLEAN}, "yes", "bool_parsing"},
    {{.type = HTTP_TIME}, "2026-01-31T09:30:00Z", NULL},
    {{.type = HTTP_TIME}, "2026-01-31T09:30:00+02:00", NULL},
    {{.type = HTTP_TIME}, "2026-01-31T09:30:00.25 02:00", NULL}, /* a + that was not escaped */
    {{.type = HTTP_TIME}, "2026-01-31T09:30:00 02:61", "datetime_parsing"},
    {{.type = HTTP_TIME}, "2026-01-31 09:30", "datetime_parsing"},
    {{.type = HTTP_TIME}, "2026-01-31", "datetime_parsing"},
    {CHOICE, "week", NULL},
    {CHOICE, "wee", "enum"},
    {CHOICE, "hour|day", "enum"},
    {CHOICE, "", "enum"},
    {{.type = HTTP_UUID}, "550e8400-e29b-41d4-a716-446655440000", NULL},
    {{.type = HTTP_UUID}, "550e8400", "uuid_parsing"},
    {TEXT, "abc", NULL},
    {TEXT, "a", "string_too_short"},
    {TEXT, "abcde", "string_too_long"},
    {TEXT, "aBc", "string_pattern_mismatch"},
    {NAMES, "a,b", NULL},
    {NAMES, "a,b,c", "less_than_equal"},
    {NAMES, "a,,b", "string_pattern_mismatch"},
    {NAMES, "", "string_pattern_mismatch"},
    {NAMES, "a,", "string_pattern_mismatch"},
};

static void test_param_judges_every_case(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(param_cases); i++) {
        struct http_value value;
        const char *type = NULL;
        char message[160];
        bool ok = http_param_parse(&param_cases[i].param, slice_of(param_cases[i].text), &value,
                                   &type, message);
        if (ok != (param_cases[i].type == NULL) || (!ok && strcmp(type, param_cases[i].type) != 0))
            fail_msg("case %zu '%s': %s", i, param_cases[i].text, ok ? "accepted" : type);
    }
}

/* ---- a request from head to answer, without a server ---- */

static const struct http_route asked[] = {
    {HTTP_POST, "/echo/{name}", answer_ok, HTTP_KEY, "t", "Summary.",
     PARAMS(NAME,
            P(.name = "limit",
              .in = HTTP_QUERY,
              .type = HTTP_INTEGER,
              .fallback = "7",
              .min = 1,
              .max = 9),
            P(.name = "strategy_id",
              .in = HTTP_BODY,
              .type = HTTP_TEXT,
              .required = true,
              .min = 1,
              .max = 9),
            P(.name = "items", .in = HTTP_BODY, .type = HTTP_ARRAY, .min = 1, .max = 2)),
     "", ""},
    {HTTP_GET, "/open", answer_ok, HTTP_OPEN, "t", "Summary.", NONE, "", ""},
    {HTTP_GET, "/guarded", answer_ok, HTTP_GUARDED, "t", "Summary.", NONE, "", ""},
};

static bool guard; /* http_policy.guard_metrics of the next question */

static unsigned ask(struct http_request *request,
                    const char *method,
                    const char *path,
                    const char *key,
                    const char *type,
                    const char *body)
{
    struct http_policy policy = {.guard_metrics = guard, .reader = json_reader_create(4096, 8)};
    struct http_router *router;
    check_ok(http_router_create(asked, COUNT_OF(asked), &router));
    policy.router = router;
    sha256_of("key", 3, &policy.key_hash);
    http_request_init(request, 4096);
    request->target_text = strdup(path);
    assert_null(
        http_target_parse(request->target_text, strlen(request->target_text), &request->target));
    request->head = (struct http_head){.method = slice_of(method), .http_1_1 = true};
    struct http_head *head = &request->head;
    if (key != NULL)
        head->fields[head->n_fields++] = (struct http_field){SLICE("x-api-key"), slice_of(key)};
    if (type != NULL)
        head->fields[head->n_fields++] = (struct http_field){SLICE("content-type"), slice_of(type)};
    if (body != NULL) {
        head->fields[head->n_fields++] = (struct http_field){SLICE("content-length"), SLICE("5")};
        buf_puts(&request->body, body);
    }
    http_request_decide(request, &policy);
    http_request_run(request, &policy);
    json_reader_destroy(policy.reader);
    http_router_destroy(router);
    return request->response.status;
}

#define ASK(wanted, ...)                                                                           \
    do {                                                                                           \
        struct http_request request;                                                               \
        check_i64(ask(&request, __VA_ARGS__), wanted);                                             \
        http_request_deinit(&request);                                                             \
    } while (0)

#define JSON_TYPE "application/json; charset=utf-8"

static void test_request_is_decided_in_order(void **state)
{
    (void)state;
    ASK(401, "POST", "/echo/a", NULL, JSON_TYPE, "{\"strategy_id\":\"s\"}");
    ASK(401, "POST", "/echo/a", "Key", JSON_TYPE, "{\"strategy_id\":\"s\"}");
    ASK(401, "GET", "/nothing", NULL, NULL, NULL);
    ASK(404, "GET", "/nothing", "key", NULL, NULL);
    ASK(401, "GET", "/echo/a", NULL, NULL, NULL);
    ASK(405, "GET", "/echo/a", "key", NULL, NULL);
    ASK(405, "BREW", "/open", NULL, NULL, NULL);
    ASK(415, "POST", "/echo/a", "key", "text/plain", "{\"strategy_id\":\"s\"}");
    ASK(415, "POST", "/echo/a", "key", NULL, "{\"strategy_id\":\"s\"}");
    ASK(200, "POST", "/echo/a", "key", JSON_TYPE, "{\"strategy_id\":\"s\"}");
    ASK(200, "GET", "/open", NULL, NULL, NULL);
    ASK(200, "HEAD", "/open", NULL, NULL, NULL);
    ASK(204, "OPTIONS", "/open", NULL, NULL, NULL);
    ASK(204, "OPTIONS", "*", NULL, NULL, NULL);
    ASK(400, "GET", "*", NULL, NULL, NULL);
    ASK(200, "GET", "/guarded", NULL, NULL, NULL);
    guard = true;
    ASK(401, "GET", "/guarded", NULL, NULL, NULL);
    guard = false;
    guard = true;
    ASK(200, "GET", "/guarded", "key", NULL, NULL);
    guard = false;
}

static void test_request_tells_all_problems_at_once(void **state)
{
    (void)state;
    struct http_request request;
    check_i64(ask(&request, "POST", "/echo/a?limit=10&limit=2", "key", JSON_TYPE,
                  "{\"strategy_id\":5,\"items\":[1,2,3]}"),
              422);
    const char *text = buf_str(&request.response.body);
    check_has(text, "{\"detail\":[");
    check_has(text, "{\"loc\":[\"query\",\"limit\"],\"msg\":\"must be at most "
                    "9\",\"type\":\"less_than_equal\"}");
    check_has(text, "{\"loc\":[\"query\",\"limit\"],\"msg\":\"is given more than "
                    "once\",\"type\":\"repeated\"}");
    check_has(text, "{\"loc\":[\"body\",\"strategy_id\"],\"msg\":\"must be a "
                    "string\",\"type\":\"type_error\"}");
    check_has(text, "[\"body\",\"items\"]");
    http_request_deinit(&request);
}

static void test_request_refuses_a_body_that_is_not_an_object(void **state)
{
    (void)state;
    ASK(400, "POST", "/echo/a", "key", JSON_TYPE, "{\"strategy_id\":\"s\"");
    ASK(400, "POST", "/echo/a?limit=x", "key", JSON_TYPE, "\xff");
    ASK(422, "POST", "/echo/a", "key", JSON_TYPE, "[]");
    ASK(422, "POST", "/echo/a", "key", JSON_TYPE, "null");
    ASK(422, "POST", "/echo/a", "key", JSON_TYPE, NULL);
    ASK(422, "POST", "/echo/a", "key", JSON_TYPE, "{\"strategy_id\":null}");
    ASK(422, "POST", "/echo/a", "key", JSON_TYPE, "{\"strategy_id\":\"\"}");
}

static void test_request_gives_values_and_fallbacks(void **state)
{
    (void)state;
    struct http_request request;
    check_i64(ask(&request, "POST", "/echo/a%2Fb", "key", JSON_TYPE,
                  "{\"strategy_id\":\"s\",\"items\":[1]}"),
              200);
    assert_true(slice_is(http_text(&request, "name"), "a/b"));
    assert_true(slice_is(http_text(&request, "strategy_id"), "s"));
    check_i64(http_i64(&request, "limit"), 7);
    check_i64((int64_t)json_length(http_member(&request, "items")), 1);
    http_request_deinit(&request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_router_refuses_rows_that_match_the_same),
        cmocka_unit_test(test_router_refuses_a_row_that_contradicts_itself),
        cmocka_unit_test(test_router_prefers_the_literal_segment),
        cmocka_unit_test(test_router_knows_the_methods_of_a_path),
        cmocka_unit_test(test_param_judges_every_case),
        cmocka_unit_test(test_request_is_decided_in_order),
        cmocka_unit_test(test_request_tells_all_problems_at_once),
        cmocka_unit_test(test_request_refuses_a_body_that_is_not_an_object),
        cmocka_unit_test(test_request_gives_values_and_fallbacks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
