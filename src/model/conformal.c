#include "alphaloop/model/conformal.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Whole from 1 on; not a score too late by a rounding. */
static double rank_of(double c, double n, double n_independent)
{
    return ceil(n * c + 0.5 + (c - 0.5) * n / n_independent - 1e-9);
}

enum al_err conformal_fit(double *scores, size_t n, double n_independent, struct conformal *out)
{
    *out = (struct conformal){0};
    if (n < CONFORMAL_ROWS_MIN)
        return err_set(AL_ESHORT, "intervals: %zu rows, %d are needed", n, CONFORMAL_ROWS_MIN);
    qsort(scores, n, sizeof *scores, by_size);
    assert(scores[0] >= 0 && isfinite(scores[n - 1]));
    out->n_rows = n;
    double worth = fmin(fmax(n_independent, 1), (double)n);
    for (size_t i = 1; i < CONFORMAL_LEVELS; i++) {
        double rank = rank_of((double)i / CONFORMAL_LEVELS, (double)n, worth);
        if (rank > (double)n)
            break;
        out->quantile[out->n_quantiles++] = rank < 1 ? 0 : scores[(size_t)rank - 1];
    }
    return AL_OK;
}

double conformal_radius(const struct conformal *conformal, double coverage)
{
    /* A level that stands for one of the table is that one, not the next above it by a rounding. */
    double level = ceil(coverage * CONFORMAL_LEVELS - 1e-9);
    if (!(level >= 1))
        return 0;
    return level <= (double)conformal->n_quantiles ? conformal->quantile[(size_t)level - 1]
                                                   : (double)INFINITY;
}

struct interval conformal_interval(const struct conformal *conformal,
                                   double v,
                                   double sigma,
                                   double coverage)
{
    double reach = conformal_radius(conformal, coverage) * sigma;
    if (conformal->n_rows == 0)
        return INTERVAL_NONE;
    if (!isfinite(reach))
        return (struct interval){coverage, NAN, NAN};
    return (struct interval){coverage, v - reach, v + reach};
}

/* ---- JSON ---- */

void conformal_write(const struct conformal *conformal, struct json_writer *w)
{
    json_w_object(w);
    json_m_i64(w, "n_rows", (int64_t)conformal->n_rows);
    json_w_key(w, "quantiles");
    json_w_array(w);
    for (size_t i = 0; i < conformal->n_quantiles; i++)
        json_w_double(w, conformal->quantile[i]);
    json_w_end_array(w);
    json_w_end_object(w);
}

enum al_err conformal_read(struct json_node *object, struct conformal *out)
{
    struct json_node *list = json_get(object, "quantiles");
    struct json_cursor cursor = {0};
    int64_t n_rows = 0;
    *out = (struct conformal){0};
    if (json_get(object, "n_rows") == NULL ||
        json_i64(json_get(object, "n_rows"), &n_rows) != AL_OK || n_rows < 0)
        return err_set(AL_EPARSE, "intervals.n_rows is not a whole number from 0 on");
    bool good = json_is_array(list) && json_length(list) < CONFORMAL_LEVELS;
    while (good && json_walk(list, &cursor)) {
        double *value = &out->quantile[out->n_quantiles];
        good = cursor.value != NULL && json_double(cursor.value, value) == AL_OK &&
               *value >= (out->n_quantiles == 0 ? 0 : value[-1]);
        out->n_quantiles++;
    }
    if (!good || (n_rows > 0) != (out->n_quantiles > 0))
        return err_set(AL_EPARSE,
                       "intervals.quantiles must be fewer than %d numbers from 0 on "
                       "that do not fall",
                       CONFORMAL_LEVELS);
    out->n_rows = (size_t)n_rows;
    return AL_OK;
}

/* ---- live ---- */

bool interval_misses(const struct interval *interval, double outcome)
{
    return outcome < interval->lower ||
           outcome > interval->upper; /* false where there is no bound */
}

static double held(double alpha, double gamma)
{
    return fmin(fmax(alpha, -gamma), 1 + gamma);
}

double adaptive_coverage(const struct adaptive *adaptive, double coverage, double gamma)
{
    return 1 - held(1 - coverage + adaptive->offset, gamma);
}

void adaptive_update(
    struct adaptive *adaptive, double coverage, double gamma, bool missed, double weight)
{
    assert(weight >= 0 && weight <= 1);
    double alpha = 1 - coverage;
    double next = alpha + adaptive->offset + weight * gamma * (alpha - (missed ? 1 : 0));
    adaptive->offset = held(next, gamma) - alpha;
    adaptive->weight = fmin(adaptive->weight + weight, ADAPTIVE_MEMORY);
    if (weight > 0)
        adaptive->coverage += weight / adaptive->weight * ((missed ? 0 : 1) - adaptive->coverage);
}

void adaptive_restore(struct adaptive *adaptive, double coverage, double gamma, double asked)
{
    *adaptive = (struct adaptive){.offset = held(1 - asked, gamma) - (1 - coverage)};
}
