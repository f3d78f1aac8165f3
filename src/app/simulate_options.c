/* Command line of the role `simulate`. */
#include <argp.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/app/roles.h"
#include "argument_i.h"
#include "simulate_i.h"

enum {
    KEY_EDGE = 256,
    KEY_STATUS,
    KEY_BACKLOG,
    KEY_FEE,
    KEY_SLIPPAGE,
    KEY_REJECT,
    KEY_PARTIAL,
    KEY_ENV,
    KEY_LAG,
    KEY_SPREAD,
    KEY_DRY_RUN
};

static const struct argp_option rows[] = {
    {"env-file", KEY_ENV, "FILE", 0, "settings; default .env if it exists, the environment wins",
     0},
    {"data", 'd', "FILE", 0,
     "candles, trades or quotes as CSV, plain or gzipped; repeat for several assets; without it "
     "the market is made up",
     0},
    {"assets", 'a', "A,B", 0, "assets of the made-up market, or of the files in their order", 0},
    {"speed", 'x', "X", 0, "market seconds a second, default 1; 0: as fast as confirms allow", 0},
    {"duration", 't', "SECONDS", 0,
     "of market time; default: to the end of the data, else for ever", 0},
    {"start", 's', "TIME", 0,
     "market time to begin at (made-up market), ISO 8601; default now at speed 1, else 2024-01-01",
     0},
    {"seed", 'r', "N", 0, "of the made-up market and of the exchange, default 1", 0},
    {"edge", KEY_EDGE, "X", 0,
     "how much there is to learn in the made-up market, 0 to 5, default 1", 0},
    {"half-spread-bps", KEY_SPREAD, "BPS", 0,
     "of the made-up market, and of files that give none; default 0.5", 0},
    {"fee-bps", KEY_FEE, "BPS", 0, "fee of a fill, default 1", 0},
    {"slippage-bps", KEY_SLIPPAGE, "BPS", 0, "mean slippage of a fill, default 0.2", 0},
    {"reject", KEY_REJECT, "P", 0, "probability that an order is rejected, default 0.02", 0},
    {"partial", KEY_PARTIAL, "P", 0, "probability that an order fills in parts, default 0.15", 0},
    {"dry-run", KEY_DRY_RUN, NULL, 0,
     "mark orders as only played; without it they look like orders for money", 0},
    {"backlog", KEY_BACKLOG, "N", 0,
     "messages that may wait unread in a market queue, default 500; 0: any number", 0},
    {"lag-max", KEY_LAG, "SECONDS", 0,
     "slow down when signals come later than this in market time, default 10; 0: never", 0},
    {"status-file", KEY_STATUS, "PATH", 0, "write the state there as JSON, twice a second", 0},
    {0},
};

static void add_path(struct argp_state *state, struct simulate_options *o, const char *path)
{
    if (o->n_paths == SOURCE_FILES_MAX)
        argp_error(state, "--data: at most %d files", SOURCE_FILES_MAX);
    else
        o->paths[o->n_paths++] = path;
}

static void set_assets(struct argp_state *state, struct simulate_options *o, const char *text)
{
    o->n_assets = 0;
    while (*text != '\0') {
        size_t n = strcspn(text, ",");
        if (o->n_assets == SYNTHETIC_ASSETS_MAX ||
            !asset_parse((struct slice){text, n}, &o->assets[o->n_assets])) {
            argp_error(state, "--assets: up to %d names of 3 to 20 of A-Z0-9 are expected",
                       SYNTHETIC_ASSETS_MAX);
            return;
        }
        o->n_assets++;
        text += n + (text[n] == ',' ? 1 : 0);
    }
}

static void set_start(struct argp_state *state, struct simulate_options *o, const char *text)
{
    if (timestamp_parse(slice_of(text), &o->start_ns) != AL_OK)
        argp_error(state, "--start=%s: a time like 2024-01-31T09:30:00Z is expected", text);
}

static bool set_market(int key, char *arg, struct argp_state *state, struct simulate_options *o)
{
    switch (key) {
    case 'd':
        add_path(state, o, arg);
        return true;
    case 'a':
        set_assets(state, o, arg);
        return true;
    case 's':
        set_start(state, o, arg);
        return true;
    case 'r':
        o->seed = argument_whole(state, "seed", arg, 9e15);
        return true;
    case KEY_EDGE:
        o->edge = argument_number(state, "edge", arg, 0, 5);
        return true;
    case KEY_SPREAD:
        o->half_spread_bps = argument_number(state, "half-spread-bps", arg, 0.01, 1000);
        return true;
    default:
        return false;
    }
}

static bool set_exchange(int key, char *arg, struct argp_state *state, struct exchange_options *x)
{
    switch (key) {
    case KEY_FEE:
        x->fee_bps = argument_number(state, "fee-bps", arg, -100, 1000);
        return true;
    case KEY_SLIPPAGE:
        x->slippage_bps = argument_number(state, "slippage-bps", arg, 0, 1000);
        return true;
    case KEY_REJECT:
        x->reject_probability = argument_number(state, "reject", arg, 0, 1);
        return true;
    case KEY_PARTIAL:
        x->partial_probability = argument_number(state, "partial", arg, 0, 1);
        return true;
    case KEY_DRY_RUN:
        x->is_dry_run = true;
        return true;
    default:
        return false;
    }
}

static bool set_run(int key, char *arg, struct argp_state *state, struct simulate_options *o)
{
    switch (key) {
    case 'x':
        o->speed = argument_number(state, "speed", arg, 0, 1e6);
        return true;
    case 't':
        o->duration_s = argument_number(state, "duration", arg, 0, 1e9);
        return true;
    case KEY_BACKLOG:
        o->backlog = (uint32_t)argument_whole(state, "backlog", arg, 100000);
        return true;
    case KEY_LAG:
        o->lag_max_s = argument_number(state, "lag-max", arg, 0, 86400);
        return true;
    case KEY_STATUS:
        o->status_file = arg;
        return true;
    case KEY_ENV:
        o->env_file = arg;
        return true;
    default:
        return false;
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct simulate_options *o = state->input;
    if (key == ARGP_KEY_ARG)
        argp_error(state, "'%s': no argument is expected", arg);
    bool is_known = set_market(key, arg, state, o) || set_exchange(key, arg, state, &o->exchange) ||
                    set_run(key, arg, state, o);
    return is_known ? 0 : ARGP_ERR_UNKNOWN;
}

void simulate_options_parse(int argc, char **argv, struct simulate_options *options)
{
    static const struct argp argp = {
        .options = rows,
        .parser = parse,
        .doc = "Plays gateway, order manager and position manager against a real broker: publishes "
               "market "
               "data, takes trading signals, fills orders, reports them and the positions.",
    };
    *options = (struct simulate_options){.seed = 1,
                                         .speed = 1,
                                         .edge = 1,
                                         .half_spread_bps = 0.5,
                                         .lag_max_s = 10,
                                         .backlog = 500,
                                         .start_ns = TIMESTAMP_NONE};
    exchange_options_default(&options->exchange);
    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, options);
    options->exchange.seed = options->seed;
}
