/* Walking forward.
 *
 * Every fold is judged by a model that was taught only on what was known when the fold began, so the predictions of all folds
 * together are out of sample. The calibration is fitted on them, and they say how many rounds to train for. Early stopping has
 * a part of its own, the newest fifth of a fold's teachers (purged like a fold): were it done on the fold itself, its
 * predictions would be chosen by their own outcome.
 *
 * The final model is taught on all that was known when the untouched block began, for the median number of rounds of the later
 * half of the folds: the early ones have seen too little. It is not fitted again with the block afterwards: what is served is
 * exactly what was judged. */
#include "fit_i.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define VALIDATION_SHARE    0.2
#define VALIDATION_ROWS_MIN 50

bool train_stops_early(const struct model_kind *kind)
{
    for (size_t i = 0; i < kind->n_params; i++) {
        if (strcmp(kind->params[i].name, "patience") == 0)
            return true;
    }
    return false;
}

static bool on_round(void *ctx, const struct model_round *round)
{
    struct training *t = ctx;
    t->validation_loss = round->best_loss;
    double share = (double)round->round / (double)round->n_rounds_max;
    training_progress(t, t->stage, t->stage_from + (t->stage_to - t->stage_from) * share);
    return training_is_cancelled(t);
}

enum al_err train_cut_validation(const struct training *t,
                                 const struct split *fold,
                                 struct teachers *out)
{
    size_t n = out->n_teach, n_first = n - (size_t)((double)n * VALIDATION_SHARE);
    struct label_span *spans = malloc((n + 1) * sizeof *spans);
    uint32_t *kept = malloc((n + 1) * sizeof *kept);
    if (spans == NULL || kept == NULL) {
        free(spans);
        free(kept);
        return err_set(AL_ENOMEM, "folds");
    }
    for (size_t i = 0; i < n; i++)
        spans[i] = t->table.spans[out->indices[i]];
    while (n_first > 0 && n_first < n && spans[n_first].t0_ns == spans[n_first - 1].t0_ns)
        n_first++; /* rows of one instant stay together */
    if (n - n_first >= VALIDATION_ROWS_MIN) {
        struct split inner = split_at(spans, n_first, n, fold->embargo_ns);
        size_t n_kept = split_teachers(&inner, spans, n_first, kept);
        for (size_t i = 0; i < n_kept; i++)
            out->indices[i] = out->indices[kept[i]];
        memmove(out->indices + n_kept, out->indices + n_first,
                (n - n_first) * sizeof *out->indices);
        out->n_teach = n_kept;
        out->n_validation = n - n_first;
    }
    free(spans);
    free(kept);
    return AL_OK;
}

/* A fold says how well the method does, for which its newest teachers are enough; only the final model sees them all. */
static void keep_newest(struct teachers *teachers, uint64_t n_max)
{
    if (teachers->n_teach <= n_max)
        return;
    memmove(teachers->indices, teachers->indices + teachers->n_teach - n_max,
            n_max * sizeof *teachers->indices);
    teachers->n_teach = n_max;
}

static enum al_err find_teachers(const struct training *t,
                                 const struct split *split,
                                 bool is_fold,
                                 struct teachers *out)
{
    *out = (struct teachers){.indices = malloc((t->table.n + 1) * sizeof *out->indices)};
    if (out->indices == NULL)
        return err_set(AL_ENOMEM, "folds");
    out->n_teach = split_teachers(split, t->table.spans, t->table.n, out->indices);
    enum al_err err = AL_OK;
    if (is_fold)
        keep_newest(out, t->job->fold_rows_max);
    if (is_fold && train_stops_early(t->kind))
        err = train_cut_validation(t, split, out);
    if (err != AL_OK)
        free(out->indices);
    return err;
}

enum al_err train_fit(struct training *t,
                      const struct teachers *teachers,
                      size_t n_rounds,
                      struct fold_report *report,
                      struct fitted *out)
{
    size_t n_cols = t->table.rows->n_cols;
    struct train_part teach = {0}, validation = {0};
    enum al_err err = train_part_init(&teach, &t->table, teachers->indices, teachers->n_teach);
    if (err == AL_OK)
        err = train_part_init(&validation, &t->table, teachers->indices + teachers->n_teach,
                              teachers->n_validation);
    if (err == AL_OK) {
        struct model_fit fit = {.train = train_part_rows(&teach, n_cols),
                                .validation = train_part_rows(&validation, n_cols),
                                .params = &t->params,
                                .seed = t->seed,
                                .n_rounds = n_rounds,
                                .on_round = on_round,
                                .ctx = t};
        *out = (struct fitted){.kind = t->kind};
        err = t->kind->fit(&fit, &out->model);
        if (err == AL_OK)
            err = fitted_speed_up(out, teach.x, teach.n, n_cols);
    }
    if (err == AL_OK && report != NULL) {
        report->n_rounds = t->kind->n_rounds(out->model);
        report->validation_loss = t->validation_loss;
    }
    train_part_deinit(&teach);
    train_part_deinit(&validation);
    return err;
}

