/* The look-ahead check of a backtest is only worth something if it finds one who looks ahead. Here one does: in this program,
 * and nowhere else, the linker puts another indicator in the place of mid_return (the Makefile's --wrap), which opens the
 * backtest's files a second time and reads them a few seconds further than the market is. Everything else is the role `backtest`
 * as shipped: without the peek the check passes, with it the run fails and says which decision knew too much. */
#include "harness/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "alphaloop/app/roles.h"
#include "alphaloop/feature/indicator.h"
#include "alphaloop/io/file.h"

#include "../src/app/market_source_i.h"

#define HOURS 0.6

static struct {
    bool is_on;
    int64_t ahead_ns;
    struct source *scout; /* the files of the newest pass again */
    double mid;           /* the first one past the time that was looked at */
    size_t n;             /* looks */
} peek;

/* ---- in the place of the program's own ---- */

extern const struct indicator __real_indicator_mid_return;
extern struct indicator __wrap_indicator_mid_return;
struct indicator __wrap_indicator_mid_return; /* filled before main() */

enum al_err __real_source_open_files(const char *const *paths,
                                     const struct asset *assets,
                                     size_t n_files,
                                     double half_spread_bps,
                                     struct source **out);
enum al_err __wrap_source_open_files(const char *const *paths,
                                     const struct asset *assets,
                                     size_t n_files,
                                     double half_spread_bps,
                                     struct source **out);
void __real_source_poison(struct source *source, int64_t from_ns, uint64_t seed);
void __wrap_source_poison(struct source *source, int64_t from_ns, uint64_t seed);

enum al_err __wrap_source_open_files(const char *const *paths,
                                     const struct asset *assets,
                                     size_t n_files,
                                     double half_spread_bps,
                                     struct source **out)
{
    source_close(peek.scout);
    peek.mid = NAN;
    check_ok(__real_source_open_files(paths, assets, n_files, half_spread_bps, &peek.scout));
    return __real_source_open_files(paths, assets, n_files, half_spread_bps, out);
}

/* What the check replaces is replaced for whoever reads it. */
void __wrap_source_poison(struct source *source, int64_t from_ns, uint64_t seed)
{
    __real_source_poison(peek.scout, from_ns, seed);
    __real_source_poison(source, from_ns, seed);
}

static void go_ahead(int64_t until_ns)
{
    const struct market_event *event;
    for (;;) {
        check_ok(source_peek(peek.scout, &event));
        if (event == NULL || event->ts_event_ns > until_ns)
            return;
        if (event->kind == MARKET_BOOK && event->book.n_bids > 0 && event->book.n_asks > 0)
            peek.mid = (event->book.bids[0].price + event->book.asks[0].price) / 2;
        source_take(peek.scout);
    }
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    if (!peek.is_on)
        return __real_indicator_mid_return.value(state, options, moment);
    go_ahead(moment->now_ns + peek.ahead_ns);
    peek.n++;
    return moment->quote == NULL ? NAN : 1e4 * log(peek.mid / moment->quote->mid);
}

__attribute__((constructor)) static void fill(void)
{
    __wrap_indicator_mid_return = __real_indicator_mid_return;
    __wrap_indicator_mid_return.value = value;
}

/* ---- a market in a file ---- */

static char dir[] = "/tmp/backtest_peek_XXXXXX";

static const char *in_dir(const char *name)
{
    static char paths[8][FILE_PATH_MAX];
    static size_t k;
    char *path = paths[k++ % COUNT_OF(paths)];
    check_ok(file_join(dir, name, path));
    return path;
}

static void on_event(void *ctx, const struct market_event *event)
{
    if (event->kind == MARKET_BOOK)
        buf_printf(ctx, "%lld,%.8f,%.8f,%.8f,%.8f\n", event->ts_event_ns / NS_PER_MS,
                   event->book.bids[0].price, event->book.asks[0].price, event->book.bids[0].qty,
                   event->book.asks[0].qty);
}

