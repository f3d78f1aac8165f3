#include "candidates_i.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/rng.h"
#include "fit_i.h"

struct paired_mean candidate_paired_mean(const double *d, const float *w, size_t n)
{
    double sum = 0, weight = 0, squares = 0;
    if (n < 2 * CANDIDATE_BLOCKS)
        return (struct paired_mean){NAN, NAN};
    for (size_t i = 0; i < n; i++) {
        sum += (double)w[i] * d[i];
        weight += (double)w[i];
    }
    double mean = sum / weight;
    for (size_t b = 0; b < CANDIDATE_BLOCKS; b++) {
        double g = 0;
        for (size_t i = n * b / CANDIDATE_BLOCKS; i < n * (b + 1) / CANDIDATE_BLOCKS; i++)
            g += (double)w[i] * (d[i] - mean);
        squares += g * g;
    }
    return (struct paired_mean){mean,
                                sqrt(squares * CANDIDATE_BLOCKS / (CANDIDATE_BLOCKS - 1)) / weight};
}

/* ---- the rows ---- */

/* The table with the rows before the job's window stands in for its own while candidates are compared. */
struct widening {
    struct train_table base;
    size_t n_older; /* 0: there is no other table */
};

static bool has_older(const struct training *t)
{
    const struct train_job *job = t->job;
    if (!job->try_windows || job->window_ns == 0 || t->table.n >= job->n_rows_max)
        return false;
    for (size_t i = 0; i < t->table.rows->n_rows; i++) {
        if (t->table.rows->rows[i].t0_ns < job->cut_ns - job->window_ns)
            return true;
    }
    return false;
}

/* Row 0 of the job's window is row `by` of the table from now on, or was until now. */
static void shift_splits(struct training *t, ptrdiff_t by)
{
    for (size_t i = 0; i < t->job->n_folds; i++) {
        t->folds[i].test_begin += (size_t)by;
        t->folds[i].test_end += (size_t)by;
    }
    t->holdout.test_begin += (size_t)by;
    t->holdout.test_end += (size_t)by;
}

static enum al_err widen(struct training *t, struct widening *out)
{
    struct train_table wide;
    *out = (struct widening){0};
    if (!has_older(t))
        return AL_OK;
    enum al_err err =
        train_table_init(&wide, t->job, train_job_reach_ns(t->job), t->table.set, t->table.rows);
    size_t n_older = wide.n > t->table.n ? wide.n - t->table.n : 0;
    if (err != AL_OK || (double)n_older < CANDIDATE_OLDER_MIN * (double)t->table.n) {
        train_table_deinit(&wide);
        return err;
    }
    *out = (struct widening){t->table, n_older};
    t->table = wide;
    shift_splits(t, (ptrdiff_t)n_older);
    return AL_OK;
}

/* Only twice the window is taught from the wide table. */
static void narrow(struct training *t, struct widening *widening)
{
    if (widening->n_older == 0)
        return;
    if (t->teachers.window_scale > 1) {
        train_table_deinit(&widening->base);
        return;
    }
    train_table_deinit(&t->table);
    t->table = widening->base;
    shift_splits(t, -(ptrdiff_t)widening->n_older);
}

/* ---- one candidate ---- */

struct contest {
    struct training *t;
    int64_t span_ns;                     /* L */
    size_t n_judged[CANDIDATE_FOLDS], n; /* rows; of all folds */
    uint32_t *judged;                    /* [n] those of one fold after those of the other */
    float *weights;                      /* [n] */
    double *losses[TRIAL_TEACHERS_MAX];  /* [n] */
    double *d;                           /* [n] scratch */
    uint32_t *scratch;                   /* [rows of the table] */
};

static void contest_deinit(struct contest *contest)
{
    free(contest->judged);
    free(contest->weights);
    free(contest->d);
    free(contest->scratch);
    for (size_t i = 0; i < TRIAL_TEACHERS_MAX; i++)
        free(contest->losses[i]);
}

/* One of each of as many equal stretches as are wanted, by chance: every k-th would be of one action only. */
static size_t thin(uint32_t *indices, size_t n, size_t n_max, uint64_t seed)
{
    struct rng rng;
    if (n <= n_max)
        return n;
    rng_seed(&rng, seed);
    for (size_t i = 0; i < n_max; i++) {
        size_t begin = n * i / n_max, end = n * (i + 1) / n_max;
        indices[i] = indices[begin + rng_below(&rng, end - begin)];
    }
    return n_max;
}

