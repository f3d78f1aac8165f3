#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/json.h"
#include "alphaloop/base/timestamp.h"

static struct json_reader *reader;

static int setup(void **state)
{
    (void)state;
    reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    json_reader_destroy(reader);
    return 0;
}

static enum al_err read_bytes(struct slice text)
{
    struct json_node *node;
    enum al_err err = json_read(reader, text, &node);
    json_put(node);
    return err;
}

static void refuses(const char *text, enum al_err expected)
{
    enum al_err err = read_bytes(slice_of(text));
    if (err != expected)
        fail_msg("%s gave %s", text, al_err_name(err));
}

static void test_reader_accepts_every_kind_of_value(void **state)
{
    static const char *const texts[] = {"{}",
                                        " [ ] ",
                                        "\"\"",
                                        "0",
                                        "-0",
                                        "-1.5e+10",
                                        "true",
                                        "false",
                                        "null",
                                        "[1,2]",
                                        "{\"a\":{\"b\":[null]}}",
                                        "\t\r\n 1",
                                        "\"\xf0\x9f\x98\x80\"",
                                        "\"\\ud83d\\ude00\""};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        refuses(texts[i], AL_OK);
}

static void test_reader_refuses_what_is_not_rfc8259(void **state)
{
    static const char *const texts[] = {"",
                                        " ",
                                        "{",
                                        "[1,",
                                        "[1,]",
                                        "{\"a\":1,}",
                                        "{a:1}",
                                        "{'a':1}",
                                        "{\"a\" 1}",
                                        "{\"a\":}",
                                        "NaN",
                                        "Infinity",
                                        "-Infinity",
                                        "nan",
                                        "01",
                                        "-",
                                        "+1",
                                        "1.",
                                        ".5",
                                        "1e",
                                        "1e+",
                                        "0x10",
                                        "1_000",
                                        "tru",
                                        "truee",
                                        "nullx",
                                        "1 2",
                                        "{} {}",
                                        "{}x",
                                        "\"\n\"",
                                        "\"\t\"",
                                        "\"\\x41\"",
                                        "\"\\u12g4\"",
                                        "\"\\u123",
                                        "\"abc",
                                        "\"\\",
                                        "[1 2]",
                                        "// c\n1",
                                        "/* c */ 1",
                                        "\"\\ud800\"",
                                        "\"\\udc00\"",
                                        "\"\\udc00\\udc00\"",
                                        "\"\\ud800\\u0041\"",
                                        "\"\\ud800x\"",
                                        "{1:2}",
                                        "\xef\xbb\xbf{}",
                                        "]",
                                        ","};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        refuses(texts[i], AL_EPARSE);
    assert_int_equal(read_bytes((struct slice){"{}\0", 3}), AL_EPARSE);
    assert_int_equal(read_bytes((struct slice){"\"a\0b\"", 5}), AL_EPARSE);
}

static void test_reader_refuses_what_is_not_utf8(void **state)
{
    static const char *const texts[] = {"\"\xff\"",
                                        "\"\xc0\x80\"",
                                        "\"\xed\xa0\x80\"",
                                        "\"\xf4\x90\x80\x80\"",
                                        "\"\xe2\x82\"",
                                        "\"\xf0\x80\x80\x80\"",
                                        "{\"\xfe\":1}",
                                        "\xff",
                                        "1\xff",
                                        "\"\x80\""};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        refuses(texts[i], AL_EINVAL);
}

static void test_reader_holds_its_bounds(void **state)
{
    char text[2 * JSON_DEPTH_MAX + 3] = {0};
    (void)state;
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    refuses(text, AL_OK);
    memset(text, '[', JSON_DEPTH_MAX + 1);
    memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    refuses(text, AL_ERANGE);
    char *large = malloc(JSON_BYTES_MAX + 1);
    memset(large, ' ', JSON_BYTES_MAX + 1);
    large[0] = '1';
    assert_int_equal(read_bytes((struct slice){large, JSON_BYTES_MAX}), AL_OK);
    assert_int_equal(read_bytes((struct slice){large, JSON_BYTES_MAX + 1}), AL_EFULL);
    free(large);
}

