#include "harness/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/model/calibration.h"

#define N 20000

static float margins[N], labels[N], weights[N], net[N];
static double q[N];

static double sigmoid(double z)
{
    return 1 / (1 + exp(-z));
}

/* Margins f whose true log-odds are 0.5 f - 0.3. */
static void draw(uint64_t seed)
{
    struct rng rng;
    rng_seed(&rng, seed);
    for (size_t i = 0; i < N; i++) {
        margins[i] = (float)rng_normal(&rng);
        labels[i] = rng_uniform(&rng) < sigmoid(0.5 * (double)margins[i] - 0.3) ? 1.0F : 0.0F;
        weights[i] = 1.0F;
    }
}

static void test_platt_finds_the_sigmoid(void **state)
{
    struct platt p;
    (void)state;
    draw(1);
    check_ok(platt_fit(margins, labels, weights, N, &p));
    check_near(p.a, -0.5, 0.04);
    check_near(p.b, 0.3, 0.04);
}

/* At the optimum both derivatives of the weighted loss with smoothed targets are 0: checked by the formula itself. */
static void test_platt_is_at_the_optimum(void **state)
{
    struct platt p;
    double g_a = 0, g_b = 0, n[2] = {0, 0};
    (void)state;
    draw(2);
    for (size_t i = 0; i < N; i++) {
        weights[i] = i % 3 == 0 ? 2.0F : 0.5F;
        n[labels[i] > 0] += (double)weights[i];
    }
    check_ok(platt_fit(margins, labels, weights, N, &p));
    for (size_t i = 0; i < N; i++) {
        double target = labels[i] > 0 ? (n[1] + 1) / (n[1] + 2) : 1 / (n[0] + 2);
        double d = (double)weights[i] * (target - platt_apply(&p, (double)margins[i]));
        g_a += d * (double)margins[i];
        g_b += d;
    }
    check_near(g_a / N, 0, 1e-5);
    check_near(g_b / N, 0, 1e-5);
}

static void test_platt_survives_margins_that_separate(void **state)
{
    struct platt p;
    const float f[] = {-50, -40, 40, 50}, y[] = {0, 0, 1, 1};
    (void)state;
    check_ok(platt_fit(f, y, NULL, 4, &p));
    assert_true(isfinite(p.a) && isfinite(p.b) && p.a < 0);
    assert_true(platt_apply(&p, 50) < 1.0 && platt_apply(&p, -50) > 0.0);
}

static void test_platt_says_the_base_rate_when_the_order_is_wrong(void **state)
{
    struct platt p;
    (void)state;
    draw(3);
    double good = 0;
    for (size_t i = 0; i < N; i++) {
        margins[i] = -margins[i];
        good += (double)labels[i];
    }
    check_ok(platt_fit(margins, labels, NULL, N, &p));
    check_same_double(p.a, 0);
    check_near(platt_apply(&p, 3), good / N, 1e-3);
}

static void test_platt_needs_both_outcomes(void **state)
{
    struct platt p;
    const float f[] = {1, 2}, y[] = {1, 1};
    (void)state;
    check_err(platt_fit(f, y, NULL, 2, &p), AL_ESHORT);
}

/* Wins of 2 %, losses of 1 %: v = 0.02 q - 0.01 (1 - q) = 0.03 q - 0.01. */
static void draw_value(uint64_t seed)
{
    struct rng rng;
    rng_seed(&rng, seed);
    for (size_t i = 0; i < N; i++) {
        q[i] = 0.3 + 0.4 * rng_uniform(&rng);
        net[i] = rng_uniform(&rng) < q[i] ? 0.02F : -0.01F;
    }
}

static void test_value_line_is_the_payoff_identity(void **state)
{
    struct value_line line;
    (void)state;
    draw_value(4);
    check_ok(value_line_fit(q, net, NULL, N, N, 1, &line));
    check_near(line.beta, 0.03, 0.003);
    check_near(line.alpha, -0.01, 0.0015);
}

