#include "harness/check.h"

#include <stdio.h>
#include <string.h>

#include "../../../../src/io/http/http_i.h"

struct head_case {
    const char *name;
    unsigned status;
    bool http_1_0;
    const char *fields[9]; /* name, value, ... NULL; a length of its own where NUL is inside */
};

static const struct head_case cases[] = {
    {"plain", 0, false, {"Host", "a", "Content-Length", "5", NULL}},
    {"chunked", 0, false, {"Host", "a", "transfer-encoding", "Chunked", NULL}},
    {"no host in 1.0", 0, true, {"Content-Length", "5", NULL}},
    {"two lengths", 400, false, {"Host", "a", "Content-Length", "5", "content-length", "6", NULL}},
    {"two equal lengths",
     400,
     false,
     {"Host", "a", "Content-Length", "5", "Content-Length", "5", NULL}},
    {"length and coding",
     400,
     false,
     {"Host", "a", "Content-Length", "5", "Transfer-Encoding", "chunked", NULL}},
    {"length list", 400, false, {"Host", "a", "Content-Length", "5, 5", NULL}},
    {"signed length", 400, false, {"Host", "a", "Content-Length", "+5", NULL}},
    {"empty length", 400, false, {"Host", "a", "Content-Length", "", NULL}},
    {"blank before colon", 400, false, {"Host", "a", "Content-Length ", "5", NULL}},
    {"empty name", 400, false, {"Host", "a", "", "5", NULL}},
    {"name with colon", 400, false, {"Host", "a", "a:b", "5", NULL}},
    {"control byte", 400, false, {"Host", "a", "X", "a\vb", NULL}},
    {"delete byte", 400, false, {"Host", "a", "X", "\x7f", NULL}},
    {"two hosts", 400, false, {"Host", "a", "Host", "a", NULL}},
    {"no host", 400, false, {"X", "a", NULL}},
    {"two keys", 400, false, {"Host", "a", "X-API-Key", "a", "X-API-Key", "b", NULL}},
    {"coding in 1.0", 400, true, {"Transfer-Encoding", "chunked", NULL}},
    {"unknown coding", 501, false, {"Host", "a", "Transfer-Encoding", "gzip", NULL}},
    {"coding list", 501, false, {"Host", "a", "Transfer-Encoding", "gzip, chunked", NULL}},
    {"two codings",
     501,
     false,
     {"Host", "a", "Transfer-Encoding", "chunked", "Transfer-Encoding", "chunked", NULL}},
    {"hidden coding", 501, false, {"Host", "a", "Transfer-Encoding", "xchunked", NULL}},
};

static void test_guard_judges_every_case(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct http_head head = {.http_1_1 = !cases[i].http_1_0};
        const char *why = NULL, *kind = NULL;
        for (size_t f = 0; cases[i].fields[f] != NULL; f += 2)
            head.fields[head.n_fields++] =
                (struct http_field){slice_of(cases[i].fields[f]), slice_of(cases[i].fields[f + 1])};
        unsigned status = http_guard(&head, &why, &kind);
        if (status != cases[i].status)
            fail_msg("%s: %u instead of %u", cases[i].name, status, cases[i].status);
        assert_true((status == 0) == (why == NULL));
    }
}

static void test_guard_sees_nul_in_a_value(void **state)
{
    (void)state;
    struct http_head head = {.http_1_1 = true,
                             .n_fields = 2,
                             .fields = {{SLICE("Host"), SLICE("a")}, {SLICE("X"), SLICE("a\0b")}}};
    const char *why, *kind;
    check_i64(http_guard(&head, &why, &kind), 400);
    head.fields[1] = (struct http_field){SLICE("X\0"), SLICE("ab")};
    check_i64(http_guard(&head, &why, &kind), 400);
}

