#include "harness/check.h"

#include "alphaloop/feature/market_state.h"
#include "unit/feature/feature_world.h"

#define T0 WORLD_START

static const struct market_limits limits = {10 * NS_PER_S, 10 * NS_PER_S, 300 * NS_PER_S,
                                            300 * NS_PER_S};
static struct market_update update;

static int setup(void **state)
{
    struct asset asset = {"BTCUSDT"};
    struct market_state *market;
    check_ok(market_state_create(&asset, &market));
    *state = market;
    return 0;
}

static int teardown(void **state)
{
    market_state_destroy(*state);
    return 0;
}

static bool tell(struct market_state *market, const struct market_event *event)
{
    return market_state_on_event(market, event, event->ts_event_ns, &update);
}

/* Volatility and volume become known. */
static int64_t tell_minutes(struct market_state *market, size_t n_minutes)
{
    int64_t ts_ns = T0;
    for (size_t i = 0; i < n_minutes; i++, ts_ns += NS_PER_MIN)
        assert_true(tell(market, world_kline(ts_ns, NS_PER_MIN, i % 2 == 0 ? 100 : 101, 5, true)));
    return ts_ns;
}

static enum reason reason_at(struct market_state *market, int64_t now_ns)
{
    struct snapshot snapshot;
    return market_state_snapshot(market, now_ns, &limits, &snapshot);
}

static void test_market_state_knows_nothing_at_first(void **state)
{
    struct snapshot snapshot;
    assert_int_equal(market_state_snapshot(*state, T0, &limits, &snapshot), REASON_no_market_data);
    assert_true(snapshot.mid == 0);
}

static void test_market_state_snapshot_is_complete(void **state)
{
    struct snapshot s;
    int64_t now_ns = tell_minutes(*state, 20);
    assert_true(tell(*state, world_ticker(now_ns, 100, 100.5, 100.2, 777)));
    assert_true(tell(*state, world_book(now_ns + 1, 100.1, 100.3, 2, 3)));
    assert_int_equal(market_state_snapshot(*state, now_ns + 2, &limits, &s), REASON_NONE);
    check_i64(s.ts_event_ns, now_ns + 1);
    check_near(s.bid, 100.1, 0);
    check_near(s.ask, 100.3, 0);
    check_near(s.mid, 100.2, 1e-12);
    check_near(s.spread, 0.2, 1e-12);
    check_near(s.last_price, 100.2, 0);
    check_near(s.volume_24h, 777, 0);
    check_near(s.bid_depth, 2 + 3 + 4, 1e-12);
    check_near(s.ask_depth, 3 + 4 + 5, 1e-12);
    check_near(s.volatility, log(1.01), 1e-9); /* every return is the same size */
}

static void test_market_state_uses_the_fresher_quote(void **state)
{
    struct market_quote quote;
    assert_true(tell(*state, world_book(T0, 100, 101, 1, 1)));
    assert_true(tell(*state, world_ticker(T0 + 1, 102, 103, NAN, NAN)));
    assert_true(market_state_quote(*state, T0 + 2, &limits, &quote));
    check_near(quote.bid, 102, 0);
    assert_true(tell(*state, world_book(T0 + 2, 104, 105, 1, 1)));
    assert_true(market_state_quote(*state, T0 + 2, &limits, &quote));
    check_near(quote.bid, 104, 0);
}

static void test_market_state_merges_ticker_deltas(void **state)
{
    struct market_quote quote;
    assert_true(tell(*state, world_ticker(T0, 100, 101, 100.5, 9)));
    assert_true(tell(*state, world_ticker(T0 + NS_PER_S, NAN, 102, NAN, NAN)));
    assert_true(market_state_quote(*state, T0 + 2 * NS_PER_S, &limits, &quote));
    check_near(quote.bid, 100, 0);
    check_near(quote.ask, 102, 0);
}

