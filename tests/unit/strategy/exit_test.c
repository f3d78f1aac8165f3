/* Exits: each rule alone, their order, longs and shorts, partial exits, and the minute between two of them. */
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/strategy/exit.h"
#include "harness/check.h"

#define START_NS (1769853600LL * NS_PER_S)

static struct position_track track;
static struct position_update update;
static struct exit_rules rules;

static int begin(void **state)
{
    (void)state;
    position_track_init(&track);
    update = (struct position_update){
        .position_id = "p-1",
        .size = decimal_from_int(2),
        .unrealized_pnl_pct = 0,
        .time_held_minutes = 0,
        .ts_event_ns = START_NS,
        .ts_recv_ns = START_NS,
    };
    rules = (struct exit_rules){
        .stop_loss_pct = -2,
        .take_profit_pct = 3,
        .take_profit_partial_pct = NAN,
        .partial_fraction = 0.5,
        .trailing_activation_pct = 2,
        .trailing_distance_pct = 1,
        .time_exit_hours = 24,
    };
    return 0;
}

/* One update with this profit, a second after the last; what the rules say to it. */
static struct exit_choice at(double pnl_pct)
{
    update.ts_event_ns += NS_PER_S;
    update.unrealized_pnl_pct = pnl_pct;
    assert_true(position_track_update(&track, &update));
    return exit_choose(&track, &rules, update.ts_event_ns);
}

static void check_exit(struct exit_choice choice, enum reason reason)
{
    check_str(reason_name(choice.reason), reason_name(reason));
}

static void test_exit_stop_loss_at_its_threshold(void **state)
{
    (void)state;
    check_exit(at(-1.99), REASON_NONE);
    struct exit_choice choice = at(-2);
    check_exit(choice, REASON_stop_loss);
    check_near(choice.fraction, 1, 0);
    assert_int_equal(choice.side, SIDE_SELL);
}

static void test_exit_of_a_short_is_a_buy(void **state)
{
    (void)state;
    update.size = decimal_from_int(-2);
    struct exit_choice choice = at(-2.5);
    check_exit(choice, REASON_stop_loss);
    assert_int_equal(choice.side, SIDE_BUY);
}

static void test_exit_take_profit_at_its_target(void **state)
{
    (void)state;
    rules.trailing_activation_pct = NAN;
    check_exit(at(2.99), REASON_NONE);
    check_exit(at(3), REASON_take_profit);
}

static void test_exit_takes_a_part_once(void **state)
{
    (void)state;
    rules.take_profit_partial_pct = 1;
    rules.partial_fraction = 0.25;
    struct exit_choice choice = at(1.5);
    check_exit(choice, REASON_take_profit_partial);
    check_near(choice.fraction, 0.25, 0);
    exit_sent(&track, &choice, update.ts_event_ns);
    update.ts_event_ns += 2 * NS_PER_MIN;
    check_exit(at(1.6), REASON_NONE);
    check_exit(at(3.1), REASON_take_profit);
}

static void test_exit_new_position_may_take_its_part_again(void **state)
{
    (void)state;
    rules.take_profit_partial_pct = 1;
    struct exit_choice choice = at(1.5);
    exit_sent(&track, &choice, update.ts_event_ns);
    strcpy(update.position_id, "p-2");
    check_exit(at(1.5), REASON_take_profit_partial);
}

static void test_exit_trailing_stop_after_its_activation(void **state)
{
    (void)state;
    check_exit(at(1.9), REASON_NONE);
    check_exit(at(0.5), REASON_NONE); /* never armed */
    check_exit(at(2.5), REASON_NONE);
    check_exit(at(1.51), REASON_NONE);
    check_exit(at(1.5), REASON_trailing_stop);
}

static void test_exit_trailing_peak_starts_afresh_when_the_position_turns(void **state)
{
    (void)state;
    check_exit(at(2.9), REASON_NONE);
    update.size = decimal_from_int(-2);
    check_exit(at(0.5), REASON_NONE);
    check_near(track.peak_pnl_pct, 0.5, 0);
}

static void test_exit_time_counts_what_was_held_before(void **state)
{
    (void)state;
    update.time_held_minutes = 24 * 60 - 1;
    check_exit(at(0), REASON_NONE);
    check_exit(exit_choose(&track, &rules, update.ts_event_ns + NS_PER_MIN), REASON_time_exit);
}