static void test_error_names_the_byte(void **state)
{
    (void)state;
    refuses("{\"a\":1.}", AL_EPARSE);
    assert_string_equal(err_text(), "at byte 5: not a number");
}

static void test_numbers_keep_their_source_text(void **state)
{
    static const char *const numbers[] = {
        "0",
        "-0",
        "1.50",
        "1.0E-7",
        "0E-8",
        "18446744073709551616",
        "1e400",
        "0.1000",
        "1E+2",
        "-12345678901234567890123456789012345678901234567890123456789012345678901234567890.5"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        char text[128];
        struct json_node *node;
        snprintf(text, sizeof text, "[%s]", numbers[i]);
        assert_int_equal(json_read(reader, slice_of(text), &node), AL_OK);
        assert_true(json_is_number(json_at(node, 0)));
        assert_string_equal(json_text(json_at(node, 0)).ptr, numbers[i]);
        assert_int_equal(json_text(json_at(node, 0)).len, strlen(numbers[i]));
        json_put(node);
    }
}

static void test_strings_are_decoded(void **state)
{
    struct json_node *node;
    (void)state;
    const char *text = "\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20ac\\ud83d\\ude00\\u0000z\"";
    assert_int_equal(json_read(reader, slice_of(text), &node), AL_OK);
    assert_true(slice_eq(json_text(node),
                         SLICE("a\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\0z")));
    json_put(node);
}

/* Strings are looked at eight bytes at a time: whatever ends a run of plain bytes is seen at each place of a word. */
static void test_strings_are_decoded_at_every_place(void **state)
{
    static const struct {
        const char *source;
        struct slice decoded; /* empty: refused */
    } pieces[] = {
        {"\\\"", {"\"", 1}},
        {"\\\\", {"\\", 1}},
        {"\\u0000", {"\0", 1}},
        {"\\u00e9", {"\xc3\xa9", 2}},
        {"\xe2\x82\xac", {"\xe2\x82\xac", 3}},
        {"\x7f", {"\x7f", 1}},
        {"\x1f", {"", 0}},
        {"\x80", {"", 0}},
        {"\"", {"", 0}},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        for (int before = 0; before <= 17; before++) {
            char text[64], expected[64];
            struct json_node *node;
            struct slice decoded = pieces[i].decoded;
            snprintf(text, sizeof text, "[\"%.*s%s0123456789\",\"next\"]", before,
                     "abcdefghijklmnopq", pieces[i].source);
            enum al_err err = json_read(reader, slice_of(text), &node);
            if (decoded.len == 0) {
                assert_true(err == AL_EPARSE || err == AL_EINVAL);
                continue;
            }
            assert_int_equal(err, AL_OK);
            memcpy(expected, "abcdefghijklmnopq", (size_t)before);
            memcpy(expected + before, decoded.ptr, decoded.len);
            memcpy(expected + (size_t)before + decoded.len, "0123456789", 11);
            struct slice found = json_text(json_at(node, 0));
            assert_int_equal(found.len, (size_t)before + decoded.len + 10);
            assert_memory_equal(found.ptr, expected, found.len + 1);
            assert_string_equal(json_text(json_at(node, 1)).ptr, "next");
            json_put(node);
        }
    }
}

static void test_last_of_duplicate_keys_counts(void **state)
{
    struct json_node *node;
    struct json_cursor cursor = {0};
    char seen[16] = "";
    double value;
    (void)state;
    assert_int_equal(
        json_read(reader, slice_of("{\"a\":1,\"b\":[2],\"a\":3,\"a\\u0000x\":[4,[5]],\"c\":6}"),
                  &node),
        AL_OK);
    assert_int_equal(json_double(json_get(node, "a"), &value), AL_OK);
    assert_true(value == 3);
    while (json_walk(node, &cursor))
        strcat(seen, cursor.key);
    assert_string_equal(seen, "abac");
    json_put(node);
}

