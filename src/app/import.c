/* Role `import`: a file of candles, trades or quotes into the price history. */
#include <argp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <uv.h>

#include "alphaloop/app/database.h"
#include "alphaloop/app/environment.h"
#include "alphaloop/app/roles.h"
#include "alphaloop/store/migrate.h"

#include "argument_i.h"
#include "import_i.h"

enum { KEY_ENV = 1000, KEY_BAD, KEY_LIST };

static const struct argp_option rows[] = {
    {"asset", 'a', "ASSET", 0, "whose prices these are; required", 0},
    {"interval", 'i', "INTERVAL", 0, "of the candles: 1m, 5m, 1h, 1d ...; required", 0},
    {"on-bad", KEY_BAD, "stop|skip", 0, "what to do with a row that is none; default stop", 0},
    {"list", KEY_LIST, "N", 0, "bad rows and gaps to list, the rest is counted; default 10", 0},
    {"dry-run", 'n', NULL, 0, "check the file, store nothing; needs no database", 0},
    {"quiet", 'q', NULL, 0, "no bar of progress", 0},
    {"env-file", KEY_ENV, "FILE", 0, "settings; default .env if it exists", 0},
    {0},
};

static void set_asset(struct argp_state *state, struct import_options *o, const char *text)
{
    if (!asset_parse(slice_of(text), &o->asset) || strlen(o->asset.text) < TRADED_ASSET_LEN_MIN)
        argp_error(state, "--asset=%s: 4 to 20 of A-Z0-9 are expected", text);
}

static void set_interval(struct argp_state *state, struct import_options *o, const char *text)
{
    o->interval_ns = candle_interval_parse(slice_of(text));
    if (o->interval_ns <= 0 || o->interval_ns % NS_PER_S != 0)
        argp_error(state, "--interval=%s: 1m, 5m, 1h, 1d or the like is expected", text);
}

static void check_whole(struct argp_state *state, const struct import_options *o)
{
    if (o->path == NULL)
        argp_error(state, "a FILE of candles, trades or quotes is expected (docs/history.md)");
    else if (o->asset.text[0] == '\0')
        argp_error(state, "--asset is missing");
    else if (o->interval_ns == 0)
        argp_error(state, "--interval is missing");
}

static void set_on_bad(struct argp_state *state, struct import_options *o, const char *text)
{
    o->skips_bad = strcmp(text, "skip") == 0;
    if (!o->skips_bad && strcmp(text, "stop") != 0)
        argp_error(state, "--on-bad=%s: allowed is stop or skip", text);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct import_options *o = state->input;
    switch (key) {
    case 'a':
        set_asset(state, o, arg);
        return 0;
    case 'i':
        set_interval(state, o, arg);
        return 0;
    case KEY_BAD:
        set_on_bad(state, o, arg);
        return 0;
    case KEY_LIST:
        o->n_listed_max = (size_t)argument_whole(state, "list", arg, IMPORT_LISTED_MAX);
        return 0;
    case 'n':
        o->is_dry_run = true;
        return 0;
    case 'q':
        o->is_quiet = true;
        return 0;
    case KEY_ENV:
        o->env_file = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (o->path != NULL)
            argp_error(state, "'%s': one FILE is expected", arg);
        o->path = arg;
        return 0;
    case ARGP_KEY_END:
        check_whole(state, o);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int fail(void)
{
    fprintf(stderr, "alphaloop: %s\n", err_text());
    return EXIT_FAILED;
}

static int run(const struct import_options *options, const struct pg_options *database)
{
    static struct import import;
    enum al_err err = import_open(&import, options, database);
    import.shows_progress = !options->is_quiet && isatty(STDERR_FILENO) == 1;
    import.started_ns = uv_hrtime();
    bool was_read = err == AL_OK;
    if (was_read)
        err = import_run(&import);
    int code = err == AL_OK ? EXIT_DONE : fail();
    if (was_read)
        import_print_summary(&import);
    import_close(&import);
    return code;
}

static enum al_err bring_up_schema(const struct settings *settings,
                                   const struct pg_options *database)
{
    struct migrate_report done;
    return migrate_run(database, settings->auto_migrate ? MIGRATE_APPLY : MIGRATE_CHECK, &done);
}

int role_import(int argc, char **argv)
{
    static const struct argp argp = {
        .options = rows,
        .parser = parse,
        .args_doc = "FILE",
        .doc = "Stores the candles of a CSV file (plain or gzipped), or makes them from its trades "
               "or quotes. The header line says what it is: ts_ms,open,high,low,close,volume or "
               "ts_ms,price,qty,side or ts_ms,bid,ask,bid_qty,ask_qty. An import that was "
               "interrupted goes on where it stopped; a second one of the same file changes "
               "nothing. Gaps are reported, not filled.",
    };
    static struct settings settings;
    struct import_options options = {.n_listed_max = 10};
    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    if (options.is_dry_run)
        return run(&options, NULL);
    if (environment_settings(options.env_file, 0, &settings) != AL_OK)
        return EXIT_USAGE;
    struct pg_options database = database_from_settings(&settings, "import");
    return bring_up_schema(&settings, &database) == AL_OK ? run(&options, &database) : fail();
}
