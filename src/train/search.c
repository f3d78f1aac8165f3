#include "search_i.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/train/overfit.h"
#include "alphaloop/train/sharpe.h"
#include "fit_i.h"
#include "tpe_i.h"

#define STEP UINT64_C(0x9e3779b97f4a7c15) /* between the seeds of proposals */

/* ---- what a search is known by ---- */

/* The rows known before the untouched block, whatever their weights: those depend on the time of the cut. */
static void append_rows(const struct training *t, struct buf *text)
{
    for (size_t i = 0; i < t->holdout.test_begin; i++) {
        const struct train_row *row = train_table_row(&t->table, i);
        uint32_t net_bits;
        if (!split_may_teach(&t->holdout, &t->table.spans[i]))
            continue;
        memcpy(&net_bits, &row->net_return, sizeof net_bits);
        buf_append(text, row->decision_id.bytes, sizeof row->decision_id.bytes);
        buf_putc(text, (char)row->action);
        buf_put_u64be(text, (uint64_t)row->t1_ns);
        buf_put_u32be(text, net_bits);
    }
}

static enum al_err find_key(const struct training *t, struct sha256 *key)
{
    const struct train_job *job = t->job;
    struct buf text = BUF_INIT(64 * (t->table.n + 64));
    struct json_writer w;
    json_w_init(&w, &text);
    json_w_array(&w);
    json_w_str(&w, job->kind);
    model_params_write(t->kind, &job->params, &w);
    json_w_str(&w, job->search.method);
    json_w_double(&w, job->label.horizon_seconds);
    json_w_double(&w, job->weight_half_life_seconds);
    json_w_bool(&w, t->teachers.return_attribution);
    json_w_double(&w, t->teachers.window_scale);
    json_w_double(&w, job->holdout_fraction);
    json_w_i64(&w, job->n_folds);
    json_w_i64(&w, (int64_t)job->fold_rows_max);
    json_w_end_array(&w);
    buf_append(&text, job->schema_hash.bytes, sizeof job->schema_hash.bytes);
    append_rows(t, &text);
    if (buf_ok(&text))
        sha256_of(text.ptr, text.len, key);
    enum al_err err = buf_ok(&text) ? AL_OK : err_set(AL_ENOMEM, "a search");
    buf_deinit(&text);
    return err;
}

static uint64_t seed_of(const struct sha256 *key)
{
    uint64_t seed;
    memcpy(&seed, key->bytes, sizeof seed);
    return seed;
}

/* ---- parameters as points of the unit cube ---- */

static double to_unit(const struct model_param_range *range, bool is_integer, double value)
{
    double u = range->is_log ? log(value / range->min) / log(range->max / range->min)
               : is_integer  ? (value - range->min + 0.5) / (range->max - range->min + 1)
                             : (value - range->min) / (range->max - range->min);
    return fmin(fmax(u, 0), 1);
}

static double from_unit(const struct model_param_range *range, bool is_integer, double u)
{
    double value = range->is_log ? range->min * pow(range->max / range->min, u)
                   : is_integer  ? floor(range->min + u * (range->max - range->min + 1))
                                 : range->min + u * (range->max - range->min);
    value = is_integer ? round(value) : value;
    return fmin(fmax(value, range->min), range->max);
}

static struct tpe_point point_of(const struct model_kind *kind, const struct train_trial *trial)
{
    struct tpe_point point = {.loss = trial->verdict == TRIAL_PRUNED ? INFINITY : trial->loss};
    for (size_t d = 0; d < kind->n_ranges; d++) {
        size_t at = model_kind_param(kind, kind->ranges[d].name);
        point.x[d] =
            to_unit(&kind->ranges[d], kind->params[at].is_integer, trial->params.values[at]);
    }
    return point;
}

static enum al_err propose(const struct training *t, struct train_trial *trial)
{
    const struct model_kind *kind = t->kind;
    size_t n = strcmp(t->job->search.method, "random") == 0 ? 0 : t->search.n;
    double x[TPE_DIMS_MAX];
    struct rng rng;
    if (trial->number == 0 || kind->n_ranges == 0)
        return AL_OK;
    struct tpe_point *seen = malloc((n + 1) * sizeof *seen);
    if (seen == NULL)
        return err_set(AL_ENOMEM, "a search");
    for (size_t i = 0; i < n; i++)
        seen[i] = point_of(kind, &t->search.trials[i]);
    rng_seed(&rng, trial->seed + STEP * trial->number);
    tpe_next(seen, n, kind->n_ranges, &rng, x);
    free(seen);
    for (size_t d = 0; d < kind->n_ranges; d++) {
        size_t at = model_kind_param(kind, kind->ranges[d].name);
        trial->params.values[at] = from_unit(&kind->ranges[d], kind->params[at].is_integer, x[d]);
    }
    return AL_OK;
}

