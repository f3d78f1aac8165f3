#include "harness/check.h"

#include <stdio.h>
#include <string.h>

#include "alphaloop/history/posted.h"

#define H NS_PER_H

static const int64_t NOON = 1767268800 * NS_PER_S; /* 2026-01-01T12:00:00Z */
static struct candle candles[64];
static struct posted_problem problems[POSTED_PROBLEMS_MAX];

static size_t read_text(const char *text)
{
    struct json_reader *reader = json_reader_create(1 << 16, 8);
    struct json_node *array;
    check_ok(json_read(reader, slice_of(text), &array));
    size_t n = posted_candles_read(array, H, NOON + 24 * H, candles, problems);
    json_put(array);
    json_reader_destroy(reader);
    return n;
}

#define REST "\"open\":1,\"high\":3,\"low\":0.5,\"close\":2"

static void test_candles_are_read(void **state)
{
    (void)state;
    assert_int_equal(read_text("[{\"timestamp\":\"2026-01-01T12:00:00Z\"," REST ",\"volume\":7},"
                               "{\"timestamp\":\"2026-01-01T14:00:00\"," REST
                               ",\"volume\":null,\"more\":[]},"
                               "{\"timestamp\":\"2026-01-01T16:00:00+01:00\"," REST "}]"),
                     0);
    for (int64_t i = 0; i < 3; i++) {
        const struct candle *c = &candles[i];
        static const int64_t hours[] = {0, 2, 3};
        check_i64(c->ts_open_ns, NOON + hours[i] * H);
        check_i64(c->interval_ns, H);
        check_near(c->open, 1, 0);
        check_near(c->high, 3, 0);
        check_near(c->low, 0.5, 0);
        check_near(c->close, 2, 0);
        check_near(c->volume, i == 0 ? 7 : (double)NAN, 0);
    }
}

static void test_each_field_is_checked(void **state)
{
    static const struct {
        const char *item, *field, *text;
    } rows[] = {
        {"7", "", "an object"},
        {"{" REST "}", "timestamp", "is required"},
        {"{\"timestamp\":5," REST "}", "timestamp", "must be a time"},
        {"{\"timestamp\":\"soon\"," REST "}", "timestamp", "must be a time"},
        {"{\"timestamp\":\"2026-01-01T13:00:00.0000001Z\"," REST "}", "timestamp", "microseconds"},
        {"{\"timestamp\":\"2026-01-02T11:00:01Z\"," REST "}", "timestamp", "is not over"},
        {"{\"timestamp\":\"2026-01-01T12:00:00Z\"," REST "}", "timestamp", "later than"},
        {"{\"timestamp\":\"2026-01-01T11:00:00Z\"," REST "}", "timestamp", "later than"},
        {"{\"timestamp\":\"2026-01-01T13:30:00Z\"," REST "}", "timestamp", "whole number"},
        {"{\"timestamp\":\"2026-01-01T13:00:00Z\",\"high\":3,\"low\":1,\"close\":2}", "open",
         "is required"},
        {"{\"timestamp\":\"2026-01-01T13:00:00Z\"," REST ",\"close\":\"2\"}", "close", "a number"},
        {"{\"timestamp\":\"2026-01-01T13:00:00Z\"," REST ",\"low\":0}", "low", "above 0"},
        {"{\"timestamp\":\"2026-01-01T13:00:00Z\"," REST ",\"high\":1e300}", "high", "1e15"},
        {"{\"timestamp\":\"2026-01-01T13:00:00Z\"," REST ",\"high\":1.5}", "high", "below"},
        {"{\"timestamp\":\"2026-01-01T13:00:00Z\"," REST ",\"low\":1.5}", "low", "above open"},
        {"{\"timestamp\":\"2026-01-01T13:00:00Z\"," REST ",\"volume\":-1}", "volume", "at least 0"},
        {"{\"timestamp\":\"2026-01-01T13:00:00Z\"," REST ",\"volume\":\"\"}", "volume", "or null"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[512];
        snprintf(text, sizeof(text), "[{\"timestamp\":\"2026-01-01T12:00:00Z\"," REST "},%s]",
                 rows[i].item);
        assert_int_equal(read_text(text), 1);
        assert_int_equal(problems[0].index, 1);
        check_str(problems[0].field, rows[i].field);
        check_has(problems[0].text, rows[i].text);
    }
}

static void test_all_problems_come_at_once_up_to_a_bound(void **state)
{
    char text[4096] = "[{\"timestamp\":1,\"open\":0,\"high\":null,\"low\":\"x\"}";
    (void)state;
    strcat(text, "]");
    assert_int_equal(read_text(text), 5);
    static const char *const fields[] = {"timestamp", "open", "high", "low", "close"};
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        check_str(problems[i].field, fields[i]);
    strcpy(text, "[0");
    for (size_t i = 0; i < 40; i++)
        strcat(text, ",{}");
    strcat(text, "]");
    assert_int_equal(read_text(text), POSTED_PROBLEMS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_candles_are_read),
        cmocka_unit_test(test_each_field_is_checked),
        cmocka_unit_test(test_all_problems_come_at_once_up_to_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
