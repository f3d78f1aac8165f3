#include "alphaloop/forecast/gate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/stats.h"
#include "alphaloop/base/timestamp.h"

void forecast_mean_of(const double *d, size_t n, size_t n_lags, double *mean, double *error)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += d[i];
    *mean = sum / (double)n;
    double variance = 0;
    for (size_t lag = 0; lag <= n_lags && lag < n; lag++) {
        double products = 0;
        for (size_t i = lag; i < n; i++)
            products += (d[i] - *mean) * (d[i - lag] - *mean);
        double weight = 1 - (double)lag / (double)(n_lags + 1);
        variance += (lag == 0 ? 1 : 2) * weight * products / (double)n;
    }
    *error = sqrt(fmax(variance, 0) / (double)n);
}

/* What all pairs of one horizon say. */
struct pairs {
    size_t n;
    double gain, error, loss; /* mean d, its standard error; mean loss of the incumbent */
};

static const struct forecast_oof_horizon *find(const struct forecast_oof *oof, uint32_t hours)
{
    for (size_t i = 0; i < oof->n_horizons; i++) {
        if (oof->horizons[i].hours == hours)
            return &oof->horizons[i];
    }
    return NULL;
}

static double loss_of(const struct forecast_oof_row *row, float forecast)
{
    double z = ((double)row->y - (double)forecast) / (double)row->sigma;
    return z * z;
}

static struct pairs pair_up(const struct forecast_oof_horizon *a,
                            const struct forecast_oof_horizon *b,
                            size_t n_lags,
                            double *d)
{
    struct pairs pairs = {0};
    for (size_t i = 0, k = 0; i < b->n; i++) {
        while (k < a->n && a->rows[k].ts_ns < b->rows[i].ts_ns)
            k++;
        if (k == a->n || a->rows[k].ts_ns != b->rows[i].ts_ns)
            continue;
        double loss = loss_of(&b->rows[i], a->rows[k].mean);
        pairs.loss += loss;
        d[pairs.n++] = loss - loss_of(&b->rows[i], b->rows[i].mean);
    }
    if (pairs.n > 0) {
        forecast_mean_of(d, pairs.n, n_lags, &pairs.gain, &pairs.error);
        pairs.loss /= (double)pairs.n;
    }
    return pairs;
}

/* Over all horizons both have: sums of means; n is the fewest. False when memory is short. */
static bool compare(const struct forecast_job *job,
                    const struct forecast_version *challenger,
                    const struct forecast_version *incumbent,
                    size_t *n_shared,
                    struct pairs *out)
{
    *n_shared = 0;
    *out = (struct pairs){.n = SIZE_MAX};
    for (size_t i = 0; i < job->n_horizons; i++) {
        const struct forecast_oof_horizon *b = find(challenger->oof, job->hours[i]);
        const struct forecast_oof_horizon *a = find(incumbent->oof, job->hours[i]);
        if (a == NULL || b == NULL)
            continue;
        double *d = malloc((b->n + 1) * sizeof *d);
        if (d == NULL)
            return false;
        struct pairs pairs =
            pair_up(a, b, (size_t)(job->hours[i] * NS_PER_H / job->interval_ns), d);
        free(d);
        out->n = pairs.n < out->n ? pairs.n : out->n;
        out->gain += pairs.gain;
        out->error += pairs.error;
        out->loss += pairs.loss;
        (*n_shared)++;
    }
    return true;
}

static bool is_other_forecast(const struct forecast_manifest *a, const struct forecast_manifest *b)
{
    return !asset_eq(&a->asset, &b->asset) || a->interval_ns != b->interval_ns;
}

static void begin_anew(struct forecast_gate *out, const char *reason)
{
    out->promote = true;
    (void)chars_set(out->rule, sizeof out->rule, "first");
    (void)chars_set(out->reason, sizeof out->reason, reason);
}

static void decide(const struct forecast_job *job,
                   const struct forecast_version *challenger,
                   const struct forecast_version *incumbent,
                   const struct pairs *pairs,
                   struct forecast_gate *out)
{
    const struct forecast_manifest *a = incumbent->manifest, *b = challenger->manifest;
    bool is_newer = strcmp(a->kind, b->kind) == 0 && b->to_ns > a->to_ns;
    double bound = is_newer ? -job->gate_margin * pairs->loss : 0;
    out->n_pairs = (double)pairs->n;
    out->gain = pairs->gain;
    out->lower = pairs->gain - stats_normal_upper(job->gate_alpha) * pairs->error;
    (void)chars_set(out->rule, sizeof out->rule, is_newer ? "no_worse" : "better");
    if (pairs->n < FORECAST_PAIRS_MIN) {
        snprintf(out->reason, sizeof out->reason,
                 "refused: %zu hours in common with version %llu, %d are needed", pairs->n,
                 (unsigned long long)a->version, FORECAST_PAIRS_MIN);
        return;
    }
    out->promote = out->lower > bound;
    snprintf(out->reason, sizeof out->reason,
             "%s: against version %llu on %zu hours it saves %.3g of a loss of %.3g, at least %.3g "
             "at level %g; more than %.3g is asked",
             out->promote ? "promoted" : "refused", (unsigned long long)a->version, pairs->n,
             pairs->gain, pairs->loss, out->lower, job->gate_alpha, bound);
}

void forecast_gate_judge(const struct forecast_job *job,
                         const struct forecast_version *challenger,
                         const struct forecast_version *incumbent,
                         struct forecast_gate *out)
{
    struct pairs pairs;
    size_t n_shared = 0;
    *out = (struct forecast_gate){.n_pairs = NAN, .gain = NAN, .lower = NAN};
    if (incumbent == NULL) {
        begin_anew(out, "promoted: nothing served under this name");
        return;
    }
    out->incumbent = incumbent->manifest->version;
    if (!compare(job, challenger, incumbent, &n_shared, &pairs)) {
        (void)chars_set(out->rule, sizeof out->rule, "better");
        (void)chars_set(out->reason, sizeof out->reason, "refused: out of memory");
    } else if (n_shared == 0 || is_other_forecast(incumbent->manifest, challenger->manifest)) {
        begin_anew(out, "promoted: what served under this name was another forecast");
    } else {
        decide(job, challenger, incumbent, &pairs, out);
    }
}
