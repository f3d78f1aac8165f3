#include "harness/check.h"

#include "alphaloop/base/timestamp.h"
#include "alphaloop/settings/cron.h"

static int64_t time_of(const char *text)
{
    int64_t ts_ns;
    check_ok(timestamp_parse(slice_of(text), &ts_ns));
    return ts_ns;
}

static void next(const char *schedule, const char *after, const char *expected)
{
    struct cron cron;
    char text[TIMESTAMP_TEXT_MAX] = "never";
    check_ok(cron_parse(slice_of(schedule), &cron));
    int64_t ts_ns = cron_next_after(&cron, time_of(after));
    if (ts_ns != TIMESTAMP_NONE)
        timestamp_format(ts_ns, text);
    text[16] = '\0'; /* to the minute */
    check_str(text, expected);
}

static void test_words_stand_for_schedules(void **state)
{
    (void)state;
    next("hourly", "2026-01-31T09:30:00Z", "2026-01-31T10:00");
    next("Daily", "2026-01-31T09:30:00Z", "2026-02-01T00:00");
    next(" weekly ", "2026-01-31T09:30:00Z", "2026-02-01T00:00"); /* a Sunday */
    next("weekly", "2026-02-01T00:00:00Z", "2026-02-08T00:00");
}

static void test_next_is_later_than_now(void **state)
{
    (void)state;
    next("30 9 * * *", "2026-01-31T09:29:59.999Z", "2026-01-31T09:30");
    next("30 9 * * *", "2026-01-31T09:30:00Z", "2026-02-01T09:30");
    next("* * * * *", "2026-12-31T23:59:30Z", "2027-01-01T00:00");
}

static void test_fields_take_lists_ranges_steps_and_names(void **state)
{
    (void)state;
    next("*/15 * * * *", "2026-01-31T09:31:00Z", "2026-01-31T09:45");
    next("5,35 8-10/2 * * *", "2026-01-31T08:36:00Z", "2026-01-31T10:05");
    next("0 0 1 Jan,JUL *", "2026-01-31T00:00:00Z", "2026-07-01T00:00");
    next("0 12 * * mon-fri", "2026-01-30T12:00:00Z", "2026-02-02T12:00");
    next("0 12 * * 7", "2026-01-30T12:00:00Z", "2026-02-01T12:00");
    next("0 12 * * 5-7", "2026-01-31T12:00:00Z", "2026-02-01T12:00");
    next("0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00");
    next("0 0 29 2 *", "2096-03-01T00:00:00Z", "2104-02-29T00:00"); /* 2100 has none */
}

static void test_day_or_weekday_when_both_are_given(void **state)
{
    (void)state;
    next("0 0 13 * fri", "2026-02-01T00:00:00Z", "2026-02-06T00:00");
    next("0 0 13 * fri", "2026-05-09T00:00:00Z", "2026-05-13T00:00");
    next("0 0 13 * *", "2026-02-01T00:00:00Z", "2026-02-13T00:00");
}

static void test_impossible_dates_never_come(void **state)
{
    (void)state;
    next("0 0 30 2 *", "2026-01-01T00:00:00Z", "never");
}

static void test_other_texts_are_refused(void **state)
{
    static const char *const texts[] = {"",
                                        " ",
                                        "* * * *",
                                        "* * * * * *",
                                        "60 * * * *",
                                        "* 24 * * *",
                                        "* * 0 * *",
                                        "* * 32 * *",
                                        "* * * 0 *",
                                        "* * * 13 *",
                                        "* * * * 8",
                                        "5-1 * * * *",
                                        "*/0 * * * *",
                                        "*/60 * * * *",
                                        "5/10 * * * *",
                                        "a * * * *",
                                        "1,,2 * * * *",
                                        "1, * * * *",
                                        "-1 * * * *",
                                        "* * * * xyz",
                                        "@daily",
                                        "monthly",
                                        "1-2-3 * * * *",
                                        "99999999999999999999 * * * *",
                                        "hourly daily"};
    struct cron cron;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (cron_parse(slice_of(texts[i]), &cron) != AL_EPARSE)
            fail_msg("'%s' was taken", texts[i]);
    }
    check_err(cron_parse(SLICE("* * * * * x"), &cron), AL_EPARSE);
    check_str(err_text(), "more than five fields");
}

/* Minute by minute for three weeks against the definition of a field list that is easy to write down. */
static void test_next_agrees_with_a_walk_over_minutes(void **state)
{
    struct cron cron;
    int64_t begin = time_of("2026-02-20T00:00:00Z"), expected = 0;
    (void)state;
    check_ok(cron_parse(SLICE("7-59/13 3,17 */5 * tue"), &cron));
    for (int64_t ts_ns = begin + 21 * NS_PER_DAY; ts_ns > begin; ts_ns -= NS_PER_MIN) {
        struct civil_time c;
        if (expected != 0)
            check_i64(cron_next_after(&cron, ts_ns), expected);
        timestamp_to_civil(ts_ns, &c);
        bool minute = c.minute >= 7 && (c.minute - 7) % 13 == 0,
             day = (c.day - 1) % 5 == 0 || c.weekday == 2;
        if (minute && day && (c.hour == 3 || c.hour == 17))
            expected = ts_ns;
    }
    assert_true(expected != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_stand_for_schedules),
        cmocka_unit_test(test_next_is_later_than_now),
        cmocka_unit_test(test_fields_take_lists_ranges_steps_and_names),
        cmocka_unit_test(test_day_or_weekday_when_both_are_given),
        cmocka_unit_test(test_impossible_dates_never_come),
        cmocka_unit_test(test_other_texts_are_refused),
        cmocka_unit_test(test_next_agrees_with_a_walk_over_minutes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
