/* Forecasts of the return: numbers worked out by hand, and intervals against a bootstrap of the whole statistic. */
#include "harness/check.h"

#include <math.h>
#include <stdlib.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/report/returns.h"

static struct return_measures measure(const float *f, const float *y, size_t n, double scale)
{
    struct return_measures m;
    const struct return_series series = {.f = f, .y = y, .n = n, .span = 1, .scale = scale};
    check_ok(return_measure(&series, 1, &m));
    check_i64((int64_t)m.n, (int64_t)n);
    return m;
}

/* Errors 1 1 0 -2, returns 2 -1 3 -2 (per cent): mean absolute 1 and 2, mean square 1.5 and 4.5. Ranks of the forecasts
 * 3 1 4 2, of the returns 3 2 4 1: 1 - 6 (0 + 1 + 0 + 1) / (4 (16 - 1)). */
static void test_returns_by_hand(void **state)
{
    static const float f[] = {0.01F, -0.02F, 0.03F, 0}, y[] = {0.02F, -0.01F, 0.03F, -0.02F};
    struct return_measures m = measure(f, y, 4, 0.01);
    (void)state;
    check_near(m.mase.value, 1, 1e-6);
    check_near(m.mase_of_naive.value, 2, 1e-6);
    check_near(m.mae_skill.value, 0.5, 1e-6);
    check_near(m.r2_out_of_sample.value, 2.0 / 3, 1e-6);
    check_near(m.rmse_ratio.value, sqrt(1.0 / 3), 1e-6);
    check_near(m.rank_ic.value, 0.8, 1e-9);
}

static void test_saying_nothing_is_the_naive_forecast(void **state)
{
    static const float f[] = {0, 0, 0}, y[] = {0.02F, -0.01F, 0.03F};
    struct return_measures m = measure(f, y, 3, 0.04);
    (void)state;
    check_near(m.mase.value, m.mase_of_naive.value, 0);
    check_near(m.mase.value, 0.5, 1e-6);
    check_near(m.mae_skill.value, 0, 0);
    check_near(m.r2_out_of_sample.high, 0, 0);
    check_near(m.rmse_ratio.low, 1, 0);
    assert_true(isnan(m.rank_ic.value));
}

static void test_what_is_not_known(void **state)
{
    static const float f[] = {1, -1}, y[] = {0, 0};
    struct return_measures none = measure(NULL, NULL, 0, 1), still = measure(f, y, 2, NAN);
    (void)state;
    for (size_t i = 0; i < return_measure_count(); i++) {
        assert_true(isnan(return_measure_value(&none, i).value));
        assert_true(isnan(return_measure_value(&still, i).value));
        assert_non_null(return_measure_at(i)->help);
    }
}

/* ---- the second opinion on intervals: the statistic itself, of rows drawn again ---- */

enum { N = 300, DRAWS = 400 };

static double plain_r2(const float *f, const float *y)
{
    double a = 0, b = 0;
    for (size_t i = 0; i < N; i++) {
        a += pow((double)y[i] - (double)f[i], 2);
        b += pow((double)y[i], 2);
    }
    return 1 - a / b;
}

static double plain_mae_skill(const float *f, const float *y)
{
    double a = 0, b = 0;
    for (size_t i = 0; i < N; i++) {
        a += fabs((double)y[i] - (double)f[i]);
        b += fabs((double)y[i]);
    }
    return 1 - a / b;
}

static double plain_rank(const float *x, size_t i)
{
    double rank = 0;
    for (size_t k = 0; k < N; k++)
        rank += x[k] < x[i] ? 1 : x[k] == x[i] ? 0.5 : 0;
    return rank;
}

static double plain_rank_ic(const float *f, const float *y)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < N; i++) {
        double a = plain_rank(f, i) - N / 2.0, b = plain_rank(y, i) - N / 2.0;
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    return ab / sqrt(aa * bb);
}

static int double_cmp(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Low and high of the 95 % interval of `statistic` lie within a fifth of its width of ours. */
static void check_interval(struct report_value ours,
                           const float *f,
                           const float *y,
                           double (*statistic)(const float *f, const float *y))
{
    static double found[DRAWS];
    float drawn_f[N], drawn_y[N];
    struct rng rng;
    rng_seed(&rng, 11);
    for (size_t d = 0; d < DRAWS; d++) {
        for (size_t i = 0; i < N; i++) {
            size_t k = (size_t)rng_below(&rng, N);
            drawn_f[i] = f[k];
            drawn_y[i] = y[k];
        }
        found[d] = statistic(drawn_f, drawn_y);
    }
    qsort(found, DRAWS, sizeof *found, double_cmp);
    double low = found[DRAWS / 40], high = found[DRAWS - 1 - DRAWS / 40];
    check_near(ours.value, statistic(f, y), 1e-6);
    check_near(ours.low, low, (high - low) / 5);
    check_near(ours.high, high, (high - low) / 5);
}

static void test_intervals_are_those_of_the_whole_statistic(void **state)
{
    static float f[N], y[N];
    struct rng rng;
    (void)state;
    rng_seed(&rng, 5);
    for (size_t i = 0; i < N; i++) {
        f[i] = (float)rng_normal(&rng);
        y[i] = f[i] + (float)rng_normal(&rng);
    }
    struct return_measures m = measure(f, y, N, 2);
    check_interval(m.r2_out_of_sample, f, y, plain_r2);
    check_interval(m.mae_skill, f, y, plain_mae_skill);
    check_interval(m.rank_ic, f, y, plain_rank_ic);
    check_near(m.rmse_ratio.low, sqrt(1 - m.r2_out_of_sample.high), 1e-12);
    check_near(m.rmse_ratio.high, sqrt(1 - m.r2_out_of_sample.low), 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_returns_by_hand),
        cmocka_unit_test(test_saying_nothing_is_the_naive_forecast),
        cmocka_unit_test(test_what_is_not_known),
        cmocka_unit_test(test_intervals_are_those_of_the_whole_statistic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
