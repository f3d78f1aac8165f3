#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "alphaloop/observe/metric.h"

static struct buf text;

static int setup(void **state)
{
    (void)state;
    metric_reset_all();
    text = BUF_INIT(1024 * 1024);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_deinit(&text);
    metric_reset_all();
    return 0;
}

static void assert_has(const char *line)
{
    if (strstr(buf_str(&text), line) == NULL)
        fail_msg("no '%s' in\n%s", line, buf_str(&text));
}

static void test_counter_adds_per_label(void **state)
{
    (void)state;
    metric_touch(METRIC_log_lines_total, "info", NULL);
    metric_add(METRIC_log_lines_total, 2, "warn", NULL);
    metric_add(METRIC_log_lines_total, 1, "warn", NULL);
    metric_expose(&text);
    assert_has("# TYPE alphaloop_log_lines_total counter\n"
               "alphaloop_log_lines_total{level=\"info\"} 0\n"
               "alphaloop_log_lines_total{level=\"warn\"} 3\n");
    assert_true(metric_value(METRIC_log_lines_total, "error", NULL) == 0);
}

static void test_two_labels_are_told_apart(void **state)
{
    (void)state;
    metric_add(METRIC_refusals_total, 1, "limit", "cooldown");
    metric_add(METRIC_refusals_total, 2, "limit", "open_order");
    assert_true(metric_value(METRIC_refusals_total, "limit", "cooldown") == 1);
    metric_expose(&text);
    assert_has("alphaloop_refusals_total{step=\"limit\",reason=\"open_order\"} 2\n");
}

static void test_label_values_are_escaped(void **state)
{
    (void)state;
    metric_set(METRIC_build_info, 1, "a\"b\\c\nd", NULL);
    metric_expose(&text);
    assert_has("alphaloop_build_info{version=\"a\\\"b\\\\c\\nd\"} 1\n");
}

static void test_gauges_may_be_odd_numbers(void **state)
{
    (void)state;
    metric_set(METRIC_build_info, NAN, "a", NULL);
    metric_set(METRIC_build_info, -INFINITY, "b", NULL);
    metric_set(METRIC_build_info, 0.25, "c", NULL);
    metric_expose(&text);
    assert_has("{version=\"a\"} NaN\n");
    assert_has("{version=\"b\"} -Inf\n");
    assert_has("{version=\"c\"} 0.25\n");
}

static void test_histogram_buckets_are_cumulative(void **state)
{
    (void)state;
    metric_observe(METRIC_loop_lag_seconds, 0.001, NULL, NULL);
    metric_observe(METRIC_loop_lag_seconds, 0.0011, NULL, NULL);
    metric_observe(METRIC_loop_lag_seconds, 9999, NULL, NULL);
    metric_expose(&text);
    assert_has("alphaloop_loop_lag_seconds_bucket{le=\"0.0005\"} 0\n");
    assert_has("alphaloop_loop_lag_seconds_bucket{le=\"0.001\"} 1\n");
    assert_has("alphaloop_loop_lag_seconds_bucket{le=\"0.002\"} 2\n");
    assert_has("alphaloop_loop_lag_seconds_bucket{le=\"1800\"} 2\n");
    assert_has("alphaloop_loop_lag_seconds_bucket{le=\"+Inf\"} 3\n");
    assert_has("alphaloop_loop_lag_seconds_count 3\n");
    assert_has("alphaloop_loop_lag_seconds_sum 9999.0021\n");
    assert_true(metric_value(METRIC_loop_lag_seconds, NULL, NULL) == 3);
}

static void test_quantile_lies_inside_its_bucket(void **state)
{
    (void)state;
    assert_true(isnan(metric_quantile(METRIC_loop_lag_seconds, 0.5, NULL, NULL)));
    for (int i = 0; i < 100; i++)
        metric_observe(METRIC_loop_lag_seconds, 0.02, NULL, NULL); /* in (0.01, 0.025] */
    assert_true(fabs(metric_quantile(METRIC_loop_lag_seconds, 0.5, NULL, NULL) - 0.0175) < 1e-12);
    assert_true(metric_quantile(METRIC_loop_lag_seconds, 1, NULL, NULL) == 0.025);
    metric_observe(METRIC_loop_lag_seconds, 5000, NULL, NULL);
    assert_true(metric_quantile(METRIC_loop_lag_seconds, 1, NULL, NULL) == 1800);
}

static void test_series_past_the_bound_are_folded(void **state)
{
    char name[16];
    (void)state;
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "v%d", i);
        metric_add(METRIC_log_lines_total, 1, name, NULL);
    }
    assert_true(metric_value(METRIC_log_lines_total, "v254", NULL) == 1);
    assert_true(metric_value(METRIC_log_lines_total, "v255", NULL) == 0);
    assert_true(metric_value(METRIC_log_lines_total, "other", NULL) == 45);
}

static void test_every_row_is_exposed_with_its_help(void **state)
{
    static const struct {
        const char *kind, *name, *labels, *help;
    } rows[] = {
#define METRIC(kind, name, labels, help) {#kind, #name, labels, help},
#include "alphaloop/tbl/metrics.def"
#undef METRIC
    };
    (void)state;
    metric_expose(&text);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char line[256];
        snprintf(line, sizeof line, "# TYPE alphaloop_%s %s\n", rows[i].name, rows[i].kind);
        assert_has(line);
        size_t len = strlen(rows[i].name);
        bool total = len > 6 && strcmp(rows[i].name + len - 6, "_total") == 0;
        if ((strcmp(rows[i].kind, "counter") == 0) != total)
            fail_msg("%s: counters, and only they, end in _total", rows[i].name);
        if (strlen(rows[i].help) < 10)
            fail_msg("%s has no help", rows[i].name);
        if (rows[i].labels[0] == '\0' && strcmp(rows[i].kind, "histogram") != 0) {
            snprintf(line, sizeof line, "\nalphaloop_%s 0\n", rows[i].name);
            assert_has(line);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_counter_adds_per_label),           TEST(test_two_labels_are_told_apart),
        TEST(test_label_values_are_escaped),         TEST(test_gauges_may_be_odd_numbers),
        TEST(test_histogram_buckets_are_cumulative), TEST(test_quantile_lies_inside_its_bucket),
        TEST(test_series_past_the_bound_are_folded), TEST(test_every_row_is_exposed_with_its_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
