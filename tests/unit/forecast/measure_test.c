/* Every measure against a second computation, straight from its formula, and Wilson's interval against published numbers. */
#include "harness/check.h"

#include <math.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/forecast/gate.h"
#include "alphaloop/forecast/measure.h"

#define N 300

static struct forecast_outcome outcomes[N];

static void make(void)
{
    struct rng rng;
    rng_seed(&rng, 9);
    for (size_t i = 0; i < N; i++) {
        float y = (float)(0.01 * rng_normal(&rng)),
              f = (float)(0.3 * (double)y + 0.004 * rng_normal(&rng));
        outcomes[i] = (struct forecast_outcome){.ts_ns = (int64_t)i * NS_PER_H,
                                                .y = y,
                                                .mean = i == 7 ? 0 : f,
                                                .sigma = 0.01F,
                                                .low = i < 50 ? NAN : f - 0.012F,
                                                .high = i < 50 ? NAN : f + 0.015F,
                                                .naive_radius = i < 50 ? NAN : 0.016F,
                                                .scale = 0.0075F,
                                                .price = 100 + (double)i};
    }
}

static struct forecast_measures measured(int64_t horizon_ns)
{
    struct forecast_measures m;
    check_ok(forecast_measure_outcomes(outcomes, N, horizon_ns, 0.9, &m));
    return m;
}

static void test_errors_of_the_price(void **state)
{
    (void)state;
    struct forecast_measures m = measured(NS_PER_H);
    double mape = 0, mae = 0, mse = 0, naive_mape = 0;
    for (size_t i = 0; i < N; i++) {
        double p = outcomes[i].price, q = p * exp((double)outcomes[i].y);
        double e = fabs(q - p * exp((double)outcomes[i].mean));
        mape += e / q * 100 / N;
        mae += e / N;
        mse += e * e / N;
        naive_mape += fabs(q - p) / q * 100 / N;
    }
    check_near(m.mape, mape, 1e-9);
    check_near(m.mae, mae, 1e-9);
    check_near(m.rmse, sqrt(mse), 1e-9);
    check_near(m.naive_mape, naive_mape, 1e-9);
    check_near(m.n, N, 0);
}

static void test_errors_of_the_return(void **state)
{
    (void)state;
    struct forecast_measures m = measured(NS_PER_H);
    double mean = 0, total = 0, error = 0, square = 0, absolute = 0, moved = 0;
    for (size_t i = 0; i < N; i++)
        mean += (double)outcomes[i].y / N;
    for (size_t i = 0; i < N; i++) {
        double y = (double)outcomes[i].y, e = y - (double)outcomes[i].mean;
        total += (y - mean) * (y - mean);
        error += e * e;
        square += y * y;
        absolute += fabs(e) / N;
        moved += fabs(y) / N;
    }
    check_near(m.r2, 1 - error / total, 1e-9);
    check_near(m.naive_r2, 1 - square / total, 1e-9);
    check_near(m.rmse_ratio, sqrt(error / square), 1e-9);
    check_near(m.r2_out_of_sample, 1 - error / square, 1e-9);
    check_near(m.mase, absolute / 0.0075, 1e-6);
    check_near(m.naive_mase, moved / 0.0075, 1e-6);
    check_near(m.mase_scale, 0.0075, 1e-8);
    check_near(m.skill, 1 - absolute / moved, 1e-9);
}

static void test_signs(void **state)
{
    (void)state;
    struct forecast_measures m = measured(NS_PER_H);
    double right = 0, low, high;
    for (size_t i = 0; i < N; i++)
        right += i != 7 && (outcomes[i].y > 0) == (outcomes[i].mean > 0);
    check_near(m.directional_accuracy, right / (N - 1), 1e-12);
    forecast_wilson(right / (N - 1), N - 1, &low, &high);
    check_near(m.directional_low, low, 1e-9);
    check_near(m.directional_high, high, 1e-9);
    /* Overlapping horizons are not separate trials: the interval is as wide as that of a quarter of them. */
    struct forecast_measures four = measured(4 * NS_PER_H);
    check_near(four.n_independent, 75, 0);
    forecast_wilson(right / (N - 1), (N - 1) * 75.0 / N, &low, &high);
    check_near(four.directional_low, low, 1e-9);
}

/* Newcombe, Statistics in Medicine 17 (1998), table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29. */
static void test_wilson_as_published(void **state)
{
    (void)state;
    static const struct {
        double r, n, low, high;
    } cases[] = {{81, 263, 0.2553, 0.3662},
                 {15, 148, 0.0624, 0.1605},
                 {0, 20, 0.0000, 0.1611},
                 {1, 29, 0.0061, 0.1718}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        double low, high;
        forecast_wilson(cases[i].r / cases[i].n, cases[i].n, &low, &high);
        check_near(low, cases[i].low, 5e-5);
        check_near(high, cases[i].high, 5e-5);
    }
}

