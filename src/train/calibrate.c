/* From out-of-fold margins to probabilities and intervals: which method, and how good.
 *
 * Platt's two numbers when the rows are worth fewer than 1000; of more, isotonic or beta calibration, whichever has the smaller
 * log loss on rows it was not fitted on: fitted on those whose label was available when the newest third began, judged on
 * that third. The chosen one is fitted again on all of them.
 *
 * The intervals around v are made of the later half of the folds alone, those that also say how many rounds the final model
 * is taught for. Intervals ask for more than q does: not only that v is right on average, but that residuals spread as those
 * of the model that is served. The early folds' models have seen too little, say v closer to its mean and so have smaller
 * residuals where outcomes are mostly of one size, as between barriers; with them intervals are too narrow. */
#include "fit_i.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define JUDGED_SHARE    (1.0 / 3)
#define JUDGED_ROWS_MIN 100

/* Out-of-fold rows, some of them side by side. */
struct part {
    struct calibration_rows rows;
    float *margins, *labels, *weights;
};

/* At most n_max rows in a block of 3 n_max. */
static struct part part_in(float *block, size_t n_max)
{
    struct part part = {.margins = block, .labels = block + n_max, .weights = block + 2 * n_max};
    part.rows = (struct calibration_rows){
        .margins = part.margins, .labels = part.labels, .weights = part.weights};
    return part;
}

static void part_add(struct part *part, const struct predictions *p, size_t i)
{
    part->margins[part->rows.n] = p->margins[i];
    part->labels[part->rows.n] = p->labels[i];
    part->weights[part->rows.n++] = p->weights[i];
}

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* When the newest share of the rows begins. */
static enum al_err find_cut(const struct training *t, const struct predictions *p, int64_t *cut_ns)
{
    int64_t *times = malloc((p->n + 1) * sizeof *times);
    if (times == NULL)
        return err_set(AL_ENOMEM, "calibration");
    for (size_t i = 0; i < p->n; i++)
        times[i] = t->table.spans[p->rows[i]].t0_ns;
    qsort(times, p->n, sizeof *times, by_time);
    *cut_ns = times[p->n - 1 - (size_t)((double)(p->n - 1) * JUDGED_SHARE)];
    free(times);
    return AL_OK;
}

static double log_loss(const struct calibration *calibration, const struct calibration_rows *rows)
{
    double sum = 0, weight = 0;
    for (size_t i = 0; i < rows->n; i++) {
        double q = calibration_q(calibration, (double)rows->margins[i]),
               w = (double)rows->weights[i];
        sum -= w * log(rows->labels[i] > 0 ? fmax(q, 1e-15) : fmax(1 - q, 1e-15));
        weight += w;
    }
    return weight > 0 ? sum / weight : NAN;
}

static void judge(const struct part *taught,
                  const struct part *judged,
                  struct calibration_choice *out)
{
    struct calibration calibration;
    for (size_t i = 0; i < CALIBRATION_METHOD_COUNT; i++) {
        if (calibration_fit_q((enum calibration_method)i, &taught->rows, &calibration) == AL_OK)
            out->log_loss[i] = log_loss(&calibration, &judged->rows);
    }
}

/* Losses stay NaN where there are too few rows on either side. */
static enum al_err compare(const struct training *t,
                           const struct predictions *p,
                           struct calibration_choice *out)
{
    int64_t cut_ns = 0;
    enum al_err err = find_cut(t, p, &cut_ns);
    if (err != AL_OK)
        return err;
    float *block = malloc((6 * p->n + 1) * sizeof *block);
    if (block == NULL)
        return err_set(AL_ENOMEM, "calibration");
    struct part taught = part_in(block, p->n), judged = part_in(block + 3 * p->n, p->n);
    for (size_t i = 0; i < p->n; i++) {
        const struct label_span *span = &t->table.spans[p->rows[i]];
        if (span->t0_ns >= cut_ns)
            part_add(&judged, p, i);
        else if (span->available_at_ns <= cut_ns)
            part_add(&taught, p, i);
    }
    out->n_judged = judged.rows.n;
    if (judged.rows.n >= JUDGED_ROWS_MIN && taught.rows.n >= JUDGED_ROWS_MIN)
        judge(&taught, &judged, out);
    free(block);
    return AL_OK;
}

