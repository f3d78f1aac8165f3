#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "alphaloop/base/timestamp.h"

static void round_trip(const char *text, const char *expected)
{
    int64_t ts_ns;
    char out[TIMESTAMP_TEXT_MAX];
    if (timestamp_parse(slice_of(text), &ts_ns) != AL_OK)
        fail_msg("'%s' did not parse", text);
    timestamp_format(ts_ns, out);
    assert_string_equal(out, expected);
}

static void test_parse_reads_the_forms_of_the_contract(void **state)
{
    (void)state;
    round_trip("2026-01-31T09:30:00", "2026-01-31T09:30:00.000000Z");
    round_trip("2026-01-31 09:30:00.5", "2026-01-31T09:30:00.500000Z");
    round_trip("2026-01-31T09:30:00.123456789Z", "2026-01-31T09:30:00.123456Z");
    round_trip("2026-01-31T09:30:00+05:30", "2026-01-31T04:00:00.000000Z");
    round_trip("2026-01-31T23:30:00-01:00", "2026-02-01T00:30:00.000000Z");
    round_trip("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000000Z");
    round_trip("1970-01-01T00:00:00+01:00", "1969-12-31T23:00:00.000000Z");
    round_trip("2261-12-31T23:59:59.999999999Z", "2261-12-31T23:59:59.999999Z");
}

static void test_parse_refuses_other_forms(void **state)
{
    static const char *const texts[] = {"",
                                        "2026-01-31",
                                        "2026-01-31T09:30",
                                        "2026-1-31T09:30:00",
                                        "2026-01-31t09:30:00",
                                        "2026-01-31T09:30:00z",
                                        "2026-02-29T00:00:00",
                                        "2026-13-01T00:00:00",
                                        "2026-00-01T00:00:00",
                                        "2026-01-00T00:00:00",
                                        "2026-04-31T00:00:00",
                                        "2026-01-31T24:00:00",
                                        "2026-01-31T09:60:00",
                                        "2026-01-31T09:30:60",
                                        "2026-01-31T09:30:00.",
                                        "2026-01-31T09:30:00.1234567890",
                                        "2026-01-31T09:30:00+0530",
                                        "2026-01-31T09:30:00+24:00",
                                        "2026-01-31T09:30:00+05:60",
                                        "2026-01-31T09:30:00ZZ",
                                        "2026-01-31T09:30:00 Z",
                                        " 2026-01-31T09:30:00",
                                        "1969-12-31T23:59:59",
                                        "2262-01-01T00:00:00",
                                        "1900-02-29T00:00:00",
                                        "2026-01-31T-1:30:00",
                                        "2026-01-31T09:30:00,5",
                                        "1769851800"};
    int64_t ts_ns;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (timestamp_parse(slice_of(texts[i]), &ts_ns) != AL_EPARSE)
            fail_msg("'%s' parsed", texts[i]);
    }
}

static void test_known_instants(void **state)
{
    int64_t ts_ns;
    (void)state;
    assert_int_equal(timestamp_parse(SLICE("2001-09-09T01:46:40.000000001Z"), &ts_ns), AL_OK);
    assert_true(ts_ns == 1000000000LL * NS_PER_S + 1);
    assert_int_equal(timestamp_parse(SLICE("2038-01-19T03:14:08Z"), &ts_ns), AL_OK);
    assert_true(ts_ns == 2147483648LL * NS_PER_S);
}

static void test_civil_time_knows_the_weekday(void **state)
{
    struct civil_time civil;
    (void)state;
    timestamp_to_civil(0, &civil);
    assert_int_equal(civil.weekday, 4);
    timestamp_to_civil(-1, &civil);
    assert_int_equal(civil.weekday, 3);
    assert_int_equal(civil.year, 1969);
    assert_int_equal(civil.ns, NS_PER_S - 1);
    timestamp_to_civil(1709164800LL * NS_PER_S, &civil); /* 2024-02-29, a Thursday */
    assert_int_equal(civil.weekday, 4);
    assert_int_equal(civil.month, 2);
    assert_int_equal(civil.day, 29);
}

static void test_every_day_survives_the_calendar(void **state)
{
    struct civil_time civil, before = {0};
    (void)state;
    for (int64_t day = -1000; day < 106000; day++) {
        timestamp_to_civil(day * NS_PER_DAY, &civil);
        assert_true(timestamp_from_civil(&civil) == day * NS_PER_DAY);
        assert_true(day == -1000 || civil.day == before.day + 1 || civil.day == 1);
        before = civil;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_reads_the_forms_of_the_contract),
        cmocka_unit_test(test_parse_refuses_other_forms),
        cmocka_unit_test(test_known_instants),
        cmocka_unit_test(test_civil_time_knows_the_weekday),
        cmocka_unit_test(test_every_day_survives_the_calendar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