static void test_market_state_each_source_has_its_own_freshness(void **state)
{
    int64_t now_ns = tell_minutes(*state, 20);
    assert_true(tell(*state, world_ticker(now_ns, 100, 101, 100, 9)));
    assert_int_equal(reason_at(*state, now_ns + limits.ticker_ns), REASON_NONE);
    assert_int_equal(reason_at(*state, now_ns + limits.ticker_ns + 1), REASON_market_data_stale);
    assert_true(tell(*state, world_book(now_ns + limits.ticker_ns, 100, 101, 1, 1)));
    assert_int_equal(reason_at(*state, now_ns + limits.ticker_ns + 1), REASON_NONE);
    assert_null(market_state_book(*state, now_ns + limits.ticker_ns + limits.book_ns + 1, &limits));
}

static void test_market_state_does_not_use_a_crossed_book(void **state)
{
    int64_t now_ns = tell_minutes(*state, 20);
    assert_true(tell(*state, world_book(now_ns, 101, 101, 1, 1)));
    assert_false(update.has_quote);
    assert_null(update.book);
    assert_int_equal(reason_at(*state, now_ns), REASON_market_data_crossed);
    assert_true(tell(*state, world_ticker(now_ns, 100, 101, 100, 9)));
    assert_int_equal(reason_at(*state, now_ns), REASON_NONE);
    assert_null(market_state_book(*state, now_ns, &limits));
}

static void test_market_state_without_volume_is_incomplete(void **state)
{
    assert_true(tell(*state, world_ticker(T0, 100, 101, 100, NAN)));
    assert_int_equal(reason_at(*state, T0), REASON_market_data_incomplete);
    assert_true(tell(*state, world_ticker(T0 + 1, NAN, NAN, NAN, 9)));
    assert_int_equal(reason_at(*state, T0 + 1), REASON_NONE);
}

static double volatility_at(struct market_state *state, int64_t now_ns)
{
    struct snapshot s;
    assert_int_equal(market_state_snapshot(state, now_ns, &limits, &s), REASON_NONE);
    return s.volatility;
}

/* Half the spread, then the moves from second to second, and never many quotes within one second. */
static void test_market_state_estimates_volatility_while_young(void **state)
{
    assert_true(tell(*state, world_ticker(T0, 99, 101, 100, 9)));
    check_near(volatility_at(*state, T0), 0.01, 1e-15);
    for (int i = 1; i < 40; i++) {
        int64_t ts_ns = T0 + i * NS_PER_S / 4;
        assert_true(tell(*state, world_ticker(ts_ns, 99, 101, 100, 9)));
        check_near(volatility_at(*state, ts_ns), 0.01, 1e-15);
    }
    for (int i = 10; i <= 20; i++) {
        double mid = i % 2 == 0 ? 101 : 100;
        assert_true(tell(*state, world_ticker(T0 + i * NS_PER_S, mid - 1, mid + 1, 100, 9)));
    }
    int64_t now_ns = T0 + 20 * NS_PER_S;
    check_near(volatility_at(*state, now_ns), sqrt(11 * log(1.01) * log(1.01) / 20 * 60), 1e-12);
}

/* A single minute's range, before any move was seen. */
static void test_market_state_reads_volatility_off_a_candle(void **state)
{
    struct candle candle = {T0, NS_PER_MIN, 100, 102, 99, 101, 5};
    assert_true(market_state_on_stored_candle(*state, &candle, &update));
    assert_true(tell(*state, world_ticker(T0 + NS_PER_MIN, 99, 101, 100, 9)));
    check_near(volatility_at(*state, T0 + NS_PER_MIN), log(102.0 / 99) / sqrt(4 * log(2)), 1e-12);
}

/* No quote lies a minute back, but the close of a minute does. */
static void test_market_state_moves_begin_with_the_minutes_close(void **state)
{
    struct market_moves moves;
    int64_t now_ns = tell_minutes(*state, 20) + 45 * NS_PER_S;
    assert_true(tell(*state, world_ticker(now_ns, 109, 111, 110, 9)));
    assert_true(market_state_moves(*state, now_ns, &limits, &moves));
    assert_true(moves.return_60s > 0);
    assert_true(isnan(moves.return_10s));
    assert_true(isnan(moves.return_300s));
}

