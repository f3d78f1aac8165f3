/* Order states: executions as increases of a cumulative fill, whatever the order and repetition of events. */
#include <string.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/domain/order_state.h"
#include "harness/check.h"

static struct decimal dec(const char *text)
{
    struct decimal value;
    check_ok(decimal_parse(slice_of(text), &value));
    return value;
}

static void check_decimal(struct decimal actual, const char *expected)
{
    char text[DECIMAL_TEXT_MAX];
    decimal_format_trim(actual, text);
    check_str(text, expected);
}

static struct order_event event_of(enum order_event_type type,
                                   const char *quantity,
                                   const char *price,
                                   const char *fees)
{
    struct order_event event = {
        .type = type, .side = SIDE_BUY, .executed_at_ns = 7, .ts_recv_ns = 9};
    strcpy(event.order_id.text, "ord");
    strcpy(event.asset.text, "BTCUSDT");
    event.signal_id.bytes[0] = 1;
    event.filled_quantity = dec(quantity);
    event.average_price = dec(price);
    event.fees = dec(fees);
    return event;
}

static bool apply(struct order_state *state,
                  const struct order_event *event,
                  struct execution *execution)
{
    bool conflict;
    return order_state_apply(state, event, execution, &conflict);
}

static void test_order_state_first_fill_is_one_execution(void **test)
{
    (void)test;
    struct order_state state = {.exists = false};
    struct execution execution;
    struct order_event event = event_of(ORDER_EVENT_filled, "2", "100", "0.2");
    assert_true(apply(&state, &event, &execution));
    check_decimal(execution.quantity, "2");
    check_decimal(execution.price, "100");
    check_decimal(execution.fees, "0.2");
    check_i64(execution.executed_at_ns, 7);
    assert_false(execution.price_is_average);
    assert_true(state.ended);
}

static void test_order_state_increase_gives_the_increments_own_price_and_fees(void **test)
{
    (void)test;
    struct order_state state = {.exists = false};
    struct execution execution;
    struct order_event first = event_of(ORDER_EVENT_partially_filled, "1", "100", "0.1");
    struct order_event second = event_of(ORDER_EVENT_filled, "3", "102", "0.25");
    assert_true(apply(&state, &first, &execution));
    assert_false(state.ended);
    assert_true(apply(&state, &second, &execution));
    check_decimal(execution.quantity, "2");
    check_decimal(execution.price, "103");
    check_decimal(execution.fees, "0.15");
}

static void test_order_state_repeat_changes_nothing(void **test)
{
    (void)test;
    struct order_state state = {.exists = false};
    struct execution execution;
    struct order_event event = event_of(ORDER_EVENT_partially_filled, "1", "100", "0.1");
    assert_true(apply(&state, &event, &execution));
    struct order_state before = state;
    assert_false(apply(&state, &event, &execution));
    assert_memory_equal(&before, &state, sizeof state);
}

static void test_order_state_late_lower_fill_changes_nothing(void **test)
{
    (void)test;
    struct order_state state = {.exists = false};
    struct execution execution;
    struct order_event late = event_of(ORDER_EVENT_partially_filled, "1", "100", "0.1");
    struct order_event full = event_of(ORDER_EVENT_filled, "3", "102", "0.25");
    assert_true(apply(&state, &full, &execution));
    assert_false(apply(&state, &late, &execution));
    check_decimal(state.filled_quantity, "3");
    check_decimal(state.average_price, "102");
    assert_true(state.ended);
}

static void test_order_state_cancel_after_a_part_counts_the_part(void **test)
{
    (void)test;
    struct order_state state = {.exists = false};
    struct execution execution;
    struct order_event created = event_of(ORDER_EVENT_created, "0", "0", "0");
    struct order_event cancelled = event_of(ORDER_EVENT_cancelled, "0.4", "50", "-0.01");
    assert_false(apply(&state, &created, &execution));
    assert_true(apply(&state, &cancelled, &execution));
    check_decimal(execution.quantity, "0.4");
    check_decimal(execution.fees, "-0.01");
    assert_true(state.ended);
}

static void test_order_state_rejection_ends_without_execution(void **test)
{
    (void)test;
    struct order_state state = {.exists = false};
    struct execution execution;
    struct order_event rejected = event_of(ORDER_EVENT_rejected, "0", "0", "0");
    assert_false(apply(&state, &rejected, &execution));
    assert_true(state.ended);
    assert_true(state.exists);
}

static void test_order_state_increase_after_the_end_still_counts(void **test)
{
    (void)test;
    struct order_state state = {.exists = false};
    struct execution execution;
    struct order_event cancelled = event_of(ORDER_EVENT_cancelled, "1", "100", "0");
    struct order_event more = event_of(ORDER_EVENT_partially_filled, "2", "100", "0");
    assert_true(apply(&state, &cancelled, &execution));
    assert_true(apply(&state, &more, &execution));
    assert_true(state.ended);
}

static void test_order_state_impossible_increment_price_keeps_the_average(void **test)
{
    (void)test;
    struct order_state state = {.exists = false};
    struct execution execution;
    struct order_event first = event_of(ORDER_EVENT_partially_filled, "1", "100", "0");
    struct order_event second = event_of(ORDER_EVENT_filled, "1.1", "10", "0");
    assert_true(apply(&state, &first, &execution));
    assert_true(apply(&state, &second, &execution));
    assert_true(execution.price_is_average);
    check_decimal(execution.price, "10");
}

