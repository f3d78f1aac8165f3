#include "alphaloop/base/backoff.h"
#include "harness/check.h"

static void test_backoff_doubles_from_the_least_to_the_most(void **state)
{
    static const int64_t wanted[] = {50, 100, 200, 400, 500, 500};
    int64_t wait = 0;
    (void)state;
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        wait = backoff_next(wait, 50, 500);
        assert_int_equal(wait, wanted[i]);
    }
    assert_int_equal(backoff_next(0, 900, 500), 500);
}

static void test_a_jittered_wait_is_at_least_half_and_at_most_whole(void **state)
{
    struct rng rng;
    uint32_t least = UINT32_MAX, most = 0;
    (void)state;
    rng_seed(&rng, 1);
    for (int i = 0; i < 1000; i++) {
        uint32_t wait = 100;
        uint32_t jittered = backoff_jittered(&rng, &wait, 150);
        assert_int_equal(wait, 150);
        least = jittered < least ? jittered : least;
        most = jittered > most ? jittered : most;
    }
    assert_int_equal(least, 50);
    assert_int_equal(most, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backoff_doubles_from_the_least_to_the_most),
        cmocka_unit_test(test_a_jittered_wait_is_at_least_half_and_at_most_whole),
    };
    return cmocka_run_group_tests_name("base/backoff", tests, NULL, NULL);
}