static void test_market_state_one_sided_market_is_incomplete(void **state)
{
    assert_true(tell(*state, world_ticker(T0, 100, NAN, 100, 9)));
    assert_int_equal(reason_at(*state, T0), REASON_market_data_incomplete);
}

static void test_market_state_adds_up_volume_when_the_ticker_has_none(void **state)
{
    struct snapshot s;
    int64_t now_ns = tell_minutes(*state, 1500);
    assert_true(tell(*state, world_ticker(now_ns, 100, 101, 100, NAN)));
    assert_int_equal(market_state_snapshot(*state, now_ns, &limits, &s), REASON_NONE);
    check_near(s.volume_24h, 1440 * 5, 1e-6);
}

static void test_market_state_volume_forgets_after_a_day(void **state)
{
    struct snapshot s;
    int64_t now_ns = T0;
    for (int i = 0; i < 400; i++, now_ns += 5 * NS_PER_MIN)
        assert_true(tell(*state, world_kline(now_ns, NS_PER_MIN, 100, 5, true)));
    now_ns -= 4 * NS_PER_MIN; /* the end of the newest candle */
    assert_true(tell(*state, world_ticker(now_ns, 100, 101, 100, NAN)));
    assert_int_equal(market_state_snapshot(*state, now_ns, &limits, &s), REASON_NONE);
    check_near(s.volume_24h, 288 * 5, 1e-6);
}

static void test_market_state_late_messages_change_nothing(void **state)
{
    struct market_quote quote;
    assert_true(tell(*state, world_ticker(T0 + 10, 100, 101, 100, 9)));
    assert_false(tell(*state, world_ticker(T0 + 9, 50, 51, 50, 9)));
    assert_true(tell(*state, world_trade(T0 + 10, 100, 1, SIDE_BUY)));
    assert_false(tell(*state, world_trade(T0 + 9, 50, 1, SIDE_BUY)));
    assert_true(market_state_quote(*state, T0 + 11, &limits, &quote));
    check_near(quote.bid, 100, 0);
    assert_int_equal(market_state_counts(*state)->n_late[MARKET_TICKER], 1);
    assert_int_equal(market_state_counts(*state)->n_late[MARKET_TRADES], 1);
}

static void test_market_state_refuses_the_future(void **state)
{
    const struct market_event *event =
        world_ticker(T0 + MARKET_FUTURE_MAX_NS + 1, 100, 101, 100, 9);
    assert_false(market_state_on_event(*state, event, T0, &update));
    assert_int_equal(market_state_counts(*state)->n_refused[MARKET_TICKER], 1);
    assert_true(tell(*state, world_ticker(T0, 100, 101, 100, 9)));
}

/* A candle that begins in the future would make all until then late. */
static void test_market_state_refuses_candles_of_the_future(void **state)
{
    struct market_event *event = world_kline(T0 + NS_PER_DAY, NS_PER_MIN, 100, 5, true);
    event->ts_event_ns = T0;
    assert_false(tell(*state, event));
    assert_int_equal(market_state_counts(*state)->n_refused[MARKET_KLINE], 1);
    assert_true(tell(*state, world_kline(T0, NS_PER_MIN, 100, 5, true)));
    assert_int_equal(update.n_candles, 1);
}

static void test_market_state_refuses_bad_prices(void **state)
{
    struct market_quote quote;
    const double bad[] = {0, -1, INFINITY, 1e300};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_false(tell(*state, world_trade(T0, bad[i], 1, SIDE_BUY)));
        assert_false(tell(*state, world_book(T0, bad[i], 101, 1, 1)));
        assert_true(tell(*state, world_ticker(T0 + (int64_t)i, 100, 101, 100, 9)));
        assert_true(tell(*state, world_ticker(T0 + (int64_t)i, bad[i], NAN, NAN, NAN)));
        assert_false(market_state_quote(*state, T0 + 10, &limits, &quote));
    }
    assert_false(tell(*state, world_trade(T0, 100, 0, SIDE_BUY)));
}

