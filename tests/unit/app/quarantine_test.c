/* What of a message's headers is sent again. */
#include <stdio.h>
#include <string.h>

#include "harness/check.h"

#include "../src/app/quarantine_i.h"

static struct json_reader *reader;

static int begin(void **state)
{
    (void)state;
    reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    return 0;
}

static int end(void **state)
{
    (void)state;
    json_reader_destroy(reader);
    return 0;
}

/* "name=value;" of each header that is sent again. */
static void check_headers(const char *json, const char *wanted)
{
    struct amqp_header headers[QUARANTINE_HEADERS_MAX];
    struct json_node *node;
    struct buf told = BUF_INIT(65536);
    check_ok(json_read(reader, slice_of(json), &node));
    size_t n = quarantine_headers(node, headers);
    for (size_t i = 0; i < n; i++)
        buf_printf(&told, "%s=%.*s;", headers[i].name, (int)headers[i].value.len,
                   headers[i].value.ptr);
    check_str(buf_str(&told), wanted);
    buf_deinit(&told);
    json_put(node);
}

static void test_the_trace_comes_first_and_only_texts_are_sent(void **state)
{
    (void)state;
    check_headers("{\"a\":\"1\",\"n\":2,\"trace_id\":\"t\",\"deep\":{\"x\":\"y\"},\"b\":\"\"}",
                  "trace_id=t;a=1;b=;");
    check_headers("{\"trace_id\":7,\"a\":\"1\"}", "a=1;");
    check_headers("{}", "");
}

static void test_what_is_no_object_has_no_headers(void **state)
{
    (void)state;
    check_headers("[\"a\",\"b\"]", "");
    check_headers("\"trace_id\"", "");
    check_headers("null", "");
}

static void test_long_ones_and_too_many_are_left_out(void **state)
{
    struct buf json = BUF_INIT(65536), wanted = BUF_INIT(65536);
    (void)state;
    buf_printf(&json, "{\"long\":\"%0*d\",\"%0*d\":\"v\"", QUARANTINE_TEXT_MAX + 1, 0,
               QUARANTINE_NAME_MAX + 1, 0);
    for (int i = 0; i < QUARANTINE_HEADERS_MAX + 3; i++) {
        buf_printf(&json, ",\"h%d\":\"v\"", i);
        if (i < QUARANTINE_HEADERS_MAX)
            buf_printf(&wanted, "h%d=v;", i);
    }
    buf_putc(&json, '}');
    check_headers(buf_str(&json), buf_str(&wanted));
    buf_deinit(&json);
    buf_deinit(&wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_trace_comes_first_and_only_texts_are_sent),
        cmocka_unit_test(test_what_is_no_object_has_no_headers),
        cmocka_unit_test(test_long_ones_and_too_many_are_left_out),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
