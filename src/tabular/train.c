/* Order the rows, hold out the last, measure there, fit all. */
#include "alphaloop/tabular/train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/tabular/measure.h"

#define NUMBERS_MAX ((size_t)64 << 20) /* floats of all rows */

/* All rows in the order of time, encoded. */
struct rows {
    size_t n, n_held, n_cols;
    float *x;         /* [n][n_cols] */
    double *values;   /* [n] */
    const char *time; /* column they are ordered by; NULL: as they came */
};

static void rows_deinit(struct rows *rows)
{
    free(rows->x);
    free(rows->values);
}

static void put_in_order(const struct tabular_request *r,
                         const size_t *order,
                         const float *x,
                         struct rows *out)
{
    for (size_t i = 0; i < out->n; i++) {
        memcpy(out->x + i * out->n_cols, x + order[i] * out->n_cols, out->n_cols * sizeof *x);
        out->values[i] = r->values[order[i]];
    }
}

static enum al_err rows_init(const struct tabular_request *r, struct rows *out)
{
    size_t n = r->features.n_rows, n_cols = r->columns.n_encoded;
    *out = (struct rows){.n = n, .n_cols = n_cols};
    out->n_held = n < TABULAR_HELD_OUT_MIN ? 0 : n / 5;
    if (n > NUMBERS_MAX / n_cols)
        return err_set(AL_ERANGE,
                       "%zu rows of %zu numbers (categories count once a level): too many", n,
                       n_cols);
    float *x = malloc((n * n_cols + 1) * sizeof *x);
    size_t *order = malloc((n + 1) * sizeof *order);
    out->x = malloc((n * n_cols + 1) * sizeof *x);
    out->values = malloc((n + 1) * sizeof *out->values);
    enum al_err err = x != NULL && order != NULL && out->x != NULL && out->values != NULL
                          ? tabular_columns_encode(&r->columns, &r->features, x)
                          : err_set(AL_ENOMEM, "%zu rows", n);
    if (err == AL_OK) {
        out->time = tabular_columns_order(&r->columns, &r->features, order);
        put_in_order(r, order, x, out);
    }
    free(x);
    free(order);
    return err;
}

/* ---- measures ---- */

static void add_measure(struct tabular_metrics *metrics,
                        const char *prefix,
                        const char *name,
                        double value)
{
    char text[TABULAR_METRIC_NAME_MAX];
    snprintf(text, sizeof text, "%s%s", prefix, name);
    tabular_metrics_add(metrics, text, value);
}

static void add_errors(struct tabular_metrics *metrics,
                       const char *prefix,
                       const struct tabular_errors *errors)
{
    add_measure(metrics, prefix, "rmse", errors->rmse);
    add_measure(metrics, prefix, "mae", errors->mae);
    add_measure(metrics, prefix, "r2", errors->r2);
}

static void add_scores(struct tabular_metrics *metrics,
                       const char *prefix,
                       const struct tabular_scores *scores)
{
    add_measure(metrics, prefix, "accuracy", scores->accuracy);
    add_measure(metrics, prefix, "balanced_accuracy", scores->balanced_accuracy);
    add_measure(metrics, prefix, "log_loss", scores->log_loss);
    add_measure(metrics, prefix, "brier", scores->brier);
    add_measure(metrics, prefix, "auc", scores->auc);
}

/* Predictions of n rows from `first` on, under their measures; `base`: the mean of those who taught. */
static enum al_err add_measures(const struct rows *rows,
                                size_t first,
                                const struct tabular_target *target,
                                const double *predicted,
                                double base,
                                const char *prefix,
                                struct tabular_metrics *metrics)
{
    const double *y = rows->values + first;
    size_t n = rows->n - first;
    if (target->is_class) {
        struct tabular_scores scores;
        if (!tabular_measure_classes(y, predicted, n, target->classes.n, &scores))
            return err_set(AL_ENOMEM, "%zu rows to measure", n);
        add_scores(metrics, prefix, &scores);
    } else {
        struct tabular_errors errors;
        tabular_measure_numbers(y, predicted, n, base, &errors);
        add_errors(metrics, prefix, &errors);
    }
    return AL_OK;
}

/* What one says without the columns: the mean, or the frequencies of the classes, of the first n rows. */
static void say_base(const struct rows *rows,
                     size_t n,
                     const struct tabular_target *target,
                     double *out,
                     size_t n_out)
{
    size_t n_classes = target->is_class ? target->classes.n : 1;
    double said[TABULAR_CLASSES_MAX] = {target->mean};
    if (target->is_class) {
        said[0] = 0;
        for (size_t i = 0; i < n; i++)
            said[(size_t)rows->values[i]] += 1 / (double)n;
    }
    for (size_t i = 0; i < n_out; i++)
        memcpy(out + i * n_classes, said, n_classes * sizeof *said);
}

/* ---- fitting ---- */

static struct tabular_teachers teachers_of(const struct tabular_request *r,
                                           const struct rows *rows,
                                           size_t n,
                                           const struct tabular_target *target,
                                           uint64_t seed)
{
    return (struct tabular_teachers){.kind = r->kind,
                                     .params = &r->params,
                                     .target = target,
                                     .n_rows = n,
                                     .n_cols = rows->n_cols,
                                     .x = rows->x,
                                     .values = rows->values,
                                     .seed = seed};
}

