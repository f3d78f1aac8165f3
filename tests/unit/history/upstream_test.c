#include "harness/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/history/upstream.h"

#define T0 1710000000000LL /* 2024-03-09T16:00:00Z in ms */

static struct json_reader *reader;
static struct history_page *page;
static struct buf path = {.max = UPSTREAM_PATH_MAX};

static int setup(void **state)
{
    (void)state;
    reader = json_reader_create(UPSTREAM_BODY_MAX, 16);
    page = calloc(1, sizeof(*page));
    return reader != NULL && page != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    json_reader_destroy(reader);
    free(page);
    buf_deinit(&path);
    return 0;
}

static struct history_query hours(const char *name, int n)
{
    return (struct history_query){.name = name,
                                  .interval_ns = NS_PER_H,
                                  .from_ns = T0 * NS_PER_MS,
                                  .to_ns = T0 * NS_PER_MS + n * NS_PER_H,
                                  .now_ns = T0 * NS_PER_MS + 100000 * NS_PER_H};
}

static const char *path_of(enum upstream_id id, const struct history_query *query)
{
    buf_reset(&path);
    upstream_path(upstream_at(id), query, &path);
    return buf_str(&path);
}

static enum al_err read_page(enum upstream_id id,
                             const struct history_query *query,
                             const char *body)
{
    return upstream_read(upstream_at(id), reader, query, slice_of(body), page);
}

static int64_t hour_of(size_t i)
{
    return (page->candles[i].ts_open_ns / NS_PER_MS - T0) / 3600000;
}

static void test_every_row_is_known_by_its_name(void **state)
{
    (void)state;
    for (enum upstream_id id = 0; id < UPSTREAM_COUNT; id++) {
        const struct upstream *upstream = upstream_at(id);
        enum upstream_id found;
        assert_true(upstream_by_name(slice_of(upstream->name), &found) && found == id);
        assert_true(strlen(upstream->title) > 0);
        assert_true(upstream->page_max(NS_PER_H) > 0 && upstream->page_max(NS_PER_DAY) > 0);
        check_i64((int64_t)upstream->page_max(7 * NS_PER_MIN), 0);
        assert_true(upstream->prices_max <= UPSTREAM_BATCH_MAX);
    }
    enum upstream_id none;
    assert_false(upstream_by_name(SLICE("Binance"), &none));
    assert_false(upstream_by_name(SLICE("binanc"), &none));
}

/* ---- Binance ---- */

static void test_binance_is_asked_from_the_beginning_on(void **state)
{
    struct history_query query = hours("BTCUSDT", 5000);
    (void)state;
    check_str(path_of(UPSTREAM_binance, &query),
              "/api/v3/klines?symbol=BTCUSDT&interval=1h&startTime=1710000000000&endTime="
              "1727999999999&limit=1000");
}

static const char binance_rows[] =
    "[[1710000000000,\"68100.00\",\"68200.5\",\"68000.00\",\"68150.25\",\"1234.56789\","
    "1710003599999,\"84\",100,\"1\",\"2\",\"0\"],"
    "[1710003600000,\"68150.25\",\"68150.25\",\"67900\",\"67950\",\"0\",1710007199999],"
    "[1710010800000,\"67950\",\"68000\",\"67900\",\"67999\",\"3\",1710014399999]]";

static void test_binance_candles_keep_their_gap(void **state)
{
    struct history_query query = hours("BTCUSDT", 24);
    (void)state;
    check_ok(read_page(UPSTREAM_binance, &query, binance_rows));
    check_i64((int64_t)page->n, 3);
    check_i64(hour_of(1), 1);
    check_i64(hour_of(2), 3);
    check_near(page->candles[0].open, 68100, 0);
    check_near(page->candles[0].high, 68200.5, 0);
    check_near(page->candles[0].low, 68000, 0);
    check_near(page->candles[0].close, 68150.25, 0);
    check_near(page->candles[0].volume, 1234.56789, 0);
    check_i64(page->candles[0].interval_ns, NS_PER_H);
    check_i64(page->next_ns, query.from_ns + 4 * NS_PER_H); /* there may be more */
    check_ok(read_page(UPSTREAM_binance, &query, "[]"));
    check_i64(page->next_ns, query.to_ns);
}

