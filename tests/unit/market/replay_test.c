/* Replay: rows of each kind become the events a gateway would have sent, in time order. */
#include "harness/check.h"

#include <string.h>

#include "alphaloop/market/replay.h"

#define EVENTS_MAX 512
#define T0         (1746372780LL * NS_PER_S) /* a full minute */

struct heard { /* the parts of an event that the tests look at */
    enum market_kind kind;
    int64_t ts_ns;
    double price, volume_24h;
    enum side side;
    struct candle candle;
};

struct log {
    size_t n;
    struct heard events[EVENTS_MAX];
};

static void hear(void *ctx, const struct market_event *event)
{
    struct log *log = ctx;
    assert_true(log->n < EVENTS_MAX);
    assert_true(log->n == 0 || event->ts_event_ns >= log->events[log->n - 1].ts_ns);
    struct heard *heard = &log->events[log->n++];
    *heard = (struct heard){.kind = event->kind, .ts_ns = event->ts_event_ns};
    if (event->kind == MARKET_TICKER) {
        heard->price = event->ticker.last_price;
        heard->volume_24h = event->ticker.volume_24h;
        assert_true(event->ticker.bid_price < event->ticker.ask_price);
    } else if (event->kind == MARKET_BOOK) {
        heard->price = (event->book.bids[0].price + event->book.asks[0].price) / 2;
        assert_true(event->book.bids[0].price < event->book.asks[0].price &&
                    event->book.bids[0].qty > 0);
    } else if (event->kind == MARKET_TRADES) {
        heard->price = event->trades.trades[0].price;
        heard->side = event->trades.trades[0].side;
    } else {
        assert_int_equal(event->kline.n_earlier, 0);
        heard->candle = event->kline.candle;
    }
}

static size_t pick(const struct log *log, enum market_kind kind, struct heard *out)
{
    size_t n = 0;
    for (size_t i = 0; i < log->n; i++) {
        if (log->events[i].kind == kind)
            out[n++] = log->events[i];
    }
    return n;
}

static struct replay *create(int64_t interval_ns)
{
    struct replay_options options = {
        .asset = {"BTCUSDT"}, .interval_ns = interval_ns, .half_spread_bps = 0.5};
    struct replay *replay;
    check_ok(replay_create(&options, &replay));
    return replay;
}

static struct csv_row candle_row(int64_t ts_ns, double o, double h, double l, double c, double v)
{
    return (struct csv_row){
        .kind = CSV_CANDLES,
        .ts_ns = ts_ns,
        .candle = {.ts_open_ns = ts_ns, .open = o, .high = h, .low = l, .close = c, .volume = v}};
}

static void test_replay_walks_a_candle_through_four_prices(void **state)
{
    (void)state;
    struct log log = {0};
    struct heard found[16];
    struct replay *replay = create(NS_PER_MIN);
    struct csv_row row = candle_row(T0, 100, 104, 99, 101, 8); /* the low is nearer to the open */
    replay_row(replay, &row, hear, &log);
    assert_int_equal(pick(&log, MARKET_TRADES, found), 4);
    const double walk[] = {100, 99, 104, 101};
    for (size_t i = 0; i < 4; i++)
        check_same_double(found[i].price, walk[i]);
    assert_int_equal(pick(&log, MARKET_TICKER, found), 4);
    check_same_double(found[3].volume_24h, 8);
    assert_true(found[3].ts_ns < T0 + NS_PER_MIN);
    assert_int_equal(pick(&log, MARKET_BOOK, found), 4);
    replay_destroy(replay);
}

static void test_replay_order_of_extremes_does_not_tell_the_close(void **state)
{
    (void)state;
    for (int up = 0; up <= 1; up++) {
        struct log log = {0};
        struct heard found[16];
        struct replay *replay = create(NS_PER_MIN);
        struct csv_row row = candle_row(T0, 100, 103, 99, up ? 102 : 99.5, 8);
        replay_row(replay, &row, hear, &log);
        assert_int_equal(pick(&log, MARKET_TRADES, found), 4);
        check_same_double(found[1].price, 99);
        replay_destroy(replay);
    }
}

