/* Decisions that wait: found by id, served in order of time, rescheduled, bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "alphaloop/base/rng.h"
#include "../../../src/pipeline/open_decisions_i.h"

static struct decision decision_of(uint64_t number)
{
    struct decision decision = {0};
    memcpy(decision.decision_id.bytes, &number, sizeof(number));
    return decision;
}

static void test_due_ones_come_in_order_of_time(void **state)
{
    (void)state;
    struct open_decisions open;
    struct rng rng;
    rng_seed(&rng, 7);
    assert_int_equal(open_decisions_init(&open, 500), AL_OK);
    for (uint64_t i = 0; i < 500; i++) {
        struct decision decision = decision_of(i);
        int64_t due_ns = (int64_t)rng_below(&rng, 100000);
        assert_non_null(open_decisions_add(&open, &decision, due_ns, INT64_MAX));
    }
    int64_t last_ns = -1;
    for (size_t i = 0; i < 500; i++) {
        struct open_decision *item = open_decisions_due(&open, 100000);
        assert_non_null(item);
        assert_true(item->due_ns >= last_ns);
        last_ns = item->due_ns;
        open_decisions_remove(&open, item);
    }
    assert_null(open_decisions_due(&open, INT64_MAX));
    assert_int_equal(open_decisions_count(&open), 0);
    open_decisions_deinit(&open);
}

static void test_rescheduling_leaves_no_trace_of_the_old_time(void **state)
{
    (void)state;
    struct open_decisions open;
    assert_int_equal(open_decisions_init(&open, 4), AL_OK);
    struct decision decision = decision_of(1);
    struct open_decision *item = open_decisions_add(&open, &decision, 10, INT64_MAX);
    for (int64_t due_ns = 11; due_ns < 100; due_ns++)
        open_decisions_reschedule(&open, item, due_ns);
    assert_null(open_decisions_due(&open, 98));
    assert_ptr_equal(open_decisions_due(&open, 99), item);
    open_decisions_deinit(&open);
}

static void test_a_full_house_refuses(void **state)
{
    (void)state;
    struct open_decisions open;
    assert_int_equal(open_decisions_init(&open, 2), AL_OK);
    for (uint64_t i = 0; i < 2; i++) {
        struct decision decision = decision_of(i);
        assert_non_null(open_decisions_add(&open, &decision, 1, 2));
    }
    struct decision third = decision_of(3);
    assert_null(open_decisions_add(&open, &third, 1, 2));
    assert_null(open_decisions_find(&open, third.decision_id));
    open_decisions_deinit(&open);
}

static void test_one_moves_to_another_set_and_back(void **state)
{
    (void)state;
    struct open_decisions from, to;
    assert_int_equal(open_decisions_init(&from, 2), AL_OK);
    assert_int_equal(open_decisions_init(&to, 1), AL_OK);
    struct decision first = decision_of(1), second = decision_of(2);
    struct open_decision *item = open_decisions_add(&from, &first, 10, INT64_MAX);
    struct open_decision *other = open_decisions_add(&from, &second, 11, INT64_MAX);
    assert_true(open_decisions_move(&from, &to, item, 20));
    assert_false(open_decisions_move(&from, &to, other, 20)); /* full: it stays */
    assert_null(open_decisions_find(&from, first.decision_id));
    assert_ptr_equal(open_decisions_due(&from, 15), other);
    assert_null(open_decisions_due(&from, INT64_MAX));
    assert_null(open_decisions_due(&to, 19));
    assert_ptr_equal(open_decisions_due(&to, 20), item);
    assert_true(open_decisions_move(&to, &from, item, 10));
    assert_ptr_equal(open_decisions_due(&from, 10), item);
    assert_int_equal(open_decisions_count(&to), 0);
    open_decisions_deinit(&from);
    open_decisions_deinit(&to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_due_ones_come_in_order_of_time),
        cmocka_unit_test(test_rescheduling_leaves_no_trace_of_the_old_time),
        cmocka_unit_test(test_a_full_house_refuses),
        cmocka_unit_test(test_one_moves_to_another_set_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
