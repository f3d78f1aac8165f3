#include "harness/check.h"

#include <stdlib.h>
#include <string.h>

#include "alphaloop/train/gate.h"

#define DECISIONS 2000

static double u_challenger[DECISIONS], u_incumbent[DECISIONS];

static const struct gate_rule rule = {.mode = GATE_EVIDENCE,
                                      .accuracy_min = 0.75,
                                      .level = 0.05,
                                      .attempt = 1,
                                      .n_eff_min = 1000,
                                      .n_bootstrap = 2000,
                                      .dsr_min = 0.95,
                                      .pbo_max = 0.2};

static struct gate_evidence evidence(void)
{
    return (struct gate_evidence){.u_challenger = u_challenger,
                                  .u_incumbent = u_incumbent,
                                  .n = DECISIONS,
                                  .span_decisions = 5,
                                  .against_warmup = true,
                                  .n_eff = 2000,
                                  .n_trades = 500,
                                  .n_own = 900,
                                  .n_market = 1100,
                                  .brier_skill = 0.01,
                                  .accuracy = 0.55,
                                  .honesty = {.ece = 0.03, .coverage = 0.91, .nominal = 0.9},
                                  .is_real_capital = true,
                                  .dsr = 0.97,
                                  .pbo = NAN,
                                  .walker_agrees = true};
}

/* Every decision trades with independent noise of one per cent. */
static void fill(double mean_challenger, double mean_incumbent, uint64_t seed)
{
    struct rng rng;
    rng_seed(&rng, seed);
    for (size_t i = 0; i < DECISIONS; i++) {
        u_challenger[i] = mean_challenger + 0.01 * rng_normal(&rng);
        u_incumbent[i] = mean_incumbent + 0.01 * rng_normal(&rng);
    }
}

static struct gate_verdict judge(const struct gate_rule *r, const struct gate_evidence *e)
{
    struct gate_verdict verdict;
    struct rng rng;
    rng_seed(&rng, 42);
    check_ok(gate_judge(r, e, &rng, &verdict));
    assert_true(strlen(verdict.text) > 20);
    check_has(verdict.text, verdict.promoted ? "promoted: " : "refused: ");
    return verdict;
}

static void test_levels_of_all_attempts_sum_to_the_level(void **state)
{
    double sum = 0;
    (void)state;
    for (uint32_t k = 1; k < 100000; k++)
        sum += gate_level(0.05, k);
    check_near(sum, 0.05, 1e-6);
    check_near(gate_level(0.05, 1), 0.0303963550927, 1e-12);
}

static void test_clearly_better_is_promoted(void **state)
{
    struct gate_evidence e = evidence();
    (void)state;
    fill(0.002, -0.001, 1);
    struct gate_verdict v = judge(&rule, &e);
    assert_true(v.promoted && v.enough && v.low_d > 0 && v.low_u > 0);
    assert_true(v.low_d < v.mean_d && v.low_u < v.mean_u);
    check_near(v.block, cbrt(DECISIONS), 1e-9); /* longer than two spans of five */
    assert_true(v.n_bootstrap >= 2000);
}

static void test_abstaining_from_a_losing_policy_is_no_skill(void **state)
{
    struct gate_evidence e = evidence();
    (void)state;
    fill(0, -0.003, 1);
    memset(u_challenger, 0, sizeof u_challenger);
    struct gate_verdict v = judge(&rule, &e);
    assert_true(v.low_d > 0 && !v.promoted);
    check_has(v.text, "not surely above zero itself");
    e.against_warmup = false; /* a losing model is another matter: the better one serves */
    assert_true(judge(&rule, &e).promoted);
}

static void test_better_utility_without_honest_probabilities_is_refused(void **state)
{
    struct gate_evidence e = evidence();
    (void)state;
    fill(0.002, -0.001, 1);
    e.brier_skill = 0;
    check_has(judge(&rule, &e).text, "no more than the base rate");
    e.brier_skill = NAN;
    assert_false(judge(&rule, &e).promoted);
}

static void test_what_surely_lies_is_refused(void **state)
{
    struct gate_evidence e = evidence();
    (void)state;
    fill(0.002, -0.001, 1);
    e.honesty.ece = 0.2; /* of few rows that is nothing yet */
    e.honesty.ece_low = 0.0499;
    e.honesty.coverage_off_low = 0.0199;
    assert_true(judge(&rule, &e).promoted);
    e.honesty.ece_low = 0.0501;
    check_has(judge(&rule, &e).text, "off by more than 0.05; net return");
    e.honesty.ece_low = 0;
    e.honesty.coverage_off_low = 0.0201;
    assert_true(judge(&rule, &e).promoted); /* they hold too often */
    e.honesty.coverage = 0.87;
    check_has(judge(&rule, &e).text, "more than two points too rarely; net return");
    check_has(judge(&rule, &e).text,
              "ECE 0.200 (surely 0.000), intervals hold 0.870 of 0.9 (surely "
              "0.020 off)");
}

