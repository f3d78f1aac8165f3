/* Market messages in every shape a gateway may send them (contract 3.2). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/domain/market.h"
#include "harness/check.h"

#define RECEIVED_NS (1769853600LL * NS_PER_S) /* 2026-01-31T10:00:00Z */
#define AT_MS       "1769853590123"
#define AT_NS       (1769853590123LL * NS_PER_MS)

static struct json_reader *reader;
static struct market_event event;
static struct order_event_refusal refusal;

static int create_reader(void **state)
{
    (void)state;
    reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    return 0;
}

static int destroy_reader(void **state)
{
    (void)state;
    json_reader_destroy(reader);
    return 0;
}

static void parse(enum market_kind kind, const char *body)
{
    if (!market_event_parse(reader, kind, slice_of(body), RECEIVED_NS, &event, &refusal))
        fail_msg("%s: %s (%s)", refusal.field, refusal.detail, body);
}

static void refuse(enum market_kind kind, const char *body, const char *field)
{
    if (market_event_parse(reader, kind, slice_of(body), RECEIVED_NS, &event, &refusal))
        fail_msg("accepted: %s", body);
    check_str(refusal.field, field);
}

/* ---- ticker ---- */

static void test_ticker_in_the_gateways_envelope(void **state)
{
    (void)state;
    parse(MARKET_TICKER, "{\"event_id\":\"x\",\"event_type\":\"ticker\",\"topic\":\"tickers."
                         "BTCUSDT\",\"timestamp\":\"2026-01-31T09:59:50.123\","
                         "\"received_at\":\"2026-01-31T09:59:51\",\"trace_id\":\"t-1\",\"payload\":"
                         "{\"symbol\":\"BTCUSDT\",\"lastPrice\":\"42000.5\","
                         "\"volume24h\":\"1234.5\",\"bid1Price\":\"42000.4\",\"ask1Price\":\"42000."
                         "6\",\"bid1Size\":\"1\",\"ask1Size\":\"2\"}}");
    check_str(event.asset.text, "BTCUSDT");
    check_str(event.trace_id.text, "t-1");
    check_i64(event.ts_event_ns, AT_NS);
    check_i64(event.ts_recv_ns, RECEIVED_NS);
    check_near(event.ticker.last_price, 42000.5, 0);
    check_near(event.ticker.volume_24h, 1234.5, 0);
    check_near(event.ticker.bid_price, 42000.4, 0);
    check_near(event.ticker.ask_price, 42000.6, 0);
    check_near(event.ticker.bid_qty, 1, 0);
    check_near(event.ticker.ask_qty, 2, 0);
}

static void test_ticker_names_of_price_and_volume_vary(void **state)
{
    (void)state;
    parse(MARKET_TICKER, "{\"symbol\":\"ethusdt\",\"price\":1.5,\"volume_24h\":7}");
    check_str(event.asset.text, "ETHUSDT");
    check_near(event.ticker.last_price, 1.5, 0);
    check_near(event.ticker.volume_24h, 7, 0);
    parse(MARKET_TICKER, "{\"s\":\"ETHUSDT\",\"c\":\"2.5\",\"v\":\"8\"}");
    check_near(event.ticker.last_price, 2.5, 0);
    check_near(event.ticker.volume_24h, 8, 0);
}

static void test_ticker_delta_leaves_out_what_did_not_change(void **state)
{
    (void)state;
    parse(MARKET_TICKER, "{\"topic\":\"tickers.BTCUSDT\",\"payload\":{\"ask1Price\":\"5\","
                         "\"bid1Price\":\"\",\"volume24h\":null}}");
    check_near(event.ticker.ask_price, 5, 0);
    check_near(event.ticker.last_price, NAN, 0);
    check_near(event.ticker.bid_price, NAN, 0);
    check_near(event.ticker.volume_24h, NAN, 0);
    check_i64(event.ts_event_ns, RECEIVED_NS);
}

