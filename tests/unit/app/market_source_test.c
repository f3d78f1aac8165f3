/* Market sources: files of any kind merged by time, plain or gzipped, and the made-up market. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "../src/app/market_source_i.h"
#include "harness/check.h"

static char dir[64];

struct files {
    char paths[2][128];
};

static int setup(void **state)
{
    struct files *f = calloc(1, sizeof(*f));
    strcpy(dir, "/tmp/simulate-source.XXXXXX");
    assert_non_null(mkdtemp(dir));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct files *f = *state;
    for (size_t i = 0; i < 2; i++) {
        if (f->paths[i][0] != '\0')
            unlink(f->paths[i]);
    }
    rmdir(dir);
    free(f);
    return 0;
}

static void write_plain(struct files *f, size_t i, const char *name, const char *text)
{
    snprintf(f->paths[i], sizeof(f->paths[i]), "%s/%s", dir, name);
    FILE *file = fopen(f->paths[i], "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void write_gzip(struct files *f, size_t i, const char *name, const char *text)
{
    snprintf(f->paths[i], sizeof(f->paths[i]), "%s/%s", dir, name);
    gzFile file = gzopen(f->paths[i], "wb");
    assert_non_null(file);
    gzputs(file, text);
    gzclose(file);
}

static struct source *open_two(struct files *f)
{
    const char *paths[] = {f->paths[0], f->paths[1]};
    struct asset assets[2] = {{"BTCUSDT"}, {"ETHUSDT"}};
    struct source *source;
    check_ok(source_open_files(paths, assets, 2, 0.5, &source));
    return source;
}

static const char trades_csv[] = "ts_ms,price,qty,side\n"
                                 "1700000000000,100,1,buy\n"
                                 "1700000001000,101,1,sell\n"
                                 "1700000002000,bad,1,sell\n"
                                 "1700000005000,102,1,buy\n";
static const char quotes_csv[] = "ts_ms,bid,ask,bid_qty,ask_qty\n"
                                 "1700000000500,10,11,1,1\n"
                                 "1700000003000,10,12,1,1\n";

static void test_source_merges_files_by_time(void **state)
{
    struct files *f = *state;
    write_plain(f, 0, "venue_btcusdt_trades.csv", trades_csv);
    write_gzip(f, 1, "venue_ethusdt_quotes.csv.gz", quotes_csv);
    struct source *source = open_two(f);
    const struct market_event *event;
    int64_t last_ns = 0;
    size_t n_of_asset[2] = {0, 0}, n_trades = 0;
    for (;;) {
        check_ok(source_peek(source, &event));
        if (event == NULL)
            break;
        assert_true(event->ts_event_ns >= last_ns);
        last_ns = event->ts_event_ns;
        n_of_asset[strcmp(event->asset.text, "ETHUSDT") == 0 ? 1 : 0]++;
        n_trades += event->kind == MARKET_TRADES ? event->trades.n_trades : 0;
        source_take(source);
    }
    assert_true(n_of_asset[0] > 0 && n_of_asset[1] > 0);
    assert_int_equal(n_trades, 3);
    assert_int_equal(source_n_refused(source), 1);
    source_close(source);
}

static struct source *open_same(struct files *f)
{
    const char *paths[] = {f->paths[0], f->paths[1]};
    struct asset assets[2] = {{"BTCUSDT"}, {"BTCUSDT"}};
    struct source *source;
    check_ok(source_open_files(paths, assets, 2, 0.5, &source));
    return source;
}

/* Rows in order: trade 100 at 0 s (a book around it), quote at 0.5 s, trade 101 at 1 s, quote at 3 s, trade 102 at 5 s. */
static void test_source_joins_trades_and_quotes_of_one_asset(void **state)
{
    static const struct {
        enum market_kind kind;
        int64_t at_ms;
        double price; /* of the trade, or the last of the ticker */
    } expected[] = {
        {MARKET_TRADES, 0, 100}, {MARKET_BOOK, 0, 0},        {MARKET_TICKER, 0, 100},
        {MARKET_BOOK, 500, 0},   {MARKET_TICKER, 500, 100},  {MARKET_TRADES, 1000, 101},
        {MARKET_BOOK, 3000, 0},  {MARKET_TICKER, 3000, 101}, {MARKET_TRADES, 5000, 102},
    };
    struct files *f = *state;
    write_plain(f, 0, "venue_btcusdt_trades.csv", trades_csv);
    write_gzip(f, 1, "venue_btcusdt_quotes.csv.gz", quotes_csv);
    for (size_t order = 0; order < 2; order++) {
        struct source *source = open_same(f);
        const struct market_event *event;
        for (size_t i = 0; i < COUNT_OF(expected); i++) {
            check_ok(source_peek(source, &event));
            assert_non_null(event);
            assert_int_equal(event->kind, expected[i].kind);
            check_i64(event->ts_event_ns, (1700000000000 + expected[i].at_ms) * NS_PER_MS);
            if (event->kind == MARKET_TRADES)
                check_near(event->trades.trades[0].price, expected[i].price, 0);
            if (event->kind == MARKET_TICKER)
                check_near(event->ticker.last_price, expected[i].price, 0);
            source_take(source);
        }
        check_ok(source_peek(source, &event));
        assert_null(event);
        assert_int_equal(source_n_refused(source), 1);
        source_close(source);
        char held[sizeof f->paths[0]]; /* the other way round gives the same */
        memcpy(held, f->paths[0], sizeof held);
        memcpy(f->paths[0], f->paths[1], sizeof held);
        memcpy(f->paths[1], held, sizeof held);
    }
}