static void test_intervals(void **state)
{
    (void)state;
    struct forecast_measures m = measured(NS_PER_H);
    double held = 0, naive_held = 0, pinball = 0, n = N - 50;
    for (size_t i = 50; i < N; i++) {
        double y = (double)outcomes[i].y;
        held += outcomes[i].low <= outcomes[i].y && outcomes[i].y <= outcomes[i].high;
        naive_held += fabs(y) <= (double)outcomes[i].naive_radius;
        for (int end = 0; end < 2; end++) {
            double q = (double)(end == 0 ? outcomes[i].low : outcomes[i].high);
            double level = end == 0 ? 0.05 : 0.95;
            pinball += (y >= q ? level * (y - q) : (1 - level) * (q - y)) / 2 / n;
        }
    }
    check_near(m.coverage, held / n, 1e-9);
    check_near(m.naive_coverage, naive_held / n, 1e-9);
    check_near(m.width, 0.027, 1e-6);
    check_near(m.naive_width, 0.032, 1e-6);
    check_near(m.pinball, pinball, 1e-9);
}

static void test_going_with_the_sign(void **state)
{
    (void)state;
    struct forecast_measures m = measured(3 * NS_PER_H);
    double sum = 0, squares = 0, n = 0, wealth = 1, high = 1, fall = 0;
    for (size_t i = 0; i < N; i += 3) {
        double r = exp((double)outcomes[i].y) - 1;
        r *= outcomes[i].mean > 0 ? 1 : -1;
        sum += r;
        squares += r * r;
        n++;
        wealth *= 1 + r;
        high = wealth > high ? wealth : high;
        fall = 1 - wealth / high > fall ? 1 - wealth / high : fall;
    }
    double mean = sum / n, sd = sqrt((squares - n * mean * mean) / (n - 1));
    check_near(m.n_independent, n, 0);
    check_near(m.sharpe, mean / sd * sqrt(365.0 * 24 / 3), 1e-6);
    check_near(m.max_drawdown, fall, 1e-9);
}

static void test_what_cannot_be_said_is_missing(void **state)
{
    (void)state;
    struct forecast_measures m;
    struct forecast_outcome one = outcomes[0];
    one.mean = 0;
    check_ok(forecast_measure_outcomes(&one, 1, NS_PER_H, 0.9, &m));
    assert_true(isnan(m.directional_accuracy) && isnan(m.coverage) && isnan(m.sharpe));
    assert_true(isnan(m.directional_low));
    assert_true(isfinite(m.mape));
}

static void test_measures_survive_json(void **state)
{
    (void)state;
    struct buf text = BUF_INIT(8192), again = BUF_INIT(8192);
    struct json_writer w;
    struct json_node *root = NULL;
    struct json_reader *reader = json_reader_create(8192, 4);
    struct forecast_measures m = measured(NS_PER_H), read;
    m.sharpe = NAN;
    json_w_init(&w, &text);
    forecast_measures_write(&m, &w);
    check_ok(json_read(reader, buf_slice(&text), &root));
    check_ok(forecast_measures_read(root, &read));
    assert_true(isnan(read.sharpe));
    json_w_init(&w, &again);
    forecast_measures_write(&read, &w);
    check_str(buf_str(&again), buf_str(&text));
    json_put(root);
    json_reader_destroy(reader);
    buf_deinit(&text);
    buf_deinit(&again);
}

/* Newey and West by hand: d = 1, 2, 4, 1, one lag: gamma0 = 1.5, gamma1 = (0 + 0 - 2) / 4 = -0.5. */
static void test_the_error_of_a_mean_counts_overlap(void **state)
{
    (void)state;
    const double d[] = {1, 2, 4, 1};
    double mean, error;
    forecast_mean_of(d, 4, 0, &mean, &error);
    check_near(mean, 2, 1e-12);
    check_near(error, sqrt(1.5 / 4), 1e-12);
    forecast_mean_of(d, 4, 1, &mean, &error);
    check_near(error, sqrt((1.5 + 2 * 0.5 * -0.5) / 4), 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors_of_the_price),
        cmocka_unit_test(test_errors_of_the_return),
        cmocka_unit_test(test_signs),
        cmocka_unit_test(test_wilson_as_published),
        cmocka_unit_test(test_intervals),
        cmocka_unit_test(test_going_with_the_sign),
        cmocka_unit_test(test_what_cannot_be_said_is_missing),
        cmocka_unit_test(test_measures_survive_json),
        cmocka_unit_test(test_the_error_of_a_mean_counts_overlap),
    };
    make();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
