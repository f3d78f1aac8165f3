#include "alphaloop/report/forecast.h"

#include <math.h>
#include <stdlib.h>

#include "alphaloop/base/stats.h"
#include "alphaloop/report/returns.h"
#include "alphaloop/train/evaluate.h"

#define Q_LEAST 1e-6 /* keeps one sure mistake from making the log loss endless */

static double log_loss(double q, bool won)
{
    q = fmin(fmax(q, Q_LEAST), 1 - Q_LEAST);
    return -log(won ? q : 1 - q);
}

/* ---- bins ---- */

struct said {
    float q;
    bool won;
};

static int by_q(const void *a, const void *b)
{
    float x = ((const struct said *)a)->q, y = ((const struct said *)b)->q;
    return (x > y) - (x < y);
}

/* Wilson's score interval of k in n. */
static struct report_value wilson(size_t k, size_t n)
{
    double z = stats_normal_upper((1 - REPORT_INTERVAL) / 2), m = (double)n, p = (double)k / m;
    double centre = (p + z * z / (2 * m)) / (1 + z * z / m);
    double half = z / (1 + z * z / m) * sqrt(p * (1 - p) / m + z * z / (4 * m * m));
    return (struct report_value){p, centre - half, centre + half};
}

static enum al_err fill_bins(const struct forecast_series *s, struct forecast_measures *out)
{
    struct said *rows = malloc(s->n * sizeof *rows);
    if (rows == NULL)
        return err_set(AL_ENOMEM, "%zu forecasts", s->n);
    for (size_t i = 0; i < s->n; i++)
        rows[i] = (struct said){s->q[i], s->net[i] > 0};
    qsort(rows, s->n, sizeof *rows, by_q);
    for (size_t bin = 0; bin < CALIBRATION_BINS; bin++) {
        size_t begin = bin * s->n / CALIBRATION_BINS, end = (bin + 1) * s->n / CALIBRATION_BINS;
        size_t n_won = 0;
        double sum = 0;
        for (size_t i = begin; i < end; i++) {
            sum += (double)rows[i].q;
            n_won += rows[i].won;
        }
        if (end > begin)
            out->bins[out->n_bins++] = (struct calibration_bin){
                end - begin, sum / (double)(end - begin), wilson(n_won, end - begin)};
    }
    free(rows);
    return AL_OK;
}

/* ---- gains over the base rate ---- */

/* The skill is a mean over that of the base rate, which is known so much better that it counts as a constant. */
static enum al_err fill_gains(const struct forecast_series *s,
                              uint64_t seed,
                              struct forecast_measures *out)
{
    double p = out->base_rate, brier_base = p * (1 - p);
    double *gain = malloc((2 * s->n + 1) * sizeof *gain);
    if (gain == NULL)
        return err_set(AL_ENOMEM, "%zu forecasts", s->n);
    double *brier = gain + s->n;
    for (size_t i = 0; i < s->n; i++) {
        bool won = s->net[i] > 0;
        double y = won, q = (double)s->q[i];
        gain[i] = log_loss(p, won) - log_loss(q, won);
        brier[i] = ((y - p) * (y - p) - (y - q) * (y - q)) / brier_base;
        out->log_loss += log_loss(q, won) / (double)s->n;
        out->log_loss_base += log_loss(p, won) / (double)s->n;
    }
    enum al_err err = report_mean(gain, s->n, s->span, seed, &out->log_loss_gain);
    if (err == AL_OK)
        err = report_mean(brier, s->n, s->span, seed, &out->brier_skill);
    free(gain);
    return err;
}

static const struct report_value unknown = {NAN, NAN, NAN};

enum al_err forecast_measure(const struct forecast_series *series,
                             uint64_t seed,
                             struct forecast_measures *out)
{
    struct evaluation e;
    *out = (struct forecast_measures){
        .n = series->n, .log_loss_gain = unknown, .brier_skill = unknown, .rank_ic = unknown};
    evaluation_clear(&e);
    enum al_err err = AL_OK;
    if (series->n > 0)
        err = evaluate_classification(series->q, series->net, NULL, series->n, &e);
    if (series->n > 0 && err == AL_OK)
        err = report_rank_ic(series->v, series->net, series->n, series->span, seed, &out->rank_ic);
    out->base_rate = e.base_rate;
    out->auc = e.roc_auc;
    out->brier = e.brier_score;
    out->ece = e.ece;
    if (err != AL_OK || !(e.base_rate > 0 && e.base_rate < 1)) {
        out->log_loss = out->log_loss_base = NAN;
        return err;
    }
    err = fill_gains(series, seed, out);
    return err == AL_OK ? fill_bins(series, out) : err;
}
