#include "alphaloop/report/policy.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "alphaloop/train/evaluate.h"
#include "alphaloop/train/gate.h"

#define N_BOOTSTRAP 2000

static const struct report_measure_row rows[] = {
#define MEASURE(name, unit, help) {#name, REPORT_##unit, help},
#include "alphaloop/tbl/report_measures.def"
#undef MEASURE
};

size_t report_measure_count(void)
{
    return COUNT_OF(rows);
}

const struct report_measure_row *report_measure_at(size_t index)
{
    assert(index < COUNT_OF(rows));
    return &rows[index];
}

struct report_value report_measure_value(const struct report_measures *measures, size_t index)
{
    const struct report_value *values = (const struct report_value *)measures;
    _Static_assert(sizeof(*measures) == COUNT_OF(rows) * sizeof(*values), "values only");
    assert(index < COUNT_OF(rows));
    return values[index];
}

static struct report_value plain(double value)
{
    return (struct report_value){value, NAN, NAN};
}

/* The upper bound is the lower bound of what is mirrored. */
enum al_err report_mean(
    const double *x, size_t n, double span, uint64_t seed, struct report_value *out)
{
    const double level = (1 - REPORT_INTERVAL) / 2;
    struct bootstrap_bound low, high;
    struct rng rng;
    *out = plain(NAN);
    if (n == 0)
        return AL_OK;
    double *mirrored = malloc(n * sizeof *mirrored);
    if (mirrored == NULL)
        return err_set(AL_ENOMEM, "bootstrap of %zu decisions", n);
    for (size_t i = 0; i < n; i++)
        mirrored[i] = -x[i];
    span = fmax(span, 1);
    rng_seed(&rng, seed);
    enum al_err err = bootstrap_lower_bound(x, n, span, level, N_BOOTSTRAP, &rng, &low);
    rng_seed(&rng, seed);
    if (err == AL_OK)
        err = bootstrap_lower_bound(mirrored, n, span, level, N_BOOTSTRAP, &rng, &high);
    if (err == AL_OK)
        *out = (struct report_value){low.mean, low.low, 0 - high.low}; /* never -0 */
    free(mirrored);
    return err;
}

/* Means over the trades alone: their neighbours are as many places away as the policy trades often. */
static enum al_err measure_trades(const struct policy_series *s,
                                  uint64_t seed,
                                  struct report_measures *out)
{
    double *nets = malloc((2 * s->n + 1) * sizeof *nets);
    size_t n = 0;
    if (nets == NULL)
        return err_set(AL_ENOMEM, "%zu trades", s->n);
    double *wins = nets + s->n;
    for (size_t i = 0; i < s->n; i++) {
        if (!s->traded[i])
            continue;
        nets[n] = s->u[i];
        wins[n++] = s->u[i] > 0;
    }
    double span = s->span * (double)n / (double)s->n;
    enum al_err err = report_mean(nets, n, span, seed, &out->net_per_trade);
    if (err == AL_OK)
        err = report_mean(wins, n, span, seed, &out->hit_rate);
    free(nets);
    return err;
}

static void take_over(const struct policy_series *s,
                      const struct evaluation *e,
                      struct report_measures *out)
{
    size_t n_trades = 0;
    for (size_t i = 0; i < s->n; i++)
        n_trades += s->traded[i];
    out->trades = plain((double)n_trades);
    out->total_return = plain(e->total_return);
    out->base_rate = plain(s->base_rate);
    out->turnover = plain(e->turnover);
    out->sharpe = plain(e->sharpe_ratio);
    out->sharpe_annual =
        plain(s->years > 0 ? e->sharpe_ratio * sqrt((double)s->n / s->years) : NAN);
    out->sortino = plain(e->sortino_ratio);
    out->max_drawdown = plain(e->max_drawdown);
    out->calmar = plain(e->calmar_ratio);
    out->profit_factor = plain(e->profit_factor);
}

enum al_err policy_measure(const struct policy_series *series,
                           uint64_t seed,
                           struct report_measures *out)
{
    struct report_value *values = (struct report_value *)out;
    struct evaluation e;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        values[i] = plain(NAN);
    out->decisions = plain((double)series->n);
    out->trades = plain(0);
    if (series->n == 0)
        return AL_OK;
    evaluation_clear(&e);
    evaluate_trading(series->u, series->traded, series->n, series->base_rate, &e);
    take_over(series, &e, out);
    enum al_err err = report_mean(series->u, series->n, series->span, seed, &out->net_per_decision);
    return err == AL_OK ? measure_trades(series, seed, out) : err;
}