static void test_value_bound_covers_as_often_as_it_should(void **state)
{
    size_t n_covered = 0;
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct calibration c = {.platt = {-1, 0}};
        draw_value(100 + seed);
        check_ok(value_line_fit(q, net, NULL, 1000, 1000, 1.645, &c.value));
        struct prediction p = calibration_apply(&c, log(0.6 / 0.4));
        n_covered += p.v_low <= 0.03 * 0.6 - 0.01;
    }
    printf("a 95 %% bound held in %zu of 200\n", n_covered);
    assert_true(n_covered >= 180 && n_covered < 200);
}

static void test_value_bound_is_wider_when_rows_are_not_independent(void **state)
{
    struct calibration c = {.platt = {-1, 0}}, d = c;
    (void)state;
    draw_value(5);
    check_ok(value_line_fit(q, net, NULL, N, N, 1, &c.value));
    check_ok(value_line_fit(q, net, NULL, N, N / 4.0, 1, &d.value));
    struct prediction wide = calibration_apply(&d, 0), narrow = calibration_apply(&c, 0);
    check_near((wide.v - wide.v_low) / (narrow.v - narrow.v_low), 2, 1e-6);
}

static void test_value_is_flat_when_q_says_nothing(void **state)
{
    struct value_line line;
    (void)state;
    draw_value(6);
    for (size_t i = 0; i < N; i++)
        q[i] = 1 - q[i];
    check_ok(value_line_fit(q, net, NULL, N, N, 1, &line));
    check_same_double(line.beta, 0);
    check_near(line.alpha, 0.005, 0.001);
}

static void test_value_is_held_constant_beyond_what_was_seen(void **state)
{
    struct calibration c = {.platt = {-1, 0}};
    (void)state;
    draw_value(7);
    check_ok(value_line_fit(q, net, NULL, N, N, 1, &c.value));
    check_same_double(calibration_apply(&c, 8).v, calibration_apply(&c, 20).v);
    assert_true(calibration_apply(&c, 20).q > 0.99);
}

static void test_json_gives_back_the_same_numbers(void **state)
{
    struct calibration c, back;
    struct buf text = BUF_INIT(4096);
    struct json_writer w;
    struct json_node *node = NULL;
    struct json_reader *reader = json_reader_create(4096, 4);
    (void)state;
    draw(8);
    for (size_t i = 0; i < N; i++)
        net[i] = labels[i] > 0 ? 0.01F : -0.011F;
    check_ok(calibration_fit(margins, labels, net, weights, N, 5000, 1, &c));
    json_w_init(&w, &text);
    calibration_write(&c, &w);
    check_ok(json_read(reader, buf_slice(&text), &node));
    check_ok(calibration_read(node, &back));
    for (double f = -3; f < 3; f += 0.1) {
        struct prediction a = calibration_apply(&c, f), b = calibration_apply(&back, f);
        check_same_double(a.q, b.q);
        check_same_double(a.v, b.v);
        check_same_double(a.v_low, b.v_low);
    }
    json_put(node);
    json_reader_destroy(reader);
    buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_platt_finds_the_sigmoid),
        cmocka_unit_test(test_platt_is_at_the_optimum),
        cmocka_unit_test(test_platt_survives_margins_that_separate),
        cmocka_unit_test(test_platt_says_the_base_rate_when_the_order_is_wrong),
        cmocka_unit_test(test_platt_needs_both_outcomes),
        cmocka_unit_test(test_value_line_is_the_payoff_identity),
        cmocka_unit_test(test_value_bound_covers_as_often_as_it_should),
        cmocka_unit_test(test_value_bound_is_wider_when_rows_are_not_independent),
        cmocka_unit_test(test_value_is_flat_when_q_says_nothing),
        cmocka_unit_test(test_value_is_held_constant_beyond_what_was_seen),
        cmocka_unit_test(test_json_gives_back_the_same_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
