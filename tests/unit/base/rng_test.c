#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "alphaloop/base/err.h"
#include "alphaloop/base/rng.h"

#define DRAWS 200000

/* Numbers of a second implementation, in Python, from the authors' description. */
static void test_rng_gives_known_numbers(void **state)
{
    static const uint64_t expected[] = {UINT64_C(0x15780b2e0c2ec716), UINT64_C(0x6104d9866d113a7e),
                                        UINT64_C(0xae17533239e499a1), UINT64_C(0xecb8ad4703b360a1)};
    struct rng rng;
    (void)state;
    rng_seed(&rng, 42);
    for (size_t i = 0; i < COUNT_OF(expected); i++)
        assert_true(rng_u64(&rng) == expected[i]);
}

static void test_uniform_and_below_are_even(void **state)
{
    struct rng rng;
    int seen[7] = {0};
    double sum = 0;
    (void)state;
    rng_seed(&rng, 1);
    for (int i = 0; i < DRAWS; i++) {
        double u = rng_uniform(&rng);
        assert_true(u >= 0 && u < 1);
        sum += u;
        seen[rng_below(&rng, 7)]++;
    }
    assert_true(fabs(sum / DRAWS - 0.5) < 0.005);
    for (int i = 0; i < 7; i++)
        assert_true(abs(seen[i] - DRAWS / 7) < 900);
    assert_true(rng_below(&rng, 1) == 0);
}

static void test_normal_and_exponential_have_their_moments(void **state)
{
    struct rng rng;
    double sum = 0, squares = 0, fourth = 0, waits = 0;
    (void)state;
    rng_seed(&rng, 2);
    for (int i = 0; i < DRAWS; i++) {
        double z = rng_normal(&rng), wait = rng_exponential(&rng, 3);
        sum += z;
        squares += z * z;
        fourth += z * z * z * z;
        assert_true(wait >= 0 && isfinite(wait));
        waits += wait;
    }
    assert_true(fabs(sum / DRAWS) < 0.01);
    assert_true(fabs(squares / DRAWS - 1) < 0.02);
    assert_true(fabs(fourth / DRAWS - 3) < 0.15);
    assert_true(fabs(waits / DRAWS - 3) < 0.05);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rng_gives_known_numbers),
        cmocka_unit_test(test_uniform_and_below_are_even),
        cmocka_unit_test(test_normal_and_exponential_have_their_moments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
