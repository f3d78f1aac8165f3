/* Costs of a backtest as the ledger's own fills had them.
 *
 * Each is the mean over orders, with its standard error: s / sqrt(n), of a rate sqrt(p (1 - p) / n). The latency is a shortest
 * time and an exponential on top, as the simulated exchange has it; its most likely values are the least observed and what the
 * mean is above that (Johnson, Kotz and Balakrishnan 1994, 19.5). A cost that came out below what the exchange can charge is
 * taken as the least it can: slippage is never in our favour there.
 */
#include <math.h>
#include <stdio.h>

#include "alphaloop/app/database.h"
#include "alphaloop/io/pg_sync.h"
#include "alphaloop/store/fill_costs.h"
#include "backtest_i.h"

#define BATCH_BYTES     16384
#define ORDERS_MAX      100000
#define FILLS_MIN       30
#define HALF_SPREAD_MIN 1e-8 /* the market needs one */
#define HALF_SPREAD_MAX 0.1
#define COST_MAX        0.1 /* of fee and slippage, as the options have it */
#define LATENCY_MAX_S   3600.0

struct answer {
    struct fill_costs costs;
    enum al_err err;
};

static void on_costs(void *ctx, size_t index, const struct pg_result *result)
{
    struct answer *answer = ctx;
    (void)index;
    answer->err = fill_costs_read(result, &answer->costs);
}

static enum al_err read_ledger(const struct settings *settings, struct fill_costs *out)
{
    struct pg_options options = database_from_settings(settings, "backtest");
    struct pg_batch *batch = pg_batch_create(BATCH_BYTES);
    struct answer answer = {.err = AL_OK};
    struct pg_sync *sync = NULL;
    enum al_err err =
        batch == NULL ? err_set(AL_ENOMEM, "a question") : pg_sync_open(&options, &sync);
    if (err == AL_OK) {
        fill_costs_get(batch, ORDERS_MAX);
        err = pg_sync_run(sync, batch, on_costs, &answer);
    }
    pg_sync_close(sync);
    pg_batch_destroy(batch);
    *out = answer.costs;
    return err == AL_OK ? answer.err : err;
}

/* ---- from moments to costs ---- */

static struct backtest_cost cost_of(const char *name,
                                    const char *unit,
                                    const struct cost_moments *m,
                                    double scale)
{
    return (struct backtest_cost){.name = name,
                                  .unit = unit,
                                  .n = m->n,
                                  .value = m->mean * scale,
                                  .error = m->deviation / sqrt((double)m->n) * scale};
}

static struct backtest_cost rate_of(const char *name, const struct cost_moments *m)
{
    return (struct backtest_cost){.name = name,
                                  .unit = "",
                                  .n = m->n,
                                  .value = m->mean,
                                  .error = sqrt(m->mean * (1 - m->mean) / (double)m->n)};
}

static void list_costs(const struct fill_costs *f, struct backtest_costs *out)
{
    struct cost_moments above = f->latency; /* the least */
    above.mean = f->latency.mean - fmax(f->latency.least, 0);
    out->is_dry_run = f->is_dry_run;
    out->items[COST_fee] = cost_of("fee_bps", "bp", &f->fee, 1e4);
    out->items[COST_half_spread] = cost_of("half_spread_bps", "bp", &f->half_spread, 1e4);
    out->items[COST_slippage] = cost_of("slippage_bps", "bp", &f->slippage, 1e4);
    out->items[COST_latency] = cost_of("latency_mean_ms", "ms", &above, 1e3);
    out->items[COST_reject] = rate_of("reject_probability", &f->unfilled);
    out->items[COST_partial] = rate_of("partial_probability", &f->in_parts);
    out->latency_min_s = fmax(f->latency.least, 0);
}

static enum al_err check_enough(const struct backtest_costs *costs)
{
    for (size_t i = 0; i < COST_COUNT; i++) {
        if (costs->items[i].n < FILLS_MIN)
            return err_set(
                AL_ESHORT,
                "the ledger has %llu orders to fit %s from, at least %d are needed: give "
                "the costs by options",
                (unsigned long long)costs->items[i].n, costs->items[i].name, FILLS_MIN);
    }
    return AL_OK;
}

static double within(double value, double min, double max)
{
    return fmin(fmax(value, min), max);
}

static void take(const struct backtest_costs *costs, struct backtest_options *o)
{
    const struct backtest_cost *c = costs->items;
    o->exchange.fee_bps = within(c[COST_fee].value, -100, 1e4 * COST_MAX);
    o->half_spread_bps =
        within(c[COST_half_spread].value, 1e4 * HALF_SPREAD_MIN, 1e4 * HALF_SPREAD_MAX);
    o->exchange.slippage_bps = within(c[COST_slippage].value, 0, 1e4 * COST_MAX);
    o->exchange.latency_min_ns = (int64_t)(within(costs->latency_min_s, 0, LATENCY_MAX_S) * 1e9);
    o->exchange.latency_mean_ns =
        (int64_t)(within(c[COST_latency].value, 0, 1e3 * LATENCY_MAX_S) * 1e6);
    o->exchange.reject_probability = c[COST_reject].value;
    o->exchange.partial_probability = c[COST_partial].value;
}

static void say(const struct backtest_costs *costs)
{
    fprintf(stderr, "costs fitted from the ledger's %s:\n",
            costs->is_dry_run ? "dry run" : "real orders");
    for (size_t i = 0; i < COST_COUNT; i++)
        fprintf(stderr, "  %-20s %10.4f %-2s +- %.4f, n = %llu\n", costs->items[i].name,
                costs->items[i].value, costs->items[i].unit, costs->items[i].error,
                (unsigned long long)costs->items[i].n);
    fprintf(stderr, "  %-20s %10.4f ms, the least seen\n", "latency_min_ms",
            1e3 * costs->latency_min_s);
    if (costs->items[COST_slippage].value < 0)
        fputs("  slippage was in our favour on average: 0 is used\n", stderr);
}

enum al_err backtest_costs_fit(const struct settings *settings, struct backtest_options *options)
{
    struct fill_costs found;
    enum al_err err = read_ledger(settings, &found);
    if (err != AL_OK)
        return err_add(err, "costs from the ledger");
    list_costs(&found, &options->costs);
    err = check_enough(&options->costs);
    if (err != AL_OK)
        return err;
    take(&options->costs, options);
    say(&options->costs);
    return AL_OK;
}
