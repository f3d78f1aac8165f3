#include "harness/check.h"

#include "alphaloop/feature/candle_merger.h"

#define MIN NS_PER_MIN
#define S   NS_PER_S

static struct candle kline(int64_t open_ns, double close)
{
    return (struct candle){open_ns, MIN, 10, 20, 5, close, 3};
}

static void test_candle_merger_builds_from_trades(void **state)
{
    struct candle_merger merger;
    struct candles_out out;
    (void)state;
    candle_merger_init(&merger, MIN);
    assert_true(candle_merger_on_trade(&merger, 1 * S, 10, 1, &out));
    assert_true(candle_merger_on_trade(&merger, 2 * S, 14, 2, &out));
    assert_true(candle_merger_on_trade(&merger, 2 * S, 9, 4, &out));
    assert_true(candle_merger_on_trade(&merger, 59 * S, 11, 8, &out));
    assert_int_equal(out.n_candles, 0);
    assert_true(candle_merger_on_trade(&merger, 60 * S, 30, 1, &out));
    assert_int_equal(out.n_candles, 1);
    const struct candle *c = &out.candles[0];
    check_i64(c->ts_open_ns, 0);
    check_i64(c->interval_ns, MIN);
    check_near(c->open, 10, 0);
    check_near(c->high, 14, 0);
    check_near(c->low, 9, 0);
    check_near(c->close, 11, 0);
    check_near(c->volume, 15, 0);
}

static void test_candle_merger_leaves_gaps(void **state)
{
    struct candle_merger merger;
    struct candles_out out;
    (void)state;
    candle_merger_init(&merger, MIN);
    assert_true(candle_merger_on_trade(&merger, 1 * S, 10, 1, &out));
    assert_true(candle_merger_on_trade(&merger, 10 * MIN, 11, 1, &out));
    assert_int_equal(out.n_candles, 1);
    check_i64(out.candles[0].ts_open_ns, 0);
    assert_true(candle_merger_on_trade(&merger, 11 * MIN, 11, 1, &out));
    assert_int_equal(out.n_candles, 1);
    check_i64(out.candles[0].ts_open_ns, 10 * MIN);
}

static void test_candle_merger_prefers_klines_and_waits_for_them(void **state)
{
    struct candle_merger merger;
    struct candles_out out;
    struct candle k0 = kline(0, 10), k1 = kline(MIN, 11);
    (void)state;
    candle_merger_init(&merger, MIN);
    assert_true(candle_merger_on_trade(&merger, 1 * S, 7, 1, &out));
    assert_true(candle_merger_on_kline(&merger, &k0, false, &out));
    assert_true(candle_merger_on_trade(&merger, 61 * S, 8, 1, &out));
    assert_int_equal(out.n_candles, 0);
    assert_true(candle_merger_on_kline(&merger, &k1, false, &out));
    assert_int_equal(out.n_candles, 1);
    check_near(out.candles[0].close, 10, 0);
    check_near(out.candles[0].volume, 3, 0);
}

static void test_candle_merger_takes_a_confirmed_kline_at_once(void **state)
{
    struct candle_merger merger;
    struct candles_out out;
    struct candle k0 = kline(0, 10);
    (void)state;
    candle_merger_init(&merger, MIN);
    assert_true(candle_merger_on_kline(&merger, &k0, true, &out));
    assert_int_equal(out.n_candles, 1);
    assert_false(candle_merger_on_kline(&merger, &k0, true, &out));
    assert_int_equal(out.n_candles, 0);
}

static void test_candle_merger_stops_waiting_after_the_grace(void **state)
{
    struct candle_merger merger;
    struct candles_out out;
    struct candle k0 = kline(0, 10);
    (void)state;
    candle_merger_init(&merger, MIN);
    assert_true(candle_merger_on_kline(&merger, &k0, false, &out));
    assert_true(candle_merger_on_trade(&merger, MIN, 8, 1, &out));
    assert_true(candle_merger_on_trade(&merger, MIN + CANDLE_GRACE_NS - 1, 8, 1, &out));
    assert_int_equal(out.n_candles, 0);
    assert_true(candle_merger_on_trade(&merger, MIN + CANDLE_GRACE_NS, 8, 1, &out));
    assert_int_equal(out.n_candles, 1);
    check_near(out.candles[0].close, 10, 0);
}

