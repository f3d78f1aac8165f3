/* Realised outcomes by hand. */
#include "harness/check.h"

#include "alphaloop/base/timestamp.h"
#include "alphaloop/dataset/order_outcome.h"

static struct order_outcome outcome_begun(enum side side)
{
    struct order_outcome outcome;
    static struct decision decision;
    decision = (struct decision){.side = side, .decided_at_ns = NS_PER_S};
    order_outcome_init(&outcome, &decision);
    return outcome;
}

/* 2 at 100 and 1 at 103 bought, fees 0.1 each: VWAP 101, 0.2 / 303. Sold 1 at 102, 2 at 105, at 10 bp: VWAP 104. */
static void test_an_exit_in_parts_is_realised_by_its_vwap(void **state)
{
    struct order_outcome o = outcome_begun(SIDE_BUY);
    (void)state;
    order_outcome_fill(&o, 2, 100, 0.1, 3 * NS_PER_S);
    order_outcome_fill(&o, 1, 103, 0.1, 2 * NS_PER_S);
    check_i64(o.first_fill_ns, 2 * NS_PER_S);
    check_i64(o.last_fill_ns, 3 * NS_PER_S);
    check_near(o.price, 101, 1e-12);
    check_near(o.fee_rate, 0.2 / 303, 1e-15);
    order_outcome_close(&o, 1, 102, 0.001, 9 * NS_PER_S, EXIT_FILLS);
    check_near(order_outcome_held(&o), 2, 1e-12);
    check_near(o.realised_net, NAN, 0);
    check_i64(o.exited_at_ns, TIMESTAMP_NONE);
    order_outcome_close(&o, 2, 105, 0.001, 12 * NS_PER_S, EXIT_FILLS);
    check_near(order_outcome_held(&o), 0, 0);
    check_i64(o.exited_at_ns, 12 * NS_PER_S);
    check_near(o.realised_gross, 104.0 / 101 - 1, 1e-12);
    check_near(o.realised_cost, 0.2 / 303 + 0.001, 1e-12);
    check_near(o.realised_net, 104.0 / 101 - 1 - 0.2 / 303 - 0.001, 1e-12);
}

static void test_a_short_earns_what_the_price_falls(void **state)
{
    struct order_outcome o = outcome_begun(SIDE_SELL);
    (void)state;
    order_outcome_fill(&o, 1, 100, 0, NS_PER_S);
    order_outcome_close(&o, 1, 90, 0, 2 * NS_PER_S, EXIT_POSITION);
    check_near(o.realised_gross, 0.1, 1e-12);
    assert_int_equal(o.exit_source, EXIT_POSITION);
}

static void test_what_closed_others_is_no_position(void **state)
{
    struct order_outcome o = outcome_begun(SIDE_BUY);
    (void)state;
    o.netted = 1;
    order_outcome_fill(&o, 1, 100, 0, NS_PER_S);
    check_near(order_outcome_held(&o), 0, 0);
    check_near(o.realised_net, NAN, 0);
    assert_int_equal(o.exit_source, EXIT_OPEN);
}

/* The event of a fill came after that of the exit: what was closed is open again until more is closed. */
static void test_a_late_fill_opens_what_was_closed(void **state)
{
    struct order_outcome o = outcome_begun(SIDE_BUY);
    (void)state;
    order_outcome_fill(&o, 1, 100, 0, NS_PER_S);
    order_outcome_close(&o, 1, 110, 0, 5 * NS_PER_S, EXIT_FILLS);
    order_outcome_fill(&o, 1, 100, 0, 2 * NS_PER_S);
    check_i64(o.exited_at_ns, TIMESTAMP_NONE);
    check_near(o.realised_net, NAN, 0);
    order_outcome_close(&o, 1, 120, 0, 6 * NS_PER_S, EXIT_FILLS);
    check_near(o.realised_net, 0.15, 1e-12);
}

/* Heard in this order: cancelled with 2 filled at 9, 1 filled at 3, 2 filled at 5. */
static void test_late_events_tell_when_it_was(void **state)
{
    struct order_outcome o = outcome_begun(SIDE_BUY);
    (void)state;
    assert_false(
        order_outcome_told(&o, 1, NS_PER_S)); /* nothing is filled that it could be told of */
    order_outcome_fill(&o, 2, 100, 0, 9 * NS_PER_S);
    assert_true(order_outcome_told(&o, 1, 3 * NS_PER_S));
    check_i64(o.first_fill_ns, 3 * NS_PER_S);
    check_i64(o.last_fill_ns, 9 * NS_PER_S);
    assert_true(order_outcome_told(&o, 2, 5 * NS_PER_S));
    assert_false(order_outcome_told(&o, 2, 5 * NS_PER_S));
    check_i64(o.first_fill_ns, 3 * NS_PER_S);
    check_i64(o.last_fill_ns, 5 * NS_PER_S);
    assert_false(order_outcome_told(&o, 0, NS_PER_S)); /* it was only placed */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_late_events_tell_when_it_was),
        cmocka_unit_test(test_an_exit_in_parts_is_realised_by_its_vwap),
        cmocka_unit_test(test_a_short_earns_what_the_price_falls),
        cmocka_unit_test(test_what_closed_others_is_no_position),
        cmocka_unit_test(test_a_late_fill_opens_what_was_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