static void write_market(const char *path)
{
    struct buf text = BUF_INIT(16 << 20);
    struct synthetic_options options;
    struct synthetic *market;
    synthetic_options_default(&options);
    options.n_assets = 1;
    check_ok(synthetic_create(&options, &market));
    buf_puts(&text, "ts_ms,bid,ask,bid_qty,ask_qty\n");
    for (int64_t k = 0; k < (int64_t)(HOURS * 3600); k++)
        synthetic_step(market, on_event, &text);
    check_ok(file_write_whole(path, buf_slice(&text)));
    synthetic_destroy(market);
    buf_deinit(&text);
}

static int begin(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(dir));
    check_ok(file_write_whole(in_dir("default.json"), SLICE("{}")));
    check_ok(file_write_whole(in_dir("peeking.json"),
                              SLICE("{\"decision\":{\"interval_seconds\":10}}")));
    check_ok(file_write_whole(in_dir("none.env"), SLICE("")));
    write_market(in_dir("made_btcusdt_quotes.csv"));
    check_i64(setenv("STRATEGY_CONFIG_DIR", dir, 1), 0);
    return 0;
}

static int end(void **state)
{
    static const char *const names[] = {"default.json", "peeking.json", "none.env",
                                        "made_btcusdt_quotes.csv", "report.json"};
    (void)state;
    source_close(peek.scout);
    for (size_t i = 0; i < COUNT_OF(names); i++)
        (void)unlink(in_dir(names[i]));
    return rmdir(dir);
}

/* The exit code; *report is the JSON. */
static int run(int64_t ahead_ns, struct buf *report)
{
    char env[FILE_PATH_MAX + 32], json[FILE_PATH_MAX + 32], file[FILE_PATH_MAX];
    char *argv[] = {(char *)"backtest",
                    (char *)"-q",
                    (char *)"-s",
                    (char *)"peeking",
                    (char *)"--check=2",
                    env,
                    json,
                    file,
                    NULL};
    snprintf(env, sizeof env, "--env-file=%s", in_dir("none.env"));
    snprintf(json, sizeof json, "--json=%s", in_dir("report.json"));
    (void)chars_set(file, sizeof file, in_dir("made_btcusdt_quotes.csv"));
    peek.is_on = ahead_ns > 0;
    peek.ahead_ns = ahead_ns;
    peek.n = 0;
    int code = role_backtest((int)COUNT_OF(argv) - 1, argv);
    *report = BUF_INIT(32 << 20);
    check_ok(file_read(in_dir("report.json"), 32 << 20, report));
    return code;
}

/* ---- what the check says ---- */

static void test_without_a_peek_the_check_passes(void **state)
{
    struct buf report;
    (void)state;
    check_i64(run(0, &report), EXIT_DONE);
    check_has(buf_str(&report), "\"look_ahead_check\":{\"passed\":true");
    check_i64((int64_t)peek.n, 0);
    buf_deinit(&report);
}

static void test_who_looks_ahead_is_found(void **state)
{
    struct buf report;
    (void)state;
    check_i64(run(5 * NS_PER_S, &report), EXIT_FAILED);
    check_has(buf_str(&report), "\"look_ahead_check\":{\"passed\":false");
    check_has(buf_str(&report), "is another one");
    assert_true(peek.n > 100);
    buf_deinit(&report);
}

/* The next quote alone is enough. */
static void test_who_looks_one_second_ahead_is_found(void **state)
{
    struct buf report;
    (void)state;
    check_i64(run(NS_PER_S, &report), EXIT_FAILED);
    check_has(buf_str(&report), "\"look_ahead_check\":{\"passed\":false");
    buf_deinit(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_peek_the_check_passes),
        cmocka_unit_test(test_who_looks_ahead_is_found),
        cmocka_unit_test(test_who_looks_one_second_ahead_is_found),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
