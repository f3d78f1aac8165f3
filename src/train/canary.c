#include "canary_i.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fit_i.h"

#define N_BINS       16
#define SMOOTHING    2.0 /* rows at the base rate that every bin is given */
#define SMALL_KIND   "xgboost"
#define SMALL_ROUNDS 20
#define PLANTED_SD   0.4 /* of the noise over a label of 0 or 1: an AUC of 0.96 */
#define CHANCE       UINT64_C(0x63616e617279)

/* ---- measures ---- */

double canary_auc_se(double auc, double n_gains, double n_losses)
{
    double q1 = auc / (2 - auc), q2 = 2 * auc * auc / (1 + auc);
    double spread =
        auc * (1 - auc) + (n_gains - 1) * (q1 - auc * auc) + (n_losses - 1) * (q2 - auc * auc);
    return sqrt(fmax(spread, 0) / (n_gains * n_losses));
}

/* Of an AUC on the judges, which are as many as their labels are independent. */
static double standard_error(const struct canary_rows *rows, const float *labels, double auc)
{
    double n_gains = 0;
    for (size_t i = 0; i < rows->n_test; i++)
        n_gains += labels[rows->n_teach + i] > 0;
    double scale = rows->n_independent / (double)rows->n_test;
    return canary_auc_se(auc, n_gains * scale, ((double)rows->n_test - n_gains) * scale);
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Bins of equal mass; the last one is for missing values. */
struct bins {
    float edges[N_BINS - 1]; /* a bin ends before its edge */
    double gains[N_BINS + 1], rows[N_BINS + 1];
};

static size_t bin_of(const struct bins *bins, float value)
{
    size_t bin = 0;
    if (isnan(value))
        return N_BINS;
    while (bin < N_BINS - 1 && value >= bins->edges[bin])
        bin++;
    return bin;
}

/* values: [n_teach + n_test]; scratch: as long. */
static void fill_bins(
    const float *values, const float *labels, size_t n_teach, float *scratch, struct bins *bins)
{
    size_t n = 0;
    *bins = (struct bins){.gains = {0}};
    for (size_t i = 0; i < n_teach; i++) {
        if (!isnan(values[i]))
            scratch[n++] = values[i];
    }
    qsort(scratch, n, sizeof *scratch, by_value);
    for (size_t k = 1; k < N_BINS; k++)
        bins->edges[k - 1] = n == 0 ? 0 : scratch[k * n / N_BINS];
    for (size_t i = 0; i < n_teach; i++) {
        size_t bin = bin_of(bins, values[i]);
        bins->gains[bin] += labels[i] > 0;
        bins->rows[bin]++;
    }
}

static enum al_err values_auc(
    const float *values, const float *labels, size_t n_teach, size_t n_test, double *auc)
{
    struct bins bins;
    float *scores = malloc((n_teach + n_test + 1) * sizeof *scores);
    double base = 0;
    if (scores == NULL)
        return err_set(AL_ENOMEM, "canaries");
    fill_bins(values, labels, n_teach, scores, &bins);
    for (size_t i = 0; i < n_teach; i++)
        base += labels[i] > 0;
    base /= (double)n_teach;
    for (size_t i = 0; i < n_test; i++) {
        size_t bin = bin_of(&bins, values[n_teach + i]);
        scores[i] = (float)((bins.gains[bin] + SMOOTHING * base) / (bins.rows[bin] + SMOOTHING));
    }
    enum al_err err = evaluate_auc(scores, labels + n_teach, NULL, n_test, auc);
    if (!(*auc >= 0))
        *auc = 0.5; /* one class only */
    free(scores);
    return err;
}

enum al_err canary_column_auc(const struct canary_rows *rows,
                              size_t column,
                              bool by_action,
                              double *auc)
{
    size_t n = rows->n_teach + rows->n_test;
    float *values = calloc(n + 1, sizeof *values);
    if (values == NULL)
        return err_set(AL_ENOMEM, "canaries");
    for (size_t i = 0; i < n; i++)
        values[i] = rows->x[i * rows->n_cols + column] * (by_action ? rows->sign[i] : 1.0F);
    enum al_err err = values_auc(values, rows->labels, rows->n_teach, rows->n_test, auc);
    free(values);
    return err;
}

static bool on_round(void *ctx, const struct model_round *round)
{
    (void)round;
    return training_is_cancelled(ctx);
}

enum al_err canary_model_auc(const struct training *t,
                             const struct canary_rows *rows,
                             const float *labels,
                             double *auc)
{
    struct model_params params;
    struct fitted fitted = {.kind = model_kind_find(SLICE(SMALL_KIND))};
    float *margins = malloc((rows->n_test + 1) * sizeof *margins);
    if (margins == NULL)
        return err_set(AL_ENOMEM, "canaries");
    model_params_default(fitted.kind, &params);
    const struct model_fit fit = {
        .train = {rows->n_teach, rows->n_cols, rows->x, labels, NULL},
        .params = &params,
        .seed = t->job->seed,
        .n_rounds = SMALL_ROUNDS,
        .on_round = on_round,
        .ctx = (void *)(uintptr_t)t, /* only asked whether it is cancelled */
    };
    enum al_err err = fitted.kind->fit(&fit, &fitted.model);
    if (err == AL_OK)
        err = fitted_predict(&fitted, rows->x + rows->n_teach * rows->n_cols, rows->n_test,
                             rows->n_cols, margins);
    if (err == AL_OK)
        err = evaluate_auc(margins, labels + rows->n_teach, NULL, rows->n_test, auc);
    fitted_deinit(&fitted);
    free(margins);
    return err;
}

enum al_err canary_shuffle(const float *labels, size_t n, size_t block, struct rng *rng, float *out)
{
    size_t n_blocks = 0, at = 0;
    size_t *begins = malloc((n + 1) * sizeof *begins);
    if (begins == NULL)
        return err_set(AL_ENOMEM, "canaries");
    for (size_t begin = 0; begin < n; begin += block + rng_below(rng, block))
        begins[n_blocks++] = begin;
    size_t *order = malloc((n_blocks + 1) * sizeof *order);
    for (size_t i = 0; order != NULL && i < n_blocks; i++) {
        size_t k = rng_below(rng, i + 1);
        order[i] = order[k];
        order[k] = i;
    }
    for (size_t i = 0; order != NULL && i < n_blocks; i++) {
        size_t begin = begins[order[i]];
        size_t end = order[i] + 1 < n_blocks ? begins[order[i] + 1] : n;
        memcpy(out + at, labels + begin, (end - begin) * sizeof *out);
        at += end - begin;
    }
    free(begins);
    free(order);
    return order == NULL ? err_set(AL_ENOMEM, "canaries") : AL_OK;
}

/* ---- rows ---- */

void canary_rows_deinit(struct canary_rows *rows)
{
    free(rows->x);
    free(rows->labels);
    free(rows->sign);
    *rows = (struct canary_rows){0};
}

/* Every step-th. Odd, because the rows of a decision's two actions stand side by side. */
static size_t thin(uint32_t *indices, size_t n)
{
    size_t step = n <= CANARY_ROWS_MAX ? 1 : ((n + CANARY_ROWS_MAX - 1) / CANARY_ROWS_MAX) | 1;
    size_t kept = 0;
    for (size_t i = 0; i < n; i += step)
        indices[kept++] = indices[i];
    return kept;
}

/* Which rows of the table are tried, and whose outcome each is given. */
struct choice {
    size_t n_teach, n_test;
    uint32_t *rows, *outcomes; /* [n_teach + n_test] */
};

static void choice_deinit(struct choice *choice)
{
    free(choice->rows);
    free(choice->outcomes);
    *choice = (struct choice){0};
}

static enum al_err choice_init(struct choice *choice, size_t n_max)
{
    *choice = (struct choice){.rows = malloc((n_max + 1) * sizeof *choice->rows),
                              .outcomes = malloc((n_max + 1) * sizeof *choice->outcomes)};
    if (choice->rows != NULL && choice->outcomes != NULL)
        return AL_OK;
    choice_deinit(choice);
    return err_set(AL_ENOMEM, "canaries");
}

static enum al_err choose_own(const struct training *t, struct choice *choice)
{
    const struct split *fold = &t->folds[t->job->n_folds - 1];
    enum al_err err = choice_init(choice, t->table.n);
    if (err != AL_OK)
        return err;
    choice->n_teach =
        thin(choice->rows, split_teachers(fold, t->table.spans, t->table.n, choice->rows));
    uint32_t *test = choice->rows + choice->n_teach;
    for (size_t i = fold->test_begin; i < fold->test_end; i++) {
        if (split_may_teach(&t->holdout, &t->table.spans[i]))
            test[choice->n_test++] = (uint32_t)i;
    }
    choice->n_test = thin(test, choice->n_test);
    memcpy(choice->outcomes, choice->rows,
           (choice->n_teach + choice->n_test) * sizeof *choice->rows);
    return AL_OK;
}

/* ---- the decision after ---- */

/* Rows known before the untouched block, those of one asset and action side by side, each in order of time. */
struct groups {
    size_t n_groups;
    uint32_t *begin; /* [n_groups + 1] */
    uint32_t *rows;
};

static size_t group_of(const struct training *t, size_t index)
{
    const struct train_row *row = train_table_row(&t->table, index);
    return 2 * (size_t)row->asset + (row->action == SIDE_SELL);
}

static enum al_err groups_init(const struct training *t, struct groups *groups)
{
    size_t n = t->holdout.test_begin, n_groups = 2 * t->table.rows->n_assets;
    *groups = (struct groups){.n_groups = n_groups,
                              .begin = calloc(n_groups + 2, sizeof *groups->begin),
                              .rows = malloc((n + 1) * sizeof *groups->rows)};
    if (groups->begin == NULL || groups->rows == NULL) {
        free(groups->begin);
        free(groups->rows);
        return err_set(AL_ENOMEM, "canaries");
    }
    /* Counted two places on, so that filling a group moves its begin to where it belongs. */
    for (size_t i = 0; i < n; i++) {
        if (split_may_teach(&t->holdout, &t->table.spans[i]))
            groups->begin[group_of(t, i) + 2]++;
    }
    for (size_t g = 2; g <= n_groups + 1; g++)
        groups->begin[g] += groups->begin[g - 1];
    for (size_t i = 0; i < n; i++) {
        if (split_may_teach(&t->holdout, &t->table.spans[i]))
            groups->rows[groups->begin[group_of(t, i) + 1]++] = (uint32_t)i;
    }
    return AL_OK;
}

/* The first row of the group that begins after that time; UINT32_MAX: none. */
static uint32_t first_after(const struct training *t,
                            const struct groups *groups,
                            size_t group,
                            int64_t time_ns)
{
    uint32_t low = groups->begin[group], high = groups->begin[group + 1];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (t->table.spans[groups->rows[middle]].t0_ns > time_ns)
            high = middle;
        else
            low = middle + 1;
    }
    return low < groups->begin[group + 1] ? groups->rows[low] : UINT32_MAX;
}

