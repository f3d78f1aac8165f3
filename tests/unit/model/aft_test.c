/* Times with censoring: formulas against numerical integration, fits against a known truth. */
#include "harness/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/model/aft.h"

/* ---- formulas ---- */

static double density(double mu, double sigma, double t)
{
    double z = (log(t) - mu) / sigma;
    return exp(-z * z / 2) / (sqrt(2 * acos(-1)) * sigma * t);
}

/* Integral of f(t) density(t) from 0 to b by the midpoint rule in log t. */
static double integral(double mu, double sigma, double b, bool times_t)
{
    double low = mu - 12 * sigma, high = log(b), sum = 0;
    int n = 200000;
    for (int i = 0; i < n; i++) {
        double t = exp(low + (high - low) * (i + 0.5) / n);
        sum += density(mu, sigma, t) * t * (times_t ? t : 1) * (high - low) / n;
    }
    return sum;
}

static void test_formulas_are_integrals_of_the_density(void **state)
{
    const double cases[][3] = {{0.5, 0.7, 2}, {1, 1.5, 10}, {-2, 0.3, 0.2}, {3, 2, 5}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        double mu = cases[i][0], sigma = cases[i][1], h = cases[i][2];
        double by = integral(mu, sigma, h, false);
        check_near(aft_chance(mu, sigma, h), by, 1e-6);
        check_near(aft_waiting(mu, sigma, h), integral(mu, sigma, h, true) + h * (1 - by), 1e-5);
        check_near(aft_log_likelihood(mu, sigma, h, true), log(density(mu, sigma, h)), 1e-12);
        check_near(aft_log_likelihood(mu, sigma, h, false), log(1 - by), 1e-4);
    }
    /* far out, where 1 - Phi is no number any more */
    assert_true(isfinite(aft_log_likelihood(0, 0.01, 10, false)));
    check_near(aft_waiting(50, 0.5, 10), 10, 1e-9);
}

/* ---- one log-normal ---- */

#define N 3000

static double seconds[N];
static bool happened[N];
static float x[N][3];
static double truth[N];

/* log T = 1 + slope x0 + sigma Z, censored at a time of its own. */
static void draw(uint64_t seed, double slope, double sigma, double watched_s)
{
    struct rng rng;
    rng_seed(&rng, seed);
    for (size_t i = 0; i < N; i++) {
        for (size_t k = 0; k < 3; k++)
            x[i][k] = (float)rng_normal(&rng);
        truth[i] = 1 + slope * (double)x[i][0];
        double t = exp(truth[i] + sigma * rng_normal(&rng));
        double censored = watched_s * (0.5 + rng_uniform(&rng));
        happened[i] = t < censored;
        seconds[i] = happened[i] ? t : censored;
        if (i % 7 == 0)
            x[i][1] = NAN;
    }
}

static double likelihood(double mu, double sigma)
{
    double sum = 0;
    for (size_t i = 0; i < N; i++)
        sum += aft_log_likelihood(mu, sigma, seconds[i], happened[i]);
    return sum;
}

/* Expectation and maximisation ends where a walk uphill on the likelihood does. */
static void test_one_time_is_the_likeliest(void **state)
{
    double mu, sigma;
    (void)state;
    draw(3, 0, 0.8, 4);
    check_ok(aft_fit_one(seconds, happened, N, &mu, &sigma));
    double m = 0.3, s = 1.5;
    for (double step = 0.5; step > 1e-6;) {
        const double moves[][2] = {
            {m + step, s}, {m - step, s}, {m, s * exp(step)}, {m, s * exp(-step)}};
        double best = likelihood(m, s);
        int to = -1;
        for (int i = 0; i < 4; i++) {
            if (likelihood(moves[i][0], moves[i][1]) > best) {
                best = likelihood(moves[i][0], moves[i][1]);
                to = i;
            }
        }
        if (to < 0)
            step /= 2;
        else {
            m = moves[to][0];
            s = moves[to][1];
        }
    }
    check_near(mu, m, 1e-4);
    check_near(sigma, s, 1e-4);
    check_near(mu, 1, 0.06); /* and near the truth, although a third was never seen to happen */
    check_near(sigma, 0.8, 0.06);
}