/* More values than the reader expects of a text of that length, simple ones and containers. */
static void test_elements_are_found_by_index_and_by_walking(void **state)
{
    enum { N = 3000 };
    struct buf text = BUF_INIT(64 * 1024);
    struct json_node *node;
    struct json_cursor cursor = {0};
    int64_t value;
    (void)state;
    buf_puts(&text, "{\"simple\":[0");
    for (int i = 1; i < N; i++)
        buf_printf(&text, ",%d", i % 10);
    buf_puts(&text, "],\"mixed\":[[],{\"a\":[1,[2]]},null,3]}");
    assert_int_equal(json_read(reader, buf_slice(&text), &node), AL_OK);
    buf_deinit(&text);
    struct json_node *simple = json_get(node, "simple"), *mixed = json_get(node, "mixed");
    assert_int_equal(json_length(simple), N);
    for (size_t i = 0; json_walk(simple, &cursor); i++) {
        assert_null(cursor.key);
        assert_ptr_equal(cursor.value, json_at(simple, i));
        assert_int_equal(json_i64(cursor.value, &value), AL_OK);
        assert_int_equal(value, i % 10);
    }
    assert_null(json_at(simple, N));
    assert_int_equal(json_length(mixed), 4);
    assert_true(json_is_array(json_at(mixed, 0)));
    assert_int_equal(json_length(json_get(json_at(mixed, 1), "a")), 2);
    assert_null(json_at(mixed, 2));
    assert_string_equal(json_text(json_at(mixed, 3)).ptr, "3");
    json_put(node);
}

static void test_lookups_of_absent_things_give_nothing(void **state)
{
    struct json_node *node;
    (void)state;
    assert_int_equal(
        json_read(reader, slice_of("{\"n\":null,\"l\":[1],\"b\":true,\"s\":\"true\"}"), &node),
        AL_OK);
    assert_null(json_get(node, "x"));
    assert_null(json_get(node, "n"));
    assert_null(json_get(json_get(node, "l"), "x"));
    assert_null(json_get(NULL, "x"));
    assert_null(json_at(json_get(node, "l"), 1));
    assert_null(json_at(node, 0));
    assert_int_equal(json_length(node), 0);
    assert_true(json_is_true(json_get(node, "b")));
    assert_false(json_is_true(json_get(node, "s")));
    json_put(node);
}

static void test_walk_visits_members_in_order(void **state)
{
    struct json_node *node;
    struct json_cursor cursor = {0};
    char seen[16] = "";
    (void)state;
    assert_int_equal(json_read(reader, slice_of("{\"c\":1,\"a\":null,\"b\":3}"), &node), AL_OK);
    while (json_walk(node, &cursor))
        strcat(seen, cursor.key);
    assert_string_equal(seen, "cab");
    assert_false(json_walk(NULL, &(struct json_cursor){0}));
    json_put(node);
}

/* Reads `text` as the only item of an array. */
static enum al_err item(const char *text, double *number, double *lenient, int64_t *whole)
{
    char array[128];
    struct json_node *node;
    snprintf(array, sizeof array, "[%s]", text);
    assert_int_equal(json_read(reader, slice_of(array), &node), AL_OK);
    enum al_err err = AL_OK;
    if (number != NULL)
        err = json_double(json_at(node, 0), number);
    if (lenient != NULL)
        err = json_number_or_text(json_at(node, 0), lenient);
    if (whole != NULL)
        err = json_i64(json_at(node, 0), whole);
    json_put(node);
    return err;
}