/* ---- giving up ---- */

struct watch {
    const struct training *t;
    int64_t end_ns; /* of the search; 0: never */
    bool is_over;
};

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Mean loss of the first folds, of which only the last one may have none; that is not asked for. */
static double loss_after(const struct train_trial *trial, size_t n_folds)
{
    double sum = 0;
    for (size_t i = 0; i < n_folds; i++)
        sum += trial->folds[i].loss;
    return sum / (double)n_folds;
}

static bool is_poor(const struct search *search, const struct train_trial *trial)
{
    double losses[TRIAL_NUMBER_MAX];
    size_t n = 0;
    for (size_t i = 0; i < search->n; i++) {
        if (search->trials[i].n_folds >= trial->n_folds)
            losses[n++] = loss_after(&search->trials[i], trial->n_folds);
    }
    if (n < SEARCH_MEDIAN_MIN)
        return false;
    qsort(losses, n, sizeof *losses, by_size);
    return trial->loss > (losses[n / 2] + losses[(n - 1) / 2]) / 2;
}

static bool goes_on(void *ctx, const struct train_trial *trial)
{
    struct watch *watch = ctx;
    if (trial->number == 0)
        return true;
    watch->is_over = watch->end_ns != 0 && training_clock_ns(watch->t) >= watch->end_ns;
    return !watch->is_over && !is_poor(&watch->t->search, trial);
}

/* ---- trials ---- */

static struct train_trial trial_begin(const struct training *t, size_t number, uint64_t seed)
{
    struct train_trial trial = {.number = (uint32_t)number,
                                .params = t->job->params,
                                .seed = seed,
                                .teachers = t->teachers,
                                .verdict = TRIAL_COMPLETED,
                                .loss = NAN,
                                .sharpe = NAN,
                                .seconds = NAN};
    memcpy(trial.kind, t->job->kind, sizeof trial.kind);
    return trial;
}

static void cut_stage(struct training *t)
{
    double share = 0.4 / t->job->search.trials;
    t->stage = TRAIN_STAGE_SEARCH;
    t->stage_from = 0.1 + share * (double)t->search.n;
    t->stage_to = t->stage_from + share;
}

static enum al_err try_next(struct training *t, struct watch *watch)
{
    struct search *search = &t->search;
    struct train_trial *trial = &search->trials[search->n];
    *trial = trial_begin(t, search->n, seed_of(&search->key));
    enum al_err err = propose(t, trial);
    if (err != AL_OK)
        return err;
    cut_stage(t);
    err = train_try(t, trial, goes_on, watch);
    if (err == AL_ECANCELED || watch->is_over)
        trial->verdict = TRIAL_CANCELLED;
    else if (trial->n_folds < t->job->n_folds)
        trial->verdict = TRIAL_PRUNED;
    if (err == AL_OK || err == AL_ECANCELED)
        training_tell_trial(t, trial);
    search->n += err == AL_OK && !watch->is_over;
    return err;
}

/* What was told is believed as far as it is this search's. */
static void take_resumed(struct training *t)
{
    struct search *search = &t->search;
    size_t n = 0;
    if (t->hooks != NULL && t->hooks->resume != NULL)
        n = t->hooks->resume(t->hooks->ctx, &search->key, search->trials, t->job->search.trials);
    for (search->n = 0; search->n < n; search->n++) {
        const struct train_trial *trial = &search->trials[search->n];
        bool is_whole = trial->verdict == TRIAL_COMPLETED && trial->n_folds == t->job->n_folds;
        bool is_ours = trial->number == search->n && trial->seed == seed_of(&search->key) &&
                       strcmp(trial->kind, t->job->kind) == 0 && trial->n_folds > 0 &&
                       isfinite(trial->loss);
        if (!is_ours || !(is_whole || (trial->verdict == TRIAL_PRUNED && search->n > 0)))
            break;
    }
    search->n_resumed = search->n;
}

static const struct train_trial *best_of(const struct search *search)
{
    const struct train_trial *best = &search->trials[0];
    for (size_t i = 1; i < search->n; i++) {
        const struct train_trial *trial = &search->trials[i];
        if (trial->verdict == TRIAL_COMPLETED && trial->loss < best->loss)
            best = trial;
    }
    return best;
}