static void test_source_refuses_candles_beside_trades(void **state)
{
    struct files *f = *state;
    write_plain(f, 0, "venue_btcusdt_trades.csv", trades_csv);
    write_plain(f, 1, "venue_btcusdt_1m.csv",
                "ts_ms,open,high,low,close,volume\n1700000000000,1,2,1,2,1\n");
    struct source *source = open_same(f);
    const struct market_event *event;
    check_err(source_peek(source, &event), AL_EINVAL);
    check_has(err_text(), "candles of an asset beside its trades or quotes");
    source_close(source);
}

static void test_source_peeks_the_same_event_until_it_is_taken(void **state)
{
    struct files *f = *state;
    write_plain(f, 0, "venue_btcusdt_trades.csv", trades_csv);
    write_plain(f, 1, "venue_ethusdt_quotes.csv", quotes_csv);
    struct source *source = open_two(f);
    const struct market_event *first, *again;
    check_ok(source_peek(source, &first));
    check_ok(source_peek(source, &again));
    assert_ptr_equal(first, again);
    source_close(source);
}

static void test_source_names_a_missing_file(void **state)
{
    (void)state;
    const char *paths[] = {"/nowhere/x_btcusdt_1h.csv"};
    struct asset asset = {"BTCUSDT"};
    struct source *source;
    check_err(source_open_files(paths, &asset, 1, 0.5, &source), AL_ENOTFOUND);
    check_has(err_text(), "/nowhere/x_btcusdt_1h.csv");
}

static void test_source_names_a_file_that_is_no_market_data(void **state)
{
    struct files *f = *state;
    write_plain(f, 0, "venue_btcusdt_trades.csv", "a,b,c\n1,2,3\n");
    write_plain(f, 1, "venue_ethusdt_quotes.csv", quotes_csv);
    struct source *source = open_two(f);
    const struct market_event *event;
    check_err(source_peek(source, &event), AL_EPARSE);
    check_has(err_text(), "venue_btcusdt_trades.csv");
    source_close(source);
}

static void test_source_names_a_damaged_gzip_file(void **state)
{
    struct files *f = *state;
    write_gzip(f, 0, "venue_btcusdt_trades.csv.gz", trades_csv);
    assert_int_equal(truncate(f->paths[0], 30), 0);
    write_plain(f, 1, "venue_ethusdt_quotes.csv", quotes_csv);
    struct source *source = open_two(f);
    const struct market_event *event;
    enum al_err err = AL_OK;
    while (err == AL_OK && (err = source_peek(source, &event)) == AL_OK && event != NULL)
        source_take(source);
    check_err(err, AL_EIO);
    check_has(err_text(), "venue_btcusdt_trades.csv.gz");
    source_close(source);
}

static void test_source_plays_the_made_up_market(void **state)
{
    (void)state;
    struct synthetic_options options;
    struct source *source;
    const struct market_event *event;
    synthetic_options_default(&options);
    check_ok(source_open_synthetic(&options, &source));
    int64_t last_ns = options.start_ns;
    for (int i = 0; i < 10000; i++) {
        check_ok(source_peek(source, &event));
        assert_true(event->ts_event_ns >= last_ns);
        last_ns = event->ts_event_ns;
        source_take(source);
    }
    assert_true(last_ns > options.start_ns + 1000 * NS_PER_S);
    source_close(source);
}

static void test_source_reads_the_asset_from_a_file_name(void **state)
{
    (void)state;
    struct asset asset;
    assert_true(source_asset_of_path("data/binance_btcusdt_1h.csv.gz", &asset));
    check_str(asset.text, "BTCUSDT");
    assert_true(source_asset_of_path("data/us_ge_1d.csv.gz", &asset));
    check_str(asset.text, "GEUSD");
    assert_true(source_asset_of_path("us_spy_1d.csv", &asset));
    check_str(asset.text, "SPYUSD");
    assert_false(source_asset_of_path("us__1d.csv", &asset));
    assert_false(source_asset_of_path("some_dir/prices.csv", &asset));
    assert_false(source_asset_of_path("prices_x.csv", &asset));
    assert_false(source_asset_of_path("a_b!_c.csv", &asset));
}

static const char candles_csv[] = "ts_ms,open,high,low,close,volume\n"
                                  "1700000000000,10,12,9,11,5\n"
                                  "1700000060000,11,13,10,12,6\n"
                                  "1700000120000,12,14,11,13,7\n";