static void test_doubles_are_finite_numbers_only(void **state)
{
    double value;
    (void)state;
    assert_int_equal(item("1.5", &value, NULL, NULL), AL_OK);
    assert_true(value == 1.5);
    assert_int_equal(item("1e400", &value, NULL, NULL), AL_EPARSE);
    assert_int_equal(item("\"1.5\"", &value, NULL, NULL), AL_EPARSE);
    assert_int_equal(item("true", &value, NULL, NULL), AL_EPARSE);
    assert_int_equal(item("null", &value, NULL, NULL), AL_EPARSE);
    assert_int_equal(item("\"1.5\"", NULL, &value, NULL), AL_OK);
    assert_int_equal(item("\".5e1\"", NULL, &value, NULL), AL_OK);
    assert_true(value == 5);
    assert_int_equal(item("\"nan\"", NULL, &value, NULL), AL_EPARSE);
    assert_int_equal(item("\"0x10\"", NULL, &value, NULL), AL_EPARSE);
    assert_int_equal(item("\" 1\"", NULL, &value, NULL), AL_EPARSE);
    assert_int_equal(item("\"1\\u0000\"", NULL, &value, NULL), AL_EPARSE);
    assert_int_equal(item("\"1e400\"", NULL, &value, NULL), AL_EPARSE);
    assert_int_equal(item("\"\"", NULL, &value, NULL), AL_EPARSE);
}

static void test_whole_numbers_fit_64_bits(void **state)
{
    int64_t value;
    (void)state;
    assert_int_equal(item("9223372036854775807", NULL, NULL, &value), AL_OK);
    assert_true(value == INT64_MAX);
    assert_int_equal(item("-9223372036854775808", NULL, NULL, &value), AL_OK);
    assert_int_equal(item("9223372036854775808", NULL, NULL, &value), AL_EPARSE);
    assert_int_equal(item("1.5", NULL, NULL, &value), AL_EPARSE);
    assert_int_equal(item("1e3", NULL, NULL, &value), AL_OK);
    assert_true(value == 1000);
    assert_int_equal(item("1e300", NULL, NULL, &value), AL_EPARSE);
}

static void test_digits_in_a_string_are_64_bits(void **state)
{
    static const char *const wrong[] = {"18446744073709551616", "", "-1", "1.0", " 1", "1\\u0000"};
    struct json_node *node;
    uint64_t value = 7;
    char text[160];
    (void)state;
    assert_int_equal(json_read(reader, slice_of("[\"18446744073709551615\",7]"), &node), AL_OK);
    assert_int_equal(json_u64_text(json_at(node, 0), &value), AL_OK);
    assert_true(value == UINT64_MAX);
    assert_int_equal(json_u64_text(json_at(node, 1), &value), AL_EPARSE);
    json_put(node);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        snprintf(text, sizeof text, "[\"%s\"]", wrong[i]);
        assert_int_equal(json_read(reader, slice_of(text), &node), AL_OK);
        assert_int_equal(json_u64_text(json_at(node, 0), &value), AL_EPARSE);
        json_put(node);
    }
    assert_true(value == UINT64_MAX);
}

static void test_strings_become_arrays_of_chars(void **state)
{
    struct json_node *node;
    char out[4] = "zzz";
    (void)state;
    assert_int_equal(json_read(reader, slice_of("[\"a\",\"abc\",\"abcd\",\"a\\u0000\",1]"), &node),
                     AL_OK);
    assert_true(json_chars(json_at(node, 0), out, sizeof out));
    assert_memory_equal(out, "a\0\0", 4);
    assert_true(json_chars(json_at(node, 1), out, sizeof out));
    for (size_t i = 2; i < 5; i++)
        assert_false(json_chars(json_at(node, i), out, sizeof out));
    assert_string_equal(out, "abc");
    json_put(node);
}

static void test_writer_places_commas_and_quotes(void **state)
{
    struct buf out = BUF_INIT(1024);
    struct json_writer w;
    (void)state;
    json_w_init(&w, &out);
    json_w_object(&w);
    json_w_key(&w, "a\"");
    json_w_array(&w);
    json_w_i64(&w, -5);
    json_w_str(&w, NULL);
    json_w_object(&w);
    json_w_end_object(&w);
    json_w_bool(&w, true);
    json_w_end_array(&w);
    json_w_key(&w, "t");
    json_w_time(&w, 1500 * NS_PER_MS);
    json_w_key(&w, "n");
    json_w_time(&w, TIMESTAMP_NONE);
    json_w_key(&w, "r");
    json_w_raw(&w, SLICE("[1]"));
    json_w_key(&w, "s");
    json_w_string(&w, SLICE("\x01\n\xff\xc3\xa9\\"));
    json_w_end_object(&w);
    assert_string_equal(
        buf_str(&out),
        "{\"a\\\"\":[-5,null,{},true],\"t\":\"1970-01-01T00:00:01.500000Z\",\"n\":null,"
        "\"r\":[1],\"s\":\"\\u0001\\n\xef\xbf\xbd\xc3\xa9\\\\\"}");
    assert_int_equal(read_bytes(buf_slice(&out)), AL_OK);
    buf_deinit(&out);
}

