/* Rows of bars: columns by name against their own formulas, gaps, outcomes by time, and that nothing later is in a row. */
#include "harness/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/forecast/rows.h"
#include "harness/bars.h"

#define N_BARS 1500

static struct candle bars[N_BARS];
static struct feature_set *set;
static const struct asset asset = {"BTCUSDT"};

static struct forecast_rows rows_of(const struct candle *candles, size_t n)
{
    struct forecast_rows rows;
    check_ok(forecast_rows_make(set, &asset, NS_PER_H, candles, n, &rows));
    return rows;
}

static double value(const struct forecast_rows *rows, size_t row, const char *column)
{
    size_t k = feature_set_find(set, slice_of(column));
    assert_true(k != SIZE_MAX);
    return (double)rows->x[row * rows->n_cols + k];
}

static void test_columns_are_the_lags_means_and_differences(void **state)
{
    (void)state;
    struct forecast_rows rows = rows_of(bars, N_BARS);
    size_t i = N_BARS - 1;
    static const size_t lags[] = {1, 2, 24, 48, 168}, means[] = {10, 24, 168};
    for (size_t k = 0; k < COUNT_OF(lags); k++) {
        char name[40];
        snprintf(name, sizeof name, "return_%zu", lags[k]);
        check_near(value(&rows, i, name), log(bars[i].close / bars[i - lags[k]].close), 1e-7);
    }
    for (size_t k = 0; k < COUNT_OF(means); k++) {
        char name[40];
        double sum = 0;
        snprintf(name, sizeof name, "sma_distance_%zu", means[k]);
        for (size_t back = 0; back < means[k]; back++)
            sum += bars[i - back].close;
        check_near(value(&rows, i, name), bars[i].close / (sum / (double)means[k]) - 1, 1e-6);
    }
    assert_true(isfinite(value(&rows, i, "momentum_1")));
    assert_true(isfinite(value(&rows, i, "momentum_24")));
    check_i64((int64_t)rows.ts_ns[i], bars[i].ts_open_ns + NS_PER_H);
    assert_true(rows.sigma[i] > 0);
    forecast_rows_deinit(&rows);
}

static void test_a_window_over_a_gap_is_missing_until_it_lies_behind_it(void **state)
{
    (void)state;
    static struct candle gappy[N_BARS];
    size_t gap = 1000;
    memcpy(gappy, bars, sizeof gappy);
    memmove(gappy + gap, gappy + gap + 3, (N_BARS - gap - 3) * sizeof *gappy);
    struct forecast_rows rows = rows_of(gappy, N_BARS - 3);
    check_i64((int64_t)rows.n_gaps, 1);
    assert_true(isfinite(value(&rows, gap - 1, "return_24")));
    for (size_t i = gap; i < gap + 24; i++)
        assert_true(isnan(value(&rows, i, "return_24")));
    check_near(value(&rows, gap + 24, "return_24"), log(gappy[gap + 24].close / gappy[gap].close),
               1e-7);
    assert_true(isnan(value(&rows, gap, "return_1")));
    assert_true(isfinite(value(&rows, gap + 1, "return_1")));
    forecast_rows_deinit(&rows);
}

static void test_an_outcome_is_found_by_time(void **state)
{
    (void)state;
    static struct candle gappy[N_BARS];
    static float y[N_BARS];
    memcpy(gappy, bars, sizeof gappy);
    memmove(gappy + 1000, gappy + 1001, (N_BARS - 1001) * sizeof *gappy);
    struct forecast_rows rows = rows_of(gappy, N_BARS - 1);
    forecast_rows_outcomes(&rows, 24 * NS_PER_H, y);
    check_near((double)y[900], log(bars[924].close / bars[900].close), 1e-6);
    assert_true(isnan(y[1000 - 24])); /* its outcome is the bar that is missing */
    /* Beyond the gap rows are one further than bars. */
    check_near((double)y[1000 - 23], log(bars[1001].close / bars[977].close), 1e-6);
    check_near((double)y[1100], log(bars[1125].close / bars[1101].close), 1e-6);
    for (size_t i = N_BARS - 1 - 24; i < N_BARS - 1; i++)
        assert_true(isnan(y[i]));
    forecast_rows_deinit(&rows);
}

static void test_nothing_later_is_in_a_row(void **state)
{
    (void)state;
    static struct candle poisoned[N_BARS];
    struct forecast_rows rows = rows_of(bars, N_BARS);
    for (size_t row = 700; row < N_BARS - 1; row += 137) {
        memcpy(poisoned, bars, sizeof poisoned);
        for (size_t i = row + 1; i < N_BARS; i++) {
            poisoned[i].open = poisoned[i].high = poisoned[i].low = poisoned[i].close = 1e6;
            poisoned[i].volume = 1e9;
        }
        struct forecast_rows other = rows_of(poisoned, N_BARS);
        assert_memory_equal(other.x + row * rows.n_cols, rows.x + row * rows.n_cols,
                            rows.n_cols * sizeof *rows.x);
        assert_memory_equal(&other.sigma[row], &rows.sigma[row], sizeof *rows.sigma);
        forecast_rows_deinit(&other);
    }
    forecast_rows_deinit(&rows);
}

/* What serves reads only so many bars: its row is the one of all history. */
static void test_the_bars_wanted_are_enough(void **state)
{
    (void)state;
    size_t wanted = forecast_rows_wanted(set, NS_PER_H, 0);
    assert_true(wanted < N_BARS);
    struct forecast_rows all = rows_of(bars, N_BARS);
    struct forecast_rows few = rows_of(bars + N_BARS - wanted, wanted);
    for (size_t k = 0; k < all.n_cols; k++) {
        double a = (double)all.x[(all.n_rows - 1) * all.n_cols + k];
        check_near((double)few.x[(few.n_rows - 1) * few.n_cols + k], a, 1e-6 * (1 + fabs(a)));
    }
    check_near((double)few.sigma[few.n_rows - 1], (double)all.sigma[all.n_rows - 1], 1e-8);
    forecast_rows_deinit(&all);
    forecast_rows_deinit(&few);
}

static void test_columns_of_trades_are_refused(void **state)
{
    (void)state;
    struct feature_set *other = calloc(1, sizeof *other);
    struct slice name = SLICE("trade_flow_10s");
    struct forecast_rows rows;
    check_ok(feature_set_resolve(&name, 1, NS_PER_H, other));
    check_err(forecast_rows_make(other, &asset, NS_PER_H, bars, 10, &rows), AL_EINVAL);
    free(other);
}

static int setup(void **state)
{
    struct slice names[FEATURES_MAX];
    (void)state;
    size_t n = forecast_default_features(names);
    set = calloc(1, sizeof *set);
    check_ok(feature_set_resolve(names, n, NS_PER_H, set));
    bars_make(bars, N_BARS, 0, 0.005, 3);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(set);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns_are_the_lags_means_and_differences),
        cmocka_unit_test(test_a_window_over_a_gap_is_missing_until_it_lies_behind_it),
        cmocka_unit_test(test_an_outcome_is_found_by_time),
        cmocka_unit_test(test_nothing_later_is_in_a_row),
        cmocka_unit_test(test_the_bars_wanted_are_enough),
        cmocka_unit_test(test_columns_of_trades_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
