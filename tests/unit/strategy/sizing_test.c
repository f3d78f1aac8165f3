/* Amounts: within their bounds, always two decimals, never more than there is. */
#include "alphaloop/strategy/sizing.h"
#include "harness/check.h"

static const struct sizing usual = {.min_amount = 100, .max_amount = 1000, .edge_scale = 0.001};

static void check_amount(struct decimal actual, const char *expected)
{
    char text[DECIMAL_TEXT_MAX];
    decimal_format_trim(actual, text);
    check_str(text, expected);
}

static void test_sizing_by_model_grows_with_the_edge(void **state)
{
    (void)state;
    check_amount(size_model(&usual, 0), "100");
    check_amount(size_model(&usual, 0.0005), "550");
    check_amount(size_model(&usual, 0.001), "1000");
    check_amount(size_model(&usual, 1), "1000");
    check_amount(size_model(&usual, -1), "100");
}

static void test_sizing_by_chance_stays_within_the_bounds_and_uses_them(void **state)
{
    (void)state;
    struct rng rng;
    double least = INFINITY, most = 0;
    rng_seed(&rng, 3);
    for (int i = 0; i < 20000; i++) {
        struct decimal amount = size_warmup(&usual, 1, &rng);
        double value = decimal_to_double(amount);
        assert_true(amount.units % SIGNAL_AMOUNT_STEP == 0);
        least = fmin(least, value);
        most = fmax(most, value);
    }
    assert_true(least >= 100 && least < 101);
    assert_true(most <= 1000 && most > 999);
}

static void test_sizing_by_chance_without_randomness_is_the_minimum(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 3);
    check_amount(size_warmup(&usual, 0, &rng), "100");
}

static void test_sizing_affords_no_more_than_there_is(void **state)
{
    (void)state;
    struct decimal amount = decimal_from_int(500);
    check_amount(size_afford(amount, 1000), "500");
    check_amount(size_afford(amount, 500), "500");
    check_amount(size_afford(amount, 123.4567), "123.45");
    check_amount(size_afford(amount, 0), "0");
    check_amount(size_afford(amount, -5), "0");
    check_amount(size_afford(amount, NAN), "500");
}

static void test_sizing_never_passes_what_a_signal_may_carry(void **state)
{
    (void)state;
    struct sizing large = {
        .min_amount = SIGNAL_AMOUNT_MIN, .max_amount = SIGNAL_AMOUNT_MAX, .edge_scale = 0.001};
    struct rng rng;
    rng_seed(&rng, 9);
    for (int i = 0; i < 20000; i++) {
        double edge = rng_normal(&rng) * 0.002;
        struct decimal amount = size_model(&large, edge);
        double value = decimal_to_double(amount);
        assert_true(value >= SIGNAL_AMOUNT_MIN && value <= SIGNAL_AMOUNT_MAX);
        assert_true(amount.units % SIGNAL_AMOUNT_STEP == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizing_by_model_grows_with_the_edge),
        cmocka_unit_test(test_sizing_by_chance_stays_within_the_bounds_and_uses_them),
        cmocka_unit_test(test_sizing_by_chance_without_randomness_is_the_minimum),
        cmocka_unit_test(test_sizing_affords_no_more_than_there_is),
        cmocka_unit_test(test_sizing_never_passes_what_a_signal_may_carry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
