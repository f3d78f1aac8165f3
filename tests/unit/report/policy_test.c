/* Measures of a policy against numbers worked out by hand, and its intervals against the textbook's for independent numbers. */
#include "harness/check.h"

#include <math.h>
#include <string.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/report/policy.h"

static struct report_measures measure(const double *u, const bool *traded, size_t n, double years)
{
    struct report_measures m;
    const struct policy_series series = {
        .u = u, .traded = traded, .n = n, .span = 1, .years = years, .base_rate = 0.4};
    check_ok(policy_measure(&series, 1, &m));
    return m;
}

/* Sum 0.03 of 6, trades 0.02 -0.01 0.04 -0.02: deviations from 0.005 squared sum to 0.00235; downside squares to 0.0005. */
static void test_policy_by_hand(void **state)
{
    static const double u[] = {0.02, 0, -0.01, 0.04, -0.02, 0};
    static const bool traded[] = {true, false, true, true, true, false};
    struct report_measures m = measure(u, traded, 6, 0.5);
    (void)state;
    check_near(m.decisions.value, 6, 0);
    check_near(m.trades.value, 4, 0);
    check_near(m.net_per_decision.value, 0.005, 1e-15);
    check_near(m.net_per_trade.value, 0.0075, 1e-15);
    check_near(m.total_return.value, 0.03, 1e-15);
    check_near(m.hit_rate.value, 0.5, 1e-15);
    check_near(m.base_rate.value, 0.4, 0);
    check_near(m.turnover.value, 4.0 / 6, 1e-15);
    check_near(m.sharpe.value, 0.005 / sqrt(0.00235 / 5), 1e-12);
    check_near(m.sharpe_annual.value, 0.005 / sqrt(0.00235 / 5) * sqrt(12), 1e-12);
    check_near(m.sortino.value, 0.005 / sqrt(0.0005 / 6), 1e-12);
    check_near(m.max_drawdown.value, 0.02, 1e-15); /* from 0.05 to 0.03 */
    check_near(m.calmar.value, 1.5, 1e-12);
    check_near(m.profit_factor.value, 2, 1e-12);
}

static void test_policy_without_decisions_knows_nothing(void **state)
{
    struct report_measures m = measure(NULL, NULL, 0, 0);
    (void)state;
    check_near(m.decisions.value, 0, 0);
    assert_true(isnan(m.net_per_decision.value) && isnan(m.sharpe.value));
}

static void test_policy_that_stays_flat(void **state)
{
    static const double u[40] = {0};
    static const bool traded[40] = {0};
    struct report_measures m = measure(u, traded, 40, 1);
    (void)state;
    check_near(m.net_per_decision.value, 0, 0);
    check_near(m.net_per_decision.low, 0, 0);
    check_near(m.net_per_decision.high, 0, 0);
    assert_false(signbit(m.net_per_decision.high));
    assert_true(isnan(m.hit_rate.value) && isnan(m.net_per_trade.value));
}

/* Independent numbers: the interval is about mean -+ 1.96 s / sqrt(n). Blocks and Student's caution widen it a little. */
static void test_mean_interval_of_independent_numbers(void **state)
{
    enum { N = 2000 };
    static double x[N], mirrored[N];
    struct report_value v, other;
    struct rng rng;
    double sum = 0, squares = 0;
    (void)state;
    rng_seed(&rng, 4);
    for (size_t i = 0; i < N; i++) {
        x[i] = 0.3 + rng_normal(&rng);
        mirrored[i] = -x[i];
        sum += x[i];
        squares += x[i] * x[i];
    }
    double mean = sum / N, half = 1.96 * sqrt((squares / N - mean * mean) / N);
    check_ok(report_mean(x, N, 1, 9, &v));
    check_near(v.value, mean, 1e-12);
    check_near((mean - v.low) / half, 1, 0.2);
    check_near((v.high - mean) / half, 1, 0.2);
    check_ok(report_mean(mirrored, N, 1, 9, &other));
    check_near(other.low, -v.high, 1e-12);
    check_near(other.high, -v.low, 1e-12);
}

/* Every number twenty times: a twentieth as many are independent, so the interval is wider by about the root of twenty. */
static void test_mean_interval_of_dependent_numbers(void **state)
{
    enum { RUN = 20, N = 2000 * RUN };
    static double x[N];
    struct report_value v;
    struct rng rng;
    double now = 0;
    (void)state;
    rng_seed(&rng, 5);
    for (size_t i = 0; i < N; i++) {
        now = i % RUN == 0 ? rng_normal(&rng) : now;
        x[i] = now;
    }
    check_ok(report_mean(x, N, RUN, 9, &v));
    check_near((v.high - v.low) / (2 * 1.96 / sqrt(2000)), 1, 0.25);
}

static void test_every_measure_is_explained(void **state)
{
    (void)state;
    assert_true(report_measure_count() > 0);
    for (size_t i = 0; i < report_measure_count(); i++) {
        const struct report_measure_row *row = report_measure_at(i);
        assert_true(strlen(row->help) > 20 && row->help[strlen(row->help) - 1] == '.');
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(row->name, report_measure_at(k)->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policy_by_hand),
        cmocka_unit_test(test_policy_without_decisions_knows_nothing),
        cmocka_unit_test(test_policy_that_stays_flat),
        cmocka_unit_test(test_mean_interval_of_independent_numbers),
        cmocka_unit_test(test_mean_interval_of_dependent_numbers),
        cmocka_unit_test(test_every_measure_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