static void test_an_unfinished_candle_is_left_out(void **state)
{
    struct history_query query = hours("BTCUSDT", 24);
    (void)state;
    query.now_ns = T0 * NS_PER_MS + 4 * NS_PER_H - 1;
    check_ok(read_page(UPSTREAM_binance, &query, binance_rows));
    check_i64((int64_t)page->n, 2);
    check_i64((int64_t)page->n_unfinished, 1);
    check_i64(page->next_ns, query.to_ns);
    query.now_ns++;
    check_ok(read_page(UPSTREAM_binance, &query, binance_rows));
    check_i64((int64_t)page->n, 3);
}

static void test_candles_that_were_not_asked_for_are_left_out(void **state)
{
    struct history_query query = hours("BTCUSDT", 3);
    (void)state;
    query.from_ns += NS_PER_H;
    check_ok(read_page(UPSTREAM_binance, &query, binance_rows));
    check_i64((int64_t)page->n, 1);
    check_i64(hour_of(0), 1);
    check_i64((int64_t)page->n_outside, 2);
}

static const struct bad {
    const char *row, *why;
} bad_rows[] = {
    {"1", "[0]: not an array"},
    {"[1710000000000,1,1,1,1]", "[0]: not an array"},
    {"[\"x\",1,1,1,1,1]", "[0][0]: not a time"},
    {"[-3600000,1,1,1,1,1]", "[0][0]: not a time"},
    {"[1e300,1,1,1,1,1]", "[0][0]: not a time"},
    {"[1710000000000.5,1,1,1,1,1]", "[0][0]: not a time"},
    {"[1710000000001,1,1,1,1,1]", "[0][0]: not the beginning"},
    {"[1710000000000,0,1,1,1,1]", "[0][1]: not a price"},
    {"[1710000000000,1,\"NaN\",1,1,1]", "[0][2]: not a price"},
    {"[1710000000000,1,1,-1,1,1]", "[0][3]: not a price"},
    {"[1710000000000,1,1,1,null,1]", "[0][4]: not a price"},
    {"[1710000000000,1,1e99,1,1,1]", "[0][2]: not a price"},
    {"[1710000000000,1,1,1,1,-1]", "[0][5]: not a volume"},
    {"[1710000000000,1,1,1,1,{}]", "[0][5]: not a volume"},
    {"[1710000000000,5,4,3,4,1]", "[0]: high and low do not enclose"},
    {"[1710000000000,4,5,4.5,4,1]", "[0]: high and low do not enclose"},
    {"[1710003600000,1,1,1,1,1],[1710000000000,1,1,1,1,1]", "[1]: not later than the one before"},
    {"[1710000000000,1,1,1,1,1],[1710000000000,1,1,1,1,1]", "[1]: not later than the one before"},
};

static void test_garbage_is_refused_by_place(void **state)
{
    struct history_query query = hours("BTCUSDT", 24);
    char body[256];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad_rows); i++) {
        snprintf(body, sizeof(body), "[%s]", bad_rows[i].row);
        check_err(read_page(UPSTREAM_binance, &query, body), AL_EPARSE);
        if (strncmp(err_text(), bad_rows[i].why, strlen(bad_rows[i].why)) != 0)
            fail_msg("%s: %s, not %s", body, err_text(), bad_rows[i].why);
        check_i64(page->next_ns, query.from_ns);
    }
    for (enum upstream_id id = 0; id < UPSTREAM_COUNT; id++) {
        check_err(read_page(id, &query, ""), AL_EPARSE);
        check_err(read_page(id, &query, "<html>"), AL_EPARSE);
        check_err(read_page(id, &query, "null"), AL_EPARSE);
        check_err(read_page(id, &query, "\"text\""), AL_EPARSE);
        check_err(read_page(id, &query, "{}"), AL_EPARSE);
    }
}

/* ---- Bybit ---- */

static void test_bybit_is_asked_page_by_page(void **state)
{
    struct history_query query = hours("BTCUSDT", 5000);
    (void)state;
    check_str(path_of(UPSTREAM_bybit, &query),
              "/v5/market/kline?category=spot&symbol=BTCUSDT&interval=60&start=1710000000000"
              "&end=1713599999999&limit=1000");
}