static const struct split *fold_of(const struct training *t, size_t index)
{
    return &t->folds[t->job->n_folds - CANDIDATE_FOLDS + index];
}

static enum al_err contest_init(struct contest *contest, struct training *t, size_t n_older)
{
    size_t n_max = CANDIDATE_FOLDS * CANDIDATE_JUDGED_MAX;
    *contest = (struct contest){
        .t = t,
        .span_ns = t->holdout.cut_ns - t->table.spans[n_older].t0_ns,
        .judged = malloc(n_max * sizeof *contest->judged),
        .weights = malloc(n_max * sizeof *contest->weights),
        .d = malloc(n_max * sizeof *contest->d),
        .scratch = malloc((t->table.n + 1) * sizeof *contest->scratch),
    };
    bool allocated = contest->judged != NULL && contest->weights != NULL && contest->d != NULL &&
                     contest->scratch != NULL;
    for (size_t i = 0; i < TRIAL_TEACHERS_MAX; i++) {
        contest->losses[i] = malloc(n_max * sizeof(double));
        allocated &= contest->losses[i] != NULL;
    }
    if (!allocated)
        return err_set(AL_ENOMEM, "candidates");
    for (size_t i = 0; i < CANDIDATE_FOLDS; i++) {
        size_t n = train_list_judged(t, fold_of(t, i), contest->scratch);
        n = contest->n_judged[i] = thin(contest->scratch, n, CANDIDATE_JUDGED_MAX, t->job->seed);
        memcpy(contest->judged + contest->n, contest->scratch, n * sizeof *contest->judged);
        contest->n += n;
    }
    for (size_t i = 0; i < contest->n; i++)
        contest->weights[i] = t->table.weights[contest->judged[i]];
    return AL_OK;
}

static struct split reaching(const struct contest *contest, const struct split *split, double scale)
{
    struct split out = *split;
    double from_ns = (double)split->cut_ns - scale * (double)contest->span_ns;
    out.from_ns = from_ns > 0 ? (int64_t)from_ns : 0;
    return out;
}

/* gives out->indices */
static enum al_err find_teachers(const struct contest *contest,
                                 const struct split *fold,
                                 struct teachers *out)
{
    const struct training *t = contest->t;
    size_t n = split_teachers(fold, t->table.spans, t->table.n, contest->scratch);
    n = thin(contest->scratch, n, CANDIDATE_TEACHERS_MAX, t->job->seed);
    *out = (struct teachers){.indices = malloc((n + 1) * sizeof *out->indices), .n_teach = n};
    if (out->indices == NULL)
        return err_set(AL_ENOMEM, "candidates");
    memcpy(out->indices, contest->scratch, n * sizeof *out->indices);
    enum al_err err = train_stops_early(t->kind) ? train_cut_validation(t, fold, out) : AL_OK;
    if (err != AL_OK)
        free(out->indices);
    return err;
}

/* What is measured is never weighted by attribution: weights that teach like those that measure are those without it. */
static enum al_err fit(struct training *t,
                       const struct train_trial *trial,
                       const struct teachers *teachers,
                       struct fold_report *report,
                       struct fitted *out)
{
    float *teach_weights = t->table.teach_weights;
    if (!trial->teachers.return_attribution)
        t->table.teach_weights = t->table.weights;
    enum al_err err = train_fit(t, teachers, 0, report, out);
    t->table.teach_weights = teach_weights;
    return err;
}

static enum al_err judge(const struct contest *contest,
                         const struct fitted *fitted,
                         const uint32_t *rows,
                         size_t n,
                         struct trial_fold *fold,
                         double *losses)
{
    const struct train_table *table = &contest->t->table;
    struct train_part part;
    float *margins = malloc((n + 1) * sizeof *margins);
    double sum = 0, weight = 0;
    enum al_err err =
        margins == NULL ? err_set(AL_ENOMEM, "candidates") : train_part_init(&part, table, rows, n);
    if (err != AL_OK) {
        free(margins);
        return err;
    }
    err = fitted_predict(fitted, part.x, n, table->rows->n_cols, margins);
    if (err == AL_OK)
        err = evaluate_auc(margins, part.net, part.weights, n, &fold->auc);
    for (size_t i = 0; i < n && err == AL_OK; i++) {
        losses[i] = train_log_loss(margins[i], part.labels[i]);
        sum += (double)part.weights[i] * losses[i];
        weight += (double)part.weights[i];
    }
    fold->loss = sum / weight;
    train_part_deinit(&part);
    free(margins);
    return err;
}

