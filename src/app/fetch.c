/* Role `fetch`: candles from an upstream into the price history.
 *
 * A page is one transaction, and the next one is asked for after it; so an end at any time leaves the pages before it
 * stored, and without --from the next run goes on after the newest stored bar. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alphaloop/app/database.h"
#include "alphaloop/app/environment.h"
#include "alphaloop/app/roles.h"
#include "alphaloop/history/gaps.h"
#include "alphaloop/io/pg_sync.h"
#include "alphaloop/observe/log.h"
#include "alphaloop/store/candles.h"
#include "alphaloop/store/migrate.h"

#include "asset_names_i.h"
#include "harvest_i.h"

#define BATCH_BYTES (1U << 20)
#define BAR_WIDTH   30

enum { KEY_ENV = 1000, KEY_FROM, KEY_TO };

struct fetch_arguments {
    const char *env_file;
    struct asset asset;
    int64_t interval_ns, from_ns, to_ns; /* TIMESTAMP_NONE: not said */
    bool has_upstream, is_quiet;
    enum upstream_id upstream;
};

struct run {
    const struct fetch_arguments *arguments;
    struct settings *settings;
    struct asset_names *names;
    struct pg_sync *sync;
    struct pg_batch *batch;
    uv_loop_t loop;
    struct fetch *fetch;
    struct harvest *harvest;
    int64_t from_ns, to_ns, newest_ns;
    struct gap_finder gaps;
    uint64_t n_stored; /* new ones, and those that were other than what was there */
    bool shows_progress;
    enum al_err err;
    char why[512];
};

/* ---- arguments ---- */

static const struct argp_option rows[] = {
    {"asset", 'a', "ASSET", 0, "whose candles; required", 0},
    {"interval", 'i', "INTERVAL", 0, "of the candles: 1m, 5m, 1h, 1d ...; required", 0},
    {"upstream", 'u', "NAME", 0, "whom to ask: binance, bybit, coingecko; required", 0},
    {"from", KEY_FROM, "TIME", 0,
     "first time, as 2024-01-31 or 2024-01-31T12:00:00Z; default: after the newest stored candle, "
     "else FETCH_DAYS ago",
     0},
    {"to", KEY_TO, "TIME", 0, "end; default now", 0},
    {"quiet", 'q', NULL, 0, "no bar of progress", 0},
    {"env-file", KEY_ENV, "FILE", 0, "settings; default .env if it exists", 0},
    {0},
};

static int64_t parse_time(struct argp_state *state, const char *option, const char *text)
{
    char whole[TIMESTAMP_TEXT_MAX];
    int64_t ts_ns = 0;
    snprintf(whole, sizeof(whole), "%s%s", text, strlen(text) == 10 ? "T00:00:00Z" : "");
    if (timestamp_parse(slice_of(whole), &ts_ns) != AL_OK)
        argp_error(state, "--%s=%s: a time such as 2024-01-31 or 2024-01-31T12:00:00Z is expected",
                   option, text);
    return ts_ns;
}