/* The row whose outcome is given to row `index`; UINT32_MAX: there is none within twice the horizon. */
static uint32_t next_outcome(const struct training *t, const struct groups *groups, size_t index)
{
    const struct label_span *span = &t->table.spans[index];
    int64_t horizon_ns = (int64_t)(t->job->label.horizon_seconds * 1e9);
    int64_t end_ns =
        span->t0_ns + horizon_ns > span->t1_ns ? span->t0_ns + horizon_ns - 1 : span->t1_ns;
    uint32_t next = first_after(t, groups, group_of(t, index), end_ns);
    return next != UINT32_MAX && t->table.spans[next].t0_ns - end_ns <= horizon_ns ? next
                                                                                   : UINT32_MAX;
}

static enum al_err choose_next(const struct training *t,
                               const struct choice *own,
                               struct choice *choice)
{
    struct groups groups;
    const struct split *fold = &t->folds[t->job->n_folds - 1];
    size_t n = own->n_teach + own->n_test, kept = 0;
    enum al_err err = choice_init(choice, n);
    if (err == AL_OK)
        err = groups_init(t, &groups);
    if (err != AL_OK)
        return err;
    for (size_t i = 0; i < n; i++) {
        bool teaches = i < own->n_teach;
        uint32_t next = next_outcome(t, &groups, own->rows[i]);
        if (next == UINT32_MAX || (teaches && t->table.spans[next].available_at_ns > fold->cut_ns))
            continue;
        choice->rows[kept] = own->rows[i];
        choice->outcomes[kept++] = next;
        *(teaches ? &choice->n_teach : &choice->n_test) += 1;
    }
    free(groups.begin);
    free(groups.rows);
    return AL_OK;
}

