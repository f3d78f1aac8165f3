/* Which calibration is chosen, on what evidence, and that no label that was not known yet has a say. */
#include "harness/check.h"

#include <stdlib.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/base/timestamp.h"
#include "../../../src/train/fit_i.h"

#define N 9000

static struct training training;
static struct label_span spans[N];
static uint32_t rows[N];
static float margins[N], labels[N], weights[N], net[N];
static struct predictions predictions;

static double sigmoid(double z)
{
    return 1 / (1 + exp(-z));
}

/* One row a second, each label 30 s long; q_of tells the truth at a margin. */
static void draw(size_t n, double (*q_of)(double margin))
{
    struct rng rng;
    rng_seed(&rng, 3);
    training.table.spans = spans;
    training.table.n = n;
    predictions = (struct predictions){n, rows, margins, labels, weights, net, (double)n / 30};
    for (size_t i = 0; i < n; i++) {
        int64_t t0_ns = (int64_t)i * NS_PER_S;
        spans[i] = (struct label_span){t0_ns, t0_ns + 30 * NS_PER_S, t0_ns + 31 * NS_PER_S};
        rows[i] = (uint32_t)i;
        margins[i] = (float)(2 * rng_normal(&rng));
        labels[i] = rng_uniform(&rng) < q_of((double)margins[i]) ? 1.0F : 0.0F;
        net[i] = labels[i] > 0 ? 0.01F : -0.01F;
        weights[i] = 1.0F;
    }
}

static struct calibration_choice choose(void)
{
    struct calibration_choice choice;
    check_ok(train_choose_calibration(&training, &predictions, &choice));
    return choice;
}

static double smooth(double margin)
{
    return sigmoid(-2 * log1p(exp(-margin)) + 0.2 * log1p(exp(margin)));
}

static double step(double margin)
{
    return margin < -1 ? 0.3 : margin < 1.5 ? 0.45 : 0.9;
}

static void test_a_step_is_isotonic(void **state)
{
    (void)state;
    draw(N, step);
    struct calibration_choice choice = choose();
    assert_int_equal(choice.method, CALIBRATION_isotonic);
    assert_true(choice.log_loss[CALIBRATION_isotonic] < choice.log_loss[CALIBRATION_beta]);
    check_near(choice.n_eff, N, 1e-6);
    check_near((double)choice.n_judged, N / 3.0, 2);
}

static void test_a_bent_sigmoid_is_beta(void **state)
{
    (void)state;
    draw(N, smooth);
    struct calibration_choice choice = choose();
    assert_int_equal(choice.method, CALIBRATION_beta);
    assert_true(choice.log_loss[CALIBRATION_beta] < choice.log_loss[CALIBRATION_platt]);
}

/* The loss of the truth itself on the judged rows: no method can be much below, and a good one is not far above. */
static void test_the_losses_are_near_that_of_the_truth(void **state)
{
    (void)state;
    draw(N, smooth);
    struct calibration_choice choice = choose();
    double truth = 0;
    for (size_t i = N - choice.n_judged; i < N; i++) {
        double q = smooth((double)margins[i]);
        truth -= log(labels[i] > 0 ? q : 1 - q) / (double)choice.n_judged;
    }
    check_near(choice.log_loss[CALIBRATION_beta], truth, 0.003);
    check_near(choice.log_loss[CALIBRATION_isotonic], truth, 0.01);
}

static void test_few_effective_rows_are_platt(void **state)
{
    (void)state;
    draw(999, step);
    assert_int_equal(choose().method, CALIBRATION_platt);
    draw(N, step);
    for (size_t i = 900; i < N; i++) /* many rows, but worth few */
        weights[i] = 1e-4F;
    struct calibration_choice choice = choose();
    assert_true(choice.n_eff < 1000);
    assert_int_equal(choice.method, CALIBRATION_platt);
    assert_true(isfinite(choice.log_loss[CALIBRATION_platt])); /* told, not used */
}

/* Labels that are not available when the judged rows begin must not teach: whatever they say, the losses stay. */
static void test_labels_not_known_at_the_cut_teach_nothing(void **state)
{
    (void)state;
    draw(N, smooth);
    struct calibration_choice before = choose();
    size_t first_judged = N - before.n_judged, n_changed = 0;
    for (size_t i = 0; i < first_judged; i++) {
        if (spans[i].available_at_ns > spans[first_judged].t0_ns) {
            labels[i] = 1 - labels[i];
            n_changed++;
        }
    }
    struct calibration_choice after = choose();
    assert_int_equal(n_changed, 30);
    for (size_t i = 0; i < CALIBRATION_METHOD_COUNT; i++)
        check_same_double(after.log_loss[i], before.log_loss[i]);
    labels[first_judged - n_changed - 1] = 1 - labels[first_judged - n_changed - 1];
    assert_true(choose().log_loss[CALIBRATION_platt] != before.log_loss[CALIBRATION_platt]);
}

static void test_too_few_rows_to_judge_are_platt(void **state)
{
    (void)state;
    draw(200, smooth);
    struct calibration_choice choice = choose();
    assert_int_equal(choice.method, CALIBRATION_platt);
    assert_true(isnan(choice.log_loss[CALIBRATION_platt]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_step_is_isotonic),
        cmocka_unit_test(test_a_bent_sigmoid_is_beta),
        cmocka_unit_test(test_the_losses_are_near_that_of_the_truth),
        cmocka_unit_test(test_few_effective_rows_are_platt),
        cmocka_unit_test(test_labels_not_known_at_the_cut_teach_nothing),
        cmocka_unit_test(test_too_few_rows_to_judge_are_platt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
