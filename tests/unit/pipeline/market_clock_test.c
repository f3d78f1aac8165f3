/* The decision clock: wall time as it is, market time by the newest event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/pipeline/market_clock.h"

#define WALL (INT64_C(1800000000) * NS_PER_S)
#define PAST (INT64_C(1700000000) * NS_PER_S)

static void test_wall_clock_shows_the_wall_and_never_runs_back(void **state)
{
    (void)state;
    struct market_clock clock;
    market_clock_init(&clock, false, 1.0);
    assert_true(market_clock_is_known(&clock));
    assert_true(market_clock_see(&clock, PAST, WALL));
    assert_int_equal(market_clock_now(&clock, WALL), WALL);
    assert_int_equal(market_clock_now(&clock, WALL - NS_PER_S), WALL);
}

static void test_market_clock_follows_events_and_advances_at_speed(void **state)
{
    (void)state;
    struct market_clock clock;
    market_clock_init(&clock, true, 100.0);
    assert_int_equal(market_clock_now(&clock, WALL), WALL);
    assert_false(market_clock_is_known(&clock));
    assert_true(market_clock_see(&clock, PAST, WALL));
    assert_true(market_clock_is_known(&clock));
    assert_int_equal(market_clock_now(&clock, WALL), PAST);
    assert_int_equal(market_clock_now(&clock, WALL + NS_PER_MS), PAST + 100 * NS_PER_MS);
    assert_true(market_clock_see(&clock, PAST + 50 * NS_PER_MS, WALL + NS_PER_MS));
    assert_int_equal(market_clock_now(&clock, WALL + NS_PER_MS), PAST + 100 * NS_PER_MS);
}

static void test_an_event_from_the_future_moves_nothing(void **state)
{
    (void)state;
    struct market_clock clock;
    market_clock_init(&clock, true, 1.0);
    assert_true(market_clock_see(&clock, PAST, WALL));
    assert_false(market_clock_see(&clock, WALL + FUTURE_TOLERANCE_NS + 1, WALL));
    assert_int_equal(market_clock_now(&clock, WALL), PAST);
    assert_true(market_clock_see(&clock, WALL + FUTURE_TOLERANCE_NS, WALL));
}

/* 300x was promised, 10x is what comes: the clock stays with the events instead of running 300x ahead of them. */
static void test_a_slower_replay_is_not_run_away_from(void **state)
{
    (void)state;
    struct market_clock clock;
    market_clock_init(&clock, true, 300.0);
    int64_t wall_ns = WALL, event_ns = PAST;
    for (int i = 0; i < 100; i++, wall_ns += 100 * NS_PER_MS, event_ns += NS_PER_S) {
        assert_true(market_clock_see(&clock, event_ns, wall_ns));
        (void)market_clock_now(&clock, wall_ns + 99 * NS_PER_MS);
    }
    /* 300x for the first window put it up to a minute ahead; the events have caught up since. */
    int64_t ahead_ns = market_clock_now(&clock, wall_ns) - event_ns;
    assert_true(ahead_ns <= 2 * NS_PER_S);
    /* The full speed is taken up again, and silence goes stale at the last pace. */
    for (int i = 0; i < 100; i++, wall_ns += 10 * NS_PER_MS, event_ns += 3 * NS_PER_S)
        assert_true(market_clock_see(&clock, event_ns, wall_ns));
    assert_true(market_clock_now(&clock, wall_ns + NS_PER_S) - event_ns >= 290 * NS_PER_S);
}

/* The machine is suspended for an hour: the market goes on where it was, at most a second of the wall further. */
static void test_a_sleep_of_the_machine_is_no_time_of_the_market(void **state)
{
    (void)state;
    struct market_clock clock;
    market_clock_init(&clock, true, 100.0);
    assert_true(market_clock_see(&clock, PAST, WALL));
    int64_t wall_ns = WALL + 3600 * NS_PER_S;
    assert_true(market_clock_now(&clock, wall_ns) - PAST <= 100 * NS_PER_S);
    /* Seen first after waking, an event still measures the pace without the sleep. */
    assert_true(market_clock_see(&clock, PAST + 200 * NS_PER_S, wall_ns + NS_PER_S));
    wall_ns += 3600 * NS_PER_S;
    assert_true(market_clock_see(&clock, PAST + 300 * NS_PER_S, wall_ns));
    assert_int_equal(market_clock_now(&clock, wall_ns + NS_PER_S), PAST + 400 * NS_PER_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wall_clock_shows_the_wall_and_never_runs_back),
        cmocka_unit_test(test_market_clock_follows_events_and_advances_at_speed),
        cmocka_unit_test(test_an_event_from_the_future_moves_nothing),
        cmocka_unit_test(test_a_slower_replay_is_not_run_away_from),
        cmocka_unit_test(test_a_sleep_of_the_machine_is_no_time_of_the_market),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