static void test_ticker_refuses_a_price_that_is_none(void **state)
{
    (void)state;
    refuse(MARKET_TICKER, "{\"symbol\":\"BTCUSDT\",\"lastPrice\":\"0\"}", "lastPrice");
    refuse(MARKET_TICKER, "{\"symbol\":\"BTCUSDT\",\"lastPrice\":true}", "lastPrice");
    refuse(MARKET_TICKER, "{\"symbol\":\"BTCUSDT\",\"price\":\"1e999\"}", "price");
    refuse(MARKET_TICKER, "{\"symbol\":\"BTCUSDT\",\"c\":\"NaN\"}", "c");
    refuse(MARKET_TICKER, "{\"symbol\":\"BTCUSDT\",\"price\":1,\"v\":-1}", "v");
}

static void test_market_without_symbol_is_refused(void **state)
{
    (void)state;
    refuse(MARKET_TICKER, "{\"price\":1}", "symbol");
    refuse(MARKET_TICKER, "{\"price\":1,\"symbol\":5,\"topic\":\"tickers.BTCUSDT\"}", "symbol");
    refuse(MARKET_TICKER, "{\"price\":1,\"topic\":\"tickers.\"}", "symbol");
    refuse(MARKET_TICKER, "{}", "symbol");
}

static void test_market_that_is_no_document_is_refused(void **state)
{
    (void)state;
    refuse(MARKET_TICKER, "", "");
    refuse(MARKET_TICKER, "17", "");
    refuse(MARKET_TICKER, "null", "");
    check_str(reason_name(refusal.reason), "not_json");
    refuse(MARKET_BOOK, "[]", "symbol");
}

/* ---- times ---- */

static void test_market_time_is_told_by_its_size_or_text(void **state)
{
    static const char *const times[] = {
        AT_MS,
        "\"" AT_MS "\"",
        "1769853590.123",
        "\"1769853590.123\"",
        "1769853590123000",
        "1769853590123000000",
        "\"2026-01-31T09:59:50.123Z\"",
        "\"2026-01-31 10:59:50.123+01:00\"",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        char body[200];
        snprintf(body, sizeof body, "{\"symbol\":\"BTCUSDT\",\"price\":1,\"ts\":%s}", times[i]);
        parse(MARKET_TICKER, body);
        check_i64(event.ts_event_ns, AT_NS);
    }
    parse(MARKET_TICKER, "{\"symbol\":\"BTCUSDT\",\"price\":1,\"ts\":1769853590}");
    check_i64(event.ts_event_ns, 1769853590LL * NS_PER_S);
}

static void test_market_time_that_is_none_gives_way_to_the_next(void **state)
{
    static const char *const times[] = {
        "0", "-5", "true", "\"soon\"", "\"\"", "1e30", "99999999999999999999", "{}"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        char body[200];
        snprintf(body, sizeof body,
                 "{\"timestamp\":" AT_MS
                 ",\"payload\":{\"symbol\":\"BTCUSDT\",\"price\":1,\"ts\":%s}}",
                 times[i]);
        parse(MARKET_TICKER, body);
        check_i64(event.ts_event_ns, AT_NS);
    }
}

static void test_market_time_of_the_payload_wins_over_the_envelope(void **state)
{
    (void)state;
    parse(MARKET_TICKER,
          "{\"timestamp\":5,\"payload\":{\"symbol\":\"BTCUSDT\",\"price\":1,\"ts\":" AT_MS "}}");
    check_i64(event.ts_event_ns, AT_NS);
}

/* ---- order book ---- */

static void test_book_levels_are_pairs_or_objects(void **state)
{
    (void)state;
    parse(MARKET_BOOK, "{\"symbol\":\"BTCUSDT\",\"bids\":[[\"10\",\"1\"],{\"price\":\"9\",\"size\":"
                       "2}],\"asks\":[[11,3]]}");
    check_i64((int64_t)event.book.n_bids, 2);
    check_i64((int64_t)event.book.n_asks, 1);
    check_near(event.book.bids[1].price, 9, 0);
    check_near(event.book.bids[1].qty, 2, 0);
    assert_false(event.book.is_delta);
}