static void test_nothing_that_happened_is_nothing_to_fit(void **state)
{
    double mu, sigma;
    const double same[] = {2, 2, 2};
    const bool all[] = {true, true, true}, none[] = {false, false, false};
    const double times[] = {1, 2, 3};
    (void)state;
    check_err(aft_fit_one(same, all, 3, &mu, &sigma), AL_EINVAL);
    check_err(aft_fit_one(times, none, 3, &mu, &sigma), AL_EINVAL);
}

/* ---- trees ---- */

static struct aft_fit fit_of(size_t n_train)
{
    return (struct aft_fit){
        .train = {n_train, 3, x[0], seconds, happened},
        .validation = {N - n_train, 3, x[n_train], seconds + n_train, happened + n_train},
        .n_rounds_max = 200,
        .seed = 1};
}

static void test_trees_find_what_times_depend_on(void **state)
{
    struct aft aft;
    static float mu[N];
    double error = 0, spread = 0, bias = 0;
    size_t n_censored = 0;
    (void)state;
    draw(5, 0.8, 0.5, 5);
    for (size_t i = 0; i < N; i++)
        n_censored += happened[i] ? 0 : 1;
    assert_true(n_censored > N / 5 && n_censored < N / 2);
    struct aft_fit fit = fit_of(2400);
    check_ok(aft_fit(&fit, &aft));
    check_ok(aft_predict(&aft, x[0], N, 3, mu));
    for (size_t i = 0; i < N; i++) {
        bias += ((double)mu[i] - truth[i]) / N;
        error += pow((double)mu[i] - truth[i], 2) / N;
        spread += pow(truth[i] - 1, 2) / N;
    }
    printf("%zu rounds, sigma %.3f of 0.5, mean square error %.4f of %.4f, bias %.4f\n",
           aft.n_rounds, aft.sigma, error, spread, bias);
    assert_true(aft.n_rounds > 0);
    assert_true(error < 0.06 * spread);
    check_near(aft.sigma, 0.5, 0.05);
    check_near(bias, 0, 0.1);
    aft_deinit(&aft);
}

static void test_the_same_rows_give_the_same_bytes(void **state)
{
    struct aft aft[2];
    struct buf bytes[2] = {BUF_INIT(1 << 22), BUF_INIT(1 << 22)};
    (void)state;
    draw(6, 0.8, 0.5, 5);
    struct aft_fit fit = fit_of(2400);
    for (int i = 0; i < 2; i++) {
        check_ok(aft_fit(&fit, &aft[i]));
        check_ok(aft_save(&aft[i], &bytes[i]));
    }
    assert_true(bytes[0].len > 0 && slice_eq(buf_slice(&bytes[0]), buf_slice(&bytes[1])));
    for (int i = 0; i < 2; i++) {
        aft_deinit(&aft[i]);
        buf_deinit(&bytes[i]);
    }
}

static bool at_once(void *ctx)
{
    (void)ctx;
    return true;
}

static void test_a_fit_can_be_cancelled(void **state)
{
    struct aft aft;
    (void)state;
    draw(7, 0.8, 0.5, 5);
    struct aft_fit fit = fit_of(2400);
    fit.is_cancelled = at_once;
    check_err(aft_fit(&fit, &aft), AL_ECANCELED);
    aft_deinit(&aft);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formulas_are_integrals_of_the_density),
        cmocka_unit_test(test_one_time_is_the_likeliest),
        cmocka_unit_test(test_nothing_that_happened_is_nothing_to_fit),
        cmocka_unit_test(test_trees_find_what_times_depend_on),
        cmocka_unit_test(test_the_same_rows_give_the_same_bytes),
        cmocka_unit_test(test_a_fit_can_be_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