static void test_replay_gives_the_candle_after_its_end(void **state)
{
    (void)state;
    struct log log = {0};
    struct heard found[4];
    struct replay *replay = create(5 * NS_PER_MIN);
    struct csv_row row = candle_row(T0, 100, 104, 99, 101, 8);
    replay_row(replay, &row, hear, &log);
    assert_int_equal(pick(&log, MARKET_KLINE, found), 1);
    check_i64(found[0].ts_ns, T0 + 5 * NS_PER_MIN);
    check_i64(found[0].candle.interval_ns, 5 * NS_PER_MIN);
    check_same_double(found[0].candle.high, 104);
    assert_int_equal(log.events[log.n - 1].kind, MARKET_KLINE);
    replay_destroy(replay);
}

static void test_replay_finds_the_interval_out_despite_a_gap(void **state)
{
    (void)state;
    struct log log = {0};
    struct replay *replay = create(0);
    const int hours[] = {0, 5, 6, 7};
    for (size_t i = 0; i < COUNT_OF(hours); i++) {
        struct csv_row row = candle_row(T0 + hours[i] * NS_PER_H, 100, 101, 99, 100, 1);
        replay_row(replay, &row, hear, &log);
    }
    assert_int_equal(log.n, 0);
    replay_end(replay, hear, &log);
    check_i64(replay_interval_ns(replay), NS_PER_H);
    struct heard found[8];
    assert_int_equal(pick(&log, MARKET_KLINE, found), 4);
    replay_destroy(replay);
}

static void test_replay_releases_held_candles_when_enough_are_seen(void **state)
{
    (void)state;
    struct log log = {0};
    struct replay *replay = create(0);
    for (int i = 0; i < REPLAY_LOOK_AHEAD + 1; i++) {
        struct csv_row row = candle_row(T0 + i * NS_PER_MIN, 100, 101, 99, 100, 1);
        assert_true(i >= REPLAY_LOOK_AHEAD || log.n == 0);
        replay_row(replay, &row, hear, &log);
    }
    struct heard found[64];
    assert_int_equal(pick(&log, MARKET_KLINE, found), REPLAY_LOOK_AHEAD + 1);
    replay_destroy(replay);
}

static void test_replay_forgets_volume_after_a_day(void **state)
{
    (void)state;
    struct log log = {0};
    struct heard found[16];
    struct replay *replay = create(NS_PER_MIN);
    const int64_t at[] = {T0, T0 + NS_PER_H, T0 + 24 * NS_PER_H + NS_PER_MIN};
    for (size_t i = 0; i < COUNT_OF(at); i++) {
        struct csv_row row = candle_row(at[i], 100, 100, 100, 100, 10);
        replay_row(replay, &row, hear, &log);
    }
    size_t n = pick(&log, MARKET_TICKER, found);
    check_near(found[n - 5].volume_24h, 20, 1e-9);
    check_near(found[n - 1].volume_24h, 20, 1e-9);
    replay_destroy(replay);
}

static void test_replay_makes_books_and_candles_around_trades(void **state)
{
    (void)state;
    struct log log = {0};
    struct heard found[16];
    struct replay *replay = create(0);
    const int64_t at[] = {T0 + NS_PER_S, T0 + NS_PER_S + 50 * NS_PER_MS,
                          T0 + NS_PER_S + 100 * NS_PER_MS, T0 + NS_PER_MIN};
    for (size_t i = 0; i < COUNT_OF(at); i++) {
        struct csv_row row = {
            .kind = CSV_TRADES,
            .ts_ns = at[i],
            .trade = {.ts_event_ns = at[i], .price = 100 + (double)i, .qty = 2, .side = SIDE_SELL}};
        replay_row(replay, &row, hear, &log);
    }
    assert_int_equal(pick(&log, MARKET_TRADES, found), 4);
    assert_int_equal(found[0].side, SIDE_SELL);
    assert_int_equal(pick(&log, MARKET_BOOK, found),
                     3); /* the second came too soon after the first */
    assert_int_equal(pick(&log, MARKET_KLINE, found), 1);
    check_same_double(found[0].candle.open, 100);
    check_same_double(found[0].candle.close, 102);
    check_same_double(found[0].candle.volume, 6);
    check_i64(found[0].candle.ts_open_ns, T0);
    replay_destroy(replay);
}