static enum al_err run_fold(const struct contest *contest,
                            struct train_trial *trial,
                            size_t index,
                            const uint32_t *rows,
                            double *losses)
{
    struct training *t = contest->t;
    struct split fold = reaching(contest, fold_of(t, index), trial->teachers.window_scale);
    struct trial_fold *out = &trial->folds[trial->n_folds];
    struct fold_report report = {0};
    struct teachers teachers;
    struct fitted fitted = {0};
    enum al_err err = find_teachers(contest, &fold, &teachers);
    if (err != AL_OK)
        return err;
    t->validation_loss = NAN;
    err = fit(t, trial, &teachers, &report, &fitted);
    *out = (struct trial_fold){.n_rounds = report.n_rounds,
                               .validation_loss = report.validation_loss,
                               .loss = NAN,
                               .auc = NAN};
    if (err == AL_OK && contest->n_judged[index] > 0)
        err = judge(contest, &fitted, rows, contest->n_judged[index], out, losses);
    trial->n_folds++;
    fitted_deinit(&fitted);
    free(teachers.indices);
    return err;
}

static enum al_err run_folds(const struct contest *contest,
                             struct train_trial *trial,
                             double *losses)
{
    size_t at = 0;
    double sum = 0, weight = 0;
    for (size_t i = 0; i < CANDIDATE_FOLDS; i++) {
        enum al_err err = run_fold(contest, trial, i, contest->judged + at, losses + at);
        if (err != AL_OK)
            return err;
        at += contest->n_judged[i];
    }
    for (size_t i = 0; i < contest->n; i++) {
        sum += (double)contest->weights[i] * losses[i];
        weight += (double)contest->weights[i];
    }
    trial->loss = sum / weight;
    return AL_OK;
}

/* Numbers after those of a search, so that no trial of a run has another's. */
static struct candidate candidate_begin(const struct training *t, struct trial_teachers teachers)
{
    size_t n_before = t->job->search.trials > 1 ? t->job->search.trials : 1;
    struct candidate candidate = {.trial = {.number = (uint32_t)(n_before + t->candidates.n),
                                            .params = t->job->params,
                                            .seed = t->job->seed,
                                            .tries = TRIAL_TRIES_TEACHERS,
                                            .teachers = teachers,
                                            .verdict = TRIAL_COMPLETED,
                                            .loss = NAN,
                                            .sharpe = NAN,
                                            .seconds = NAN},
                                  .gain = {NAN, NAN}};
    memcpy(candidate.trial.kind, t->job->kind, sizeof candidate.trial.kind);
    return candidate;
}

/* rival: the candidate whose place it would take; itself for the base. */
static enum al_err try_teachers(struct contest *contest,
                                struct trial_teachers teachers,
                                size_t rival)
{
    struct training *t = contest->t;
    size_t at = t->candidates.n;
    struct candidate *candidate = &t->candidates.items[at];
    int64_t begun_ns = training_clock_ns(t);
    *candidate = candidate_begin(t, teachers);
    t->params = candidate->trial.params;
    t->seed = candidate->trial.seed;
    t->stage = TRAIN_STAGE_SEARCH;
    t->stage_from = t->stage_to = 0.1;
    enum al_err err = run_folds(contest, &candidate->trial, contest->losses[at]);
    if (begun_ns != 0)
        candidate->trial.seconds = (double)(training_clock_ns(t) - begun_ns) / 1e9;
    if (err == AL_ECANCELED)
        candidate->trial.verdict = TRIAL_CANCELLED;
    if (err == AL_OK || err == AL_ECANCELED)
        training_tell_trial(t, &candidate->trial);
    if (err != AL_OK)
        return err;
    t->candidates.n++;
    if (rival == at)
        return AL_OK;
    for (size_t i = 0; i < contest->n; i++)
        contest->d[i] = contest->losses[rival][i] - contest->losses[at][i];
    candidate->gain = candidate_paired_mean(contest->d, contest->weights, contest->n);
    return AL_OK;
}

/* ---- the choice ---- */

static bool is_better(const struct candidate *candidate, const struct candidate *rival)
{
    for (size_t i = 0; i < CANDIDATE_FOLDS; i++) {
        if (candidate->trial.folds[i].loss >= rival->trial.folds[i].loss)
            return false;
    }
    return candidate->gain.mean > CANDIDATE_Z * candidate->gain.se; /* never of NaN */
}