/* ---- rows to try ---- */

static enum al_err rows_init(const struct training *t,
                             const struct choice *choice,
                             struct canary_rows *rows)
{
    const struct train_table *table = &t->table;
    const struct split *fold = &t->folds[t->job->n_folds - 1];
    size_t n = choice->n_teach + choice->n_test;
    *rows = (struct canary_rows){
        .n_cols = table->rows->n_cols, .n_teach = choice->n_teach, .n_test = choice->n_test};
    rows->x = malloc((n + 1) * rows->n_cols * sizeof *rows->x);
    rows->labels = malloc((n + 1) * sizeof *rows->labels);
    rows->sign = malloc((n + 1) * sizeof *rows->sign);
    if (rows->x == NULL || rows->labels == NULL || rows->sign == NULL) {
        canary_rows_deinit(rows);
        return err_set(AL_ENOMEM, "canaries");
    }
    for (size_t i = 0; i < n; i++) {
        enum side action = (enum side)train_table_row(table, choice->rows[i])->action;
        feature_orient(table->set, train_table_features(table, choice->rows[i]), action,
                       rows->x + i * rows->n_cols);
        rows->labels[i] = table->labels[choice->outcomes[i]];
        rows->sign[i] = (float)side_sign(action);
    }
    for (size_t i = fold->test_begin; i < fold->test_end; i++) {
        if (split_may_teach(&t->holdout, &table->spans[i]))
            rows->n_independent += table->unique[i];
    }
    rows->n_independent = fmin(rows->n_independent, (double)rows->n_test);
    return AL_OK;
}