/* What a source says up to an instant, and after it. */
struct said {
    size_t n_before, n_after, n_same_after;
    double before[64], after[64];
};

static void listen_to(struct files *f, int64_t poison_ns, int64_t at_ns, struct said *out)
{
    const char *paths[] = {f->paths[0]};
    struct asset asset = {"BTCUSDT"};
    struct source *source;
    const struct market_event *event;
    *out = (struct said){0};
    check_ok(source_open_files(paths, &asset, 1, 0.5, &source));
    if (poison_ns != TIMESTAMP_NONE)
        source_poison(source, poison_ns, 1);
    for (;;) {
        check_ok(source_peek(source, &event));
        if (event == NULL)
            break;
        double price = event->kind == MARKET_KLINE    ? event->kline.candle.close
                       : event->kind == MARKET_TRADES ? event->trades.trades[0].price
                       : event->kind == MARKET_BOOK   ? event->book.bids[0].price
                                                      : event->ticker.last_price;
        bool is_before = event->ts_event_ns < at_ns ||
                         (event->ts_event_ns == at_ns && event->kind == MARKET_KLINE);
        if (is_before)
            out->before[out->n_before++] = price;
        else
            out->after[out->n_after++] = price;
        source_take(source);
    }
    source_close(source);
}

/* Poisoned from the end of the first candle on: all of the first candle is as it was, nothing of the later ones is. */
static void test_poison_changes_all_that_is_later_and_nothing_else(void **state)
{
    struct files *f = *state;
    struct said clean, poisoned;
    int64_t at_ns = INT64_C(1700000060000) * NS_PER_MS;
    write_plain(f, 0, "venue_btcusdt_1m.csv", candles_csv);
    listen_to(f, TIMESTAMP_NONE, at_ns, &clean);
    listen_to(f, at_ns, at_ns, &poisoned);
    check_i64((int64_t)poisoned.n_before, (int64_t)clean.n_before);
    check_i64((int64_t)poisoned.n_after, (int64_t)clean.n_after);
    assert_true(clean.n_before > 0 && clean.n_after > 0);
    assert_memory_equal(clean.before, poisoned.before, sizeof(clean.before));
    for (size_t i = 0; i < clean.n_after; i++)
        assert_true(clean.after[i] != poisoned.after[i]);
}

static void test_poison_leaves_a_quote_of_its_own_instant(void **state)
{
    struct files *f = *state;
    struct said clean, poisoned;
    int64_t first_ns = INT64_C(1700000000500) * NS_PER_MS;
    write_plain(f, 0, "venue_btcusdt_quotes.csv", quotes_csv);
    listen_to(f, TIMESTAMP_NONE, first_ns + 1, &clean);
    listen_to(f, first_ns, first_ns + 1, &poisoned);
    check_i64((int64_t)clean.n_before, 2);
    assert_memory_equal(clean.before, poisoned.before, sizeof(clean.before));
    assert_true(clean.after[0] != poisoned.after[0]);
}

static void test_summary_of_candles_and_trades(void **state)
{
    struct files *f = *state;
    struct source_summary summary;
    write_plain(f, 0, "venue_btcusdt_1m.csv", candles_csv);
    check_ok(source_summarize(f->paths[0], &summary));
    check_i64(summary.kind, CSV_CANDLES);
    check_i64(summary.interval_ns, NS_PER_MIN);
    check_i64((int64_t)summary.n_rows, 3);
    check_i64(summary.from_ns, INT64_C(1700000000000) * NS_PER_MS);
    check_i64(summary.to_ns, INT64_C(1700000120000) * NS_PER_MS);
    write_plain(f, 0, "venue_btcusdt_1m.csv", trades_csv);
    check_ok(source_summarize(f->paths[0], &summary));
    check_i64(summary.kind, CSV_TRADES);
    check_i64(summary.interval_ns, 0);
    check_i64((int64_t)summary.n_rows, 3);
    check_i64((int64_t)summary.n_refused, 1);
    write_plain(f, 0, "venue_btcusdt_1m.csv", "ts_ms,price,qty,side\n");
    check_err(source_summarize(f->paths[0], &summary), AL_ESHORT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_source_merges_files_by_time),
        TEST(test_source_joins_trades_and_quotes_of_one_asset),
        TEST(test_source_refuses_candles_beside_trades),
        TEST(test_source_peeks_the_same_event_until_it_is_taken),
        TEST(test_source_names_a_missing_file),
        TEST(test_source_names_a_file_that_is_no_market_data),
        TEST(test_source_names_a_damaged_gzip_file),
        TEST(test_source_plays_the_made_up_market),
        TEST(test_source_reads_the_asset_from_a_file_name),
        TEST(test_poison_changes_all_that_is_later_and_nothing_else),
        TEST(test_poison_leaves_a_quote_of_its_own_instant),
        TEST(test_summary_of_candles_and_trades),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