static void test_market_state_keeps_the_good_trades_of_a_message(void **state)
{
    struct market_event *event = world_trade(T0, 100, 1, SIDE_BUY);
    event->trades.n_trades = 4;
    event->trades.trades[1] = (struct trade){T0 + 5, NAN, 1, SIDE_BUY};
    event->trades.trades[2] = (struct trade){T0 + 7, 101, 2, SIDE_SELL};
    event->trades.trades[3] = (struct trade){T0 + 6, 102, 2, SIDE_SELL};
    assert_true(tell(*state, event));
    assert_int_equal(update.n_trades, 2);
    check_near(update.trades[1].price, 101, 0);
    check_i64(update.ts_event_ns, T0 + 7);
}

static void test_market_state_bounds_the_candles_of_one_message(void **state)
{
    check_ok(market_state_add_timeframe(*state, NS_PER_S));
    struct market_event *event = world_trade(T0, 100, 1, SIDE_BUY);
    event->trades.n_trades = 200;
    for (size_t i = 0; i < 200; i++)
        event->trades.trades[i] = (struct trade){T0 + (int64_t)i * NS_PER_S, 100, 1, SIDE_BUY};
    assert_true(market_state_on_event(*state, event, T0 + NS_PER_H, &update));
    assert_true(update.n_candles <= MARKET_CANDLES_PER_UPDATE);
    assert_int_equal(update.n_trades + market_state_counts(*state)->n_refused[MARKET_TRADES], 200);
}

static void test_market_state_takes_every_candle_of_a_frame(void **state)
{
    static struct market_event event;
    event = *world_kline(T0 + 2 * NS_PER_MIN, NS_PER_MIN, 102, 5, false);
    event.kline.n_earlier = 2;
    for (size_t i = 0; i < 2; i++) {
        event.kline.earlier[i].candle = event.kline.candle;
        event.kline.earlier[i].candle.ts_open_ns = T0 + (int64_t)i * NS_PER_MIN;
        event.kline.earlier[i].confirmed = true;
    }
    assert_true(tell(*state, &event));
    assert_int_equal(update.n_candles, 2);
    assert_int_equal(update.candles[0].ts_open_ns, T0);
    assert_int_equal(update.candles[1].ts_open_ns, T0 + NS_PER_MIN);
}

static void test_market_state_builds_candles_without_klines(void **state)
{
    check_ok(market_state_add_timeframe(*state, 5 * NS_PER_MIN));
    size_t n_minutes = 0, n_fives = 0;
    for (int i = 0; i <= 1200; i++) {
        int64_t ts_ns = T0 + 240 * NS_PER_S + (int64_t)i * NS_PER_S;
        assert_true(tell(*state, world_ticker(ts_ns, 100 + i, 101 + i, NAN, NAN)));
        for (size_t k = 0; k < update.n_candles; k++) {
            n_minutes += update.candles[k].interval_ns == NS_PER_MIN ? 1 : 0;
            n_fives += update.candles[k].interval_ns == 5 * NS_PER_MIN ? 1 : 0;
        }
    }
    assert_int_equal(n_minutes, 20);
    assert_int_equal(n_fives, 4);
    assert_true(market_state_sigma(*state, NS_PER_MIN) > 0);
    assert_true(isnan(market_state_sigma(*state, 5 * NS_PER_MIN)));
}

static void test_market_state_timeframes_are_bounded(void **state)
{
    check_ok(market_state_add_timeframe(*state, NS_PER_MIN));
    for (int i = 2; i <= MARKET_TIMEFRAMES_MAX; i++)
        check_ok(market_state_add_timeframe(*state, i * NS_PER_MIN));
    check_err(market_state_add_timeframe(*state, 99 * NS_PER_MIN), AL_EFULL);
    check_err(market_state_add_timeframe(*state, 1), AL_EINVAL);
    assert_true(tell(*state, world_ticker(T0, 100, 101, 100, 9)));
    check_err(market_state_add_timeframe(*state, 98 * NS_PER_MIN), AL_ESTATE);
}

static void test_market_state_sigma_counts_a_gap_by_its_length(void **state)
{
    int64_t open_ns = T0;
    for (int i = 0; i < 12; i++, open_ns += 4 * NS_PER_MIN)
        assert_true(
            tell(*state, world_kline(open_ns, NS_PER_MIN, i % 2 == 0 ? 100 : 101, 5, true)));
    check_near(market_state_sigma(*state, NS_PER_MIN), log(1.01) / 2, 1e-12);
}