static void test_replay_passes_quotes_on(void **state)
{
    (void)state;
    struct log log = {0};
    struct replay *replay = create(0);
    struct csv_row row = {.kind = CSV_QUOTES, .ts_ns = T0, .quote = {99, 101, 3, 4}};
    replay_row(replay, &row, hear, &log);
    assert_int_equal(log.n, 2);
    assert_int_equal(log.events[0].kind, MARKET_BOOK);
    assert_int_equal(log.events[1].kind, MARKET_TICKER);
    check_same_double(log.events[1].price, 100);
    replay_destroy(replay);
}

/* Q: quote, T: trade. What each row becomes, by hand: a trade makes up a book until there is a quote; the last price of a ticker
 * is the trade's once there is one; the candle of the minute is that of the trades, 10 up to 12, and not the mid of 50. */
static void test_replay_takes_books_from_quotes_and_the_rest_from_trades(void **state)
{
    static struct log log;
    static struct heard found[EVENTS_MAX];
    const struct csv_row rows[] = {
        {.kind = CSV_TRADES, .ts_ns = T0, .trade = {T0, 10, 1, SIDE_BUY}},
        {.kind = CSV_QUOTES, .ts_ns = T0 + NS_PER_S, .quote = {49, 51, 2, 2}},
        {.kind = CSV_TRADES,
         .ts_ns = T0 + 2 * NS_PER_S,
         .trade = {T0 + 2 * NS_PER_S, 12, 3, SIDE_SELL}},
        {.kind = CSV_QUOTES, .ts_ns = T0 + 3 * NS_PER_S, .quote = {49, 51, 2, 2}},
        {.kind = CSV_TRADES,
         .ts_ns = T0 + 61 * NS_PER_S,
         .trade = {T0 + 61 * NS_PER_S, 11, 1, SIDE_BUY}},
    };
    struct replay *replay = create(0);
    (void)state;
    memset(&log, 0, sizeof log);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        replay_row(replay, &rows[i], hear, &log);
    assert_int_equal(pick(&log, MARKET_BOOK, found), 3);
    check_near(found[0].price, 10, 1e-9);
    check_near(found[1].price, 50, 0);
    check_near(found[2].price, 50, 0);
    assert_int_equal(pick(&log, MARKET_TICKER, found), 3);
    check_near(found[1].price, 10, 0);
    check_near(found[2].price, 12, 0);
    check_near(found[2].volume_24h, 4, 0);
    assert_int_equal(pick(&log, MARKET_TRADES, found), 3);
    assert_int_equal(pick(&log, MARKET_KLINE, found), 1);
    check_near(found[0].candle.open, 10, 0);
    check_near(found[0].candle.high, 12, 0);
    check_near(found[0].candle.low, 10, 0);
    check_near(found[0].candle.close, 12, 0);
    check_near(found[0].candle.volume, 4, 0);
    replay_destroy(replay);
}

static void test_replay_names_the_bad_option(void **state)
{
    (void)state;
    struct replay *replay;
    check_err(replay_create(&(struct replay_options){.half_spread_bps = 1}, &replay), AL_EINVAL);
    check_has(err_text(), "asset");
    check_err(replay_create(&(struct replay_options){.asset = {"BTCUSDT"}}, &replay), AL_EINVAL);
    check_has(err_text(), "half_spread_bps");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replay_walks_a_candle_through_four_prices),
        cmocka_unit_test(test_replay_order_of_extremes_does_not_tell_the_close),
        cmocka_unit_test(test_replay_gives_the_candle_after_its_end),
        cmocka_unit_test(test_replay_finds_the_interval_out_despite_a_gap),
        cmocka_unit_test(test_replay_releases_held_candles_when_enough_are_seen),
        cmocka_unit_test(test_replay_forgets_volume_after_a_day),
        cmocka_unit_test(test_replay_makes_books_and_candles_around_trades),
        cmocka_unit_test(test_replay_passes_quotes_on),
        cmocka_unit_test(test_replay_takes_books_from_quotes_and_the_rest_from_trades),
        cmocka_unit_test(test_replay_names_the_bad_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
