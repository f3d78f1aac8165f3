/* Kinds of the train/predict routes: what a caller may train on a table of its own.
 *
 * Every kind is one file in src/tabular/kind/ and one row of tabular_kinds.def. It fits one output at a time, a number on one
 * scale (mean 0, deviation 1) or whether a row is of a class, and gives what walker_load() reads, so the process that predicts
 * needs no library. More than two classes are one output each against all others (model.h).
 */
#ifndef ALPHALOOP_TABULAR_KIND_H
#define ALPHALOOP_TABULAR_KIND_H

#include <stdint.h>

#include "alphaloop/model/booster.h"
#include "alphaloop/tabular/columns.h"

enum tabular_task { TABULAR_REGRESSION, TABULAR_CLASSIFICATION };

struct tabular_fit {
    size_t n_rows, n_cols;
    const float *x;      /* [n_rows][n_cols], finite or NaN */
    const float *labels; /* [n_rows]: a scaled number, or 0 and 1 */
    const struct model_params *params;
    uint64_t seed;
};

struct tabular_kind {
    const char *name, *description;
    enum tabular_task task;
    const struct model_param_spec *params; /* with defaults */
    size_t n_params;
    const char *const *
        features; /* names of the columns it wants, NULL ends; NULL: any, and a run keeps its own */
    const char *label; /* name of the label's column; NULL: any one */
    /* Appends a walker's file whose score is the scaled number, or the log-odds of 1. AL_EINVAL: nothing to tell apart ... */
    enum al_err (*fit)(const struct tabular_fit *fit, struct buf *walker);
};

const char *tabular_task_name(enum tabular_task task);           /* "regression" */
const struct tabular_kind *tabular_kind_find(struct slice name); /* NULL when unknown */
size_t tabular_kind_count(void);
const struct tabular_kind *tabular_kind_at(size_t index);

/* Members of an object over the defaults, numbers or strings of them; NULL gives the defaults. AL_EINVAL names the member
 * and what there is; AL_ERANGE what is allowed. */
MUST_CHECK enum al_err tabular_params_read(const struct tabular_kind *kind,
                                           struct json_node *object,
                                           struct model_params *out);

#endif