static bool has_both(const float *labels, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (labels[i] != labels[0])
            return true;
    }
    return false;
}

static bool is_enough(const struct canary_rows *rows)
{
    return rows->n_independent >= CANARY_INDEPENDENT_MIN &&
           rows->n_teach >= CANARY_INDEPENDENT_MIN && has_both(rows->labels, rows->n_teach) &&
           has_both(rows->labels + rows->n_teach, rows->n_test);
}

/* ---- the canaries ---- */

/* The first that fails gives the reason. */
static void fail(struct canaries *c, const char *form, ...) __attribute__((format(printf, 2, 3)));

static void fail(struct canaries *c, const char *form, ...)
{
    va_list values;
    if (c->state == MANIFEST_CANARIES_FAILED)
        return;
    c->state = MANIFEST_CANARIES_FAILED;
    va_start(values, form);
    vsnprintf(c->text, sizeof c->text, form, values);
    va_end(values);
}

static const char *column_name(const struct training *t, size_t column)
{
    return t->table.set->columns[column].name;
}

/* As the model sees it, or, where that has no side, by the side of the action: whichever says more. */
static enum al_err best_auc(const struct training *t,
                            const struct canary_rows *rows,
                            size_t column,
                            double *auc)
{
    double by_action = 0;
    enum al_err err = canary_column_auc(rows, column, false, auc);
    if (err == AL_OK && !t->table.set->columns[column].is_oriented)
        err = canary_column_auc(rows, column, true, &by_action);
    *auc = fmax(*auc, by_action);
    return err;
}

static void keep_strongest(struct canaries *c, struct canary_column column)
{
    size_t at = c->n_strongest;
    if (at < CANARY_COLUMNS_SHOWN)
        c->n_strongest++;
    else if (column.auc <= c->strongest[at - 1].auc)
        return;
    else
        at--;
    for (; at > 0 && c->strongest[at - 1].auc < column.auc; at--)
        c->strongest[at] = c->strongest[at - 1];
    c->strongest[at] = column;
}

