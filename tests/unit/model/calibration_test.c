#include "harness/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/model/calibration.h"

#define N 20000

static float margins[N], labels[N], weights[N], net[N];
static double q[N];

static struct calibration_rows rows_of(size_t n)
{
    return (struct calibration_rows){margins, labels, net, weights, n, (double)n};
}

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
    struct calibration_rows rows = rows_of(N);
    check_ok(platt_fit(&rows, &p));
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
    struct calibration_rows rows = rows_of(N);
    check_ok(platt_fit(&rows, &p));
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
    check_ok(platt_fit(&(struct calibration_rows){.margins = f, .labels = y, .n = 4}, &p));
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
    struct calibration_rows rows = {.margins = margins, .labels = labels, .n = N};
    check_ok(platt_fit(&rows, &p));
    check_same_double(p.a, 0);
    check_near(platt_apply(&p, 3), good / N, 1e-3);
}

static void test_platt_needs_both_outcomes(void **state)
{
    struct platt p;
    const float f[] = {1, 2}, y[] = {1, 1};
    (void)state;
    check_err(platt_fit(&(struct calibration_rows){.margins = f, .labels = y, .n = 2}, &p),
              AL_ESHORT);
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

static enum al_err fit_line(size_t n, double n_independent, double z, struct value_line *out)
{
    struct calibration_rows rows = {.net = net, .n = n, .n_independent = n_independent};
    return value_line_fit(q, &rows, z, out);
}

static void test_value_line_is_the_payoff_identity(void **state)
{
    struct value_line line;
    (void)state;
    draw_value(4);
    check_ok(fit_line(N, N, 1, &line));
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
        check_ok(fit_line(1000, 1000, 1.645, &c.value));
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
    check_ok(fit_line(N, N, 1, &c.value));
    check_ok(fit_line(N, N / 4.0, 1, &d.value));
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
    check_ok(fit_line(N, N, 1, &line));
    check_same_double(line.beta, 0);
    check_near(line.alpha, 0.005, 0.001);
}

static void test_value_is_held_constant_beyond_what_was_seen(void **state)
{
    struct calibration c = {.platt = {-1, 0}};
    (void)state;
    draw_value(7);
    check_ok(fit_line(N, N, 1, &c.value));
    check_same_double(calibration_apply(&c, 8).v, calibration_apply(&c, 20).v);
    assert_true(calibration_apply(&c, 20).q > 0.99);
}

/* ---- beta ---- */

/* Log-odds a log s - b log(1 - s) + c with a = 2, b = 0.5, c = 0.4, written as the paper writes them. */
static void draw_beta(uint64_t seed)
{
    struct rng rng;
    rng_seed(&rng, seed);
    for (size_t i = 0; i < N; i++) {
        margins[i] = (float)(1.5 * rng_normal(&rng));
        double s = sigmoid((double)margins[i]);
        labels[i] = rng_uniform(&rng) < sigmoid(2 * log(s) - 0.5 * log(1 - s) + 0.4) ? 1.0F : 0.0F;
        weights[i] = 0.5F + (float)rng_uniform(&rng);
    }
}

static void test_beta_finds_its_three_numbers(void **state)
{
    struct beta_map beta;
    struct calibration_rows rows = rows_of(N);
    (void)state;
    draw_beta(11);
    check_ok(beta_fit(&rows, &beta));
    check_near(beta.a, 2, 0.15);
    check_near(beta.b, 0.5, 0.1);
    check_near(beta.c, 0.4, 0.12);
    for (double f = -4; f < 4; f += 0.25) {
        double s = sigmoid(f);
        double odds = exp(beta.c) * pow(s, beta.a) / pow(1 - s, beta.b);
        check_near(beta_apply(&beta, f), odds / (1 + odds), 1e-12);
    }
}

/* At the optimum the three derivatives of the weighted loss with smoothed targets are 0. */
static void test_beta_is_at_the_optimum(void **state)
{
    struct beta_map beta;
    struct calibration_rows rows = rows_of(N);
    double g[3] = {0}, n[2] = {0};
    (void)state;
    draw_beta(12);
    for (size_t i = 0; i < N; i++)
        n[labels[i] > 0] += (double)weights[i];
    check_ok(beta_fit(&rows, &beta));
    for (size_t i = 0; i < N; i++) {
        double s = sigmoid((double)margins[i]);
        double target = labels[i] > 0 ? (n[1] + 1) / (n[1] + 2) : 1 / (n[0] + 2);
        double d = (double)weights[i] * (target - beta_apply(&beta, (double)margins[i]));
        g[0] += d * log(s);
        g[1] += d * -log(1 - s);
        g[2] += d;
    }
    for (int k = 0; k < 3; k++)
        check_near(g[k] / N, 0, 1e-5);
}

/* Where one coefficient would be negative the paper leaves it out: q must not fall anywhere. */
static void test_beta_never_falls(void **state)
{
    struct beta_map beta;
    struct calibration_rows rows = rows_of(N);
    struct rng rng;
    (void)state;
    rng_seed(&rng, 13);
    for (size_t i = 0; i < N; i++) {
        margins[i] = (float)(2 * rng_normal(&rng));
        double f = (double)margins[i]; /* rises, then falls */
        labels[i] = rng_uniform(&rng) < sigmoid(f < 1 ? f : 2 - f) ? 1.0F : 0.0F;
        weights[i] = 1;
    }
    check_ok(beta_fit(&rows, &beta));
    assert_true(beta.a > 0);
    check_same_double(beta.b, 0);
    for (size_t i = 0; i < N; i++) /* and where nothing helps, the base rate */
        labels[i] = margins[i] > 0 ? 0.0F : 1.0F;
    check_ok(beta_fit(&rows, &beta));
    check_same_double(beta.a, 0);
    check_same_double(beta.b, 0);
    assert_true(fabs(beta_apply(&beta, 3) - 0.5) < 0.02);
}

static void test_beta_survives_margins_that_separate(void **state)
{
    struct beta_map beta;
    const float f[] = {-500, -40, 40, 500}, y[] = {0, 0, 1, 1};
    (void)state;
    check_ok(beta_fit(&(struct calibration_rows){.margins = f, .labels = y, .n = 4}, &beta));
    assert_true(beta_apply(&beta, 500) < 1.0 && beta_apply(&beta, 40) > 0.5);
    assert_true(beta_apply(&beta, -500) > 0.0 && beta_apply(&beta, -40) < 0.5);
}

/* ---- isotonic ---- */

enum { FEW = 60 };

/* The min-max formula (Robertson, Wright & Dykstra 1988, 1.4): g_i = max over j <= i of min over k >= i of the weighted mean
 * of rows j..k, rows in order of their margin. Nothing in common with pooling. */
static double min_max(const size_t order[FEW], size_t i)
{
    double best = 0;
    for (size_t j = 0; j <= i; j++) {
        double least = 1;
        for (size_t k = i; k < FEW; k++) {
            double w = 0, good = 0;
            for (size_t m = j; m <= k; m++) {
                w += (double)weights[order[m]];
                good += (double)weights[order[m]] * (double)labels[order[m]];
            }
            least = fmin(least, good / w);
        }
        best = fmax(best, least);
    }
    return best;
}

static void sort_by_margin(size_t order[FEW])
{
    for (size_t i = 0; i < FEW; i++) {
        size_t at = i;
        for (; at > 0 && margins[order[at - 1]] > margins[i]; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

/* At the centre of each block the served line is the block's mean, kept as far from certain as Platt's targets. */
static void check_against_min_max(void)
{
    struct isotonic isotonic;
    struct calibration_rows rows = rows_of(FEW);
    size_t order[FEW], n_blocks = 0;
    double g[FEW], n[2] = {0};
    sort_by_margin(order);
    for (size_t i = 0; i < FEW; i++) {
        g[i] = min_max(order, i);
        n[labels[i] > 0] += (double)weights[i];
    }
    check_ok(isotonic_fit(&rows, ISOTONIC_KNOTS_MAX, &isotonic));
    for (size_t i = 0, end; i < FEW; i = end) {
        double w = 0, f = 0;
        for (end = i; end < FEW && fabs(g[end] - g[i]) < 1e-9; end++) {
            w += (double)weights[order[end]];
            f += (double)weights[order[end]] * (double)margins[order[end]];
        }
        double mean = fmin(fmax(g[i], 1 / (n[0] + 2)), (n[1] + 1) / (n[1] + 2));
        check_near(isotonic_apply(&isotonic, f / w), mean, 1e-9);
        n_blocks++;
    }
    assert_int_equal(isotonic.n_knots, n_blocks);
    assert_true(n_blocks > 2);
}

static void test_isotonic_is_the_min_max_formula(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct rng rng;
        draw(500 + seed);
        rng_seed(&rng, seed);
        for (size_t i = 0; i < FEW; i++) {
            margins[i] *= 3;
            labels[i] = rng_uniform(&rng) < sigmoid((double)margins[i]) ? 1.0F : 0.0F;
            weights[i] = 0.5F + (float)rng_uniform(&rng);
        }
        check_against_min_max();
    }
}

static void test_isotonic_keeps_equal_margins_together(void **state)
{
    struct isotonic isotonic;
    const float f[] = {2, 1, 2, 1, 1, 2}, y[] = {1, 0, 0, 1, 0, 1};
    (void)state;
    check_ok(
        isotonic_fit(&(struct calibration_rows){.margins = f, .labels = y, .n = 6}, 8, &isotonic));
    assert_int_equal(isotonic.n_knots, 2);
    check_near(isotonic_apply(&isotonic, 0), 1.0 / 3, 1e-12);
    check_near(isotonic_apply(&isotonic, 1.5), 0.5, 1e-12);
    check_near(isotonic_apply(&isotonic, 9), 2.0 / 3, 1e-12);
}

static void test_isotonic_is_bounded_and_never_falls(void **state)
{
    struct isotonic isotonic;
    struct calibration_rows rows = rows_of(N);
    (void)state;
    draw(21);
    check_ok(isotonic_fit(&rows, ISOTONIC_KNOTS_MAX, &isotonic));
    assert_true(isotonic.n_knots > 5 && isotonic.n_knots <= ISOTONIC_KNOTS_MAX);
    double last = 0, error = 0;
    for (double f = -6; f < 6; f += 0.001) {
        double now = isotonic_apply(&isotonic, f);
        assert_true(now >= last && now > 0 && now < 1);
        last = now;
    }
    for (double f = -1.5; f < 1.5; f += 0.1)
        error = fmax(error, fabs(isotonic_apply(&isotonic, f) - sigmoid(0.5 * f - 0.3)));
    assert_true(error < 0.06);
}

static void test_isotonic_knows_nothing_when_the_order_is_wrong(void **state)
{
    struct isotonic isotonic;
    const float f[] = {1, 2, 3, 4}, y[] = {1, 1, 0, 0};
    (void)state;
    check_ok(
        isotonic_fit(&(struct calibration_rows){.margins = f, .labels = y, .n = 4}, 8, &isotonic));
    assert_int_equal(isotonic.n_knots, 1);
    check_same_double(isotonic_apply(&isotonic, 1), 0.5);
}

/* ---- JSON ---- */

static enum al_err read_text(struct slice text, struct calibration *out)
{
    struct json_reader *reader = json_reader_create(65536, 4);
    struct json_node *node = NULL;
    check_ok(json_read(reader, text, &node));
    enum al_err err = calibration_read(node, out);
    json_put(node);
    json_reader_destroy(reader);
    return err;
}

static void test_json_gives_back_the_same_numbers(void **state)
{
    struct calibration c, back;
    struct calibration_rows rows = rows_of(N);
    struct buf text = BUF_INIT(65536);
    struct json_writer w;
    (void)state;
    draw(8);
    for (size_t i = 0; i < N; i++)
        net[i] = labels[i] > 0 ? 0.01F : -0.011F;
    rows.n_independent = 5000;
    for (int method = 0; method < CALIBRATION_METHOD_COUNT; method++) {
        check_ok(calibration_fit((enum calibration_method)method, &rows, 1, &c));
        buf_reset(&text);
        json_w_init(&w, &text);
        calibration_write(&c, &w);
        check_ok(read_text(buf_slice(&text), &back));
        for (double f = -3; f < 3; f += 0.1) {
            struct prediction a = calibration_apply(&c, f), b = calibration_apply(&back, f);
            check_same_double(a.q, b.q);
            check_same_double(a.v, b.v);
            check_same_double(a.v_low, b.v_low);
        }
    }
    buf_deinit(&text);
}

#define VALUE_JSON                                                                                 \
    "\"value_alpha\":0,\"value_beta\":1,\"value_var_alpha\":0,\"value_cov\":0,"                    \
    "\"value_var_beta\":0,\"value_z\":1,\"q_min\":0,\"q_max\":1,\"n_independent\":5,\"n_rows\":9}"

static void test_json_of_an_older_folder_is_read(void **state)
{
    struct calibration c;
    (void)state;
    check_ok(
        read_text(SLICE("{\"method\":\"platt\",\"platt_a\":-1,\"platt_b\":0.5," VALUE_JSON), &c));
    check_near(calibration_q(&c, 0.5), 0.5, 1e-15);
}

static void test_json_that_cannot_be_is_refused(void **state)
{
    static const char *const wrong[] = {
        "{\"method\":\"magic\"," VALUE_JSON,
        "{\"method\":\"platt\",\"platt_a\":1,\"platt_b\":0.5," VALUE_JSON,
        "{\"method\":\"beta\",\"beta_a\":-1,\"beta_b\":0,\"beta_c\":0," VALUE_JSON,
        "{\"method\":\"isotonic\"," VALUE_JSON,
        "{\"method\":\"isotonic\",\"knot_margins\":[],\"knot_q\":[]," VALUE_JSON,
        "{\"method\":\"isotonic\",\"knot_margins\":[1,2],\"knot_q\":[0.5]," VALUE_JSON,
        "{\"method\":\"isotonic\",\"knot_margins\":[2,1],\"knot_q\":[0.4,0.5]," VALUE_JSON,
        "{\"method\":\"isotonic\",\"knot_margins\":[1,2],\"knot_q\":[0.5,0.4]," VALUE_JSON,
        "{\"method\":\"isotonic\",\"knot_margins\":[1],\"knot_q\":[1]," VALUE_JSON,
    };
    struct calibration c;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        check_err(read_text(slice_of(wrong[i]), &c), AL_EPARSE);
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
        cmocka_unit_test(test_beta_finds_its_three_numbers),
        cmocka_unit_test(test_beta_is_at_the_optimum),
        cmocka_unit_test(test_beta_never_falls),
        cmocka_unit_test(test_beta_survives_margins_that_separate),
        cmocka_unit_test(test_isotonic_is_the_min_max_formula),
        cmocka_unit_test(test_isotonic_keeps_equal_margins_together),
        cmocka_unit_test(test_isotonic_is_bounded_and_never_falls),
        cmocka_unit_test(test_isotonic_knows_nothing_when_the_order_is_wrong),
        cmocka_unit_test(test_json_gives_back_the_same_numbers),
        cmocka_unit_test(test_json_of_an_older_folder_is_read),
        cmocka_unit_test(test_json_that_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
