#include "harness/check.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/train/evaluate.h"

#define ROWS 300

static struct evaluation e;

static int setup(void **state)
{
    (void)state;
    evaluation_clear(&e);
    return 0;
}

/* Four rows, everything by hand: q against gains 1 0 1 0. */
static void test_classification_by_hand(void **state)
{
    const float q[] = {0.9F, 0.6F, 0.4F, 0.1F}, r[] = {0.02F, -0.01F, 0.01F, 0.0F};
    (void)state;
    check_ok(evaluate_classification(q, r, NULL, 4, &e));
    check_near(e.accuracy, 0.5, 1e-12);
    check_near(e.precision, 0.5, 1e-12);
    check_near(e.recall, 0.5, 1e-12);
    check_near(e.f1_score, 0.5, 1e-12);
    check_near(e.base_rate, 0.5, 1e-12);
    check_near(e.brier_score, (0.01 + 0.36 + 0.36 + 0.01) / 4, 1e-7);
    check_near(e.brier_skill, 1 - 0.185 / 0.25, 1e-6);
    check_near(e.log_loss, -(log(0.9) + log(0.4) + log(0.4) + log(0.9)) / 4, 1e-6);
    check_near(e.roc_auc, 0.75, 1e-12);
    check_near(e.ece, (0.1 + 0.6 + 0.6 + 0.1) / 4, 1e-6); /* one row a bin */
    assert_true(isnan(e.mae));
}

/* A weight of two is the same row twice. */
static void test_weights_are_repetitions(void **state)
{
    const float q[] = {0.8F, 0.3F, 0.55F}, r[] = {1, 1, -1}, w[] = {2, 1, 3};
    const float q2[] = {0.8F, 0.8F, 0.3F, 0.55F, 0.55F, 0.55F}, r2[] = {1, 1, 1, -1, -1, -1};
    struct evaluation twice;
    (void)state;
    evaluation_clear(&twice);
    check_ok(evaluate_classification(q, r, w, 3, &e));
    check_ok(evaluate_classification(q2, r2, NULL, 6, &twice));
    e.ece = twice.ece = 0; /* bins split rows, not weights */
    check_ok(evaluate_regression(q, r, w, 3, &e));
    check_ok(evaluate_regression(q2, r2, NULL, 6, &twice));
    e.rank_ic = twice.rank_ic = 0;
    for (size_t i = 0; i < evaluation_count(); i++)
        check_near(evaluation_value(&e, i), evaluation_value(&twice, i), 1e-9);
}

static double naive_auc(const float *q, const float *r, const float *w, size_t n)
{
    double better = 0, pairs = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < n; k++) {
            if (r[i] > 0 && r[k] <= 0) {
                pairs += (double)w[i] * (double)w[k];
                better += (double)w[i] * (double)w[k] * (q[i] > q[k] ? 1 : q[i] == q[k] ? 0.5 : 0);
            }
        }
    }
    return better / pairs;
}

static void test_auc_counts_pairs(void **state)
{
    struct rng rng;
    float q[ROWS], r[ROWS], w[ROWS];
    double auc;
    (void)state;
    rng_seed(&rng, 1);
    for (size_t i = 0; i < ROWS; i++) {
        q[i] = (float)rng_below(&rng, 40) / 40;
        r[i] = (float)(rng_normal(&rng) + (double)q[i]);
        w[i] = (float)rng_uniform(&rng);
    }
    check_ok(evaluate_auc(q, r, w, ROWS, &auc));
    check_near(auc, naive_auc(q, r, w, ROWS), 1e-9);
    check_ok(evaluate_classification(q, r, w, ROWS, &e));
    check_same_double(e.roc_auc, auc);
}