static bool has_teachers(const struct contest *contest, double scale)
{
    const struct train_table *table = &contest->t->table;
    for (size_t i = 0; i < CANDIDATE_FOLDS; i++) {
        struct split fold = reaching(contest, fold_of(contest->t, i), scale);
        if (split_teachers(&fold, table->spans, table->n, contest->scratch) <
            CANDIDATE_TEACHERS_MIN)
            return false;
    }
    return true;
}

/* What half the window would teach, with the rows that judge it. */
static bool half_is_enough(const struct contest *contest)
{
    const struct train_table *table = &contest->t->table;
    const struct split half = reaching(contest, &contest->t->holdout, 0.5);
    size_t begin = 0;
    while (begin < table->n && table->spans[begin].t0_ns < half.from_ns)
        begin++;
    return has_teachers(contest, 0.5) && weight_n_eff(table->weights + begin, table->n - begin) >=
                                             contest->t->job->gate.n_eff_min;
}

struct menu {
    bool half, twice, without_attribution;
};

static enum al_err choose_weights(struct contest *contest, size_t *chosen)
{
    struct candidates *candidates = &contest->t->candidates;
    enum al_err err = try_teachers(contest, (struct trial_teachers){1, false}, *chosen);
    if (err == AL_OK &&
        is_better(&candidates->items[candidates->n - 1], &candidates->items[*chosen]))
        *chosen = candidates->n - 1;
    return err;
}

static enum al_err choose_window(struct contest *contest, const struct menu *menu, size_t *chosen)
{
    const struct candidates *candidates = &contest->t->candidates;
    const size_t rival = *chosen;
    const double scales[] = {0.5, 2};
    for (size_t i = 0; i < COUNT_OF(scales); i++) {
        struct trial_teachers teachers = candidates->items[rival].trial.teachers;
        teachers.window_scale = scales[i];
        if (!(i == 0 ? menu->half : menu->twice))
            continue;
        enum al_err err = try_teachers(contest, teachers, rival);
        if (err != AL_OK)
            return err;
        const struct candidate *last = &candidates->items[candidates->n - 1];
        if (is_better(last, &candidates->items[rival]) &&
            last->trial.loss < candidates->items[*chosen].trial.loss)
            *chosen = candidates->n - 1;
    }
    return AL_OK;
}

static enum al_err choose(struct contest *contest, bool has_older)
{
    struct training *t = contest->t;
    const struct train_job *job = t->job;
    const struct menu menu = {
        .half = job->try_windows && half_is_enough(contest),
        .twice = has_older,
        .without_attribution = job->try_weights && job->return_attribution,
    };
    size_t chosen = 0;
    bool any = menu.half || menu.twice || menu.without_attribution;
    if (!any || !has_teachers(contest, 1))
        return AL_OK;
    enum al_err err = try_teachers(contest, t->teachers, 0);
    if (err == AL_OK && menu.without_attribution)
        err = choose_weights(contest, &chosen);
    if (err == AL_OK)
        err = choose_window(contest, &menu, &chosen);
    if (err == AL_OK)
        t->teachers = t->candidates.items[chosen].trial.teachers;
    return err;
}

/* The base's folds reach as far back as its rows do. */
static void apply(struct contest *contest)
{
    struct training *t = contest->t;
    double scale = t->teachers.window_scale;
    bool is_base = !(scale < 1) && !(scale > 1);
    for (size_t i = 0; i < t->job->n_folds && !is_base; i++)
        t->folds[i] = reaching(contest, &t->folds[i], scale);
    if (!is_base)
        t->holdout = reaching(contest, &t->holdout, scale);
}

static void drop_attribution(struct train_table *table)
{
    memcpy(table->teach_weights, table->weights, table->n * sizeof *table->weights);
    table->weight.n_eff_teach = table->weight.n_eff;
}

enum al_err train_candidates(struct training *t)
{
    const struct train_job *job = t->job;
    struct widening widening;
    struct contest contest;
    t->teachers = (struct trial_teachers){1, job->return_attribution};
    if (!job->try_windows && !(job->try_weights && job->return_attribution))
        return AL_OK;
    enum al_err err = widen(t, &widening);
    if (err != AL_OK)
        return err;
    t->candidates.n_older = widening.n_older;
    err = contest_init(&contest, t, widening.n_older);
    if (err == AL_OK)
        err = choose(&contest, widening.n_older > 0);
    if (err == AL_OK)
        apply(&contest);
    narrow(t, &widening);
    if (job->return_attribution && !t->teachers.return_attribution)
        drop_attribution(&t->table);
    contest_deinit(&contest);
    return err;
}