static void test_book_frame_of_the_exchange(void **state)
{
    (void)state;
    parse(MARKET_BOOK, "{\"topic\":\"orderbook.50.BTCUSDT\",\"type\":\"delta\",\"ts\":" AT_MS
                       ",\"data\":{\"s\":\"BTCUSDT\","
                       "\"b\":[[\"10\",\"0\"]],\"a\":[],\"u\":7,\"seq\":9}}");
    assert_true(event.book.is_delta);
    check_i64((int64_t)event.book.n_bids, 1);
    check_i64((int64_t)event.book.n_asks, 0);
    check_near(event.book.bids[0].qty, 0, 0);
    check_i64(event.ts_event_ns, AT_NS);
}

static bool is_delta(const char *body)
{
    parse(MARKET_BOOK, body);
    return event.book.is_delta;
}

static void test_book_says_whether_it_is_a_delta(void **state)
{
    (void)state;
    assert_true(is_delta("{\"s\":\"BTCUSDT\",\"type\":\"delta\",\"b\":[[1,1]],\"a\":[[2,1]]}"));
    assert_false(is_delta("{\"s\":\"BTCUSDT\",\"type\":\"snapshot\",\"b\":[[1,1]],\"a\":[]}"));
    assert_true(is_delta("{\"event_type\":\"orderbook_delta\",\"payload\":{\"s\":\"BTCUSDT\",\"b\":"
                         "[[1,1]],\"a\":[[2,1]]}}"));
    assert_false(is_delta("{\"event_type\":\"orderbook\",\"payload\":{\"s\":\"BTCUSDT\",\"type\":"
                          "\"snapshot\",\"b\":[],\"a\":[[2,0]]}}"));
}

static void test_book_that_does_not_say_is_told_by_its_content(void **state)
{
    (void)state;
    assert_false(is_delta("{\"s\":\"BTCUSDT\",\"b\":[[1,1]],\"a\":[[2,1]]}"));
    assert_true(is_delta("{\"s\":\"BTCUSDT\",\"b\":[[1,0]],\"a\":[[2,1]]}"));
    assert_true(is_delta("{\"s\":\"BTCUSDT\",\"b\":[[1,1]],\"a\":[]}"));
    assert_true(
        is_delta("{\"topic\":\"orderbook.2.BTCUSDT\",\"b\":[[1,1]],\"a\":[[2,1]],\"u\":8}"));
    assert_false(
        is_delta("{\"topic\":\"orderbook.2.BTCUSDT\",\"b\":[[1,1]],\"a\":[[2,1]],\"u\":1}"));
    assert_false(
        is_delta("{\"topic\":\"orderbook.1.BTCUSDT\",\"b\":[[1,1]],\"a\":[[2,1]],\"u\":8}"));
    assert_false(is_delta("{\"topic\":\"orderbook.2.BTCUSDT\",\"b\":[[1,1]],\"a\":[[2,1]]}"));
}

static void test_book_refuses_what_is_no_level(void **state)
{
    (void)state;
    refuse(MARKET_BOOK, "{\"s\":\"BTCUSDT\",\"b\":[[1,1],[0,1]],\"a\":[]}", "b[1]");
    refuse(MARKET_BOOK, "{\"s\":\"BTCUSDT\",\"bids\":[[1]],\"asks\":[]}", "bids[0]");
    refuse(MARKET_BOOK, "{\"s\":\"BTCUSDT\",\"bids\":[[1,-1]],\"asks\":[]}", "bids[0]");
    refuse(MARKET_BOOK, "{\"s\":\"BTCUSDT\",\"bids\":[],\"asks\":[\"x\"]}", "asks[0]");
    refuse(MARKET_BOOK, "{\"s\":\"BTCUSDT\",\"bids\":5}", "bids");
    refuse(MARKET_BOOK, "{\"s\":\"BTCUSDT\"}", "bids");
    check_str(reason_name(refusal.reason), "field_missing");
}