static void predictions_deinit(struct predictions *p)
{
    free(p->rows);
    free(p->margins);
    free(p->labels);
    free(p->weights);
    free(p->net);
}

static enum al_err predictions_init(struct predictions *p, size_t n_max)
{
    *p = (struct predictions){.rows = malloc((n_max + 1) * sizeof(uint32_t)),
                              .margins = malloc((n_max + 1) * sizeof(float)),
                              .labels = malloc((n_max + 1) * sizeof(float)),
                              .weights = malloc((n_max + 1) * sizeof(float)),
                              .net = malloc((n_max + 1) * sizeof(float))};
    if (p->rows != NULL && p->margins != NULL && p->labels != NULL && p->weights != NULL &&
        p->net != NULL)
        return AL_OK;
    predictions_deinit(p);
    return err_set(AL_ENOMEM, "predictions");
}

double train_log_loss(float margin, float label)
{
    double z = label > 0 ? (double)margin : -(double)margin;
    return z > 0 ? log1p(exp(-z)) : -z + log1p(exp(z));
}

static double mean_log_loss(const float *margins, const struct train_part *part)
{
    double sum = 0, weight = 0;
    for (size_t i = 0; i < part->n; i++) {
        sum += (double)part->weights[i] * train_log_loss(margins[i], part->labels[i]);
        weight += (double)part->weights[i];
    }
    return weight > 0 ? sum / weight : NAN;
}

/* Rows of the fold whose outcome was known when the untouched block began. Calibration is fitted on them, and it teaches as
 * much as a tree does: an outcome that reaches into the block must not. */
size_t train_list_judged(const struct training *t, const struct split *fold, uint32_t *indices)
{
    size_t n = 0;
    for (size_t i = fold->test_begin; i < fold->test_end; i++) {
        if (t->table.spans[i].available_at_ns <= t->holdout.cut_ns)
            indices[n++] = (uint32_t)i;
    }
    return n;
}

static enum al_err predict_fold(struct training *t,
                                const struct split *fold,
                                const struct fitted *fitted,
                                struct predictions *p,
                                struct fold_report *report)
{
    uint32_t *indices = p->rows + p->n;
    size_t n = train_list_judged(t, fold, indices);
    struct train_part part;
    report->test_loss = report->test_auc = NAN;
    if (n == 0)
        return AL_OK;
    enum al_err err = train_part_init(&part, &t->table, indices, n);
    if (err != AL_OK)
        return err;
    err = fitted_predict(fitted, part.x, n, t->table.rows->n_cols, p->margins + p->n);
    if (err == AL_OK)
        err = evaluate_auc(p->margins + p->n, part.net, part.weights, n, &report->test_auc);
    if (err == AL_OK) {
        report->n_test = n;
        report->test_loss = mean_log_loss(p->margins + p->n, &part);
        memcpy(p->labels + p->n, part.labels, n * sizeof(float));
        memcpy(p->weights + p->n, part.weights, n * sizeof(float));
        memcpy(p->net + p->n, part.net, n * sizeof(float));
        for (size_t i = 0; i < n; i++)
            p->n_independent += t->table.unique[indices[i]];
        p->n += n;
    }
    train_part_deinit(&part);
    return err;
}

static enum al_err run_fold(struct training *t,
                            const struct split *fold,
                            struct predictions *p,
                            struct fold_report *report)
{
    struct teachers teachers;
    struct fitted fitted = {0};
    enum al_err err = find_teachers(t, fold, true, &teachers);
    if (err != AL_OK)
        return err;
    report->n_teach = teachers.n_teach;
    report->n_validation = teachers.n_validation;
    err = train_fit(t, &teachers, 0, report, &fitted);
    if (err == AL_OK)
        err = predict_fold(t, fold, &fitted, p, report);
    fitted_deinit(&fitted);
    free(teachers.indices);
    return err;
}

