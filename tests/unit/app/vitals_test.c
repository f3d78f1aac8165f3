#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "../../../src/app/vitals_i.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/observe/metric.h"

#define START_NS  (1000 * NS_PER_S)
#define MINUTE_NS (60 * NS_PER_S)

static int setup(void **state)
{
    struct vitals *vitals;
    metric_reset_all();
    assert_int_equal(vitals_create(&vitals), AL_OK);
    *state = vitals;
    return 0;
}

static int teardown(void **state)
{
    vitals_destroy(*state);
    return 0;
}

static float value_of(const struct vitals *vitals, size_t index, enum admin_trend trend)
{
    struct admin_trend_point point;
    assert_true(vitals_trend(vitals, index, &point));
    return point.values[trend];
}

static size_t count(const struct vitals *vitals)
{
    struct admin_trend_point point;
    size_t n = 0;
    while (vitals_trend(vitals, n, &point))
        n++;
    return n;
}

static void test_a_minute_is_the_difference_of_two_readings(void **state)
{
    struct vitals *vitals = *state;
    metric_add(METRIC_order_events_total, 1000, "new", NULL);
    metric_observe(METRIC_pg_job_seconds, 9, "writer", NULL);
    vitals_run(vitals, START_NS, 5);
    assert_int_equal(count(vitals), 0);
    metric_add(METRIC_order_events_total, 100, "new", NULL);
    metric_add(METRIC_order_events_total, 20, "duplicate", NULL);
    metric_observe(METRIC_pg_job_seconds, 1, "writer", NULL);
    metric_observe(METRIC_pg_job_seconds, 2, "reader", NULL);
    vitals_run(vitals, START_NS + MINUTE_NS - 1, 6);
    assert_int_equal(count(vitals), 0);
    vitals_run(vitals, START_NS + MINUTE_NS, 7);
    assert_int_equal(count(vitals), 1);
    assert_float_equal(value_of(vitals, 0, ADMIN_TREND_order_events_per_second), 2, 1e-6);
    assert_float_equal(value_of(vitals, 0, ADMIN_TREND_database_jobs_per_second), 2.0 / 60, 1e-6);
    assert_float_equal(value_of(vitals, 0, ADMIN_TREND_database_seconds), 1.5, 1e-6);
    assert_float_equal(value_of(vitals, 0, ADMIN_TREND_outbox_pending), 7, 0);
    assert_true(isnan(value_of(vitals, 0, ADMIN_TREND_http_seconds)));
    assert_true(isnan(value_of(vitals, 0, ADMIN_TREND_disk_free_bytes)));
}

static void test_process_and_machine_are_told(void **state)
{
    struct vitals *vitals = *state;
    assert_true(isnan(vitals_now(vitals).cpu_share));
    vitals_set_disk(vitals, 1e9, 4e9);
    vitals_run(vitals, START_NS, 0);
    vitals_run(vitals, START_NS + MINUTE_NS, 0);
    struct admin_vitals now = vitals_now(vitals);
    assert_true(now.cpu_share >= 0 && now.load_1m >= 0);
    assert_true(now.memory_resident_bytes > 0 &&
                now.memory_resident_bytes < now.memory_total_bytes);
    assert_true(now.memory_available_bytes > 0 &&
                now.memory_available_bytes <= now.memory_total_bytes);
    assert_float_equal(value_of(vitals, 0, ADMIN_TREND_disk_free_bytes), 1e9, 0);
}

static void test_a_clock_set_back_costs_one_minute(void **state)
{
    struct vitals *vitals = *state;
    vitals_run(vitals, START_NS, 0);
    vitals_run(vitals, START_NS - 10 * MINUTE_NS, 0);
    assert_int_equal(count(vitals), 0);
    vitals_run(vitals, START_NS - 9 * MINUTE_NS, 0);
    assert_int_equal(count(vitals), 1);
}

static void test_a_week_is_kept(void **state)
{
    struct vitals *vitals = *state;
    struct admin_trend_point point;
    size_t n = ADMIN_TREND_HOURS_MAX * 60;
    for (size_t i = 0; i <= n + 3; i++)
        vitals_run(vitals, START_NS + (int64_t)i * MINUTE_NS, i);
    assert_int_equal(count(vitals), n);
    assert_true(vitals_trend(vitals, 0, &point));
    assert_int_equal(point.at_ns, START_NS + 4 * MINUTE_NS);
    assert_float_equal(value_of(vitals, n - 1, ADMIN_TREND_outbox_pending), (float)(n + 3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_minute_is_the_difference_of_two_readings, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_process_and_machine_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_clock_set_back_costs_one_minute, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_week_is_kept, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