static void test_bybit_candles_come_newest_first(void **state)
{
    struct history_query query = hours("BTCUSDT", 1001);
    (void)state;
    check_ok(read_page(
        UPSTREAM_bybit, &query,
        "{\"retCode\":0,\"retMsg\":\"OK\",\"result\":{\"category\":\"spot\",\"symbol\":\"BTCUSDT\","
        "\"list\":[[\"1710007200000\",\"3\",\"4\",\"2\",\"3.5\",\"10\",\"35\"],"
        "[\"1710000000000\",\"1\",\"2\",\"0.5\",\"1.5\",\"20\",\"30\"]]},\"retExtInfo\":{},"
        "\"time\":1710009999999}"));
    check_i64((int64_t)page->n, 2);
    check_i64(hour_of(0), 0);
    check_i64(hour_of(1), 2);
    check_near(page->candles[1].close, 3.5, 0);
    check_near(page->candles[1].volume, 10, 0);
    check_i64(page->next_ns, query.from_ns + 1000 * NS_PER_H);
}

static void test_bybit_refusals_are_no_garbage(void **state)
{
    struct history_query query = hours("NOPE", 10);
    (void)state;
    check_err(read_page(UPSTREAM_bybit, &query,
                        "{\"retCode\":10001,\"retMsg\":\"Not supported symbols\",\"result\":{}}"),
              AL_EINVAL);
    check_str(err_text(), "retCode 10001: Not supported symbols");
    check_err(read_page(UPSTREAM_bybit, &query,
                        "{\"retCode\":10006,\"retMsg\":\"Too many visits!\",\"result\":{}}"),
              AL_EFULL);
    check_err(read_page(UPSTREAM_bybit, &query, "{\"retCode\":0,\"result\":{\"list\":{}}}"),
              AL_EPARSE);
    check_err(read_page(UPSTREAM_bybit, &query, "{\"retCode\":0,\"result\":{\"list\":[[1]]}}"),
              AL_EPARSE);
    check_str(err_text(), "result.list: [0]: not an array of time, prices and volume");
}

/* ---- CoinGecko ---- */

static void test_coingecko_is_asked_for_what_it_answers_by_the_hour(void **state)
{
    struct history_query query = hours("bitcoin", 5000);
    (void)state;
    check_str(path_of(UPSTREAM_coingecko, &query),
              "/api/v3/coins/bitcoin/market_chart/range?vs_currency=usd&from=1710003300&to="
              "1717689900");
}

/* Points at 17:00:03, 17:59:50, 18:00:04 (the nearer one of two), 18:30, 20:04:59 and 21:05:01 (too far). */
static void test_coingecko_points_are_closes(void **state)
{
    struct history_query query = hours("bitcoin", 24);
    (void)state;
    check_ok(read_page(UPSTREAM_coingecko, &query,
                       "{\"prices\":[[1710003603000,100.5],[1710007190000,7],[1710007204000,101],"
                       "[1710009000000,5],[1710014699000,102],[1710018301000,9]],"
                       "\"market_caps\":[],\"total_volumes\":[[1710003603000,5e10]]}"));
    check_i64((int64_t)page->n, 3);
    check_i64(hour_of(0), 0);
    check_i64(hour_of(1), 1);
    check_i64(hour_of(2), 3);
    check_near(page->candles[0].close, 100.5, 0);
    check_near(page->candles[1].close, 101, 0);
    check_near(page->candles[2].close, 102, 0);
    for (size_t i = 0; i < page->n; i++) {
        const struct candle *candle = &page->candles[i];
        assert_true(candle->open == candle->close && candle->high == candle->close &&
                    candle->low == candle->close && candle->volume == 0);
    }
    check_i64(page->next_ns, query.to_ns);
}

static void test_coingecko_garbage_is_refused(void **state)
{
    struct history_query query = hours("bitcoin", 24);
    (void)state;
    check_err(read_page(UPSTREAM_coingecko, &query, "{\"prices\":[[1710003603000]]}"), AL_EPARSE);
    check_err(read_page(UPSTREAM_coingecko, &query, "{\"prices\":[[1710003603000,0]]}"), AL_EPARSE);
    check_str(err_text(), "prices[0][1]: not a price above 0");
    check_err(
        read_page(UPSTREAM_coingecko, &query, "{\"prices\":[[1710003603000,1],[1710003602000,1]]}"),
        AL_EPARSE);
    check_str(err_text(), "prices[1]: earlier than the one before");
    check_err(read_page(UPSTREAM_coingecko, &query, "{\"prices\":[[1710003603000,null]]}"),
              AL_EPARSE);
}