static void test_book_keeps_no_more_levels_than_it_can(void **state)
{
    (void)state;
    struct buf body = BUF_INIT(65536);
    buf_puts(&body, "{\"s\":\"BTCUSDT\",\"a\":[[9,1]],\"b\":[");
    for (int i = 0; i < 300; i++)
        buf_printf(&body, "%s[%d,1]", i > 0 ? "," : "", 1000 - i);
    buf_puts(&body, "]}");
    parse(MARKET_BOOK, buf_str(&body));
    check_i64((int64_t)event.book.n_bids, BOOK_DEPTH_MAX);
    buf_deinit(&body);
}

/* ---- kline ---- */

#define CANDLE "\"open\":\"10\",\"high\":\"12\",\"low\":\"9\",\"close\":\"11\",\"volume\":\"5\""

static void test_kline_in_an_envelope(void **state)
{
    (void)state;
    parse(MARKET_KLINE, "{\"topic\":\"kline.5.BTCUSDT\",\"timestamp\":\"2026-01-31T09:59:50.123Z\","
                        "\"payload\":{\"start\":1769853300000,"
                        "\"interval\":\"5\"," CANDLE ",\"confirm\":true}}");
    check_str(event.asset.text, "BTCUSDT");
    check_i64(event.kline.candle.ts_open_ns, 1769853300LL * NS_PER_S);
    check_i64(event.kline.candle.interval_ns, 5 * NS_PER_MIN);
    check_near(event.kline.candle.open, 10, 0);
    check_near(event.kline.candle.high, 12, 0);
    check_near(event.kline.candle.low, 9, 0);
    check_near(event.kline.candle.close, 11, 0);
    check_near(event.kline.candle.volume, 5, 0);
    assert_true(event.kline.confirmed);
    check_i64(event.ts_event_ns, AT_NS);
}

static void test_kline_short_names_and_interval_from_the_topic(void **state)
{
    (void)state;
    parse(MARKET_KLINE, "{\"topic\":\"kline.60.BTCUSDT\",\"t\":\"2026-01-31T09:00:00Z\",\"o\":1,"
                        "\"h\":2,\"l\":1,\"c\":2,\"v\":0}");
    check_i64(event.kline.candle.interval_ns, NS_PER_H);
    assert_false(event.kline.confirmed);
}

static void test_kline_array_gives_the_newest_and_the_earlier_ones(void **state)
{
    (void)state;
    parse(MARKET_KLINE, "{\"topic\":\"kline.1.BTCUSDT\",\"data\":[{\"start\":1769853480000," CANDLE
                        ",\"confirm\":true},"
                        "{\"start\":1769853540000," CANDLE ",\"confirm\":false}]}");
    check_i64((int64_t)event.kline.n_earlier, 1);
    assert_true(event.kline.earlier[0].confirmed);
    check_i64(event.kline.earlier[0].candle.ts_open_ns, 1769853480LL * NS_PER_S);
    check_i64(event.kline.candle.ts_open_ns, 1769853540LL * NS_PER_S);
    assert_false(event.kline.confirmed);
}

static void test_kline_array_longer_than_kept_loses_the_oldest(void **state)
{
    (void)state;
    struct buf body = BUF_INIT(65536);
    buf_puts(&body, "{\"topic\":\"kline.1.BTCUSDT\",\"payload\":[");
    for (int i = 0; i < 20; i++)
        buf_printf(&body, "%s{\"start\":%lld," CANDLE "}", i > 0 ? "," : "",
                   1769853600000LL + i * 60000LL);
    buf_puts(&body, "]}");
    parse(MARKET_KLINE, buf_str(&body));
    check_i64((int64_t)event.kline.n_earlier, MARKET_EARLIER_MAX);
    check_i64(event.kline.earlier[0].candle.ts_open_ns, (1769853600LL + 4 * 60) * NS_PER_S);
    buf_deinit(&body);
}

