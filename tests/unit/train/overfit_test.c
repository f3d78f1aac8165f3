/* What is refused; the numbers are held against a plain second implementation in tests/contract/measure_test.py. */
#include "harness/check.h"

#include "alphaloop/train/overfit.h"

static void test_too_little_is_refused(void **state)
{
    const double returns[16] = {0};
    struct overfit o;
    (void)state;
    check_err(overfit_probability(returns, 16, 1, 4, &o), AL_ESHORT);
    check_err(overfit_probability(returns, 7, 2, 4, &o), AL_ESHORT);
    check_ok(overfit_probability(returns, 8, 2, 4, &o));
    check_i64((int64_t)o.n_ways, 6);
}

/* The paper's 16 blocks, of two trials of which one is better in every period: it is chosen and stays better. */
static void test_sixteen_blocks(void **state)
{
    double returns[160][2];
    struct overfit o;
    (void)state;
    for (int i = 0; i < 160; i++) {
        returns[i][0] = i % 3 - 1.0;
        returns[i][1] = i % 3 - 0.5;
    }
    check_ok(overfit_probability(returns[0], 160, 2, OVERFIT_BLOCKS, &o));
    check_i64((int64_t)o.n_ways, 12870);
    check_near(o.pbo, 0, 0);
    check_near(o.median_logit, log(2), 1e-12); /* rank 2 of 3 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_too_little_is_refused),
        cmocka_unit_test(test_sixteen_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