static void check_whole(struct argp_state *state, const struct fetch_arguments *a)
{
    if (a->asset.text[0] == '\0')
        argp_error(state, "--asset is missing");
    else if (a->interval_ns == 0)
        argp_error(state, "--interval is missing");
    else if (!a->has_upstream)
        argp_error(state, "--upstream is missing: binance, bybit or coingecko");
    else if (upstream_at(a->upstream)->page_max(a->interval_ns) == 0)
        argp_error(state, "%s has no candles of this interval", upstream_at(a->upstream)->title);
    else if (a->from_ns != TIMESTAMP_NONE && a->to_ns != TIMESTAMP_NONE && a->from_ns >= a->to_ns)
        argp_error(state, "--from is not before --to");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct fetch_arguments *a = state->input;
    switch (key) {
    case 'a':
        if (!asset_parse(slice_of(arg), &a->asset) || strlen(a->asset.text) < TRADED_ASSET_LEN_MIN)
            argp_error(state, "--asset=%s: 4 to 20 of A-Z0-9 are expected", arg);
        return 0;
    case 'i':
        a->interval_ns = candle_interval_parse(slice_of(arg));
        if (a->interval_ns <= 0)
            argp_error(state, "--interval=%s: 1m, 5m, 1h, 1d or the like is expected", arg);
        return 0;
    case 'u':
        a->has_upstream = upstream_by_name(slice_of(arg), &a->upstream);
        if (!a->has_upstream)
            argp_error(state, "--upstream=%s: binance, bybit or coingecko is expected", arg);
        return 0;
    case KEY_FROM:
        a->from_ns = parse_time(state, "from", arg);
        return 0;
    case KEY_TO:
        a->to_ns = parse_time(state, "to", arg);
        return 0;
    case 'q':
        a->is_quiet = true;
        return 0;
    case KEY_ENV:
        a->env_file = arg;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s': no argument is expected", arg);
        return 0;
    case ARGP_KEY_END:
        check_whole(state, a);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- the range ---- */

static void on_newest(void *ctx, size_t index, const struct pg_result *result)
{
    (void)index;
    ((struct run *)ctx)->newest_ns = candles_read_newest(result);
}

static enum al_err find_range(struct run *run, bool *is_empty)
{
    const struct fetch_arguments *a = run->arguments;
    int64_t now_ns = upstreams_wall_ns();
    enum al_err err = AL_OK;
    run->from_ns = a->from_ns;
    run->to_ns = a->to_ns == TIMESTAMP_NONE ? now_ns : a->to_ns;
    run->newest_ns = TIMESTAMP_NONE;
    if (a->from_ns == TIMESTAMP_NONE) {
        candles_find_newest(run->batch, &a->asset, a->interval_ns);
        err = pg_sync_run(run->sync, run->batch, on_newest, run);
        pg_batch_reset(run->batch);
        run->from_ns = run->newest_ns == TIMESTAMP_NONE
                           ? now_ns - run->settings->fetch_days * NS_PER_DAY
                           : run->newest_ns + a->interval_ns;
    }
    *is_empty = !harvest_range(a->interval_ns, now_ns, &run->from_ns, &run->to_ns);
    return err;
}

/* ---- pages ---- */

static void show_progress(const struct run *run, int64_t done_ns)
{
    double share = (double)(done_ns - run->from_ns) / (double)(run->to_ns - run->from_ns);
    int n = (int)(share * BAR_WIDTH);
    if (run->shows_progress)
        fprintf(stderr, "\r%s [%.*s%*s] %3.0f %%  %llu candles ", run->arguments->asset.text, n,
                "##############################", BAR_WIDTH - n, "", 100 * share,
                (unsigned long long)run->gaps.n_bars);
}

static void stop_with(struct run *run, enum al_err err)
{
    run->err = err;
    (void)chars_set(run->why, sizeof(run->why), err == AL_OK ? "" : err_text());
    run->harvest = NULL;
    fetch_close(run->fetch, NULL, NULL);
}

static void on_stored(void *ctx, size_t index, const struct pg_result *result)
{
    (void)index;
    ((struct run *)ctx)->n_stored += pg_result_n_affected(result);
}

static void on_page(void *ctx, const struct history_page *page)
{
    struct run *run = ctx;
    const struct fetch_arguments *a = run->arguments;
    struct gap gap;
    harvest_put(run->batch, a->upstream, &a->asset, page);
    enum al_err err = pg_sync_run(run->sync, run->batch, on_stored, run);
    pg_batch_reset(run->batch);
    if (err != AL_OK) {
        harvest_stop(run->harvest);
        stop_with(run, err);
        return;
    }
    for (size_t i = 0; i < page->n; i++)
        (void)gap_finder_add(&run->gaps, page->candles[i].ts_open_ns, &gap);
    show_progress(run, page->next_ns);
    harvest_next(run->harvest);
}

static void on_end(void *ctx, enum al_err err)
{
    stop_with(ctx, err);
}

static enum al_err start(struct run *run)
{
    const struct fetch_arguments *a = run->arguments;
    const struct harvest_request request = {
        .fetch = run->fetch,
        .settings = run->settings,
        .upstream = a->upstream,
        .name = upstreams_name(run->names, &a->asset, a->upstream),
        .interval_ns = a->interval_ns,
        .from_ns = run->from_ns,
        .to_ns = run->to_ns,
        .on_page = on_page,
        .on_end = on_end,
        .ctx = run,
    };
    gap_finder_init(&run->gaps, a->interval_ns);
    show_progress(run, run->from_ns);
    return harvest_start(&request, &run->harvest);
}

/* ---- the role ---- */

static void no_log(void *ctx, struct slice line)
{
    (void)ctx;
    (void)line;
}

static void print_summary(const struct run *run)
{
    const struct fetch_arguments *a = run->arguments;
    char from[TIMESTAMP_TEXT_MAX], to[TIMESTAMP_TEXT_MAX];
    timestamp_format(run->from_ns, from);
    timestamp_format(run->to_ns, to);
    printf("%s from %s, %.19sZ to %.19sZ: %llu candles, %llu of them stored; %llu gaps, %llu "
           "candles missing in them\n",
           a->asset.text, upstream_at(a->upstream)->name, from, to,
           (unsigned long long)run->gaps.n_bars, (unsigned long long)run->n_stored,
           (unsigned long long)run->gaps.n_gaps, (unsigned long long)run->gaps.n_missing);
}

static enum al_err harvest_all(struct run *run)
{
    uv_loop_init(&run->loop);
    enum al_err err =
        upstreams_create(&run->loop, run->settings, (uint64_t)uv_hrtime(), &run->fetch);
    if (err != AL_OK)
        return err;
    err = start(run);
    if (err != AL_OK)
        fetch_close(run->fetch, NULL, NULL);
    uv_run(&run->loop, UV_RUN_DEFAULT);
    if (run->shows_progress)
        fputc('\n', stderr);
    if (uv_loop_close(&run->loop) != 0)
        return err_set(AL_ESTATE, "the loop is not empty");
    if (err == AL_OK && run->err != AL_OK)
        err = err_set(run->err, "%s", run->why);
    return err;
}

static enum al_err work(struct run *run, const struct pg_options *database)
{
    struct migrate_report done;
    bool is_empty;
    enum al_err err =
        migrate_run(database, run->settings->auto_migrate ? MIGRATE_APPLY : MIGRATE_CHECK, &done);
    if (err == AL_OK)
        err = pg_sync_open(database, &run->sync);
    if (err == AL_OK)
        err = find_range(run, &is_empty);
    if (err == AL_OK && is_empty)
        printf("%s from %s: nothing is missing\n", run->arguments->asset.text,
               upstream_at(run->arguments->upstream)->name);
    if (err != AL_OK || is_empty)
        return err;
    err = harvest_all(run);
    print_summary(run);
    return err;
}

static int run_fetch(struct run *run)
{
    struct buf problems = BUF_INIT(SETTINGS_PROBLEMS_MAX);
    int code = EXIT_USAGE;
    if (asset_names_load(run->settings, &run->names, &problems) == AL_OK) {
        struct pg_options database = database_from_settings(run->settings, "fetch");
        run->batch = pg_batch_create(BATCH_BYTES);
        enum al_err err = run->batch != NULL ? work(run, &database) : err_set(AL_ENOMEM, "batch");
        code = err == AL_OK ? EXIT_DONE : EXIT_FAILED;
        if (err != AL_OK)
            fprintf(stderr, "alphaloop: %s\n", err_text());
        pg_batch_destroy(run->batch);
        pg_sync_close(run->sync);
    }
    fputs(buf_str(&problems), stderr);
    buf_deinit(&problems);
    free(run->names);
    return code;
}

int role_fetch(int argc, char **argv)
{
    static const struct argp argp = {
        .options = rows,
        .parser = parse,
        .doc = "Stores candles of an upstream. Run again, it goes on after the newest stored "
               "candle; a range that is stored already changes nothing. The candle that is not "
               "over yet is left out, and what the upstream does not have stays missing.",
    };
    static struct settings settings;
    struct fetch_arguments arguments = {.from_ns = TIMESTAMP_NONE, .to_ns = TIMESTAMP_NONE};
    struct run run = {.arguments = &arguments, .settings = &settings};
    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    if (environment_settings(arguments.env_file, 0, &settings) != AL_OK)
        return EXIT_USAGE;
    log_init("fetch", LOG_ERROR, no_log, NULL); /* what goes wrong is said once, at the end */
    run.shows_progress = !arguments.is_quiet && isatty(STDERR_FILENO) == 1;
    return run_fetch(&run);
}