static int by_size(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

size_t train_later_folds(const struct fold_outcome *oof)
{
    return oof->n_folds / 2;
}

/* Of two in the middle, what lies between: the greater would make the final model surer of itself than those it is calibrated
 * by. */
static size_t median_rounds(const struct fold_outcome *oof)
{
    size_t rounds[TRAIN_FOLDS_MAX], first = train_later_folds(oof), n = oof->n_folds - first;
    assert(n > 0);
    for (size_t i = 0; i < n; i++)
        rounds[i] = oof->folds[first + i].n_rounds;
    qsort(rounds, n, sizeof *rounds, by_size);
    return (rounds[(n - 1) / 2] + rounds[n / 2]) / 2;
}

static void tell_fold(const struct fold_report *report, struct train_trial *trial)
{
    double sum = 0, n = 0;
    trial->folds[trial->n_folds++] = (struct trial_fold){.n_rounds = report->n_rounds,
                                                         .validation_loss = report->validation_loss,
                                                         .loss = report->test_loss,
                                                         .auc = report->test_auc};
    for (size_t i = 0; i < trial->n_folds; i++) {
        bool has_loss = isfinite(trial->folds[i].loss); /* the last fold may have no row to judge */
        sum += has_loss ? trial->folds[i].loss : 0;
        n += has_loss;
    }
    trial->loss = n > 0 ? sum / n : NAN;
}

/* Fold by fold, until one says no. */
static enum al_err run_folds(struct training *t,
                             struct train_trial *trial,
                             trial_fn goes_on,
                             void *ctx,
                             struct predictions *p)
{
    double from = t->stage_from, width = t->stage_to - t->stage_from;
    for (size_t i = 0; i < t->job->n_folds; i++) {
        t->stage_from = from + width * (double)i / t->job->n_folds;
        t->stage_to = from + width * (double)(i + 1) / t->job->n_folds;
        enum al_err err = run_fold(t, &t->folds[i], p, &t->oof.folds[i]);
        if (err != AL_OK)
            return err;
        tell_fold(&t->oof.folds[i], trial);
        if (i + 1 < t->job->n_folds && goes_on != NULL && !goes_on(ctx, trial))
            return AL_OK;
    }
    return AL_OK;
}

enum al_err train_try(struct training *t, struct train_trial *trial, trial_fn goes_on, void *ctx)
{
    struct predictions p;
    int64_t begun_ns = training_clock_ns(t);
    enum al_err err = predictions_init(&p, t->table.n);
    if (err != AL_OK)
        return err;
    t->params = trial->params;
    t->seed = trial->seed;
    t->oof.n_folds = t->job->n_folds;
    trial->n_folds = 0;
    trial->loss = trial->sharpe = trial->seconds = NAN;
    trial->n_periods = 0;
    err = run_folds(t, trial, goes_on, ctx, &p);
    bool is_whole = err == AL_OK && trial->n_folds == t->job->n_folds;
    if (is_whole)
        err = train_calibrate(t, &p);
    if (is_whole && err == AL_OK)
        err = train_tell_periods(t, &p, trial);
    if (is_whole && train_stops_early(t->kind))
        t->oof.n_rounds = median_rounds(&t->oof);
    predictions_deinit(&p);
    if (begun_ns != 0)
        trial->seconds = (double)(training_clock_ns(t) - begun_ns) / 1e9;
    return err;
}

enum al_err train_folds(struct training *t)
{
    t->stage = TRAIN_STAGE_FOLD;
    t->stage_from = t->search.n > 0 ? 0.5 : 0.1;
    t->stage_to = 0.6;
    t->chosen.verdict = TRIAL_CHOSEN;
    enum al_err err = train_try(t, &t->chosen, NULL, NULL);
    if (err == AL_ECANCELED)
        t->chosen.verdict = TRIAL_CANCELLED;
    if (err == AL_OK || err == AL_ECANCELED)
        training_tell_trial(t, &t->chosen);
    return err;
}

enum al_err train_final(struct training *t)
{
    struct teachers teachers;
    enum al_err err = find_teachers(t, &t->holdout, false, &teachers);
    if (err != AL_OK)
        return err;
    t->stage = TRAIN_STAGE_FINAL;
    t->stage_from = 0.6;
    t->stage_to = 0.9;
    t->n_teach = teachers.n_teach;
    t->params = t->chosen.params;
    t->seed = t->job->seed;
    err = train_fit(t, &teachers, t->oof.n_rounds, NULL, &t->final);
    free(teachers.indices);
    return err;
}