static void test_writer_puts_members(void **state)
{
    struct buf out = BUF_INIT(1024);
    struct json_writer w;
    (void)state;
    json_w_init(&w, &out);
    json_w_object(&w);
    json_m_string(&w, "string", SLICE("a\"b"));
    json_m_str(&w, "str", NULL);
    json_m_text(&w, "text", "words");
    json_m_text(&w, "no text", "");
    json_m_double(&w, "double", -0.5);
    json_m_number(&w, "number", 0.25);
    json_m_number(&w, "none", (double)NAN);
    json_m_number(&w, "infinite", -(double)INFINITY);
    json_m_i64(&w, "i64", INT64_MIN);
    json_m_count(&w, "count", INT64_MAX);
    json_m_bool(&w, "bool", true);
    json_m_time(&w, "time", 1500 * NS_PER_MS);
    json_m_time(&w, "never", TIMESTAMP_NONE);
    json_m_raw(&w, "raw", SLICE("[1]"));
    json_w_end_object(&w);
    assert_string_equal(buf_str(&out),
                        "{\"string\":\"a\\\"b\",\"str\":null,\"text\":\"words\",\"no text\":null,"
                        "\"double\":-0.5,\"number\":0.25,\"none\":null,\"infinite\":null,"
                        "\"i64\":-9223372036854775808,\"count\":9223372036854775807,\"bool\":true,"
                        "\"time\":\"1970-01-01T00:00:01.500000Z\",\"never\":null,\"raw\":[1]}");
    assert_int_equal(read_bytes(buf_slice(&out)), AL_OK);
    buf_deinit(&out);
}

static void test_written_doubles_read_back_the_same(void **state)
{
    static const double values[] = {0,
                                    1,
                                    -1.5,
                                    0.1,
                                    1.0 / 3,
                                    1e300,
                                    5e-324,
                                    123456789.123456789,
                                    1e15,
                                    1e16,
                                    1e17,
                                    -2e-7,
                                    0x1.fffffffffffffp1023};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        struct buf out = BUF_INIT(64);
        struct json_writer w;
        double value;
        json_w_init(&w, &out);
        json_w_double(&w, values[i]);
        assert_int_equal(item(buf_str(&out), &value, NULL, NULL), AL_OK);
        assert_true(value == values[i]);
        buf_deinit(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reader_accepts_every_kind_of_value),
        cmocka_unit_test(test_reader_refuses_what_is_not_rfc8259),
        cmocka_unit_test(test_reader_refuses_what_is_not_utf8),
        cmocka_unit_test(test_reader_holds_its_bounds),
        cmocka_unit_test(test_error_names_the_byte),
        cmocka_unit_test(test_numbers_keep_their_source_text),
        cmocka_unit_test(test_strings_are_decoded),
        cmocka_unit_test(test_strings_are_decoded_at_every_place),
        cmocka_unit_test(test_last_of_duplicate_keys_counts),
        cmocka_unit_test(test_elements_are_found_by_index_and_by_walking),
        cmocka_unit_test(test_lookups_of_absent_things_give_nothing),
        cmocka_unit_test(test_walk_visits_members_in_order),
        cmocka_unit_test(test_doubles_are_finite_numbers_only),
        cmocka_unit_test(test_whole_numbers_fit_64_bits),
        cmocka_unit_test(test_digits_in_a_string_are_64_bits),
        cmocka_unit_test(test_strings_become_arrays_of_chars),
        cmocka_unit_test(test_writer_places_commas_and_quotes),
        cmocka_unit_test(test_writer_puts_members),
        cmocka_unit_test(test_written_doubles_read_back_the_same),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