static void test_real_capital_asks_for_more_than_played_orders(void **state)
{
    struct gate_evidence e = evidence();
    struct gate_rule lax = rule;
    (void)state;
    fill(0.002, -0.001, 1);
    e.dsr = 0.9499;
    check_has(judge(&rule, &e).text, "too likely luck (dsr_min)");
    check_has(judge(&rule, &e).text, "real capital: DSR 0.95 of 0.95;");
    e.dsr = NAN;
    assert_false(judge(&rule, &e).promoted);
    e.is_real_capital = false;
    assert_true(judge(&rule, &e).promoted);
    check_has(judge(&rule, &e).text, "orders were played");
    e.is_real_capital = true;
    lax.dsr_min = 0;
    assert_true(judge(&lax, &e).promoted);
    e.dsr = 0.95;
    e.pbo = 0.2;
    assert_true(judge(&rule, &e).promoted);
    e.pbo = 0.2001;
    check_has(judge(&rule, &e).text, "chosen by luck (pbo_max)");
    e.is_real_capital = false;
    assert_true(judge(&rule, &e).promoted);
}

static void test_a_walker_that_differs_is_refused_whatever_it_earns(void **state)
{
    struct gate_evidence e = evidence();
    struct gate_rule accuracy = rule;
    (void)state;
    fill(0.002, -0.001, 1);
    e.walker_agrees = false;
    check_has(judge(&rule, &e).text, "does not give the library's own bits");
    accuracy.mode = GATE_ACCURACY;
    e.accuracy = 1;
    check_has(judge(&accuracy, &e).text, "does not give the library's own bits");
}

/* The longest there is still says all of it. */
static void test_words_are_not_cut_off(void **state)
{
    struct gate_evidence e = evidence();
    (void)state;
    for (size_t i = 0; i < DECISIONS; i++) {
        u_challenger[i] = -1.2345e-5 * (double)(1 + i % 7);
        u_incumbent[i] = -1.2345e-6 * (double)(1 + i % 5);
    }
    e.honesty.coverage_off_low = 0.0201;
    e.honesty.ece_low = 0.061;
    e.pbo = 0.199;
    e.dsr = 0.9876;
    e.n_own = e.n_market = e.n_trades = 123456;
    struct gate_verdict v = judge(&rule, &e);
    check_has(v.text, "blocks of ");
    assert_true(strlen(v.text) < GATE_TEXT_MAX - 40);
}

static void test_equal_is_refused(void **state)
{
    struct gate_evidence e = evidence();
    (void)state;
    fill(0.002, 0.002, 1);
    memcpy(u_challenger, u_incumbent, sizeof u_challenger);
    struct gate_verdict v = judge(&rule, &e);
    assert_false(v.promoted);
    check_near(v.low_d, 0, 0);
}

static void test_too_little_evidence_is_refused_and_named(void **state)
{
    struct gate_evidence e = evidence();
    (void)state;
    fill(0.01, -0.01, 1);
    e.n_eff = 999;
    check_has(judge(&rule, &e).text, "999 effective samples, 1000 are needed");
    e = evidence();
    e.n_trades = GATE_TRADES_MIN - 1;
    check_has(judge(&rule, &e).text, "29 trades");
    e = evidence();
    e.span_decisions = DECISIONS / 20;
    check_has(judge(&rule, &e).text, "10.0 independent blocks");
    e.n = 0;
    assert_false(judge(&rule, &e).promoted);
}

static void test_later_attempts_are_held_to_more(void **state)
{
    struct gate_evidence e = evidence();
    struct gate_rule tenth = rule;
    (void)state;
    fill(0.0008, 0, 4);
    tenth.attempt = 10;
    struct gate_verdict first = judge(&rule, &e), later = judge(&tenth, &e);
    assert_true(later.low_d < first.low_d);
    assert_true(first.promoted && !later.promoted);
}

static void test_accuracy_mode_is_the_originals_threshold(void **state)
{
    struct gate_evidence e = evidence();
    struct gate_rule accuracy = rule;
    (void)state;
    fill(-0.01, 0.01, 1);
    accuracy.mode = GATE_ACCURACY;
    e.accuracy = 0.74;
    assert_false(judge(&accuracy, &e).promoted);
    e.accuracy = 0.75;
    assert_true(judge(&accuracy, &e).promoted);
    e.n_eff = 10;
    assert_false(judge(&accuracy, &e).promoted);
}

static void test_same_seed_gives_the_same_verdict(void **state)
{
    struct gate_evidence e = evidence();
    (void)state;
    fill(0.001, 0, 7);
    struct gate_verdict a = judge(&rule, &e), b = judge(&rule, &e);
    check_same_double(a.low_d, b.low_d);
    check_str(a.text, b.text);
}