/* ---- prices ---- */

static const char *const coins[] = {"bitcoin", "ethereum", "nocoin"};
static const char *const pairs[] = {"BTCUSDT", "ETHUSDT", "NOPE"};

static void test_prices_of_several_assets_are_one_question(void **state)
{
    struct upstream_price prices[3];
    (void)state;
    buf_reset(&path);
    upstream_prices_path(upstream_at(UPSTREAM_coingecko), coins, 3, &path);
    check_str(buf_str(&path), "/api/v3/simple/price?ids=bitcoin,ethereum,nocoin&vs_currencies=usd"
                              "&include_last_updated_at=true");
    check_ok(upstream_prices_read(
        upstream_at(UPSTREAM_coingecko), reader, coins, 3,
        SLICE("{\"ethereum\":{\"usd\":3500},\"bitcoin\":{\"usd\":67000.25,\"last_updated_at\":"
              "1711356300}}"),
        prices));
    check_near(prices[0].price, 67000.25, 0);
    check_i64(prices[0].ts_ns, 1711356300 * NS_PER_S);
    check_near(prices[1].price, 3500, 0);
    check_i64(prices[1].ts_ns, TIMESTAMP_NONE);
    assert_true(isnan(prices[2].price));
    buf_reset(&path);
    upstream_prices_path(upstream_at(UPSTREAM_binance), pairs, 2, &path);
    check_str(buf_str(&path), "/api/v3/ticker/price?symbols=%5B%22BTCUSDT%22,%22ETHUSDT%22%5D");
    check_ok(upstream_prices_read(upstream_at(UPSTREAM_binance), reader, pairs, 3,
                                  SLICE("[{\"symbol\":\"ETHUSDT\",\"price\":\"3500.1\"},"
                                        "{\"symbol\":\"BTCUSDT\",\"price\":\"67000\"}]"),
                                  prices));
    check_near(prices[0].price, 67000, 0);
    check_near(prices[1].price, 3500.1, 0);
    assert_true(isnan(prices[2].price));
}

static void test_bad_prices_are_refused(void **state)
{
    struct upstream_price prices[3];
    (void)state;
    check_err(upstream_prices_read(upstream_at(UPSTREAM_coingecko), reader, coins, 3,
                                   SLICE("{\"bitcoin\":{\"usd\":-1}}"), prices),
              AL_EPARSE);
    check_str(err_text(), "bitcoin.usd: not a price above 0");
    check_err(upstream_prices_read(upstream_at(UPSTREAM_coingecko), reader, coins, 3, SLICE("[]"),
                                   prices),
              AL_EPARSE);
    check_err(upstream_prices_read(upstream_at(UPSTREAM_binance), reader, pairs, 3,
                                   SLICE("[{\"symbol\":\"BTCUSDT\"}]"), prices),
              AL_EPARSE);
    check_str(err_text(), "[0].price: not a price above 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_is_known_by_its_name),
        cmocka_unit_test(test_binance_is_asked_from_the_beginning_on),
        cmocka_unit_test(test_binance_candles_keep_their_gap),
        cmocka_unit_test(test_an_unfinished_candle_is_left_out),
        cmocka_unit_test(test_candles_that_were_not_asked_for_are_left_out),
        cmocka_unit_test(test_garbage_is_refused_by_place),
        cmocka_unit_test(test_bybit_is_asked_page_by_page),
        cmocka_unit_test(test_bybit_candles_come_newest_first),
        cmocka_unit_test(test_bybit_refusals_are_no_garbage),
        cmocka_unit_test(test_coingecko_is_asked_for_what_it_answers_by_the_hour),
        cmocka_unit_test(test_coingecko_points_are_closes),
        cmocka_unit_test(test_coingecko_garbage_is_refused),
        cmocka_unit_test(test_prices_of_several_assets_are_one_question),
        cmocka_unit_test(test_bad_prices_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
