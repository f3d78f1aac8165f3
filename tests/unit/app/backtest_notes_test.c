/* The look-ahead check's comparison: equal traces are the same, and the first decision that differs is named. */
#include "../src/app/backtest_i.h"
#include "harness/check.h"

#include <stdlib.h>

static void add(struct backtest_notes *notes, int64_t t_ns, enum side side, float feature)
{
    struct decision *d = calloc(1, sizeof(*d));
    assert_non_null(d);
    d->decided_at_ns = t_ns;
    d->side = side;
    d->n_features = 1;
    d->features[0] = feature;
    check_ok(backtest_notes_trace(notes, d, SLICE("{}")));
    free(d);
}

static void fill(struct backtest_notes *notes, size_t n)
{
    backtest_notes_init(notes);
    for (size_t i = 0; i < n; i++)
        add(notes, (int64_t)i * NS_PER_S, SIDE_BUY, (float)i);
}

static void test_equal_traces_are_the_same(void **state)
{
    struct backtest_notes a, b;
    struct report_instant out;
    (void)state;
    fill(&a, 10);
    fill(&b, 6);
    add(&b, 100 * NS_PER_S, SIDE_SELL, 1); /* after the instant */
    assert_true(backtest_trace_same(&a, &b, 5 * NS_PER_S, &out));
    check_i64((int64_t)out.n_decisions, 6);
    assert_true(out.same);
    backtest_notes_deinit(&a);
    backtest_notes_deinit(&b);
}

static void test_another_decision_is_named(void **state)
{
    struct backtest_notes a, b;
    struct report_instant out;
    (void)state;
    fill(&a, 6);
    fill(&b, 3);
    add(&b, 3 * NS_PER_S, SIDE_BUY, 3.5F); /* another feature */
    add(&b, 4 * NS_PER_S, SIDE_BUY, 4);
    add(&b, 5 * NS_PER_S, SIDE_BUY, 5);
    assert_false(backtest_trace_same(&a, &b, 5 * NS_PER_S, &out));
    check_has(out.difference, "decision 4, at 1970-01-01T00:00:03");
    backtest_notes_deinit(&a);
    backtest_notes_deinit(&b);
}

static void test_a_missing_decision_is_noticed(void **state)
{
    struct backtest_notes a, b;
    struct report_instant out;
    (void)state;
    fill(&a, 6);
    fill(&b, 5);
    assert_false(backtest_trace_same(&a, &b, 5 * NS_PER_S, &out));
    check_has(out.difference, "decision 6, at 1970-01-01T00:00:05");
    assert_false(backtest_trace_same(&b, &a, 5 * NS_PER_S, &out));
    check_has(out.difference, "6 decisions instead of 5");
    backtest_notes_deinit(&a);
    backtest_notes_deinit(&b);
}

/* Abstaining has its outcome at once; a fill has that of its sample; a hole in the market leaves it unknown. */
static void test_outcomes_find_their_decision(void **state)
{
    struct backtest_notes notes;
    struct sample *sample = calloc(1, sizeof(*sample));
    struct backtest_note note = {.side = SIDE_SELL};
    struct uuid ids[3] = {{{1}}, {{2}}, {{3}}};
    (void)state;
    assert_non_null(sample);
    backtest_notes_init(&notes);
    for (size_t i = 0; i < 3; i++)
        check_ok(backtest_notes_add(&notes, &note, &ids[i]));
    *sample = (struct sample){.decision_id = ids[0], .action = SIDE_BUY, .net_return = -0.5};
    backtest_notes_settle(&notes, sample);
    assert_false(notes.items[0].is_filled);
    *sample = (struct sample){
        .decision_id = ids[0], .action = SIDE_SELL, .net_return = 0.25, .policy_took = true};
    backtest_notes_settle(&notes, sample);
    backtest_notes_drop(&notes, &ids[1], REASON_no_fill);
    backtest_notes_drop(&notes, &ids[2], REASON_market_gap);
    assert_true(notes.items[0].is_settled && notes.items[0].is_filled);
    check_near((double)notes.items[0].net[0], -0.5, 0);
    check_near((double)notes.items[0].net[1], 0.25, 0);
    assert_true(notes.items[1].is_settled && !notes.items[1].is_filled);
    assert_false(notes.items[2].is_settled);
    backtest_notes_deinit(&notes);
    free(sample);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_traces_are_the_same),
        cmocka_unit_test(test_another_decision_is_named),
        cmocka_unit_test(test_a_missing_decision_is_noticed),
        cmocka_unit_test(test_outcomes_find_their_decision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