/* For independent values the standard error is sd / sqrt(n); guarding against dependence that is not there costs little. */
static void test_standard_error_of_independent_values(void **state)
{
    struct bootstrap_bound bound;
    struct rng rng;
    (void)state;
    fill(0.001, 0, 3);
    rng_seed(&rng, 1);
    for (double span = 1; span <= 16; span *= 4) {
        check_ok(bootstrap_lower_bound(u_challenger, DECISIONS, span, 0.05, 4000, &rng, &bound));
        check_near(bound.standard_error, 0.01 / sqrt(DECISIONS), 0.15 * 0.01 / sqrt(DECISIONS));
        check_near(bound.low, bound.mean - 1.67 * bound.standard_error, 0.2 * bound.standard_error);
    }
}

/* Each value repeated 20 times: there are n values, and n / 20 that know of nothing else. */
static void test_blocks_see_dependence(void **state)
{
    struct bootstrap_bound bound;
    struct rng rng;
    (void)state;
    rng_seed(&rng, 5);
    for (size_t i = 0; i < DECISIONS; i++)
        u_challenger[i] = i % 20 == 0 ? rng_normal(&rng) : u_challenger[i - 1];
    check_ok(bootstrap_lower_bound(u_challenger, DECISIONS, 20, 0.05, 4000, &rng, &bound));
    check_near(bound.block, 40, 0);
    check_near(bound.standard_error, 1 / sqrt(DECISIONS / 20.0), 0.3 / sqrt(DECISIONS / 20.0));
}

/* Politis and Romano's own scheme, written without running sums, on the same data. */
static double naive_standard_error(
    const double *x, size_t n, double block, int resamples, struct rng *rng)
{
    double sum = 0, squares = 0;
    for (int b = 0; b < resamples; b++) {
        double mean = 0;
        size_t at = 0;
        for (size_t i = 0; i < n; i++) {
            at = i == 0 || rng_uniform(rng) < 1 / block ? (size_t)rng_below(rng, n) : (at + 1) % n;
            mean += x[at] / (double)n;
        }
        sum += mean / resamples;
        squares += mean * mean / resamples;
    }
    return sqrt(squares - sum * sum);
}

static void test_bootstrap_agrees_with_its_definition(void **state)
{
    struct bootstrap_bound bound;
    struct rng rng;
    (void)state;
    rng_seed(&rng, 6);
    u_challenger[0] = 0;
    for (size_t i = 1; i < DECISIONS; i++)
        u_challenger[i] = 0.8 * u_challenger[i - 1] + rng_normal(&rng);
    check_ok(bootstrap_lower_bound(u_challenger, DECISIONS, 1, 0.05, 6000, &rng, &bound));
    double block = cbrt(DECISIONS), seen = 1 - (2 * block - 1) / DECISIONS;
    double expected = naive_standard_error(u_challenger, DECISIONS, block, 2000, &rng) / sqrt(seen);
    check_near(bound.standard_error, expected, 0.07 * expected);
}

/* Without edge, and with labels that overlap, promotions stay within the level: of 500 markets 15.2 are expected, and 5 to
 * 29 are within 3.5 standard deviations of that. */
static void test_no_edge_is_promoted_as_rarely_as_the_level_says(void **state)
{
    struct gate_evidence e = evidence();
    struct rng rng;
    int promoted = 0;
    (void)state;
    rng_seed(&rng, 77);
    e.n = 600;
    e.span_decisions = 8;
    e.against_warmup = false;
    memset(u_incumbent, 0, sizeof u_incumbent);
    for (int market = 0; market < 500; market++) {
        struct gate_verdict verdict;
        double noise[8] = {0};
        for (size_t i = 0; i < e.n + 8;
             i++) { /* sums of the last eight: the first seven are thrown away */
            double sum = 0;
            noise[i % 8] = rng_normal(&rng);
            for (int k = 0; k < 8; k++)
                sum += noise[k];
            if (i >= 8)
                u_challenger[i - 8] = sum;
        }
        check_ok(gate_judge(&rule, &e, &rng, &verdict));
        promoted += verdict.promoted;
    }
    assert_in_range(promoted, 5, 29);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels_of_all_attempts_sum_to_the_level),
        cmocka_unit_test(test_clearly_better_is_promoted),
        cmocka_unit_test(test_abstaining_from_a_losing_policy_is_no_skill),
        cmocka_unit_test(test_better_utility_without_honest_probabilities_is_refused),
        cmocka_unit_test(test_what_surely_lies_is_refused),
        cmocka_unit_test(test_real_capital_asks_for_more_than_played_orders),
        cmocka_unit_test(test_a_walker_that_differs_is_refused_whatever_it_earns),
        cmocka_unit_test(test_words_are_not_cut_off),
        cmocka_unit_test(test_equal_is_refused),
        cmocka_unit_test(test_too_little_evidence_is_refused_and_named),
        cmocka_unit_test(test_later_attempts_are_held_to_more),
        cmocka_unit_test(test_accuracy_mode_is_the_originals_threshold),
        cmocka_unit_test(test_same_seed_gives_the_same_verdict),
        cmocka_unit_test(test_standard_error_of_independent_values),
        cmocka_unit_test(test_blocks_see_dependence),
        cmocka_unit_test(test_bootstrap_agrees_with_its_definition),
        cmocka_unit_test(test_no_edge_is_promoted_as_rarely_as_the_level_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
