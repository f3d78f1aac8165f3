/* The model's decision: the better action above cost, else abstain; a known share left to chance. */
#include "alphaloop/strategy/entry.h"
#include "harness/check.h"

static struct rng rng;

static int begin(void **state)
{
    (void)state;
    rng_seed(&rng, 5);
    return 0;
}

static void test_entry_takes_the_action_with_the_larger_value(void **state)
{
    (void)state;
    struct action_value values[3] = {[SIDE_BUY] = {.q = 0.55, .v = 0.001, .v_lower = 0.0005},
                                     [SIDE_SELL] = {.q = 0.6, .v = 0.002, .v_lower = 0.0004}};
    struct entry_choice choice = entry_choose(values, 0, &rng);
    assert_int_equal(choice.side, SIDE_SELL);
    assert_int_equal(choice.reason, REASON_NONE);
    check_near(choice.confidence, 0.6, 0);
    check_near(choice.expected_value, 0.002, 0);
    check_near(choice.v_lower, 0.0004, 0);
    check_near(choice.propensity, 1, 0);
    assert_false(choice.explored);
}

static void test_entry_abstains_when_the_lower_bound_does_not_clear_cost(void **state)
{
    (void)state;
    struct action_value values[3] = {[SIDE_BUY] = {.q = 0.52, .v = 0.001, .v_lower = 0},
                                     [SIDE_SELL] = {.q = 0.4, .v = -0.002, .v_lower = 0.01}};
    struct entry_choice choice = entry_choose(values, 0, &rng);
    assert_int_equal(choice.side, SIDE_NONE);
    assert_int_equal(choice.reason, REASON_edge_below_cost);
    check_near(choice.confidence, 0.52, 0); /* of the better action */
    assert_int_equal(entry_greedy(values), SIDE_NONE);
}

static void test_entry_abstains_when_the_outcome_may_be_below_cost(void **state)
{
    (void)state;
    struct action_value values[3] = {
        [SIDE_BUY] = {.q = 0.6, .v = 0.003, .v_lower = 0.002, .straddles = true},
        [SIDE_SELL] = {.q = 0.5, .v = 0.001, .v_lower = 0.0005}};
    struct entry_choice choice = entry_choose(values, 0, &rng);
    assert_int_equal(choice.side, SIDE_NONE);
    assert_int_equal(choice.leaning, SIDE_BUY);
    assert_int_equal(choice.reason, REASON_interval_straddles_cost);
    assert_int_equal(entry_greedy(values), SIDE_NONE);
    values[SIDE_BUY].v_lower = -0.001; /* the stronger objection is told */
    assert_int_equal(entry_choose(values, 0, &rng).reason, REASON_edge_below_cost);
    values[SIDE_BUY].straddles = false;
    values[SIDE_BUY].v_lower = 0.001;
    choice = entry_choose(values, 0, &rng);
    assert_true(choice.side == SIDE_BUY && choice.leaning == SIDE_BUY);
}

static void test_entry_greedy_is_the_choice_without_chance(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        struct action_value values[3] = {0};
        for (int side = SIDE_BUY; side <= SIDE_SELL; side++) {
            values[side].v = rng_normal(&rng);
            values[side].v_lower = values[side].v - rng_uniform(&rng);
        }
        assert_int_equal(entry_choose(values, 0, &rng).side, entry_greedy(values));
    }
}

/* E[1[a] / pi(a)] = 1 for every outcome the policy can reach, abstaining included. */
static void check_propensities(const struct action_value values[3], double epsilon)
{
    enum { DRAWS = 400000 };
    double sum[3] = {0};
    enum side greedy = entry_greedy(values);
    for (int i = 0; i < DRAWS; i++) {
        struct entry_choice choice = entry_choose(values, epsilon, &rng);
        sum[choice.side] += 1 / choice.propensity;
        assert_true((choice.reason == REASON_NONE) == (choice.side != SIDE_NONE));
    }
    double standard_error = sqrt((2 / epsilon - 1) / DRAWS);
    check_near(sum[SIDE_BUY] / DRAWS, 1, 4 * standard_error);
    check_near(sum[SIDE_SELL] / DRAWS, 1, 4 * standard_error);
    check_near(sum[SIDE_NONE] / DRAWS, greedy == SIDE_NONE, 4 * standard_error);
}

static void test_entry_propensities_make_weights_that_average_one(void **state)
{
    (void)state;
    struct action_value good[3] = {[SIDE_BUY] = {.q = 0.6, .v = 0.01, .v_lower = 0.005},
                                   [SIDE_SELL] = {.q = 0.4, .v = -0.01, .v_lower = -0.02}};
    struct action_value poor[3] = {[SIDE_BUY] = {.q = 0.5, .v = -0.01, .v_lower = -0.02},
                                   [SIDE_SELL] = {.q = 0.4, .v = -0.01, .v_lower = -0.02}};
    check_propensities(good, 0.02);
    check_propensities(good, 1);
    check_propensities(poor, 0.1);
}

static void test_entry_marks_what_chance_chose(void **state)
{
    (void)state;
    struct action_value poor[3] = {[SIDE_BUY] = {.q = 0.5, .v = -0.01, .v_lower = -0.02},
                                   [SIDE_SELL] = {.q = 0.4, .v = -0.01, .v_lower = -0.02}};
    for (int i = 0; i < 2000; i++) {
        struct entry_choice choice = entry_choose(poor, 0.5, &rng);
        assert_true(choice.explored == (choice.side != SIDE_NONE));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_entry_takes_the_action_with_the_larger_value, begin),
        cmocka_unit_test_setup(test_entry_abstains_when_the_lower_bound_does_not_clear_cost, begin),
        cmocka_unit_test_setup(test_entry_abstains_when_the_outcome_may_be_below_cost, begin),
        cmocka_unit_test_setup(test_entry_greedy_is_the_choice_without_chance, begin),
        cmocka_unit_test_setup(test_entry_propensities_make_weights_that_average_one, begin),
        cmocka_unit_test_setup(test_entry_marks_what_chance_chose, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