static void judge_column(struct training *t,
                         const struct canary_rows *own,
                         const struct canary_rows *next,
                         const struct canary_column *column)
{
    struct canaries *c = &t->canaries;
    double low = column->auc - 3 * standard_error(own, own->labels, column->auc);
    if (low > CANARY_COLUMN_AUC_MAX)
        fail(c,
             "canary 'planted future': column '%s' alone ranks the outcomes with an AUC of %.3f "
             "(at least %.3f, at most %.2f is believed): it holds the label or its own future",
             column_name(t, column->column), column->auc, low, CANARY_COLUMN_AUC_MAX);
    if (isnan(column->auc_shifted))
        return;
    double gain = column->auc_shifted - fmax(column->auc, 0.5);
    double se = hypot(standard_error(next, next->labels, column->auc_shifted),
                      standard_error(own, own->labels, column->auc));
    if (gain - 3 * se > CANARY_SHIFT_MARGIN)
        fail(c,
             "canary 'shifted labels': column '%s' ranks the outcomes of decisions after its "
             "label's "
             "end (AUC %.3f) better than its own (AUC %.3f): it was made later, or the labels lie "
             "too early",
             column_name(t, column->column), column->auc_shifted, column->auc);
}

static enum al_err try_columns(struct training *t,
                               const struct canary_rows *own,
                               const struct canary_rows *next)
{
    enum al_err err = AL_OK;
    for (size_t k = 0; k < own->n_cols && err == AL_OK; k++) {
        struct canary_column column = {.column = k, .auc_shifted = NAN};
        err = best_auc(t, own, k, &column.auc);
        if (err == AL_OK && is_enough(next))
            err = best_auc(t, next, k, &column.auc_shifted);
        if (err == AL_OK) {
            judge_column(t, own, next, &column);
            keep_strongest(&t->canaries, column);
        }
        if (err == AL_OK && training_is_cancelled(t))
            err = err_set(AL_ECANCELED, "cancelled among the canaries");
    }
    return err;
}

static enum al_err try_planted(struct training *t, const struct canary_rows *own, struct rng *rng)
{
    struct canaries *c = &t->canaries;
    size_t n = own->n_teach + own->n_test;
    float *values = calloc(n + 1, sizeof *values);
    if (values == NULL)
        return err_set(AL_ENOMEM, "canaries");
    for (size_t i = 0; i < n; i++)
        values[i] = (float)((double)own->labels[i] + PLANTED_SD * rng_normal(rng));
    enum al_err err = values_auc(values, own->labels, own->n_teach, own->n_test, &c->auc_planted);
    free(values);
    double low = c->auc_planted - 3 * standard_error(own, own->labels, c->auc_planted);
    if (err == AL_OK && !(low > CANARY_COLUMN_AUC_MAX))
        fail(c,
             "canary 'planted future': a planted column made of the label was not found (AUC %.3f, "
             "at least %.3f): the check is blind on these rows",
             c->auc_planted, low);
    return err;
}

static enum al_err try_shifted(struct training *t,
                               const struct canary_rows *own,
                               const struct canary_rows *next)
{
    struct canaries *c = &t->canaries;
    enum al_err err = canary_model_auc(t, own, own->labels, &c->auc_small);
    if (err == AL_OK && is_enough(next))
        err = canary_model_auc(t, next, next->labels, &c->auc_shifted);
    if (err != AL_OK || isnan(c->auc_shifted))
        return err;
    double gain = c->auc_shifted - fmax(c->auc_small, 0.5);
    double se = hypot(standard_error(next, next->labels, c->auc_shifted),
                      standard_error(own, own->labels, c->auc_small));
    if (gain - 3 * se > CANARY_SHIFT_MARGIN)
        fail(c,
             "canary 'shifted labels': all columns together rank the outcomes of later decisions "
             "(AUC %.3f) better than their own (AUC %.3f); the strongest is '%s'",
             c->auc_shifted, c->auc_small, column_name(t, c->strongest[0].column));
    return AL_OK;
}

static void judge_joint(struct training *t, const struct canary_rows *own)
{
    double auc = t->oof.evaluation.roc_auc;
    if (auc - 3 * standard_error(own, own->labels, auc) > CANARY_JOINT_AUC_MAX)
        fail(&t->canaries,
             "canary 'planted future': all columns together rank the outcomes out of fold with an "
             "AUC of %.3f (at most %.2f is believed); the strongest is '%s', alone %.3f",
             auc, CANARY_JOINT_AUC_MAX, column_name(t, t->canaries.strongest[0].column),
             t->canaries.strongest[0].auc);
}