static void test_order_state_unrepresentable_increment_price_keeps_the_average(void **test)
{
    (void)test;
    struct order_state state = {.exists = false};
    struct execution execution;
    struct order_event first = event_of(ORDER_EVENT_partially_filled, "1000", "100000000000", "0");
    struct order_event second = event_of(ORDER_EVENT_filled, "1000.00000001", "900000000000", "0");
    assert_true(apply(&state, &first, &execution));
    assert_true(apply(&state, &second, &execution));
    assert_true(execution.price_is_average);
    check_decimal(execution.price, "900000000000");
}

static void test_order_state_fee_difference_past_the_range_stops_at_it(void **test)
{
    (void)test;
    struct order_state state = {.exists = false};
    struct execution execution;
    struct order_event first = event_of(ORDER_EVENT_partially_filled, "1", "1", "-900000000000");
    struct order_event second = event_of(ORDER_EVENT_filled, "2", "1", "900000000000");
    assert_true(apply(&state, &first, &execution));
    assert_true(apply(&state, &second, &execution));
    check_decimal(execution.fees, "999999999999.99999999");
}

static void test_order_state_conflict_keeps_what_was_first(void **test)
{
    (void)test;
    struct order_state state = {.exists = false};
    struct execution execution;
    bool conflict;
    struct order_event first = event_of(ORDER_EVENT_created, "0", "0", "0");
    struct order_event second = event_of(ORDER_EVENT_filled, "1", "100", "0");
    second.side = SIDE_SELL;
    assert_false(order_state_apply(&state, &first, &execution, &conflict));
    assert_false(conflict);
    assert_true(order_state_apply(&state, &second, &execution, &conflict));
    assert_true(conflict);
    assert_int_equal(execution.side, SIDE_BUY);
}

/* ---- the property: any order, any repetition, the same state ---- */

#define STEPS_MAX 8

/* One order's true history: cumulative quantity, average and fees that belong together. */
static size_t make_history(struct rng *rng, struct order_event events[STEPS_MAX])
{
    size_t n = 2 + (size_t)rng_below(rng, STEPS_MAX - 1);
    al_i128 quantity = 0, value = 0, fees = 0;
    for (size_t i = 0; i < n; i++) {
        al_i128 step = i == 0 ? 0 : 1 + (al_i128)rng_below(rng, 500000000);
        quantity += step;
        value += step * (al_i128)(1000000000 + rng_below(rng, 1000000000));
        fees += (al_i128)rng_below(rng, 2000) - 500;
        events[i] =
            event_of(i == 0 ? ORDER_EVENT_created : ORDER_EVENT_partially_filled, "0", "0", "0");
        events[i].filled_quantity.units = quantity;
        events[i].average_price.units = quantity > 0 ? value / quantity : 0;
        events[i].fees.units = quantity > 0 ? fees : 0;
    }
    events[n - 1].type = rng_below(rng, 2) ? ORDER_EVENT_cancelled : ORDER_EVENT_filled;
    return n;
}

struct totals {
    al_i128 quantity, fees;
};

static struct totals replay(struct rng *rng,
                            const struct order_event *events,
                            size_t n,
                            struct order_state *state)
{
    struct totals totals = {0, 0};
    struct execution execution;
    size_t order[2 * STEPS_MAX];
    for (size_t i = 0; i < 2 * n; i++)
        order[i] = i < n ? i : (size_t)rng_below(rng, n);
    for (size_t i = 2 * n - 1; i > 0; i--) {
        size_t j = (size_t)rng_below(rng, i + 1), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
    memset(state, 0, sizeof *state);
    for (size_t i = 0; i < 2 * n; i++) {
        if (!apply(state, &events[order[i]], &execution))
            continue;
        assert_true(decimal_sign(execution.quantity) > 0);
        assert_true(decimal_sign(execution.price) > 0);
        totals.quantity += execution.quantity.units;
        totals.fees += execution.fees.units;
    }
    return totals;
}

static void test_order_state_does_not_depend_on_order_or_repetition(void **test)
{
    (void)test;
    struct rng rng;
    rng_seed(&rng, 20260131);
    for (int round = 0; round < 2000; round++) {
        struct order_event events[STEPS_MAX];
        struct order_state in_order = {.exists = false}, shuffled;
        struct execution execution;
        size_t n = make_history(&rng, events);
        for (size_t i = 0; i < n; i++)
            apply(&in_order, &events[i], &execution);
        struct totals totals = replay(&rng, events, n, &shuffled);
        assert_memory_equal(&in_order, &shuffled, sizeof shuffled);
        assert_true(totals.quantity == in_order.filled_quantity.units);
        assert_true(totals.fees == in_order.fees.units);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_state_first_fill_is_one_execution),
        cmocka_unit_test(test_order_state_increase_gives_the_increments_own_price_and_fees),
        cmocka_unit_test(test_order_state_repeat_changes_nothing),
        cmocka_unit_test(test_order_state_late_lower_fill_changes_nothing),
        cmocka_unit_test(test_order_state_cancel_after_a_part_counts_the_part),
        cmocka_unit_test(test_order_state_rejection_ends_without_execution),
        cmocka_unit_test(test_order_state_increase_after_the_end_still_counts),
        cmocka_unit_test(test_order_state_impossible_increment_price_keeps_the_average),
        cmocka_unit_test(test_order_state_unrepresentable_increment_price_keeps_the_average),
        cmocka_unit_test(test_order_state_fee_difference_past_the_range_stops_at_it),
        cmocka_unit_test(test_order_state_conflict_keeps_what_was_first),
        cmocka_unit_test(test_order_state_does_not_depend_on_order_or_repetition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
