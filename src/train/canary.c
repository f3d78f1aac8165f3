#include "canary_i.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fit_i.h"

#define PLANTED_SD 0.4 /* of the noise over a label of 0 or 1: an AUC of 0.96 */
#define CHANCE     UINT64_C(0x63616e617279)

/* ---- how much there is ---- */

/* Of an AUC on the judges, which are as many as their labels are independent. */
static double standard_error(const struct canary_rows *rows, const float *labels, double auc)
{
    double n_gains = 0;
    for (size_t i = 0; i < rows->n_test; i++)
        n_gains += labels[rows->n_teach + i] > 0;
    double scale = rows->n_independent / (double)rows->n_test;
    return canary_auc_se(auc, n_gains * scale, ((double)rows->n_test - n_gains) * scale);
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
    enum al_err err =
        canary_values_auc(values, own->labels, own->n_teach, own->n_test, &c->auc_planted);
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
    enum al_err err = canary_rows_choose(t, &own, &next);
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
