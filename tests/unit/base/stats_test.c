#include "harness/check.h"

#include "alphaloop/base/stats.h"

/* Tables: Abramowitz and Stegun 26.10 and 26.5 (t), and well-known points of the normal. */
static void test_normal_quantiles(void **state)
{
    (void)state;
    check_near(stats_normal_upper(0.5), 0, 1e-12);
    check_near(stats_normal_upper(0.05), 1.6448536269514722, 1e-12);
    check_near(stats_normal_upper(0.025), 1.959963984540054, 1e-12);
    check_near(stats_normal_upper(0.001), 3.090232306167813, 1e-11);
    check_near(stats_normal_upper(1e-9), 5.997807015007773, 1e-9);
}

/* The same points from the other side, and one far out in a tail. */
static void test_normal_distribution(void **state)
{
    (void)state;
    check_near(stats_normal_cdf(0), 0.5, 1e-15);
    check_near(stats_normal_cdf(1.6448536269514722), 0.95, 1e-15);
    check_near(stats_normal_cdf(-1.959963984540054), 0.025, 1e-15);
    check_near(stats_normal_cdf(-5.997807015007773) / 1e-9, 1, 1e-9);
    check_near(stats_normal_cdf(40), 1, 0);
}

static void test_student_quantiles(void **state)
{
    (void)state;
    check_near(stats_student_upper(0.05, 10), 1.812461, 2e-4);
    check_near(stats_student_upper(0.05, 19), 1.729133, 2e-5);
    check_near(stats_student_upper(0.025, 30), 2.042272, 2e-5);
    check_near(stats_student_upper(0.001, 20), 3.551808, 2e-3);
    check_near(stats_student_upper(0.01, 1e9), 2.326348, 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normal_quantiles),
        cmocka_unit_test(test_normal_distribution),
        cmocka_unit_test(test_student_quantiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
