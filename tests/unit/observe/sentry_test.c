#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "alphaloop/base/json.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/observe/sentry.h"

static void assert_address(const char *dsn, const char *url, const char *key)
{
    struct sentry_address address;
    assert_int_equal(sentry_dsn_parse(slice_of(dsn), &address), AL_OK);
    assert_string_equal(address.url, url);
    const char *said = strstr(address.auth, "sentry_key=");
    assert_non_null(said);
    assert_string_equal(said + strlen("sentry_key="), key);
    assert_int_equal(strncmp(address.auth, "X-Sentry-Auth: Sentry sentry_version=7, ", 40), 0);
}

static void test_an_address_is_read_from_a_dsn(void **state)
{
    (void)state;
    assert_address("https://abc123@o1.ingest.example.com/42",
                   "https://o1.ingest.example.com/api/42/envelope/", "abc123");
    assert_address("http://abc:secret@127.0.0.1:9000/errors/in/7",
                   "http://127.0.0.1:9000/errors/in/api/7/envelope/", "abc");
    assert_address("https://k@[::1]:9000/1", "https://[::1]:9000/api/1/envelope/", "k");
}

static void test_a_broken_dsn_is_refused_and_not_repeated(void **state)
{
    static const char *const broken[] = {"",
                                         "abc",
                                         "ftp://secretkey@h/1",
                                         "https://h/1",
                                         "https://secretkey@h",
                                         "https://secretkey@h/",
                                         "https://@h/1",
                                         "https://secretkey@/1",
                                         "https://secret key@h/1",
                                         "https://secretkey@h/a b/1",
                                         "https://secretkey@h/1\r\nX: y",
                                         "https://secretkey@h?x/1"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(broken); i++) {
        struct sentry_address address;
        assert_int_equal(sentry_dsn_parse(slice_of(broken[i]), &address), AL_EPARSE);
        assert_null(strstr(err_text(), "secret"));
    }
    char longest[1000];
    memset(longest, 'a', sizeof longest);
    memcpy(longest, "https://k@", 10);
    memcpy(longest + 990, "/1", 3);
    struct sentry_address address;
    assert_int_equal(sentry_dsn_parse((struct slice){longest, 992}, &address), AL_EPARSE);
}

static struct json_node *next_line(struct json_reader *reader, struct slice *rest)
{
    const char *end = memchr(rest->ptr, '\n', rest->len);
    struct json_node *node;
    assert_non_null(end);
    struct slice line = {rest->ptr, (size_t)(end - rest->ptr)};
    assert_int_equal(json_read(reader, line, &node), AL_OK);
    rest->ptr = end + 1;
    rest->len -= line.len + 1;
    return node;
}

static void assert_text(struct json_node *object, const char *key, const char *expected)
{
    assert_true(slice_is(json_text(json_get(object, key)), expected));
}

static void test_an_envelope_has_head_item_and_event(void **state)
{
    struct error_group group = {.first_ns = NS_PER_S, .count = 3, .n_crumbs = 1};
    struct sentry_origin origin = {"staging", "alphaloop@1.2.3", "model-service"};
    struct uuid id = {.bytes = {0xab, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xff}};
    (void)state;
    group.newest = (struct error_crumb){.at_ns = 2 * NS_PER_S,
                                        .level = LOG_WARN,
                                        .room = "pg",
                                        .step = "connect",
                                        .event = "failed",
                                        .trace_id = "t-1"};
    group.crumbs[0] = (struct error_crumb){
        .at_ns = NS_PER_S, .level = LOG_INFO, .room = "app", .step = "state", .event = "starting"};
    group.line = (char *)"{\"level\":\"warn\",\"host\":\"a\\nb\"}";
    struct buf out = BUF_INIT(65536);
    sentry_envelope_write(&group, &origin, id, 5 * NS_PER_S, &out);
    assert_true(buf_ok(&out));

    struct json_reader *reader = json_reader_create(JSON_BYTES_MAX, 8);
    struct slice rest = buf_slice(&out);
    struct json_node *head = next_line(reader, &rest);
    assert_text(head, "event_id", "ab0102030405060708090a0b0c0d0eff");
    assert_text(head, "sent_at", "1970-01-01T00:00:05.000000Z");
    json_put(head);
    struct json_node *item = next_line(reader, &rest);
    int64_t length;
    assert_text(item, "type", "event");
    assert_int_equal(json_i64(json_get(item, "length"), &length), AL_OK);
    assert_int_equal(length, rest.len - 1);
    json_put(item);
    struct json_node *event = next_line(reader, &rest);
    assert_int_equal(rest.len, 0);
    assert_text(event, "event_id", "ab0102030405060708090a0b0c0d0eff");
    assert_text(event, "level", "warning");
    assert_text(event, "environment", "staging");
    assert_text(event, "release", "alphaloop@1.2.3");
    assert_text(json_get(event, "logentry"), "formatted", "pg connect: failed");
    assert_text(json_get(event, "tags"), "trace_id", "t-1");
    assert_text(json_get(json_get(event, "extra"), "line"), "host", "a\nb");
    struct json_node *crumbs = json_get(json_get(event, "breadcrumbs"), "values");
    assert_int_equal(json_length(crumbs), 1);
    assert_text(json_at(crumbs, 0), "category", "app.state");
    json_put(event);
    json_reader_destroy(reader);
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_address_is_read_from_a_dsn),
        cmocka_unit_test(test_a_broken_dsn_is_refused_and_not_repeated),
        cmocka_unit_test(test_an_envelope_has_head_item_and_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
