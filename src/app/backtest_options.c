/* Command line of the role `backtest`. */
#include <argp.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/app/roles.h"
#include "argument_i.h"
#include "backtest_i.h"

enum {
    KEY_ENV = 256,
    KEY_JSON,
    KEY_HTML,
    KEY_SPREAD,
    KEY_FEE,
    KEY_SLIPPAGE,
    KEY_LATENCY,
    KEY_REJECT,
    KEY_PARTIAL,
    KEY_TRAINING,
    KEY_HORIZON,
    KEY_CHECKS,
    KEY_PROMOTE,
    KEY_COSTS
};

static const struct argp_option rows[] = {
    {"env-file", KEY_ENV, "FILE", 0, "settings; default .env if it exists, the environment wins",
     0},
    {"strategy", 's', "ID", 0, "a strategy to run; repeat for several; default TRADING_STRATEGIES",
     0},
    {"asset", 'a', "NAME=FILE", 0,
     "a file and what it is of; a plain FILE is of what its name says (binance_btcusdt_1h.csv.gz)",
     0},
    {"json", KEY_JSON, "PATH", OPTION_ARG_OPTIONAL,
     "write the report as JSON; without PATH to standard output, alone", 0},
    {"html", KEY_HTML, "PATH", 0, "write the report as one self-contained page", 0},
    {"seed", 'r', "N", 0, "of every choice left to chance, default 1", 0},
    {"horizon", KEY_HORIZON, "SECONDS", 0,
     "how far ahead actions are judged; default: the strategy's, in candles of the data", 0},
    {"costs", KEY_COSTS, "SOURCE", 0,
     "fixed: by the options below, the default; ledger: fitted from the orders and fills in the "
     "database of the settings",
     0},
    {"half-spread-bps", KEY_SPREAD, "BPS", 0, "assumed where the data gives none, default 0.5", 0},
    {"fee-bps", KEY_FEE, "BPS", 0, "fee of a fill, default 1", 0},
    {"slippage-bps", KEY_SLIPPAGE, "BPS", 0, "mean slippage of a fill, default 0.2", 0},
    {"latency-ms", KEY_LATENCY, "MS", 0,
     "mean time from signal to fill beyond the first 30 ms, default 120", 0},
    {"reject", KEY_REJECT, "P", 0, "probability that an order is rejected, default 0.02", 0},
    {"partial", KEY_PARTIAL, "P", 0, "probability that an order fills in parts, default 0.15", 0},
    {"training-seconds", KEY_TRAINING, "SECONDS", 0,
     "market time from the cut of a training to its model's first decision, default 60", 0},
    {"promote", KEY_PROMOTE, "HOW", 0,
     "rollout: who passed the gate goes on as live, by the strategy's rollout (shadow and canary, "
     "guard, "
     "expiry), the default; at-once: it decides, and stays until the next one",
     0},
    {"check", KEY_CHECKS, "N", 0,
     "look-ahead checks: as often the run is repeated up to a random instant with all later data "
     "replaced, default 2; 0: none",
     0},
    {"quiet", 'q', NULL, 0, "no progress", 0},
    {0},
};

static void add_file(struct argp_state *state, struct backtest_options *o, const char *path)
{
    if (o->n_paths == SOURCE_FILES_MAX) {
        argp_error(state, "at most %d files", SOURCE_FILES_MAX);
        return;
    }
    if (!source_asset_of_path(path, &o->assets[o->n_paths])) {
        argp_error(state, "%s: its name does not say what it is of; use --asset NAME=FILE", path);
        return;
    }
    o->paths[o->n_paths++] = path;
}

static void add_asset(struct argp_state *state, struct backtest_options *o, const char *text)
{
    const char *equals = strchr(text, '=');
    struct asset asset;
    if (equals == NULL || equals[1] == '\0' ||
        !asset_parse((struct slice){text, (size_t)(equals - text)}, &asset) ||
        strlen(asset.text) < TRADED_ASSET_LEN_MIN || o->n_paths == SOURCE_FILES_MAX) {
        argp_error(state, "--asset=%s: NAME=FILE is expected, NAME 4 to 20 of A-Z0-9, %d at most",
                   text, SOURCE_FILES_MAX);
        return;
    }
    o->assets[o->n_paths] = asset;
    o->paths[o->n_paths++] = equals + 1;
}

static void add_strategy(struct argp_state *state, struct backtest_options *o, const char *id)
{
    if (o->n_strategies == STRATEGIES_MAX)
        argp_error(state, "--strategy: at most %d", STRATEGIES_MAX);
    else
        o->strategies[o->n_strategies++] = id;
}

