/* Limits: each refusal with its reason, their order, and the bucket's promise over any span. */
#include <string.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/strategy/limit.h"
#include "harness/check.h"

#define START_NS (1769853600LL * NS_PER_S)

static struct limit_budget budget;
static struct limit_input input;

static int begin(void **state)
{
    (void)state;
    limit_budget_init(&budget, 60, 10, START_NS);
    input = (struct limit_input){
        .now_ns = START_NS,
        .side = SIDE_BUY,
        .amount = 100,
        .budget = &budget,
        .last_signal_ns = TIMESTAMP_NONE,
        .cooldown_ns = 30 * NS_PER_S,
        .skip_on_open_order = true,
        .balance = NAN,
        .position = NAN,
        .max_position = NAN,
    };
    return 0;
}

static void check_reason(enum reason expected)
{
    check_str(reason_name(limits_check(&input)), reason_name(expected));
}

static void test_limits_pass_when_nothing_speaks_against(void **state)
{
    (void)state;
    check_reason(REASON_NONE);
}

static void test_limit_amount_below_what_a_signal_may_carry(void **state)
{
    (void)state;
    input.amount = 9.99;
    check_reason(REASON_amount_below_min);
    input.amount = 10;
    check_reason(REASON_NONE);
}

static void test_limit_cooldown_ends_exactly_on_time(void **state)
{
    (void)state;
    input.last_signal_ns = START_NS;
    input.now_ns = START_NS + 30 * NS_PER_S - 1;
    check_reason(REASON_cooldown);
    input.now_ns++;
    check_reason(REASON_NONE);
}

static void test_limit_cooldown_of_zero_is_none(void **state)
{
    (void)state;
    input.cooldown_ns = 0;
    input.last_signal_ns = START_NS;
    check_reason(REASON_NONE);
}

static void test_limit_open_order_only_when_asked_for(void **state)
{
    (void)state;
    input.n_open_orders = 1;
    check_reason(REASON_open_order);
    input.skip_on_open_order = false;
    check_reason(REASON_NONE);
}

static void test_limit_balance_holds_for_both_sides_when_known(void **state)
{
    (void)state;
    input.balance = 99.99;
    check_reason(REASON_insufficient_balance);
    input.side = SIDE_SELL;
    check_reason(REASON_insufficient_balance);
    input.balance = 100;
    check_reason(REASON_NONE);
    input.balance = NAN;
    check_reason(REASON_NONE);
}

static void test_limit_position_is_bounded_on_both_sides(void **state)
{
    (void)state;
    input.max_position = 1000;
    input.position = 901;
    check_reason(REASON_position_limit);
    input.position = 900;
    check_reason(REASON_NONE);
    input.side = SIDE_SELL;
    input.position = -901;
    check_reason(REASON_position_limit);
}

static void test_limit_position_lets_a_trade_bring_it_back(void **state)
{
    (void)state;
    input.max_position = 1000;
    input.position = 5000;
    input.side = SIDE_SELL;
    check_reason(REASON_NONE);
}

static void test_limit_position_does_not_let_a_trade_flip_it_past_the_bound(void **state)
{
    (void)state;
    input.max_position = 1000;
    input.position = 500;
    input.side = SIDE_SELL;
    input.amount = 2000;
    check_reason(REASON_position_limit);
}

static void test_limit_budget_refuses_after_the_burst_and_refills(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        check_reason(REASON_NONE);
    check_reason(REASON_rate_limited);
    input.now_ns += NS_PER_S - 1;
    check_reason(REASON_rate_limited);
    input.now_ns += 1;
    check_reason(REASON_NONE);
    check_reason(REASON_rate_limited);
}

static void test_limit_refused_by_another_costs_no_token(void **state)
{
    (void)state;
    input.n_open_orders = 1;
    for (int i = 0; i < 100; i++)
        check_reason(REASON_open_order);
    input.n_open_orders = 0;
    for (int i = 0; i < 10; i++)
        check_reason(REASON_NONE);
}

static void test_limit_budget_survives_a_clock_that_stands_or_goes_back(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        check_reason(REASON_NONE);
    input.now_ns -= NS_PER_H;
    check_reason(REASON_rate_limited);
    input.now_ns = START_NS;
    check_reason(REASON_rate_limited);
}

static void test_limit_budget_survives_the_longest_silence(void **state)
{
    (void)state;
    limit_budget_init(&budget, 1000000, 1000000, 0);
    assert_true(limit_budget_take(&budget, 0));
    assert_true(limit_budget_take(&budget, INT64_MAX));
    assert_true(budget.credit <= 1000000 * 60 * NS_PER_S);
}

/* In any span t, no more than rate * t / 60 s + burst pass. Asked at least once a token's time, and with room for two, the
 * bucket never spills: then the rate is also reached, to the signal. */
