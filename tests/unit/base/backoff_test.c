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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backoff_doubles_from_the_least_to_the_most),
    };
    return cmocka_run_group_tests_name("base/backoff", tests, NULL, NULL);
}