/* Margins are negative as well, of every size, and -0 is no less than 0. */
static void test_auc_puts_any_number_in_order(void **state)
{
    const float odd[] = {-0.0F, 0.0F, -1e-45F, 1e-45F, -FLT_MAX, FLT_MAX, -1.0F, 1.0F};
    struct rng rng;
    float score[ROWS], r[ROWS], w[ROWS];
    double auc;
    (void)state;
    rng_seed(&rng, 2);
    for (size_t i = 0; i < ROWS; i++) {
        double size = exp(20 * rng_normal(&rng));
        score[i] = i % 3 == 0 ? odd[rng_below(&rng, COUNT_OF(odd))]
                              : (float)(rng_below(&rng, 2) == 0 ? size : -size);
        r[i] = (float)(rng_normal(&rng) + (score[i] > 0));
        w[i] = (float)rng_uniform(&rng);
    }
    check_ok(evaluate_auc(score, r, w, ROWS, &auc));
    check_near(auc, naive_auc(score, r, w, ROWS), 1e-9);
}

/* 150 rows in 15 bins of ten: the mean gap of each ten, worked out without weights or running sums. */
static void test_ece_is_the_gap_of_equal_bins(void **state)
{
    struct rng rng;
    float q[150], r[150];
    double expected = 0;
    (void)state;
    rng_seed(&rng, 2);
    for (size_t i = 0; i < 150; i++) {
        q[i] = (float)(i + 1) / 151;
        r[i] = rng_uniform(&rng) < 0.7 ? 1 : -1;
    }
    for (size_t bin = 0; bin < 15; bin++) {
        double mean_q = 0, gains = 0;
        for (size_t i = 10 * bin; i < 10 * bin + 10; i++) {
            mean_q += (double)q[i] / 10;
            gains += (r[i] > 0) / 10.0;
        }
        expected += fabs(mean_q - gains) / 15;
    }
    check_ok(evaluate_classification(q, r, NULL, 150, &e));
    check_near(e.ece, expected, 1e-6);
}

static void test_one_class_has_no_auc_and_no_skill(void **state)
{
    const float q[] = {0.4F, 0.9F}, r[] = {1, 2};
    (void)state;
    check_ok(evaluate_classification(q, r, NULL, 2, &e));
    assert_true(isnan(e.roc_auc) && isnan(e.brier_skill));
    check_near(e.base_rate, 1, 0);
    check_near(e.recall, 0.5, 1e-12);
}

static void test_certain_and_wrong_stays_finite(void **state)
{
    const float q[] = {1, 0}, r[] = {-1, 1};
    (void)state;
    check_ok(evaluate_classification(q, r, NULL, 2, &e));
    check_near(e.log_loss, -log(1e-7), 1e-9);
}

static void test_regression_by_hand(void **state)
{
    const float v[] = {1, 2, 3, 4}, r[] = {2, 1, 4, 4};
    (void)state;
    check_ok(evaluate_regression(v, r, NULL, 4, &e));
    check_near(e.mae, 0.75, 1e-12);
    check_near(e.rmse, sqrt(0.75), 1e-12);
    check_near(e.r2, 1 - 3 / 6.75, 1e-12);
    check_near(e.rmse_ratio, sqrt(3.0 / 37), 1e-12);
    /* ranks 1 2 3 4 and 2 1 3.5 3.5: sum of products of deviations 3.5, of squares 5 and 4.5 */
    check_near(e.rank_ic, 3.5 / sqrt(5 * 4.5), 1e-12);
}

static void test_constant_prediction_has_no_rank(void **state)
{
    const float v[] = {1, 1, 1}, r[] = {1, 2, 3}, same[] = {2, 2, 2};
    (void)state;
    check_ok(evaluate_regression(v, r, NULL, 3, &e));
    assert_true(isnan(e.rank_ic));
    check_ok(evaluate_regression(v, same, NULL, 3, &e));
    assert_true(isnan(e.r2));
}