static void test_guard_bounds_the_head(void **state)
{
    (void)state;
    static char bytes[HTTP_HEAD_BYTES_MAX];
    struct http_head head = {.http_1_1 = true, .n_fields = 2};
    const char *why, *kind;
    memset(bytes, 'x', sizeof bytes);
    head.fields[0] = (struct http_field){SLICE("Host"), SLICE("a")};
    head.fields[1] = (struct http_field){SLICE("X"), {bytes, sizeof bytes}};
    check_i64(http_guard(&head, &why, &kind), 431);
    head.fields[1].value.len = 5;
    check_i64(http_guard(&head, &why, &kind), 0);
    head.overflow = true;
    check_i64(http_guard(&head, &why, &kind), 431);
}

static void test_quality_weighs_the_closest_item(void **state)
{
    (void)state;
    check_i64(http_quality(SLICE("gzip"), "gzip"), 1000);
    check_i64(http_quality(SLICE("br, gzip;q=0.5"), "gzip"), 500);
    check_i64(http_quality(SLICE("gzip;q=0, *"), "gzip"), 0);
    check_i64(http_quality(SLICE("*;q=0.25"), "gzip"), 250);
    check_i64(http_quality(SLICE("br"), "gzip"), -1);
    check_i64(http_quality(SLICE(""), "gzip"), -1);
    check_i64(http_quality(SLICE("text/*;q=0.3, */*;q=0.1"), "text/html"), 300);
    check_i64(http_quality(SLICE("text/html , application/json;q=0.9"), "application/json"), 900);
    check_i64(http_quality(SLICE("gzip;q=banana"), "gzip"), 0);
    check_i64(http_quality(SLICE(",,;;,gzip;;q=1"), "gzip"), 1000);
}

static const char *parse(const char *text, struct http_target *out)
{
    static char copy[512];
    snprintf(copy, sizeof copy, "%s", text);
    return http_target_parse(copy, strlen(copy), out);
}

static void test_target_splits_before_it_decodes(void **state)
{
    (void)state;
    struct http_target target;
    assert_null(parse("/a%2Fb/c%20d?x=1%262&y=a+b&flag&=v", &target));
    check_i64((int64_t)target.n_segments, 2);
    assert_true(slice_is(target.segments[0], "a/b"));
    assert_true(slice_is(target.segments[1], "c d"));
    check_i64((int64_t)target.n_query, 4);
    assert_true(slice_is(target.query[0].value, "1&2"));
    assert_true(slice_is(target.query[1].value, "a b"));
    assert_true(slice_is(target.query[2].name, "flag") && target.query[2].value.len == 0);
    assert_true(target.query[3].name.len == 0 && slice_is(target.query[3].value, "v"));
}

static void test_target_takes_the_root_and_a_proxy_form(void **state)
{
    (void)state;
    struct http_target target;
    assert_null(parse("/", &target));
    check_i64((int64_t)target.n_segments, 0);
    assert_null(parse("http://host:1/a?b=c", &target));
    assert_true(slice_is(target.segments[0], "a"));
    assert_null(parse("*", &target));
    assert_true(target.asterisk);
}

static void test_target_refuses_what_is_no_path(void **state)
{
    (void)state;
    static const char *const bad[] = {"",      "a",    "/%",   "/%4",         "/%zz",   "/%00",
                                      "/?a=%", "/a#b", "/a b", "http://host", "/?x=%0", "//%g0"};
    struct http_target target;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        if (parse(bad[i], &target) == NULL)
            fail_msg("accepted '%s'", bad[i]);
    }
}

static void test_target_is_bounded(void **state)
{
    (void)state;
    struct http_target target;
    assert_null(parse("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15", &target));
    check_i64((int64_t)target.n_segments, HTTP_SEGMENTS_MAX + 1);
    char many[512] = "/?";
    for (size_t i = 0; i <= HTTP_QUERY_MAX; i++)
        strcat(many, "a&");
    assert_non_null(parse(many, &target));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guard_judges_every_case),
        cmocka_unit_test(test_guard_sees_nul_in_a_value),
        cmocka_unit_test(test_guard_bounds_the_head),
        cmocka_unit_test(test_quality_weighs_the_closest_item),
        cmocka_unit_test(test_target_splits_before_it_decodes),
        cmocka_unit_test(test_target_takes_the_root_and_a_proxy_form),
        cmocka_unit_test(test_target_refuses_what_is_no_path),
        cmocka_unit_test(test_target_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
