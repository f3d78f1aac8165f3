/* The CSV reader: three kinds, any chunking, and bad rows named by line. */
#include "harness/alloc.h"
#include "harness/check.h"

#include <stdio.h>
#include <string.h>

#include "alphaloop/market/csv.h"

#define ROWS_MAX 16

struct result {
    struct csv_row rows[ROWS_MAX];
    size_t n_rows, n_refused;
    enum csv_step end;
    char refusals[1024];
};

/* Read `text` in chunks of `chunk` bytes. */
static struct result read_chunked(const char *text, size_t chunk)
{
    struct result result = {0};
    struct csv_reader *reader = csv_reader_create();
    struct csv_row row;
    size_t at = 0, len = strlen(text);
    for (;;) {
        enum csv_step step = csv_reader_next(reader, &row);
        if (step == CSV_ROW) {
            assert_true(result.n_rows < ROWS_MAX);
            result.rows[result.n_rows++] = row;
        } else if (step == CSV_REFUSED) {
            result.n_refused++;
            strncat(result.refusals, err_text(),
                    sizeof result.refusals - strlen(result.refusals) - 2);
            strcat(result.refusals, "\n");
        } else if (step == CSV_HUNGRY && at < len) {
            size_t n = len - at < chunk ? len - at : chunk;
            check_ok(csv_reader_feed(reader, (struct slice){text + at, n}));
            at += n;
        } else if (step == CSV_HUNGRY) {
            csv_reader_end(reader);
        } else {
            result.end = step;
            break;
        }
    }
    assert_int_equal(csv_reader_refused(reader), result.n_refused);
    csv_reader_destroy(reader);
    return result;
}

static struct result read_all(const char *text)
{
    return read_chunked(text, strlen(text) + 1);
}

static const char candles[] = "ts_ms,open,high,low,close,volume\n"
                              "1746372780000,95000.1,95010,94990.5,95005,12.5\n"
                              "1746372840000,95005,95005,95005,95005,0\n";

static void test_csv_reads_candles(void **state)
{
    (void)state;
    struct result r = read_all(candles);
    assert_int_equal(r.end, CSV_DONE);
    assert_int_equal(r.n_rows, 2);
    assert_int_equal(r.rows[0].kind, CSV_CANDLES);
    assert_int_equal(r.rows[0].line, 2);
    check_i64(r.rows[0].ts_ns, 1746372780000 * NS_PER_MS);
    check_i64(r.rows[0].candle.ts_open_ns, r.rows[0].ts_ns);
    check_same_double(r.rows[0].candle.open, 95000.1);
    check_same_double(r.rows[0].candle.high, 95010);
    check_same_double(r.rows[0].candle.low, 94990.5);
    check_same_double(r.rows[0].candle.close, 95005);
    check_same_double(r.rows[0].candle.volume, 12.5);
}

static void test_csv_reads_trades(void **state)
{
    (void)state;
    struct result r =
        read_all("ts_ms,price,qty,side\r\n1,10.5,2,buy\r\n1,10.4,1e-3,Sell\r\n2,10.4,1,\r\n");
    assert_int_equal(r.end, CSV_DONE);
    assert_int_equal(r.n_rows, 3);
    assert_int_equal(r.rows[0].trade.side, SIDE_BUY);
    assert_int_equal(r.rows[1].trade.side, SIDE_SELL);
    check_same_double(r.rows[1].trade.qty, 1e-3);
    assert_int_equal(r.rows[2].trade.side, SIDE_NONE);
}

static void test_csv_reads_quotes_in_any_column_order(void **state)
{
    (void)state;
    struct result r = read_all("venue,ask,bid,ts_ms,ask_qty,bid_qty\nx,101,100,5,2,1\n");
    assert_int_equal(r.n_rows, 1);
    check_same_double(r.rows[0].quote.bid, 100);
    check_same_double(r.rows[0].quote.ask, 101);
    check_same_double(r.rows[0].quote.bid_qty, 1);
    check_same_double(r.rows[0].quote.ask_qty, 2);
}

static void test_csv_chunks_do_not_matter(void **state)
{
    (void)state;
    struct result whole = read_all(candles);
    for (size_t chunk = 1; chunk < 14; chunk++) {
        struct result r = read_chunked(candles, chunk);
        assert_int_equal(r.n_rows, whole.n_rows);
        for (size_t i = 0; i < r.n_rows; i++) {
            check_i64(r.rows[i].ts_ns, whole.rows[i].ts_ns);
            assert_memory_equal(&r.rows[i].candle, &whole.rows[i].candle, sizeof r.rows[i].candle);
        }
    }
}