static void test_exit_protection_goes_before_time(void **state)
{
    (void)state;
    update.time_held_minutes = 25 * 60;
    check_exit(at(-3), REASON_stop_loss);
}

static void test_exit_rules_that_are_off_never_exit(void **state)
{
    static const double profits[] = {-50, -2, 0, 2, 3, 50, NAN};
    (void)state;
    rules = (struct exit_rules){NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    update.time_held_minutes = 1e6;
    for (size_t i = 0; i < COUNT_OF(profits); i++)
        check_exit(at(profits[i]), REASON_NONE);
}

static void test_exit_unknown_profit_leaves_only_time(void **state)
{
    (void)state;
    check_exit(at(NAN), REASON_NONE);
    check_exit(exit_choose(&track, &rules, update.ts_event_ns + NS_PER_DAY), REASON_time_exit);
}

static void test_exit_at_most_one_a_minute(void **state)
{
    (void)state;
    struct exit_choice choice = at(-3);
    int64_t sent_ns = update.ts_event_ns;
    exit_sent(&track, &choice, sent_ns);
    check_exit(at(-4), REASON_NONE);
    check_exit(exit_choose(&track, &rules, sent_ns + NS_PER_MIN - 1), REASON_NONE);
    check_exit(exit_choose(&track, &rules, sent_ns + NS_PER_MIN), REASON_stop_loss);
}

static void test_exit_of_a_closed_or_unknown_position_is_none(void **state)
{
    (void)state;
    check_exit(exit_choose(&track, &rules, START_NS), REASON_NONE);
    at(-1);
    update.size = DECIMAL_ZERO;
    check_exit(at(-10), REASON_NONE);
}

static void test_position_track_ignores_what_is_older(void **state)
{
    (void)state;
    at(1);
    update.ts_event_ns -= 2 * NS_PER_S;
    update.unrealized_pnl_pct = -10;
    assert_false(position_track_update(&track, &update));
    check_near(track.last.unrealized_pnl_pct, 1, 0);
}

static void test_exit_rules_have_unique_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < exit_rule_count(); i++) {
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(exit_rule_at(i)->name, exit_rule_at(k)->name);
    }
}

/* Whatever the profit, every rule that wants out names a reason and closes a part that exists. */
static void test_every_exit_rule_names_its_reason(void **state)
{
    (void)state;
    rules.take_profit_partial_pct = 1;
    for (double pnl_pct = -10; pnl_pct <= 10; pnl_pct += 0.25) {
        at(pnl_pct);
        for (size_t i = 0; i < exit_rule_count(); i++) {
            enum reason reason = REASON_NONE;
            double fraction = exit_rule_at(i)->check(&track, &rules, update.ts_event_ns, &reason);
            assert_true(fraction >= 0 && fraction <= 1);
            assert_true((fraction > 0) == (reason != REASON_NONE));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_exit_stop_loss_at_its_threshold, begin),
        cmocka_unit_test_setup(test_exit_of_a_short_is_a_buy, begin),
        cmocka_unit_test_setup(test_exit_take_profit_at_its_target, begin),
        cmocka_unit_test_setup(test_exit_takes_a_part_once, begin),
        cmocka_unit_test_setup(test_exit_new_position_may_take_its_part_again, begin),
        cmocka_unit_test_setup(test_exit_trailing_stop_after_its_activation, begin),
        cmocka_unit_test_setup(test_exit_trailing_peak_starts_afresh_when_the_position_turns,
                               begin),
        cmocka_unit_test_setup(test_exit_time_counts_what_was_held_before, begin),
        cmocka_unit_test_setup(test_exit_protection_goes_before_time, begin),
        cmocka_unit_test_setup(test_exit_rules_that_are_off_never_exit, begin),
        cmocka_unit_test_setup(test_exit_unknown_profit_leaves_only_time, begin),
        cmocka_unit_test_setup(test_exit_at_most_one_a_minute, begin),
        cmocka_unit_test_setup(test_exit_of_a_closed_or_unknown_position_is_none, begin),
        cmocka_unit_test_setup(test_position_track_ignores_what_is_older, begin),
        cmocka_unit_test_setup(test_exit_rules_have_unique_names, begin),
        cmocka_unit_test_setup(test_every_exit_rule_names_its_reason, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