static bool set_costs(int key, char *arg, struct argp_state *state, struct backtest_options *o)
{
    struct exchange_options *x = &o->exchange;
    switch (key) {
    case KEY_SPREAD:
        o->half_spread_bps = argument_number(state, "half-spread-bps", arg, 0.0001, 1000);
        return true;
    case KEY_FEE:
        x->fee_bps = argument_number(state, "fee-bps", arg, -100, 1000);
        return true;
    case KEY_SLIPPAGE:
        x->slippage_bps = argument_number(state, "slippage-bps", arg, 0, 1000);
        return true;
    case KEY_LATENCY:
        x->latency_mean_ns = (int64_t)(argument_number(state, "latency-ms", arg, 0, 3600000) * 1e6);
        return true;
    case KEY_REJECT:
        x->reject_probability = argument_number(state, "reject", arg, 0, 1);
        return true;
    case KEY_PARTIAL:
        x->partial_probability = argument_number(state, "partial", arg, 0, 1);
        return true;
    default:
        return false;
    }
}

static bool set_run(int key, char *arg, struct argp_state *state, struct backtest_options *o)
{
    switch (key) {
    case 's':
        add_strategy(state, o, arg);
        return true;
    case 'a':
        add_asset(state, o, arg);
        return true;
    case 'r':
        o->seed = argument_whole(state, "seed", arg, 9e15);
        return true;
    case KEY_TRAINING:
        o->training_s = argument_number(state, "training-seconds", arg, 0, 1e7);
        return true;
    case KEY_HORIZON:
        o->horizon_s = argument_number(state, "horizon", arg, 1, 2592000);
        return true;
    case KEY_COSTS:
        o->costs_of_ledger = strcmp(arg, "ledger") == 0;
        if (!o->costs_of_ledger && strcmp(arg, "fixed") != 0)
            argp_error(state, "--costs=%s: allowed is fixed or ledger", arg);
        return true;
    case KEY_PROMOTE:
        o->at_once = strcmp(arg, "at-once") == 0;
        if (!o->at_once && strcmp(arg, "rollout") != 0)
            argp_error(state, "--promote=%s: allowed is rollout or at-once", arg);
        return true;
    case KEY_CHECKS:
        o->n_checks = (uint32_t)argument_whole(state, "check", arg, REPORT_INSTANTS_MAX);
        return true;
    default:
        return false;
    }
}

static bool set_output(int key, char *arg, struct backtest_options *o)
{
    switch (key) {
    case KEY_ENV:
        o->env_file = arg;
        return true;
    case KEY_JSON:
        o->json = arg != NULL ? arg : "-";
        return true;
    case KEY_HTML:
        o->html = arg;
        return true;
    case 'q':
        o->is_quiet = true;
        return true;
    default:
        return false;
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct backtest_options *o = state->input;
    if (key == ARGP_KEY_ARG) {
        add_file(state, o, arg);
        return 0;
    }
    if (key == ARGP_KEY_END && o->n_paths == 0)
        argp_error(state, "a FILE of candles, trades or quotes is expected (docs/backtest.md)");
    o->has_costs |= key >= KEY_SPREAD && key <= KEY_PARTIAL;
    if (key == ARGP_KEY_END && o->costs_of_ledger && o->has_costs)
        argp_error(state, "--costs=ledger fits what --fee-bps and the like would fix");
    bool is_known =
        set_costs(key, arg, state, o) || set_run(key, arg, state, o) || set_output(key, arg, o);
    return is_known ? 0 : ARGP_ERR_UNKNOWN;
}

int backtest_options_read(int argc,
                          char **argv,
                          unsigned argp_flags,
                          struct backtest_options *options)
{
    static const struct argp argp = {
        .options = rows,
        .parser = parse,
        .args_doc = "FILE...",
        .doc =
            "Runs the worker's own pipeline on historical candles, trades or quotes (CSV, plain or "
            "gzipped), without a broker or a database, retraining as it goes, and reports what "
            "came "
            "of it beside warm-up, buy-and-hold and staying flat.",
    };
    *options = (struct backtest_options){
        .seed = 1, .half_spread_bps = 0.5, .training_s = 60, .n_checks = 2};
    exchange_options_default(&options->exchange);
    argp_err_exit_status = EXIT_USAGE;
    return argp_parse(&argp, argc, argv, argp_flags, NULL, options);
}

void backtest_options_parse(int argc, char **argv, struct backtest_options *options)
{
    (void)backtest_options_read(argc, argv, 0, options); /* errors have ended the program */
}
