/* Real candles, trades and quotes go through reader and replay whole: no row refused, events in order, every candle kept.
 * The files are not part of the repository: MARKET_DATA names their directory (default ../shared/data/market); without it
 * the test is skipped, and says so. */
#include "harness/check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "alphaloop/market/replay.h"

enum { CHUNK = 65536, PATH_SIZE = 1024 };

struct counts {
    size_t n_rows, n_events, n_candles;
    int64_t last_ns;
};

static void count(void *ctx, const struct market_event *event)
{
    struct counts *counts = ctx;
    assert_true(event->ts_event_ns >= counts->last_ns);
    counts->last_ns = event->ts_event_ns;
    counts->n_events++;
    counts->n_candles += event->kind == MARKET_KLINE;
}

static const char *data_directory(void)
{
    const char *named = getenv("MARKET_DATA");
    return named != NULL ? named : "../shared/data/market";
}

static bool is_market_file(const char *name)
{
    size_t len = strlen(name);
    return len > 7 && strcmp(name + len - 7, ".csv.gz") == 0;
}

static void feed(struct csv_reader *reader, gzFile file)
{
    static char bytes[CHUNK];
    int n = gzread(file, bytes, sizeof bytes);
    assert_true(n >= 0);
    if (n == 0)
        csv_reader_end(reader);
    else
        check_ok(csv_reader_feed(reader, (struct slice){bytes, (size_t)n}));
}

static enum csv_kind read_file(const char *path, struct counts *counts)
{
    struct csv_reader *reader = csv_reader_create();
    struct replay_options options = {.asset = {"BTCUSDT"}, .half_spread_bps = 0.5};
    struct replay *replay;
    struct csv_row row;
    gzFile file = gzopen(path, "rb");
    assert_non_null(file);
    check_ok(replay_create(&options, &replay));
    enum csv_step step;
    while ((step = csv_reader_next(reader, &row)) != CSV_DONE) {
        if (step == CSV_HUNGRY)
            feed(reader, file);
        else if (step != CSV_ROW)
            fail_msg("%s: %s", path, err_text());
        if (step == CSV_ROW) {
            replay_row(replay, &row, count, counts);
            counts->n_rows++;
        }
    }
    replay_end(replay, count, counts);
    enum csv_kind kind = csv_reader_kind(reader);
    replay_destroy(replay);
    csv_reader_destroy(reader);
    gzclose(file);
    return kind;
}

static void test_real_files_are_read_whole(void **state)
{
    (void)state;
    DIR *directory = opendir(data_directory());
    if (directory == NULL) {
        print_message("SKIPPED: no market data in %s (set MARKET_DATA)\n", data_directory());
        skip();
    }
    size_t n_files = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (!is_market_file(entry->d_name))
            continue;
        char path[PATH_SIZE];
        struct counts counts = {0};
        snprintf(path, sizeof path, "%s/%s", data_directory(), entry->d_name);
        enum csv_kind kind = read_file(path, &counts);
        print_message("%s: %zu %s rows, %zu events\n", entry->d_name, counts.n_rows,
                      csv_kind_name(kind), counts.n_events);
        assert_true(counts.n_rows > 100);
        if (kind == CSV_CANDLES)
            assert_int_equal(counts.n_candles, counts.n_rows);
        n_files++;
    }
    closedir(directory);
    assert_true(n_files > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_real_files_are_read_whole)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
