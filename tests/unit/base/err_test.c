#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "alphaloop/base/err.h"

static void test_chain_reads_outside_in(void **state)
{
    (void)state;
    assert_int_equal(err_set(AL_ECONN, "connection refused"), AL_ECONN);
    err_add(AL_ECONN, "connect %s", "broker");
    err_add(AL_ECONN, "publish signal %s", "7f3a");
    assert_string_equal(err_text(), "publish signal 7f3a: connect broker: connection refused");
}

static void test_new_cause_forgets_the_last(void **state)
{
    (void)state;
    err_set(AL_EIO, "first");
    err_set(AL_EIO, "wrapped (%s)", err_text());
    assert_string_equal(err_text(), "wrapped (first)");
}

static void test_chain_is_bounded(void **state)
{
    (void)state;
    err_set(AL_EIO, "cause");
    for (int i = 0; i < 200; i++)
        err_add(AL_EIO, "step %d", i);
    assert_int_equal(strlen(err_text()), 511);
    assert_memory_equal(err_text(), "step 199: step 198: ", 20);
}

static void test_every_row_has_name_and_text(void **state)
{
    (void)state;
    assert_string_equal(al_err_name(AL_EPARSE), "EPARSE");
    for (size_t i = 0; i < AL_ERR_COUNT; i++) {
        assert_true(strlen(al_err_name((enum al_err)i)) > 1);
        assert_true(strlen(al_err_text((enum al_err)i)) > 1);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(al_err_name((enum al_err)i), al_err_name((enum al_err)k));
    }
    assert_string_equal(al_err_name(AL_ERR_COUNT), "EUNKNOWN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain_reads_outside_in),
        cmocka_unit_test(test_new_cause_forgets_the_last),
        cmocka_unit_test(test_chain_is_bounded),
        cmocka_unit_test(test_every_row_has_name_and_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