static void test_market_state_moves_are_in_sigmas(void **state)
{
    struct market_moves moves;
    assert_false(market_state_moves(*state, T0, &limits, &moves));
    assert_true(isnan(moves.return_60s));
    int64_t now_ns = tell_minutes(*state, 30);
    for (int i = 0; i <= 1000; i++)
        assert_true(
            tell(*state, world_ticker(now_ns + (int64_t)i * NS_PER_S, 99.5, 100.5, NAN, 9)));
    now_ns += 1001 * NS_PER_S;
    assert_true(tell(*state, world_ticker(now_ns, 100.5, 101.5, NAN, 9)));
    assert_true(market_state_moves(*state, now_ns, &limits, &moves));
    double sigma = market_state_sigma(*state, NS_PER_MIN);
    check_near(moves.volatility, sigma, 0);
    check_near(moves.return_60s, log(1.01) / sigma, 1e-9);
    check_near(moves.return_10s, log(1.01) / (sigma * sqrt(10.0 / 60)), 1e-9);
    check_near(moves.return_900s, log(1.01) / (sigma * sqrt(15)), 1e-9);
    assert_true(moves.ema_distance > 0);
    assert_true(moves.volatility_ratio > 0);
}

static void test_market_state_moves_know_unusual_volume(void **state)
{
    struct market_moves moves;
    int64_t now_ns = tell_minutes(*state, 25);
    assert_true(tell(*state, world_kline(now_ns, NS_PER_MIN, 100, 15, true)));
    assert_true(tell(*state, world_ticker(now_ns + NS_PER_MIN, 100, 101, 100, 9)));
    assert_true(market_state_moves(*state, now_ns + NS_PER_MIN, &limits, &moves));
    check_near(moves.volume_ratio, 3, 1e-12);
    assert_true(isnan(moves.return_900s));
}

static void test_market_state_stored_candles_are_not_fresh_data(void **state)
{
    for (int i = 0; i < 30; i++) {
        struct candle candle = {T0 + i * NS_PER_MIN,    NS_PER_MIN, 100, 102, 99,
                                i % 2 == 0 ? 100 : 101, 5};
        assert_true(market_state_on_stored_candle(*state, &candle, &update));
        assert_false(update.is_live);
        assert_int_equal(update.n_candles, 1);
        assert_false(market_state_on_stored_candle(*state, &candle, &update));
    }
    assert_true(market_state_sigma(*state, NS_PER_MIN) > 0);
    assert_int_equal(reason_at(*state, T0 + 30 * NS_PER_MIN), REASON_no_market_data);
    check_i64(market_state_seen_ns(*state, MARKET_KLINE), TIMESTAMP_NONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_market_state_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(knows_nothing_at_first),
        TEST(snapshot_is_complete),
        TEST(uses_the_fresher_quote),
        TEST(merges_ticker_deltas),
        TEST(each_source_has_its_own_freshness),
        TEST(does_not_use_a_crossed_book),
        TEST(without_volume_is_incomplete),
        TEST(estimates_volatility_while_young),
        TEST(reads_volatility_off_a_candle),
        TEST(moves_begin_with_the_minutes_close),
        TEST(one_sided_market_is_incomplete),
        TEST(adds_up_volume_when_the_ticker_has_none),
        TEST(volume_forgets_after_a_day),
        TEST(late_messages_change_nothing),
        TEST(refuses_the_future),
        TEST(refuses_candles_of_the_future),
        TEST(refuses_bad_prices),
        TEST(keeps_the_good_trades_of_a_message),
        TEST(bounds_the_candles_of_one_message),
        TEST(takes_every_candle_of_a_frame),
        TEST(builds_candles_without_klines),
        TEST(timeframes_are_bounded),
        TEST(sigma_counts_a_gap_by_its_length),
        TEST(moves_are_in_sigmas),
        TEST(moves_know_unusual_volume),
        TEST(stored_candles_are_not_fresh_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