static void test_trading_by_hand(void **state)
{
    const double u[] = {0.02, 0, -0.01, -0.02, 0.03, 0};
    const bool traded[] = {true, false, true, true, true, false};
    (void)state;
    evaluate_trading(u, traded, 6, 0.4, &e);
    check_near(e.total_return, 0.02, 1e-12);
    check_near(e.net_utility, 0.02 / 6, 1e-12);
    check_near(e.expectancy, 0.005, 1e-12);
    check_near(e.win_rate, 0.5, 1e-12);
    check_near(e.win_base_rate, 0.4, 0);
    check_near(e.profit_factor, 0.05 / 0.03, 1e-9);
    check_near(e.max_drawdown, 0.03, 1e-12);
    check_near(e.calmar_ratio, 0.02 / 0.03, 1e-9);
    check_near(e.turnover, 4.0 / 6, 1e-12);
    double mean = 0.02 / 6, squares = 0.0004 + 0.0001 + 0.0004 + 0.0009;
    check_near(e.sharpe_ratio, mean / sqrt((squares - 6 * mean * mean) / 5), 1e-9);
    check_near(e.sortino_ratio, mean / sqrt(0.0005 / 6), 1e-9);
}

/* Six decisions in periods of two: 0.02, -0.03, 0.03, worked out apart: mean 0.02 / 3, deviation 0.0321455. */
static void test_sharpe_is_of_periods(void **state)
{
    const double u[] = {0.5, 0.02, 0, -0.01, -0.02, 0.03, 0};
    const struct sharpe_trials one = {1, NAN}, ten = {10, 0.04};
    (void)state;
    check_ok(evaluate_sharpe(u, 7, 2, &one, &e));
    double ratio = 0.0066666667 / 0.0321455025, skewness = -0.6309038567, kurtosis = 1.5;
    double variance = 1 - skewness * ratio + (kurtosis - 1) / 4 * ratio * ratio;
    check_near(e.psr, 0.5 * erfc(-ratio * sqrt(2 / variance) / sqrt(2)), 1e-7);
    check_near(e.track_record_min, 1 + variance * pow(1.6448536270 / ratio, 2), 1e-5);
    check_same_double(e.dsr, e.psr);
    check_ok(evaluate_sharpe(u, 7, 2, &ten, &e));
    double best = 0.2 * ((1 - 0.5772156649) * 1.2815515655 + 0.5772156649 * 1.7892417646);
    check_near(e.dsr, 0.5 * erfc(-(ratio - best) * sqrt(2 / variance) / sqrt(2)), 1e-7);
    check_ok(evaluate_sharpe(u, 7, 4, &one, &e)); /* one period says nothing */
    assert_true(isnan(e.psr) && isnan(e.dsr) && isnan(e.track_record_min));
}

#define MARKETS   1000
#define DECISIONS 1200
#define SPAN      8

/* No edge; neighbours within a label's span share their market. */
static void draw_overlapping(struct rng *rng, double *u)
{
    double shock[DECISIONS + SPAN];
    for (size_t i = 0; i < DECISIONS + SPAN; i++)
        shock[i] = rng_normal(rng);
    for (size_t i = 0; i < DECISIONS; i++) {
        u[i] = 0;
        for (size_t k = 0; k < SPAN; k++)
            u[i] += shock[i + k] / SPAN;
    }
}

/* A psr above 0.95 is to come by luck about one time in twenty. Decision by decision it comes far more often. */
static void test_psr_counts_overlapping_decisions_once(void **state)
{
    const struct sharpe_trials one = {1, NAN};
    double u[DECISIONS];
    size_t n_periods = 0, n_decisions = 0;
    struct rng rng;
    (void)state;
    rng_seed(&rng, 12);
    for (size_t i = 0; i < MARKETS; i++) {
        draw_overlapping(&rng, u);
        check_ok(evaluate_sharpe(u, DECISIONS, 2 * SPAN, &one, &e));
        n_periods += e.psr > 0.95;
        check_ok(evaluate_sharpe(u, DECISIONS, 1, &one, &e));
        n_decisions += e.psr > 0.95;
    }
    printf("psr above 0.95 without an edge: %zu of %d by periods, %zu by decisions\n", n_periods,
           MARKETS, n_decisions);
    assert_in_range(n_periods, 30, 90);
    assert_true(n_decisions > 200);
}