static void test_limit_budget_keeps_its_promise_over_every_span(void **state)
{
    enum { TIMES = 3000 };
    static int64_t passed_ns[TIMES];
    (void)state;
    struct rng rng;
    rng_seed(&rng, 11);
    for (int round = 0; round < 8; round++) {
        int64_t rate = 1 + (int64_t)rng_below(&rng, 700), burst = 2 + (int64_t)rng_below(&rng, 20),
                now_ns = START_NS;
        size_t n_passed = 0;
        limit_budget_init(&budget, rate, burst, now_ns);
        for (int i = 0; i < TIMES; i++) {
            now_ns += (int64_t)rng_below(&rng, (uint64_t)(60 * NS_PER_S / rate));
            if (limit_budget_take(&budget, now_ns))
                passed_ns[n_passed++] = now_ns;
        }
        for (size_t first = 0; first < n_passed; first += 7) {
            for (size_t last = first; last < n_passed; last += 5) {
                __extension__ __int128 earned =
                    (__extension__(__int128) rate) * (passed_ns[last] - passed_ns[first]);
                assert_true((int64_t)(last - first + 1) <=
                            burst + (int64_t)(earned / (60 * NS_PER_S)));
            }
        }
        assert_true((double)n_passed >= floor((double)rate * (double)(now_ns - START_NS) / 60e9));
    }
}

static void test_limit_budget_changes_without_starting_afresh(void **state)
{
    (void)state;
    limit_budget_init(&budget, 60, 10, START_NS);
    for (int i = 0; i < 8; i++)
        assert_true(limit_budget_take(&budget, START_NS));
    limit_budget_change(&budget, 6, 20, START_NS);
    assert_true(limit_budget_take(&budget, START_NS)); /* the two that were left, and no more */
    assert_true(limit_budget_take(&budget, START_NS));
    assert_false(limit_budget_has(&budget, START_NS + 10 * NS_PER_S - 1));
    assert_true(limit_budget_has(&budget, START_NS + 10 * NS_PER_S));
    limit_budget_change(&budget, 60, 1, START_NS + 3600 * NS_PER_S);
    assert_true(limit_budget_take(&budget, START_NS + 3600 * NS_PER_S));
    assert_false(limit_budget_has(&budget, START_NS + 3600 * NS_PER_S));
}

/* Counted by the wall's clock, a day ahead of the market that then begins: what is used up comes back in the market's time. */
static void test_limit_budget_begins_with_the_market(void **state)
{
    (void)state;
    limit_budget_init(&budget, 60, 1, START_NS);
    limit_budget_change(&budget, 60, 1, START_NS + NS_PER_DAY);
    limit_budget_time_begins(&budget, START_NS);
    assert_true(limit_budget_take(&budget, START_NS));
    assert_false(limit_budget_has(&budget, START_NS + NS_PER_S - 1));
    assert_true(limit_budget_has(&budget, START_NS + NS_PER_S));
    limit_budget_time_begins(&budget, START_NS + NS_PER_DAY); /* a later time gives nothing away */
    assert_true(limit_budget_take(&budget, START_NS + NS_PER_S));
    assert_false(limit_budget_has(&budget, START_NS + NS_PER_S));
}

static void test_limit_names_are_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < limit_count(); i++) {
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(limit_at(i)->name, limit_at(k)->name);
    }
    check_str(limit_at(limit_count() - 1)->name,
              "budget"); /* it is the one that changes something */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_limits_pass_when_nothing_speaks_against, begin),
        cmocka_unit_test_setup(test_limit_amount_below_what_a_signal_may_carry, begin),
        cmocka_unit_test_setup(test_limit_cooldown_ends_exactly_on_time, begin),
        cmocka_unit_test_setup(test_limit_cooldown_of_zero_is_none, begin),
        cmocka_unit_test_setup(test_limit_open_order_only_when_asked_for, begin),
        cmocka_unit_test_setup(test_limit_balance_holds_for_both_sides_when_known, begin),
        cmocka_unit_test_setup(test_limit_position_is_bounded_on_both_sides, begin),
        cmocka_unit_test_setup(test_limit_position_lets_a_trade_bring_it_back, begin),
        cmocka_unit_test_setup(test_limit_position_does_not_let_a_trade_flip_it_past_the_bound,
                               begin),
        cmocka_unit_test_setup(test_limit_budget_refuses_after_the_burst_and_refills, begin),
        cmocka_unit_test_setup(test_limit_refused_by_another_costs_no_token, begin),
        cmocka_unit_test_setup(test_limit_budget_survives_a_clock_that_stands_or_goes_back, begin),
        cmocka_unit_test_setup(test_limit_budget_survives_the_longest_silence, begin),
        cmocka_unit_test_setup(test_limit_budget_keeps_its_promise_over_every_span, begin),
        cmocka_unit_test_setup(test_limit_budget_changes_without_starting_afresh, begin),
        cmocka_unit_test_setup(test_limit_budget_begins_with_the_market, begin),
        cmocka_unit_test_setup(test_limit_names_are_unique, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