static void test_csv_last_line_needs_no_line_end(void **state)
{
    (void)state;
    assert_int_equal(read_all("ts_ms,price,qty,side\n1,2,3,buy").n_rows, 1);
}

static void test_csv_refuses_bad_rows_by_line_and_goes_on(void **state)
{
    (void)state;
    static const struct {
        const char *row, *why;
    } rows[] = {
        {"x,1,2,0.5,1,0", "line 2: ts_ms"},
        {"1,1,2,0.5,1", "line 2: volume"},
        {"1,nan,2,0.5,1,0", "line 2: open"},
        {"1,1,inf,0.5,1,0", "line 2: high"},
        {"1,0x1,2,0.5,1,0", "line 2: open"},
        {"1,1,2,0.5, 1,0", "line 2: close"},
        {"1,1,2,-1,1,0", "line 2: low"},
        {"1,1,2,0.5,3,0", "line 2: high: 2 is below"},
        {"1,1,2,0.5,1,-1", "line 2: volume"},
        {"1,1e999,2,0.5,1,0", "line 2: open"},
        {"99999999999999999,1,2,0.5,1,0", "line 2: ts_ms"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[256];
        snprintf(text, sizeof text, "ts_ms,open,high,low,close,volume\n%s\n2,1,2,0.5,1,0\n",
                 rows[i].row);
        struct result r = read_all(text);
        check_has(r.refusals, rows[i].why);
        assert_int_equal(r.n_refused, 1);
        assert_int_equal(r.n_rows, 1);
    }
}

static void test_csv_refuses_crossed_quotes_and_bad_sides(void **state)
{
    (void)state;
    check_has(read_all("ts_ms,bid,ask,bid_qty,ask_qty\n1,10,10,1,1\n").refusals, "line 2: ask");
    check_has(read_all("ts_ms,price,qty,side\n1,10,1,up\n").refusals, "line 2: side");
}

static void test_csv_refuses_time_going_back_and_repeated_candles(void **state)
{
    (void)state;
    struct result r = read_all("ts_ms,price,qty,side\n5,1,1,buy\n4,1,1,buy\n5,1,1,buy\n");
    assert_int_equal(r.n_rows, 2);
    check_has(r.refusals, "line 3: ts_ms: time goes back");
    r = read_all("ts_ms,open,high,low,close,volume\n5,1,1,1,1,1\n5,1,1,1,1,1\n");
    check_has(r.refusals, "line 3: ts_ms: the candle before has the same time");
}

static void test_csv_a_line_that_is_too_long_is_one_refusal(void **state)
{
    (void)state;
    char text[64 + 3 * CSV_LINE_MAX] = "ts_ms,price,qty,side\n";
    size_t n = strlen(text);
    memset(text + n, '7', sizeof text - n);
    strcpy(text + sizeof text - 20, "\n2,3,4,sell\n");
    for (size_t chunk = 100; chunk < 5000; chunk += 1300) {
        struct result r = read_chunked(text, chunk);
        assert_int_equal(r.n_refused, 1);
        assert_int_equal(r.n_rows, 1);
        assert_int_equal(r.rows[0].line, 3);
        check_has(r.refusals, "line 2: longer than");
    }
}

static void test_csv_fails_on_another_header_and_on_nothing(void **state)
{
    (void)state;
    assert_int_equal(read_all("time,price\n1,2\n").end, CSV_FAILED);
    assert_int_equal(read_all("").end, CSV_FAILED);
}

static void test_csv_reports_memory_running_out(void **state)
{
    (void)state;
    for (size_t n = 0; alloc_fails_at(n); n++) {
        struct csv_reader *reader = csv_reader_create();
        if (reader == NULL)
            continue;
        enum al_err err = csv_reader_feed(reader, SLICE("ts_ms,price,qty,side\n"));
        assert_true(err == AL_OK || err == AL_ENOMEM);
        csv_reader_destroy(reader);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv_reads_candles),
        cmocka_unit_test(test_csv_reads_trades),
        cmocka_unit_test(test_csv_reads_quotes_in_any_column_order),
        cmocka_unit_test(test_csv_chunks_do_not_matter),
        cmocka_unit_test(test_csv_last_line_needs_no_line_end),
        cmocka_unit_test(test_csv_refuses_bad_rows_by_line_and_goes_on),
        cmocka_unit_test(test_csv_refuses_crossed_quotes_and_bad_sides),
        cmocka_unit_test(test_csv_refuses_time_going_back_and_repeated_candles),
        cmocka_unit_test(test_csv_a_line_that_is_too_long_is_one_refusal),
        cmocka_unit_test(test_csv_fails_on_another_header_and_on_nothing),
        cmocka_unit_test(test_csv_reports_memory_running_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