/* The target on the scale of the first n rows; the classes are borrowed. */
static struct tabular_target scaled_target(const struct tabular_request *r,
                                           const struct rows *rows,
                                           size_t n)
{
    struct tabular_target target = r->target;
    if (!target.is_class)
        tabular_target_scale(&target, rows->values, n);
    return target;
}

static enum al_err measure_outputs(const struct rows *rows,
                                   size_t first,
                                   const struct tabular_target *target,
                                   const struct tabular_outputs *outputs,
                                   const char *prefix,
                                   struct tabular_metrics *metrics)
{
    size_t n = rows->n - first, n_values = target->is_class ? target->classes.n : 1;
    double *predicted = malloc((n * n_values + 1) * sizeof *predicted);
    if (predicted == NULL)
        return err_set(AL_ENOMEM, "%zu predictions", n);
    enum al_err err =
        tabular_outputs_predict(outputs, target, rows->x + first * rows->n_cols, n, predicted);
    if (err == AL_OK)
        err = add_measures(rows, first, target, predicted, target->mean, prefix, metrics);
    if (err == AL_OK && first > 0) {
        say_base(rows, first, target, predicted, n);
        err = add_measures(rows, first, target, predicted, target->mean, "heldout_baseline_",
                           metrics);
    }
    free(predicted);
    return err;
}

static void say_split(const struct rows *rows, struct tabular_metrics *metrics)
{
    char text[TABULAR_METRIC_VALUE_MAX];
    if (rows->n_held == 0)
        snprintf(text, sizeof text, "none: with fewer than %d rows no honest measure is possible",
                 TABULAR_HELD_OUT_MIN);
    else if (rows->time != NULL)
        snprintf(text, sizeof text, "the last fifth by the time in column %.64s", rows->time);
    else
        snprintf(
            text, sizeof text,
            "the last fifth in the order of rows; there is no time column, so neighbours may be "
            "on both sides");
    tabular_metrics_add_text(metrics, "heldout_split", text);
    tabular_metrics_add(metrics, "heldout_rows", (double)rows->n_held);
}

/* Classes that occur in the last fifth alone cannot be learned from the others: that is said, and no measure. */
static enum al_err hold_out(const struct tabular_request *r,
                            const struct rows *rows,
                            uint64_t seed,
                            struct tabular_metrics *metrics)
{
    size_t n_teach = rows->n - rows->n_held;
    struct tabular_outputs *outputs = NULL;
    say_split(rows, metrics);
    if (rows->n_held == 0)
        return AL_OK;
    struct tabular_target target = scaled_target(r, rows, n_teach);
    const struct tabular_teachers teachers = teachers_of(r, rows, n_teach, &target, seed);
    enum al_err err = tabular_outputs_fit(&teachers, &outputs);
    if (err == AL_EINVAL) {
        tabular_metrics_add_text(metrics, "heldout_problem", err_text());
        return AL_OK;
    }
    if (err == AL_OK)
        err = measure_outputs(rows, n_teach, &target, outputs, "heldout_", metrics);
    tabular_outputs_destroy(outputs);
    return err;
}

static enum al_err fit_all(const struct tabular_request *r,
                           const struct rows *rows,
                           uint64_t seed,
                           struct buf *model,
                           struct tabular_metrics *metrics)
{
    struct tabular_target target = scaled_target(r, rows, rows->n);
    const struct tabular_teachers teachers = teachers_of(r, rows, rows->n, &target, seed);
    struct tabular_outputs *outputs = NULL;
    enum al_err err = tabular_outputs_fit(&teachers, &outputs);
    if (err == AL_OK)
        err = measure_outputs(rows, 0, &target, outputs, "fitted_", metrics);
    if (err == AL_OK)
        err = tabular_model_write(r->kind, &r->columns, &target, outputs, model);
    tabular_outputs_destroy(outputs);
    return err;
}

static const char *task_of(const struct tabular_request *r)
{
    return !r->target.is_class ? "regression" : r->target.classes.n > 2 ? "multi-class" : "binary";
}

enum al_err tabular_train(const struct tabular_request *request,
                          uint64_t seed,
                          struct buf *model,
                          struct tabular_metrics *metrics)
{
    struct rows rows;
    tabular_metrics_add_text(metrics, "model_name", request->kind->name);
    tabular_metrics_add_text(metrics, "task", task_of(request));
    tabular_metrics_add(metrics, "rows", (double)request->features.n_rows);
    tabular_metrics_add(metrics, "feature_columns", (double)request->columns.n);
    tabular_metrics_add(metrics, "feature_numbers", (double)request->columns.n_encoded);
    if (request->target.is_class)
        tabular_metrics_add(metrics, "classes", (double)request->target.classes.n);
    enum al_err err = rows_init(request, &rows);
    if (err == AL_OK)
        err = hold_out(request, &rows, seed, metrics);
    if (err == AL_OK)
        err = fit_all(request, &rows, seed, model, metrics);
    rows_deinit(&rows);
    return err;
}