static void test_kline_refuses_a_candle_that_is_none(void **state)
{
    (void)state;
    refuse(MARKET_KLINE, "{\"topic\":\"kline.1.BTCUSDT\"," CANDLE "}", "start");
    refuse(MARKET_KLINE, "{\"symbol\":\"BTCUSDT\",\"start\":" AT_MS "," CANDLE "}", "interval");
    refuse(MARKET_KLINE, "{\"topic\":\"kline.M.BTCUSDT\",\"start\":" AT_MS "," CANDLE "}",
           "interval");
    refuse(MARKET_KLINE,
           "{\"topic\":\"kline.1.BTCUSDT\",\"t\":" AT_MS
           ",\"o\":1,\"h\":2,\"l\":1,\"c\":3,\"v\":0}",
           "high");
    refuse(MARKET_KLINE,
           "{\"topic\":\"kline.1.BTCUSDT\",\"t\":" AT_MS ",\"o\":1,\"h\":2,\"l\":1,\"v\":0}",
           "close");
    refuse(MARKET_KLINE, "{\"topic\":\"kline.1.BTCUSDT\",\"s\":\"BTCUSDT\",\"data\":[]}",
           "payload");
    refuse(MARKET_KLINE, "{\"topic\":\"kline.1.BTCUSDT\",\"data\":[1]}", "payload");
}

