/* The failing allocator itself: it fails the allocation it was told to fail, once, and knows when the loop is over. */
#include "harness/alloc.h"
#include "harness/check.h"

#include <stdlib.h>

static bool make_three(void)
{
    void *volatile a = malloc(1), *volatile b = calloc(1, 1), *volatile c = malloc(1);
    bool made = a != NULL && b != NULL && c != NULL;
    free(a);
    free(b);
    free(c);
    return made;
}

static void test_alloc_fails_at_each_allocation_once(void **state)
{
    (void)state;
    size_t n_failed = 0, n = 0;
    for (; alloc_fails_at(n); n++)
        n_failed += !make_three();
    assert_int_equal(n_failed, 3);
    assert_int_equal(n, 4);
    assert_true(make_three());
}

static void test_alloc_count_counts(void **state)
{
    (void)state;
    alloc_never_fails();
    assert_true(make_three());
    assert_int_equal(alloc_count(), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc_fails_at_each_allocation_once),
        cmocka_unit_test(test_alloc_count_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
