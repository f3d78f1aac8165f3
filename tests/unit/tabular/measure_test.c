/* Measures against numbers done by hand, and the area under the curve against counting all pairs. */
#include "harness/check.h"

#include "alphaloop/base/rng.h"
#include "alphaloop/tabular/measure.h"

static void test_numbers(void **state)
{
    static const double y[] = {1, 2, 4}, p[] = {1, 3, 2};
    struct tabular_errors e;
    (void)state;
    tabular_measure_numbers(y, p, 3, 2, &e);
    check_near(e.rmse, sqrt(5.0 / 3), 1e-15);
    check_near(e.mae, 1, 1e-15);
    check_near(e.r2, 1 - 5.0 / 5, 1e-15);
    tabular_measure_numbers((const double[]){2, 2}, p, 2, 2, &e);
    check_near(e.r2, NAN, 0);
}

static void test_classes(void **state)
{
    static const double y[] = {0, 0, 0, 2};
    static const double p[4][3] = {
        {0.5, 0.25, 0.25}, {0.6, 0.2, 0.2}, {0.25, 0.5, 0.25}, {0, 0.75, 0.25}};
    struct tabular_scores s;
    (void)state;
    assert_true(tabular_measure_classes(y, &p[0][0], 4, 3, &s));
    check_near(s.accuracy, 0.5, 1e-15);
    check_near(s.balanced_accuracy, (2.0 / 3 + 0) / 2, 1e-15);
    check_near(s.log_loss, -(log(0.5) + log(0.6) + log(0.25) + log(0.25)) / 4, 1e-15);
    check_near(s.brier, (0.375 + 0.24 + 0.875 + 1.125) / 4, 1e-15);
    check_near(s.auc, NAN, 0);
}

static void test_auc_is_that_of_all_pairs(void **state)
{
    double y[60], p[60][2], wins = 0, pairs = 0;
    struct tabular_scores s;
    struct rng rng;
    (void)state;
    rng_seed(&rng, 5);
    for (size_t i = 0; i < 60; i++) {
        y[i] = (double)rng_below(&rng, 2);
        p[i][1] = (double)rng_below(&rng, 10) / 10; /* with ties */
        p[i][0] = 1 - p[i][1];
    }
    for (size_t i = 0; i < 60; i++) {
        for (size_t k = 0; k < 60; k++) {
            if (y[i] > y[k]) {
                wins += p[i][1] > p[k][1] ? 1 : p[i][1] < p[k][1] ? 0 : 0.5;
                pairs++;
            }
        }
    }
    assert_true(tabular_measure_classes(y, &p[0][0], 60, 2, &s));
    check_near(s.auc, wins / pairs, 1e-12);
    assert_true(tabular_measure_classes(y, &p[0][0], 1, 2, &s));
    check_near(s.auc, NAN, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_auc_is_that_of_all_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
