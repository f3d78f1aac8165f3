#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "alphaloop/base/ring.h"

static void push(struct ring *ring, int value)
{
    *(int *)ring_push_over(ring) = value;
}

static int at(const struct ring *ring, size_t index)
{
    return *(int *)ring_at(ring, index);
}

static void test_ring_keeps_the_newest(void **state)
{
    struct ring ring;
    (void)state;
    assert_int_equal(ring_init(&ring, sizeof(int), 3), AL_OK);
    for (int i = 0; i < 8; i++)
        push(&ring, i);
    assert_int_equal(ring.count, 3);
    assert_int_equal(at(&ring, 0), 5);
    assert_int_equal(at(&ring, 2), 7);
    ring_drop_first(&ring);
    assert_int_equal(at(&ring, 0), 6);
    ring_clear(&ring);
    assert_int_equal(ring.count, 0);
    ring_deinit(&ring);
}

static void test_ring_refuses_when_full(void **state)
{
    struct ring ring;
    (void)state;
    assert_int_equal(ring_init(&ring, sizeof(int), 2), AL_OK);
    assert_non_null(ring_push(&ring));
    assert_non_null(ring_push(&ring));
    assert_null(ring_push(&ring));
    ring_deinit(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ring_keeps_the_newest),
        cmocka_unit_test(test_ring_refuses_when_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
