/* Any lines as the command line of a backtest: no crash, never more files or strategies than there is room for, and where nothing
 * was wrong every number in the range that the help gives. */
#include <argp.h>
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/app/backtest_i.h"

#define ARGS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static size_t n_errors;

/* In the place of the C library's: what is wrong is counted, and reading goes on. */
void argp_error(const struct argp_state *restrict state, const char *restrict fmt, ...)
{
    (void)state;
    assert(fmt != NULL);
    n_errors++;
}

static bool is_in(double value, double min, double max)
{
    return value >= min && value <= max;
}

static void check_bounds(const struct backtest_options *o)
{
    assert(o->n_paths <= SOURCE_FILES_MAX && o->n_strategies <= STRATEGIES_MAX);
    for (size_t i = 0; i < o->n_paths; i++) {
        struct asset asset;
        assert(o->paths[i] != NULL && asset_parse(slice_of(o->assets[i].text), &asset));
        assert(asset_eq(&asset, &o->assets[i]));
    }
    for (size_t i = 0; i < o->n_strategies; i++)
        assert(o->strategies[i] != NULL);
}

static void check_numbers(const struct backtest_options *o)
{
    const struct exchange_options *x = &o->exchange;
    assert(o->n_paths > 0 && !(o->costs_of_ledger && o->has_costs));
    assert(is_in(o->half_spread_bps, 0.0001, 1000) && is_in(x->fee_bps, -100, 1000));
    assert(is_in(x->slippage_bps, 0, 1000) && is_in((double)x->latency_mean_ns, 0, 3.6e12));
    assert(is_in(x->reject_probability, 0, 1) && is_in(x->partial_probability, 0, 1));
    assert(o->seed <= 9000000000000000 && is_in(o->training_s, 0, 1e7));
    assert(o->horizon_s == 0 || is_in(o->horizon_s, 1, 2592000));
    assert(o->n_checks <= REPORT_INSTANTS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static char name[] = "backtest";
    struct backtest_options *options = malloc(sizeof *options);
    char *text = malloc(n_bytes + 1), *rest = text, *line;
    char *argv[ARGS_MAX + 1] = {name};
    int argc = 1;
    memcpy(text, bytes, n_bytes);
    text[n_bytes] = '\0';
    while (argc < ARGS_MAX && (line = strsep(&rest, "\n")) != NULL)
        argv[argc++] = line;
    n_errors = 0;
    int code = backtest_options_read(argc, argv, ARGP_SILENT, options);
    check_bounds(options);
    if (code == 0 && n_errors == 0)
        check_numbers(options);
    free(text);
    free(options);
    return 0;
}