static size_t block_length(const struct canary_rows *own)
{
    size_t n = own->n_teach + own->n_test;
    size_t span = (size_t)ceil((double)own->n_test / own->n_independent);
    size_t longest = n / 40 > 1 ? n / 40 : 1; /* twenty blocks and more */
    return span < longest ? span : longest;
}

static enum al_err try_shuffled(struct training *t, const struct canary_rows *own, struct rng *rng)
{
    struct canaries *c = &t->canaries;
    size_t n = own->n_teach + own->n_test;
    float *labels = malloc((n + 1) * sizeof *labels);
    enum al_err err = labels == NULL ? err_set(AL_ENOMEM, "canaries") : AL_OK;
    bool sings = true;
    for (int i = 0; i < CANARY_SHUFFLES && sings && err == AL_OK; i++) {
        double auc = NAN;
        err = canary_shuffle(own->labels, n, block_length(own), rng, labels);
        if (err == AL_OK && has_both(labels, own->n_teach) &&
            has_both(labels + own->n_teach, own->n_test))
            err = canary_model_auc(t, own, labels, &auc);
        c->auc_shuffled_max = 0.5 + 3 * standard_error(own, own->labels, 0.5);
        c->auc_shuffled = i == 0 ? auc : fmin(auc, c->auc_shuffled);
        sings = auc > c->auc_shuffled_max;
    }
    free(labels);
    if (err == AL_OK && sings)
        fail(c,
             "canary 'shuffled labels': a model taught on shuffled labels has an AUC of %.3f (at "
             "most %.3f is chance): rows teach and judge at once; the strongest column is '%s'",
             c->auc_shuffled, c->auc_shuffled_max, column_name(t, c->strongest[0].column));
    return err;
}

static enum al_err try_all(struct training *t,
                           const struct canary_rows *own,
                           const struct canary_rows *next)
{
    struct rng rng;
    rng_seed(&rng, t->job->seed ^ CHANCE);
    t->canaries.state = MANIFEST_CANARIES_PASSED;
    enum al_err err = try_columns(t, own, next);
    if (err == AL_OK)
        err = try_planted(t, own, &rng);
    if (err != AL_OK)
        return err;
    judge_joint(t, own);
    err = try_shifted(t, own, next);
    return err == AL_OK ? try_shuffled(t, own, &rng) : err;
}

static enum al_err choose_rows(const struct training *t,
                               struct canary_rows *own,
                               struct canary_rows *next)
{
    struct choice mine = {0}, after = {0};
    enum al_err err = choose_own(t, &mine);
    if (err == AL_OK)
        err = choose_next(t, &mine, &after);
    if (err == AL_OK)
        err = rows_init(t, &mine, own);
    if (err == AL_OK)
        err = rows_init(t, &after, next);
    choice_deinit(&mine);
    choice_deinit(&after);
    return err;
}

enum al_err train_canaries(struct training *t)
{
    struct canaries *c = &t->canaries;
    struct canary_rows own = {0}, next = {0};
    *c = (struct canaries){.state = MANIFEST_CANARIES_OFF,
                           .n_independent = NAN,
                           .auc_small = NAN,
                           .auc_shifted = NAN,
                           .auc_shuffled = NAN,
                           .auc_shuffled_max = NAN,
                           .auc_planted = NAN};
    if (!t->job->canaries)
        return AL_OK;
    enum al_err err = choose_rows(t, &own, &next);
    if (err == AL_OK) {
        c->n_independent = own.n_independent;
        if (is_enough(&own)) {
            err = try_all(t, &own, &next);
        } else {
            c->state = MANIFEST_CANARIES_SKIPPED;
            snprintf(c->text, sizeof c->text,
                     "the canaries need both outcomes and %d independent labels in the last fold, "
                     "it has %.0f",
                     CANARY_INDEPENDENT_MIN, own.n_independent);
        }
    }
    canary_rows_deinit(&own);
    canary_rows_deinit(&next);
    return err;
}
