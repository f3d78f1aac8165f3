/* Measures of probabilities against numbers worked out by hand; Wilson's interval against a published value. */
#include "harness/check.h"

#include <math.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/report/forecast.h"

static struct forecast_measures measure(const float *q, const float *v, const float *net, size_t n)
{
    struct forecast_measures m;
    const struct forecast_series series = {.q = q, .v = v, .net = net, .n = n, .span = 1};
    check_ok(forecast_measure(&series, 1, &m));
    return m;
}

/* Gains 1 0 1 0 with q 0.8 0.4 0.6 0.2: log loss -(ln .8 + ln .6 + ln .6 + ln .8) / 4, Brier (.04 + .16 + .16 + .04) / 4. */
static void test_forecast_by_hand(void **state)
{
    static const float q[] = {0.8F, 0.4F, 0.6F, 0.2F}, v[] = {4, 2, 3, 1};
    static const float net[] = {0.02F, -0.01F, 0.01F, -0.02F};
    struct forecast_measures m = measure(q, v, net, 4);
    (void)state;
    check_near(m.base_rate, 0.5, 1e-12);
    check_near(m.log_loss, -(log(0.8) + log(0.6)) / 2, 1e-6);
    check_near(m.log_loss_base, log(2), 1e-12);
    check_near(m.log_loss_gain.value, m.log_loss_base - m.log_loss, 1e-12);
    check_near(m.brier, 0.1, 1e-6);
    check_near(m.brier_skill.value, 0.6, 1e-6);
    check_near(m.auc, 1, 1e-12);
    check_near(m.rank_ic.value, 1, 1e-12);
}

/* 5 of 10 in every bin: Wilson's 95 % interval is 0.2366 to 0.7634 (Brown, Cai and DasGupta 2001 give the formula). */
static void test_bins_of_equal_mass(void **state)
{
    enum { N = 10 * CALIBRATION_BINS };
    static float q[N], v[N], net[N];
    (void)state;
    for (size_t i = 0; i < N; i++) {
        q[i] = ((float)i + 0.5F) / N;
        net[i] = i % 2 == 0 ? 1 : -1;
    }
    struct forecast_measures m = measure(q, v, net, N);
    check_i64((int64_t)m.n_bins, CALIBRATION_BINS);
    for (size_t i = 0; i < m.n_bins; i++) {
        check_i64((int64_t)m.bins[i].n, 10);
        check_near(m.bins[i].q, 0.1 * (double)i + 0.05, 1e-6);
        check_near(m.bins[i].share.value, 0.5, 1e-12);
        check_near(m.bins[i].share.low, 0.2366, 5e-5);
        check_near(m.bins[i].share.high, 0.7634, 5e-5);
    }
}

static void test_nothing_known(void **state)
{
    static const float q[] = {0.7F, 0.6F}, net[] = {1, 1};
    struct forecast_measures none = measure(NULL, NULL, NULL, 0), one_class = measure(q, q, net, 2);
    (void)state;
    assert_true(isnan(none.log_loss) && none.n_bins == 0 && isnan(none.brier_skill.value));
    assert_true(isnan(one_class.log_loss_base) && isnan(one_class.brier_skill.value));
}

/* Noise for probabilities: no skill, and the interval says so; the truth: skill, and the interval says that. */
static void test_intervals_tell_skill_from_none(void **state)
{
    enum { N = 4000 };
    static float truth[N], noise[N], net[N];
    struct rng rng;
    (void)state;
    rng_seed(&rng, 6);
    for (size_t i = 0; i < N; i++) {
        truth[i] = (float)(0.3 + 0.4 * rng_uniform(&rng));
        noise[i] = (float)(0.3 + 0.4 * rng_uniform(&rng));
        net[i] = rng_uniform(&rng) < (double)truth[i] ? 1 : -1;
    }
    struct forecast_measures good = measure(truth, truth, net, N);
    struct forecast_measures bad = measure(noise, noise, net, N);
    assert_true(good.log_loss_gain.low > 0 && good.brier_skill.low > 0);
    assert_true(bad.log_loss_gain.value < 0 && bad.brier_skill.high < 0.01);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forecast_by_hand),
        cmocka_unit_test(test_bins_of_equal_mass),
        cmocka_unit_test(test_nothing_known),
        cmocka_unit_test(test_intervals_tell_skill_from_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
