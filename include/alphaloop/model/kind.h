/* Kinds of model: how a table of numbers becomes something that predicts the log-odds of a good outcome.
 *
 * Every kind is one file in src/model/kind/ and one row of model_kinds.def, and passes tests/contract/model/kind_test.c:
 * the same data, parameters and seed give the same bytes; a loaded model predicts what the saved one did; a missing value is
 * NaN, never 0; cancel stops a fit between rounds.
 *
 * Rows are row-major `float x[n_rows][n_cols]`, finite or NaN, oriented by the action (feature_orient()).
 */
#ifndef ALPHALOOP_MODEL_KIND_H
#define ALPHALOOP_MODEL_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alphaloop/base/buf.h"
#include "alphaloop/base/err.h"
#include "alphaloop/base/json.h"

#define MODEL_PARAMS_MAX    16
#define MODEL_KIND_TEXT_MAX 32
#define MODEL_BYTES_MAX     (256U * 1024 * 1024) /* of a saved model */
/* The bins of a histogram are laid out by this many teachers at most, spread evenly over all of them. */
#define MODEL_SKETCH_ROWS_MAX 131072

/* One parameter a kind takes. The library accepts unknown names and odd values silently, so the list is ours. */
struct model_param_spec {
    const char *name;
    bool is_integer;
    double value_default, min, max;
    const char *help;
};

/* Where a search looks for a better value: among those allowed, and often far within. */
struct model_param_range {
    const char *name;
    double min, max;
    bool is_log; /* evenly in the logarithm; min > 0 */
};

/* Values in the order of the kind's specs. */
struct model_params {
    double values[MODEL_PARAMS_MAX];
};

/* Rows to learn from or to be judged on. All borrowed. */
struct model_rows {
    size_t n_rows, n_cols;
    const float *x;       /* [n_rows][n_cols] */
    const float *labels;  /* [n_rows], 0 or 1 */
    const float *weights; /* [n_rows], >= 0; NULL: all 1 */
};

struct model_round {
    size_t round, n_rounds_max; /* 1.. */
    double loss;                /* weighted log loss on the validation rows; NaN without any */
    size_t best_round;
    double best_loss;
};

struct model_fit {
    struct model_rows train;
    struct model_rows validation; /* n_rows 0: no early stopping, all rounds are kept */
    const struct model_params *params;
    uint64_t seed;
    size_t
        n_rounds; /* > 0: exactly that many rounds, whatever the parameter says; 0: the parameter */
    /* Called after every round; true cancels. May be NULL. */
    bool (*on_round)(void *ctx, const struct model_round *round);
    void *ctx;
};

struct model; /* a fitted model */

/* What the library says of one column. All 0 when no split uses it. */
struct model_importance {
    float
        weight; /* splits on it; of a linear kind its weight, for a step of one standard deviation */
    float gain;  /* mean gain in loss of a split */
    float cover; /* mean sum of Hessians of a split */
};

struct model_kind {
    const char *name;
    const char *summary;
    bool is_linear; /* a weighted sum of columns: nothing of interactions, nothing of chance */
    const struct model_param_spec *params;
    size_t n_params;
    const struct model_param_range *ranges; /* of the parameters worth searching */
    size_t n_ranges;

    /* gives *out (free with destroy). AL_ECANCELED; AL_EINVAL: no rows, one class only, not finite; AL_EMODEL; AL_ENOTFOUND
     * or AL_EVERSION when the library cannot be had. */
    enum al_err (*fit)(const struct model_fit *fit, struct model **out);
    size_t (*n_rounds)(const struct model *model); /* rounds kept */
    enum al_err (*predict)(const struct model *model,
                           const float *x,
                           size_t n_rows,
                           size_t n_cols,
                           float *margins);                          /* log-odds, out [n_rows] */
    enum al_err (*save)(const struct model *model, struct buf *out); /* the library's own format */
    enum al_err (*load)(struct slice bytes, struct model **out);
    enum al_err (*flatten)(const struct model *model, struct buf *out); /* walker.h format */
    enum al_err (*importance)(const struct model *model,
                              size_t n_cols,
                              struct model_importance *out); /* out [n_cols] */
    void (*destroy)(struct model *model);                    /* NULL is fine */
};

const struct model_kind *model_kind_find(struct slice name);              /* NULL when unknown */
size_t model_kind_param(const struct model_kind *kind, const char *name); /* index; it must exist */
size_t model_kind_count(void);
const struct model_kind *model_kind_at(size_t index);

void model_params_default(const struct model_kind *kind, struct model_params *out);
/* Members of a JSON object over the defaults; NULL gives the defaults. AL_EINVAL or AL_ERANGE with the parameter, its value
 * and what is allowed in err_text(). */
MUST_CHECK enum al_err model_params_read(const struct model_kind *kind,
                                         struct json_node *object,
                                         struct model_params *out);
MUST_CHECK enum al_err model_params_check(const struct model_kind *kind,
                                          const struct model_params *params);
void model_params_write(const struct model_kind *kind,
                        const struct model_params *params,
                        struct json_writer *w);

#endif