/* The best of twenty without skill looks skilled to psr, not to dsr. */
static void test_dsr_sees_through_the_best_of_many(void **state)
{
    const struct sharpe_trials twenty = {20, NAN};
    double u[100];
    size_t n_psr = 0, n_dsr = 0;
    struct rng rng;
    (void)state;
    rng_seed(&rng, 13);
    for (size_t i = 0; i < 300; i++) {
        double psr = 0, dsr = 0;
        for (size_t trial = 0; trial < 20; trial++) {
            for (size_t k = 0; k < COUNT_OF(u); k++)
                u[k] = rng_normal(&rng);
            check_ok(evaluate_sharpe(u, COUNT_OF(u), 1, &twenty, &e));
            psr = fmax(psr, e.psr);
            dsr = fmax(dsr, e.dsr);
        }
        n_psr += psr > 0.95;
        n_dsr += dsr > 0.95;
    }
    printf("best of 20 without skill: psr above 0.95 %zu times of 300, dsr %zu times\n", n_psr,
           n_dsr);
    assert_true(n_psr > 150);
    assert_true(n_dsr <= 15);
}

static void test_no_trades_leave_ratios_undefined(void **state)
{
    const double u[] = {0, 0, 0};
    const bool traded[] = {false, false, false};
    (void)state;
    evaluate_trading(u, traded, 3, NAN, &e);
    check_near(e.net_utility, 0, 0);
    check_near(e.turnover, 0, 0);
    assert_true(isnan(e.sharpe_ratio) && isnan(e.win_rate) && isnan(e.profit_factor) &&
                isnan(e.calmar_ratio));
}

static void test_every_row_has_a_place(void **state)
{
    (void)state;
    e.turnover = 3;
    check_near(evaluation_value(&e, evaluation_count() - 1), 3, 0);
    for (size_t i = 0; i < evaluation_count(); i++) {
        assert_true(strlen(evaluation_at(i)->help) > 10);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(evaluation_at(i)->name, evaluation_at(k)->name);
    }
}

/* The registry's own rule: classification values lie in [0, 1]. */
static void test_classification_values_lie_in_the_unit_interval(void **state)
{
    struct rng rng;
    float q[ROWS], r[ROWS];
    (void)state;
    rng_seed(&rng, 9);
    for (size_t i = 0; i < ROWS; i++) {
        q[i] = rng_below(&rng, 2) == 0 ? 0 : 1;
        r[i] = q[i] > 0 ? -1 : 1; /* always wrong */
    }
    check_ok(evaluate_classification(q, r, NULL, ROWS, &e));
    for (size_t i = 0; i < evaluation_count(); i++) {
        double value = evaluation_value(&e, i);
        if (evaluation_at(i)->type == EVALUATION_classification)
            assert_true(value >= 0 && value <= 1);
    }
    assert_true(e.brier_skill < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_classification_by_hand, setup),
        cmocka_unit_test_setup(test_weights_are_repetitions, setup),
        cmocka_unit_test_setup(test_auc_counts_pairs, setup),
        cmocka_unit_test_setup(test_auc_puts_any_number_in_order, setup),
        cmocka_unit_test_setup(test_ece_is_the_gap_of_equal_bins, setup),
        cmocka_unit_test_setup(test_one_class_has_no_auc_and_no_skill, setup),
        cmocka_unit_test_setup(test_certain_and_wrong_stays_finite, setup),
        cmocka_unit_test_setup(test_regression_by_hand, setup),
        cmocka_unit_test_setup(test_constant_prediction_has_no_rank, setup),
        cmocka_unit_test_setup(test_trading_by_hand, setup),
        cmocka_unit_test_setup(test_sharpe_is_of_periods, setup),
        cmocka_unit_test_setup(test_psr_counts_overlapping_decisions_once, setup),
        cmocka_unit_test_setup(test_dsr_sees_through_the_best_of_many, setup),
        cmocka_unit_test_setup(test_no_trades_leave_ratios_undefined, setup),
        cmocka_unit_test_setup(test_every_row_has_a_place, setup),
        cmocka_unit_test_setup(test_classification_values_lie_in_the_unit_interval, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