static void test_candle_merger_prices_are_the_last_resort(void **state)
{
    struct candle_merger merger;
    struct candles_out out;
    (void)state;
    candle_merger_init(&merger, MIN);
    assert_true(candle_merger_on_price(&merger, 1 * S, 5, &out));
    assert_true(candle_merger_on_price(&merger, 61 * S, 6, &out));
    assert_int_equal(out.n_candles, 1);
    check_near(out.candles[0].close, 5, 0);
    assert_true(isnan(out.candles[0].volume));
    assert_true(candle_merger_on_trade(&merger, 62 * S, 9, 2, &out));
    assert_true(candle_merger_on_price(&merger, 119 * S, 7, &out));
    assert_true(candle_merger_on_price(&merger, 121 * S, 7, &out));
    assert_int_equal(out.n_candles, 0);
    assert_true(candle_merger_on_trade(&merger, 122 * S, 9, 2, &out));
    assert_int_equal(out.n_candles, 1);
    check_near(out.candles[0].close, 9, 0);
    check_near(out.candles[0].volume, 2, 0);
}

static void test_candle_merger_late_input_changes_nothing(void **state)
{
    struct candle_merger merger;
    struct candles_out out;
    (void)state;
    candle_merger_init(&merger, MIN);
    assert_true(candle_merger_on_trade(&merger, 30 * S, 10, 1, &out));
    assert_false(candle_merger_on_trade(&merger, 29 * S, 99, 1, &out));
    assert_true(candle_merger_on_trade(&merger, 70 * S, 11, 1, &out));
    check_near(out.candles[0].high, 10, 0);
    assert_false(candle_merger_on_price(&merger, 50 * S, 99, &out));
    assert_int_equal(out.n_candles, 0);
}

static void test_candle_merger_follows_where_klines_begin(void **state)
{
    struct candle_merger merger;
    struct candles_out out;
    struct candle k = kline(30 * S, 10);
    (void)state;
    candle_merger_init(&merger, MIN);
    assert_true(candle_merger_on_kline(&merger, &k, true, &out));
    assert_true(candle_merger_on_trade(&merger, 95 * S, 11, 1, &out));
    assert_true(candle_merger_on_trade(&merger, 151 * S + CANDLE_GRACE_NS, 12, 1, &out));
    assert_int_equal(out.n_candles, 1);
    check_i64(out.candles[0].ts_open_ns, 90 * S);
}

static void test_candle_merger_can_finish_three_at_once(void **state)
{
    struct candle_merger merger;
    struct candles_out out;
    struct candle k0 = kline(0, 10), k3 = kline(3 * MIN, 13);
    (void)state;
    candle_merger_init(&merger, MIN);
    assert_true(candle_merger_on_kline(&merger, &k0, false, &out));
    assert_true(candle_merger_on_trade(&merger, MIN + S, 8, 1, &out));
    assert_int_equal(out.n_candles, 0);
    assert_true(candle_merger_on_kline(&merger, &k3, true, &out));
    assert_int_equal(out.n_candles, 3);
    check_i64(out.candles[0].ts_open_ns, 0);
    check_i64(out.candles[1].ts_open_ns, MIN);
    check_i64(out.candles[2].ts_open_ns, 3 * MIN);
}

static void test_candle_merger_refuses_what_is_no_candle(void **state)
{
    struct candle_merger merger;
    struct candles_out out;
    struct candle broken[] = {
        {0, MIN, 10, 9, 5, 8, 1},    /* high below open */
        {0, MIN, 10, 12, 11, 12, 1}, /* low above open */
        {0, MIN, NAN, 12, 5, 8, 1},       {0, MIN, 10, INFINITY, 5, 8, 1},
        {0, MIN, 10, 12, 0, 8, 1},        {0, MIN, 10, 12, 5, 8, -1},
        {0, MIN, 10, 12, 5, 8, INFINITY}, {0, MIN / 2, 10, 12, 5, 8, 1},
    };
    (void)state;
    candle_merger_init(&merger, MIN);
    for (size_t i = 0; i < COUNT_OF(broken); i++)
        assert_false(candle_merger_on_kline(&merger, &broken[i], true, &out));
    assert_false(candle_merger_on_trade(&merger, 0, -1, 1, &out));
    assert_false(candle_merger_on_trade(&merger, 0, NAN, 1, &out));
    assert_false(candle_merger_on_trade(&merger, 0, 1, NAN, &out));
    assert_false(candle_merger_on_price(&merger, 0, INFINITY, &out));
    assert_int_equal(out.n_candles, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_candle_merger_builds_from_trades),
        cmocka_unit_test(test_candle_merger_leaves_gaps),
        cmocka_unit_test(test_candle_merger_prefers_klines_and_waits_for_them),
        cmocka_unit_test(test_candle_merger_takes_a_confirmed_kline_at_once),
        cmocka_unit_test(test_candle_merger_stops_waiting_after_the_grace),
        cmocka_unit_test(test_candle_merger_prices_are_the_last_resort),
        cmocka_unit_test(test_candle_merger_late_input_changes_nothing),
        cmocka_unit_test(test_candle_merger_follows_where_klines_begin),
        cmocka_unit_test(test_candle_merger_can_finish_three_at_once),
        cmocka_unit_test(test_candle_merger_refuses_what_is_no_candle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