static enum calibration_method choose(const struct calibration_choice *choice)
{
    double beta = choice->log_loss[CALIBRATION_beta],
           isotonic = choice->log_loss[CALIBRATION_isotonic];
    if (!(choice->n_eff >= CALIBRATION_N_EFF_MIN) || isnan(beta) || isnan(isotonic))
        return CALIBRATION_platt;
    return isotonic < beta ? CALIBRATION_isotonic : CALIBRATION_beta;
}

enum al_err train_choose_calibration(const struct training *t,
                                     const struct predictions *p,
                                     struct calibration_choice *out)
{
    *out = (struct calibration_choice){.n_eff = weight_n_eff(p->weights, p->n)};
    for (size_t i = 0; i < CALIBRATION_METHOD_COUNT; i++)
        out->log_loss[i] = NAN;
    enum al_err err = p->n > 0 ? compare(t, p, out) : AL_OK;
    out->method = choose(out);
    return err;
}

static enum al_err evaluate(struct fold_outcome *oof, const struct predictions *p)
{
    float *q = malloc((p->n + 1) * sizeof *q), *v = malloc((p->n + 1) * sizeof *v);
    enum al_err err = q == NULL || v == NULL ? err_set(AL_ENOMEM, "calibration") : AL_OK;
    for (size_t i = 0; i < p->n && err == AL_OK; i++) {
        struct prediction prediction = calibration_apply(&oof->calibration, (double)p->margins[i]);
        q[i] = (float)prediction.q;
        v[i] = (float)prediction.v;
    }
    evaluation_clear(&oof->evaluation);
    if (err == AL_OK)
        err = evaluate_classification(q, p->net, p->weights, p->n, &oof->evaluation);
    if (err == AL_OK)
        err = evaluate_regression(v, p->net, p->weights, p->n, &oof->evaluation);
    free(q);
    free(v);
    return err;
}

static size_t first_of_later_folds(const struct fold_outcome *oof)
{
    size_t n = 0;
    for (size_t i = 0; i < train_later_folds(oof); i++)
        n += oof->folds[i].n_test;
    return n;
}

enum al_err train_fit_conformal(const struct training *t,
                                const struct calibration *calibration,
                                const uint32_t *rows,
                                const float *margins,
                                const float *net,
                                size_t n,
                                struct conformal *out)
{
    double *scores = malloc((n + 1) * sizeof *scores), n_independent = 0;
    size_t n_scores = 0;
    if (scores == NULL)
        return err_set(AL_ENOMEM, "intervals");
    for (size_t i = 0; i < n; i++) {
        double sigma = (double)train_table_row(&t->table, rows[i])->sigma_h;
        double v = calibration_apply(calibration, (double)margins[i]).v;
        if (!(sigma > 0))
            continue;
        scores[n_scores++] = fabs((double)net[i] - v) / sigma;
        n_independent += t->table.unique[rows[i]];
    }
    enum al_err err = conformal_fit(scores, n_scores, n_independent, out);
    free(scores);
    return err == AL_ESHORT ? AL_OK : err;
}

static enum al_err fit_intervals(struct training *t, const struct predictions *p)
{
    size_t from = first_of_later_folds(&t->oof);
    from = from < p->n ? from : p->n;
    return train_fit_conformal(t, &t->oof.calibration, p->rows + from, p->margins + from,
                               p->net + from, p->n - from, &t->oof.conformal);
}

enum al_err train_calibrate(struct training *t, const struct predictions *p)
{
    struct fold_outcome *oof = &t->oof;
    const struct calibration_rows rows = {.margins = p->margins,
                                          .labels = p->labels,
                                          .net = p->net,
                                          .weights = p->weights,
                                          .n = p->n,
                                          .n_independent = p->n_independent};
    oof->n_rows = p->n;
    oof->n_independent = p->n_independent;
    enum al_err err = train_choose_calibration(t, p, &oof->choice);
    if (err == AL_OK)
        err = calibration_fit(oof->choice.method, &rows, t->job->value_z, &oof->calibration);
    if (err == AL_OK)
        err = fit_intervals(t, p);
    return err == AL_OK ? evaluate(oof, p) : err;
}
