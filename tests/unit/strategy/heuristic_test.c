/* Warm-up: each heuristic's opinion, and the randomised choice whose logged propensity must be exact. */
#include <string.h>

#include "alphaloop/strategy/heuristic.h"
#include "harness/check.h"

static const struct heuristic_input nothing_known = {NAN, NAN, NAN, NAN, NAN};

static double opinion(const char *name, struct heuristic_input input)
{
    int index = heuristic_index(slice_of(name));
    assert_true(index >= 0);
    return heuristic_at((size_t)index)->opinion(&input);
}

static void test_momentum_follows_the_scaled_return(void **state)
{
    (void)state;
    check_near(opinion("momentum", (struct heuristic_input){.return_sigma = 2}), tanh(1), 1e-15);
    check_near(opinion("momentum", (struct heuristic_input){.return_sigma = -2}), -tanh(1), 1e-15);
    check_near(opinion("momentum", (struct heuristic_input){.return_sigma = 0}), 0, 0);
}

static void test_mean_reversion_fades_what_is_far_from_its_mean(void **state)
{
    (void)state;
    check_near(opinion("mean_reversion", (struct heuristic_input){.deviation_sigma = 3}),
               -tanh(1.5), 1e-15);
    check_near(opinion("mean_reversion", (struct heuristic_input){.deviation_sigma = -3}),
               tanh(1.5), 1e-15);
    check_near(opinion("mean_reversion", (struct heuristic_input){.deviation_sigma = 0.99}), 0, 0);
}

static void test_volume_volatility_follows_a_loud_move_and_fades_a_quiet_one(void **state)
{
    (void)state;
    struct heuristic_input loud = {.last_return = 0.001, .volume_ratio = 2, .volatility_ratio = 2};
    struct heuristic_input quiet = {
        .last_return = 0.001, .volume_ratio = 0.5, .volatility_ratio = 0.5};
    struct heuristic_input mixed = {
        .last_return = 0.001, .volume_ratio = 2, .volatility_ratio = 0.5};
    check_near(opinion("volume_volatility", loud), 0.5, 0);
    check_near(opinion("volume_volatility", quiet), -0.25, 0);
    check_near(opinion("volume_volatility", mixed), 0, 0);
    loud.last_return = -0.001;
    check_near(opinion("volume_volatility", loud), -0.5, 0);
}

static void test_every_heuristic_is_silent_without_its_inputs(void **state)
{
    (void)state;
    for (size_t i = 0; i < heuristic_count(); i++)
        check_near(heuristic_at(i)->opinion(&nothing_known), NAN, 0);
}

/* Mirrored market, mirrored opinion; and never beyond 1. */
static void test_every_heuristic_is_odd_and_bounded(void **state)
{
    static const double values[] = {-1e9, -50, -3, -1, -0.5, 0, 0.5, 1, 3, 50, 1e9};
    (void)state;
    for (size_t i = 0; i < heuristic_count(); i++) {
        for (size_t k = 0; k < COUNT_OF(values); k++) {
            double x = values[k], ratio = fabs(x) + 0.1;
            struct heuristic_input up = {x, x, x, ratio, ratio}, down = {-x, -x, -x, ratio, ratio};
            double up_opinion = heuristic_at(i)->opinion(&up);
            assert_true(fabs(up_opinion) <= 1);
            check_near(heuristic_at(i)->opinion(&down), -up_opinion, 1e-15);
        }
    }
}

/* ---- the table ---- */

static void test_heuristic_names_are_unique_and_found(void **state)
{
    (void)state;
    assert_true(heuristic_count() > 0 && heuristic_count() <= HEURISTICS_MAX);
    for (size_t i = 0; i < heuristic_count(); i++) {
        const struct heuristic *heuristic = heuristic_at(i);
        check_i64(heuristic_index(slice_of(heuristic->name)), (int64_t)i);
        assert_true(strlen(heuristic->formula) > 0);
        assert_true(strlen(heuristic->name) < 24); /* it must fit struct decision */
    }
    check_i64(heuristic_index(SLICE("astrology")), -1);
}

/* ---- the choice ---- */

static const double equal[HEURISTICS_MAX] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

static struct heuristic_input rising(void)
{
    struct heuristic_input input = nothing_known;
    input.return_sigma = 2;
    return input;
}

static void test_warmup_without_an_opinion_abstains(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 1);
    struct warmup_choice choice = warmup_choose(equal, &nothing_known, 1, &rng);
    assert_int_equal(choice.side, SIDE_NONE);
    assert_int_equal(choice.reason, REASON_heuristic_neutral);
    check_near(choice.propensity, 1, 0);
}

