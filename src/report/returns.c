#include "alphaloop/report/returns.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "alphaloop/train/evaluate.h"

static const struct report_value unknown = {NAN, NAN, NAN};

static const struct report_measure_row rows[] = {
#define MEASURE(name, unit, help) {#name, REPORT_##unit, help},
#include "alphaloop/tbl/return_measures.def"
#undef MEASURE
};

size_t return_measure_count(void)
{
    return COUNT_OF(rows);
}

const struct report_measure_row *return_measure_at(size_t index)
{
    assert(index < COUNT_OF(rows));
    return &rows[index];
}

struct report_value return_measure_value(const struct return_measures *measures, size_t index)
{
    const struct report_value values[] = {
#define MEASURE(name, unit, help) measures->name,
#include "alphaloop/tbl/return_measures.def"
#undef MEASURE
    };
    assert(index < COUNT_OF(values));
    return values[index];
}

/* ---- rank correlation ---- */

/* Ranks to mean 0 and mean square 1; false: they are all the same. */
static bool standardise(double *ranks, size_t n)
{
    double mean = (double)(n + 1) / 2, squares = 0;
    for (size_t i = 0; i < n; i++)
        squares += (ranks[i] - mean) * (ranks[i] - mean);
    for (size_t i = 0; i < n && squares > 0; i++)
        ranks[i] = (ranks[i] - mean) / sqrt(squares / (double)n);
    return squares > 0;
}

/* za becomes what each place adds to the correlation. */
static void influences(double *za, const double *zb, size_t n)
{
    double r = 0;
    for (size_t i = 0; i < n; i++)
        r += za[i] * zb[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        za[i] = za[i] * zb[i] - r * (za[i] * za[i] + zb[i] * zb[i]) / 2 + r;
}

enum al_err report_rank_ic(
    const float *a, const float *b, size_t n, double span, uint64_t seed, struct report_value *out)
{
    double *ranks = malloc((2 * n + 1) * sizeof *ranks);
    *out = unknown;
    if (ranks == NULL)
        return err_set(AL_ENOMEM, "ranks of %zu forecasts", n);
    enum al_err err = evaluate_ranks(a, n, ranks);
    if (err == AL_OK)
        err = evaluate_ranks(b, n, ranks + n);
    if (err == AL_OK && standardise(ranks, n) && standardise(ranks + n, n)) {
        influences(ranks, ranks + n, n);
        err = report_mean(ranks, n, span, seed, out);
    }
    free(ranks);
    return err;
}

/* ---- errors ---- */

/* Errors of the forecast and of the naive one, as they are or squared. */
static void fill_losses(const struct return_series *s, bool squared, double *loss, double *naive)
{
    for (size_t i = 0; i < s->n; i++) {
        double y = (double)s->y[i], e = y - (double)s->f[i];
        loss[i] = squared ? e * e : fabs(e);
        naive[i] = squared ? y * y : fabs(y);
    }
}

static double mean_of(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (double)n;
}

/* loss becomes what each decision adds to the skill. */
static enum al_err fill_skill(const struct return_series *s,
                              uint64_t seed,
                              double *loss,
                              const double *naive,
                              struct report_value *out)
{
    double base = mean_of(naive, s->n), skill = 1 - mean_of(loss, s->n) / base;
    if (!(base > 0))
        return AL_OK;
    for (size_t i = 0; i < s->n; i++)
        loss[i] = skill + ((1 - skill) * naive[i] - loss[i]) / base;
    return report_mean(loss, s->n, s->span, seed, out);
}

static enum al_err fill_scaled(const struct return_series *s,
                               uint64_t seed,
                               const double *loss,
                               double *scaled,
                               struct report_value *out)
{
    if (!(s->scale > 0))
        return AL_OK;
    for (size_t i = 0; i < s->n; i++)
        scaled[i] = loss[i] / s->scale;
    return report_mean(scaled, s->n, s->span, seed, out);
}

static enum al_err fill_errors(const struct return_series *s,
                               uint64_t seed,
                               double *room,
                               struct return_measures *out)
{
    double *loss = room, *naive = loss + s->n, *scaled = naive + s->n;
    fill_losses(s, false, loss, naive);
    enum al_err err = fill_scaled(s, seed, loss, scaled, &out->mase);
    if (err == AL_OK)
        err = fill_scaled(s, seed, naive, scaled, &out->mase_of_naive);
    if (err == AL_OK)
        err = fill_skill(s, seed, loss, naive, &out->mae_skill);
    fill_losses(s, true, loss, naive);
    if (err == AL_OK)
        err = fill_skill(s, seed, loss, naive, &out->r2_out_of_sample);
    return err;
}

/* A bound of R^2 may lie above 1, where there is no error at all. */
static struct report_value rmse_ratio_of(struct report_value r2)
{
    if (isnan(r2.value))
        return unknown;
    return (struct report_value){sqrt(1 - r2.value), sqrt(fmax(1 - r2.high, 0)), sqrt(1 - r2.low)};
}

enum al_err return_measure(const struct return_series *series,
                           uint64_t seed,
                           struct return_measures *out)
{
    *out = (struct return_measures){
#define MEASURE(name, unit, help) .name = {NAN, NAN, NAN},
#include "alphaloop/tbl/return_measures.def"
#undef MEASURE
        .n = series->n};
    if (series->n == 0)
        return AL_OK;
    double *room = malloc(3 * series->n * sizeof *room);
    if (room == NULL)
        return err_set(AL_ENOMEM, "%zu forecasts of the return", series->n);
    enum al_err err = fill_errors(series, seed, room, out);
    free(room);
    out->rmse_ratio = rmse_ratio_of(out->r2_out_of_sample);
    if (err == AL_OK)
        err = report_rank_ic(series->f, series->y, series->n, series->span, seed, &out->rank_ic);
    return err;
}