static void test_candle_interval_is_minutes_or_has_a_unit(void **state)
{
    static const struct {
        const char *text;
        int64_t ns;
    } rows[] = {
        {"1", NS_PER_MIN},
        {"720", 720 * NS_PER_MIN},
        {"D", NS_PER_DAY},
        {"W", 7 * NS_PER_DAY},
        {"1m", NS_PER_MIN},
        {"4h", 4 * NS_PER_H},
        {"1d", NS_PER_DAY},
        {"5s", 5 * NS_PER_S},
        {"", 0},
        {"M", 0},
        {"1M", 0},
        {"0", 0},
        {"1mm", 0},
        {"-1", 0},
        {"1 m", 0},
        {"9999999", 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check_i64(candle_interval_parse(slice_of(rows[i].text)), rows[i].ns);
}

/* ---- trades ---- */

static void test_trades_array_of_the_exchange(void **state)
{
    (void)state;
    parse(MARKET_TRADES,
          "{\"topic\":\"publicTrade.BTCUSDT\",\"type\":\"snapshot\",\"ts\":5,\"data\":["
          "{\"T\":1769853590100,\"s\":\"BTCUSDT\",\"S\":\"Buy\",\"v\":\"0.5\",\"p\":\"10\"},"
          "{\"T\":" AT_MS ",\"s\":\"BTCUSDT\",\"S\":\"Sell\",\"v\":\"1\",\"p\":\"11\"}]}");
    check_i64((int64_t)event.trades.n_trades, 2);
    assert_int_equal(event.trades.trades[0].side, SIDE_BUY);
    assert_int_equal(event.trades.trades[1].side, SIDE_SELL);
    check_near(event.trades.trades[1].price, 11, 0);
    check_near(event.trades.trades[0].qty, 0.5, 0);
    check_i64(event.trades.trades[0].ts_event_ns, 1769853590100LL * NS_PER_MS);
    check_i64(event.ts_event_ns, AT_NS);
}

static void test_trades_single_object_or_bare_array(void **state)
{
    (void)state;
    parse(MARKET_TRADES, "{\"topic\":\"publicTrade.BTCUSDT\",\"timestamp\":" AT_MS
                         ",\"payload\":{\"p\":1,\"v\":2}}");
    check_i64((int64_t)event.trades.n_trades, 1);
    assert_int_equal(event.trades.trades[0].side, SIDE_NONE);
    check_i64(event.trades.trades[0].ts_event_ns, AT_NS);
    parse(MARKET_TRADES,
          "[{\"symbol\":\"ETHUSDT\",\"price\":1,\"size\":2,\"side\":\"buy\",\"T\":" AT_MS "}]");
    check_str(event.asset.text, "ETHUSDT");
    assert_int_equal(event.trades.trades[0].side, SIDE_BUY);
}

static void test_trades_beyond_the_bound_lose_the_oldest(void **state)
{
    (void)state;
    struct buf body = BUF_INIT(1 << 20);
    buf_puts(&body, "{\"topic\":\"publicTrade.BTCUSDT\",\"data\":[");
    for (int i = 0; i < MARKET_TRADES_MAX + 3; i++)
        buf_printf(&body, "%s{\"p\":%d,\"v\":1}", i > 0 ? "," : "", i + 1);
    buf_puts(&body, "]}");
    parse(MARKET_TRADES, buf_str(&body));
    check_i64((int64_t)event.trades.n_trades, MARKET_TRADES_MAX);
    check_i64((int64_t)event.trades.n_dropped, 3);
    check_near(event.trades.trades[0].price, 4, 0);
    buf_deinit(&body);
}

static void test_trades_refuse_what_is_no_trade(void **state)
{
    (void)state;
    refuse(MARKET_TRADES, "{\"topic\":\"publicTrade.BTCUSDT\",\"data\":[]}", "payload");
    refuse(MARKET_TRADES, "{\"topic\":\"publicTrade.BTCUSDT\",\"data\":[{\"p\":0,\"v\":1}]}", "p");
    refuse(MARKET_TRADES, "{\"topic\":\"publicTrade.BTCUSDT\",\"data\":[{\"p\":1}]}", "v");
    refuse(MARKET_TRADES,
           "{\"topic\":\"publicTrade.BTCUSDT\",\"data\":[{\"p\":1,\"v\":1,\"T\":\"x\"}]}", "T");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ticker_in_the_gateways_envelope),
        cmocka_unit_test(test_ticker_names_of_price_and_volume_vary),
        cmocka_unit_test(test_ticker_delta_leaves_out_what_did_not_change),
        cmocka_unit_test(test_ticker_refuses_a_price_that_is_none),
        cmocka_unit_test(test_market_without_symbol_is_refused),
        cmocka_unit_test(test_market_that_is_no_document_is_refused),
        cmocka_unit_test(test_market_time_is_told_by_its_size_or_text),
        cmocka_unit_test(test_market_time_that_is_none_gives_way_to_the_next),
        cmocka_unit_test(test_market_time_of_the_payload_wins_over_the_envelope),
        cmocka_unit_test(test_book_levels_are_pairs_or_objects),
        cmocka_unit_test(test_book_frame_of_the_exchange),
        cmocka_unit_test(test_book_says_whether_it_is_a_delta),
        cmocka_unit_test(test_book_that_does_not_say_is_told_by_its_content),
        cmocka_unit_test(test_book_refuses_what_is_no_level),
        cmocka_unit_test(test_book_keeps_no_more_levels_than_it_can),
        cmocka_unit_test(test_kline_in_an_envelope),
        cmocka_unit_test(test_kline_short_names_and_interval_from_the_topic),
        cmocka_unit_test(test_kline_array_gives_the_newest_and_the_earlier_ones),
        cmocka_unit_test(test_kline_array_longer_than_kept_loses_the_oldest),
        cmocka_unit_test(test_kline_refuses_a_candle_that_is_none),
        cmocka_unit_test(test_candle_interval_is_minutes_or_has_a_unit),
        cmocka_unit_test(test_trades_array_of_the_exchange),
        cmocka_unit_test(test_trades_single_object_or_bare_array),
        cmocka_unit_test(test_trades_beyond_the_bound_lose_the_oldest),
        cmocka_unit_test(test_trades_refuse_what_is_no_trade),
    };
    return cmocka_run_group_tests(tests, create_reader, destroy_reader);
}
