/* What the gateway writes is what the worker's own reader understands: the same event comes back. */
#include "harness/check.h"

#include <string.h>

#include "alphaloop/market/gateway.h"
#include "harness/fake_clock.h"

#define T0 FAKE_CLOCK_START_NS

static struct market_event sent, got;

static void begin(enum market_kind kind)
{
    memset(&sent, 0, sizeof sent);
    sent.kind = kind;
    strcpy(sent.asset.text, "BTCUSDT");
    sent.ts_event_ns = sent.ts_recv_ns = T0;
}

static void send_and_read(void)
{
    struct buf text = BUF_INIT(1 << 20);
    struct json_reader *reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    struct order_event_refusal refusal;
    gateway_write(&sent, 7, &text);
    assert_true(buf_ok(&text));
    if (!market_event_parse(reader, sent.kind, buf_slice(&text), T0 + NS_PER_S, &got, &refusal))
        fail_msg("%s: %s: %s", buf_str(&text), refusal.field, refusal.detail);
    assert_int_equal(got.kind, sent.kind);
    check_str(got.asset.text, sent.asset.text);
    check_i64(got.ts_event_ns, sent.ts_event_ns);
    assert_true(got.trace_id.text[0] != '\0');
    json_reader_destroy(reader);
    buf_deinit(&text);
}

static void test_gateway_ticker_comes_back(void **state)
{
    (void)state;
    begin(MARKET_TICKER);
    sent.ticker = (struct ticker_update){60000.1, 1234.5, 60000, 60000.2, 1.25, 0.00000001};
    send_and_read();
    assert_memory_equal(&got.ticker, &sent.ticker, sizeof sent.ticker);
}

static void test_gateway_leaves_out_what_a_ticker_does_not_say(void **state)
{
    (void)state;
    begin(MARKET_TICKER);
    sent.ticker =
        (struct ticker_update){60000.1, (double)NAN, 60000, 60000.2, (double)NAN, (double)NAN};
    send_and_read();
    check_near(got.ticker.volume_24h, (double)NAN, 0);
    check_same_double(got.ticker.bid_price, 60000);
}

static void test_gateway_book_comes_back(void **state)
{
    (void)state;
    for (int is_delta = 0; is_delta <= 1; is_delta++) {
        begin(MARKET_BOOK);
        sent.book.is_delta = is_delta;
        sent.book.n_bids = 2;
        sent.book.n_asks = 1;
        sent.book.bids[0] = (struct book_level){100, 1};
        sent.book.bids[1] = (struct book_level){99.99, is_delta ? 0 : 2.5};
        sent.book.asks[0] = (struct book_level){100.01, 0.1};
        send_and_read();
        assert_int_equal(got.book.is_delta, sent.book.is_delta);
        assert_int_equal(got.book.n_bids, 2);
        assert_int_equal(got.book.n_asks, 1);
        assert_memory_equal(got.book.bids, sent.book.bids, 2 * sizeof sent.book.bids[0]);
        assert_memory_equal(got.book.asks, sent.book.asks, sizeof sent.book.asks[0]);
    }
}

static void test_gateway_candle_comes_back_for_every_interval(void **state)
{
    (void)state;
    const int64_t intervals[] = {NS_PER_MIN, 5 * NS_PER_MIN, NS_PER_H, NS_PER_DAY};
    for (size_t i = 0; i < COUNT_OF(intervals); i++) {
        begin(MARKET_KLINE);
        sent.kline.confirmed = true;
        sent.kline.candle =
            (struct candle){T0 - intervals[i], intervals[i], 100, 102, 99, 101, 12.5};
        send_and_read();
        assert_true(got.kline.confirmed);
        check_i64(got.kline.candle.ts_open_ns, sent.kline.candle.ts_open_ns);
        check_i64(got.kline.candle.interval_ns, intervals[i]);
        check_same_double(got.kline.candle.high, 102);
        check_same_double(got.kline.candle.volume, 12.5);
    }
}

static void test_gateway_trades_come_back(void **state)
{
    (void)state;
    begin(MARKET_TRADES);
    sent.trades.n_trades = 2;
    sent.trades.trades[0] = (struct trade){T0 - 5 * NS_PER_MS, 100, 0.5, SIDE_SELL};
    sent.trades.trades[1] = (struct trade){T0, 101, 0.25, SIDE_BUY};
    send_and_read();
    assert_int_equal(got.trades.n_trades, 2);
    for (size_t i = 0; i < 2; i++) {
        check_i64(got.trades.trades[i].ts_event_ns, sent.trades.trades[i].ts_event_ns);
        check_same_double(got.trades.trades[i].price, sent.trades.trades[i].price);
        check_same_double(got.trades.trades[i].qty, sent.trades.trades[i].qty);
        assert_int_equal(got.trades.trades[i].side, sent.trades.trades[i].side);
    }
}

static void test_gateway_names_the_queues_of_the_stack(void **state)
{
    (void)state;
    check_str(gateway_queue(MARKET_TICKER), "ws-gateway.ticker");
    check_str(gateway_queue(MARKET_BOOK), "ws-gateway.orderbook");
    check_str(gateway_queue(MARKET_KLINE), "ws-gateway.kline");
    check_str(gateway_queue(MARKET_TRADES), "ws-gateway.trades");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gateway_ticker_comes_back),
        cmocka_unit_test(test_gateway_leaves_out_what_a_ticker_does_not_say),
        cmocka_unit_test(test_gateway_book_comes_back),
        cmocka_unit_test(test_gateway_candle_comes_back_for_every_interval),
        cmocka_unit_test(test_gateway_trades_come_back),
        cmocka_unit_test(test_gateway_names_the_queues_of_the_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