enum al_err train_search(struct training *t)
{
    struct search *search = &t->search;
    const struct train_search_settings *settings = &t->job->search;
    struct watch watch = {.t = t};
    t->chosen = trial_begin(t, 0, t->job->seed);
    if (settings->trials <= 1)
        return AL_OK;
    int64_t now_ns = training_clock_ns(t);
    watch.end_ns = now_ns == 0 ? 0 : now_ns + settings->seconds * INT64_C(1000000000);
    search->trials = calloc(settings->trials, sizeof *search->trials);
    if (search->trials == NULL)
        return err_set(AL_ENOMEM, "a search of %u trials", settings->trials);
    enum al_err err = find_key(t, &search->key);
    if (err == AL_OK)
        take_resumed(t);
    while (err == AL_OK && search->n < settings->trials && !watch.is_over) {
        watch.is_over = search->n > 0 && watch.end_ns != 0 && training_clock_ns(t) >= watch.end_ns;
        if (!watch.is_over)
            err = try_next(t, &watch);
    }
    if (err == AL_OK)
        t->chosen = *best_of(search);
    return err;
}

void search_deinit(struct search *search)
{
    free(search->trials);
    *search = (struct search){0};
}

/* ---- what the choice is worth ---- */

/* [TRIAL_PERIODS][n_completed], row-major; the ratios beside it. */
static size_t collect_periods(const struct search *search,
                              double *returns,
                              size_t n,
                              double *ratios)
{
    size_t column = 0;
    for (size_t i = 0; i < search->n; i++) {
        const struct train_trial *trial = &search->trials[i];
        if (trial->verdict != TRIAL_COMPLETED || trial->n_periods != TRIAL_PERIODS)
            continue;
        for (size_t k = 0; k < TRIAL_PERIODS; k++)
            returns[k * n + column] = trial->periods[k];
        ratios[column++] = isfinite(trial->sharpe) ? trial->sharpe : 0; /* it never traded */
    }
    return column;
}

static double variance_of(const double *x, size_t n)
{
    double mean = 0, sum = 0;
    for (size_t i = 0; i < n; i++)
        mean += x[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    return n > 1 ? sum / (double)(n - 1) : NAN;
}

static enum al_err compare_trials(const struct search *search, struct search_summary *out)
{
    size_t n = 0;
    struct overfit overfit;
    for (size_t i = 0; i < search->n; i++)
        n += search->trials[i].verdict == TRIAL_COMPLETED &&
             search->trials[i].n_periods == TRIAL_PERIODS;
    if (n < 2)
        return AL_OK;
    double *returns = malloc(TRIAL_PERIODS * n * sizeof *returns),
           *ratios = malloc(n * sizeof *ratios);
    enum al_err err = returns == NULL || ratios == NULL ? err_set(AL_ENOMEM, "a search") : AL_OK;
    if (err == AL_OK) {
        n = collect_periods(search, returns, n, ratios);
        out->sharpe_variance = variance_of(ratios, n);
        err = overfit_probability(returns, TRIAL_PERIODS, n, OVERFIT_BLOCKS, &overfit);
    }
    if (err == AL_OK)
        out->pbo = overfit.pbo;
    free(returns);
    free(ratios);
    return err;
}

/* Of the decisions of the folds in a period. */
static double period_length(const struct training *t)
{
    size_t n = 0;
    for (size_t i = t->folds[0].test_begin; i < t->holdout.test_begin; i++)
        n += i == t->folds[0].test_begin || !uuid_eq(train_table_row(&t->table, i - 1)->decision_id,
                                                     train_table_row(&t->table, i)->decision_id);
    return (double)n / TRIAL_PERIODS;
}

enum al_err search_summarise(struct training *t, struct search_summary *out)
{
    const struct search *search = &t->search;
    *out = (struct search_summary){.n_trials = search->n > 0 ? search->n : 1,
                                   .n_completed = search->n > 0 ? 0 : 1,
                                   .sharpe_variance = NAN,
                                   .deflated_sharpe = NAN,
                                   .pbo = NAN};
    for (size_t i = 0; i < search->n; i++) {
        out->n_completed += search->trials[i].verdict == TRIAL_COMPLETED;
        out->n_pruned += search->trials[i].verdict == TRIAL_PRUNED;
    }
    enum al_err err = compare_trials(search, out);
    size_t n_tried = out->n_trials + (t->candidates.n > 0 ? t->candidates.n - 1 : 0);
    t->trials.n += n_tried - 1;
    t->trials.variance = out->sharpe_variance / period_length(t);
    if (err != AL_OK || t->chosen.n_periods == 0)
        return err;
    const struct sharpe sharpe = sharpe_of(t->chosen.periods, t->chosen.n_periods);
    const struct sharpe_trials trials = {n_tried, out->sharpe_variance};
    out->deflated_sharpe = sharpe_deflated(&sharpe, &trials);
    return AL_OK;
}