/* Known, and for neither side: mostly nothing is done, and what chance does is logged as what it is. */
static void test_warmup_on_the_fence_explores(void **state)
{
    enum { DRAWS = 200000 };
    (void)state;
    struct rng rng;
    struct heuristic_input input = nothing_known;
    double sum[3] = {0};
    input.deviation_sigma = 0;
    rng_seed(&rng, 20260131);
    for (int n = 0; n < DRAWS; n++) {
        struct warmup_choice choice = warmup_choose(equal, &input, 0.5, &rng);
        check_near(choice.propensity, choice.side == SIDE_NONE ? 0.5 : 0.25, 0);
        assert_true((choice.reason == REASON_NONE) == (choice.side != SIDE_NONE));
        sum[choice.side] += 1 / choice.propensity;
    }
    for (enum side side = SIDE_NONE; side <= SIDE_SELL; side++)
        check_near(sum[side] / DRAWS, 1, 4 * sqrt(3.0 / DRAWS));
    assert_int_equal(warmup_choose(equal, &input, 0, &rng).side, SIDE_NONE);
}

static void test_warmup_without_weight_abstains(void **state)
{
    static const double none[HEURISTICS_MAX] = {0};
    (void)state;
    struct rng rng;
    struct heuristic_input input = rising();
    rng_seed(&rng, 1);
    assert_int_equal(warmup_choose(none, &input, 0.5, &rng).side, SIDE_NONE);
}

static void test_warmup_without_randomness_is_greedy_and_certain(void **state)
{
    (void)state;
    struct rng rng;
    struct heuristic_input input = rising();
    rng_seed(&rng, 1);
    for (int i = 0; i < 100; i++) {
        struct warmup_choice choice = warmup_choose(equal, &input, 0, &rng);
        assert_int_equal(choice.side, SIDE_BUY);
        check_near(choice.propensity, 1, 0);
        check_str(choice.heuristic, "momentum");
        check_near(choice.strength, tanh(1), 1e-15);
    }
}

static void test_warmup_weights_decide_who_leads(void **state)
{
    (void)state;
    double weights[HEURISTICS_MAX] = {0};
    struct rng rng;
    struct heuristic_input input = {.return_sigma = 2,
                                    .deviation_sigma = 2,
                                    .last_return = NAN,
                                    .volume_ratio = NAN,
                                    .volatility_ratio = NAN};
    rng_seed(&rng, 1);
    weights[heuristic_index(SLICE("momentum"))] = 1;
    weights[heuristic_index(SLICE("mean_reversion"))] = 3;
    struct warmup_choice choice = warmup_choose(weights, &input, 0, &rng);
    assert_int_equal(choice.side, SIDE_SELL);
    check_str(choice.heuristic, "mean_reversion");
    check_near(choice.strength, tanh(1) / 2, 1e-15);
}

/* Unbiased inverse-propensity weighting needs E[1[a] / pi(a)] = 1 for each action, whatever the randomness. */
static void test_warmup_propensities_make_weights_that_average_one(void **state)
{
    static const double epsilons[] = {0.1, 0.5, 1.0};
    enum { DRAWS = 200000 };
    (void)state;
    struct rng rng;
    struct heuristic_input input = rising();
    rng_seed(&rng, 20260131);
    for (size_t i = 0; i < COUNT_OF(epsilons); i++) {
        double sum[3] = {0};
        for (int n = 0; n < DRAWS; n++) {
            struct warmup_choice choice = warmup_choose(equal, &input, epsilons[i], &rng);
            sum[choice.side] += 1 / choice.propensity;
        }
        double rare = epsilons[i] / 2, standard_error = sqrt((1 / rare - 1) / DRAWS);
        check_near(sum[SIDE_BUY] / DRAWS, 1, 4 * standard_error);
        check_near(sum[SIDE_SELL] / DRAWS, 1, 4 * standard_error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_momentum_follows_the_scaled_return),
        cmocka_unit_test(test_mean_reversion_fades_what_is_far_from_its_mean),
        cmocka_unit_test(test_volume_volatility_follows_a_loud_move_and_fades_a_quiet_one),
        cmocka_unit_test(test_every_heuristic_is_silent_without_its_inputs),
        cmocka_unit_test(test_every_heuristic_is_odd_and_bounded),
        cmocka_unit_test(test_heuristic_names_are_unique_and_found),
        cmocka_unit_test(test_warmup_without_an_opinion_abstains),
        cmocka_unit_test(test_warmup_on_the_fence_explores),
        cmocka_unit_test(test_warmup_without_weight_abstains),
        cmocka_unit_test(test_warmup_without_randomness_is_greedy_and_certain),
        cmocka_unit_test(test_warmup_weights_decide_who_leads),
        cmocka_unit_test(test_warmup_propensities_make_weights_that_average_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
