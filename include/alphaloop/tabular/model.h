/* A model of a table: what its columns and label were, and one walker for each output.
 *
 *   regression      one output: prediction = mean + deviation * score
 *   two classes     one output, the log-odds of the second: p = 1 / (1 + exp(-score))
 *   more of them    one output each against all others; p_k = s_k / sum(s), s_k = 1 / (1 + exp(-score_k)) (one-vs-rest, as
 *                   normalised by Zadrozny and Elkan 2002); the class with the largest p, the first of equals, is predicted
 *
 * File format "ALTB", little endian, version 1, what model_runs.run_result holds:
 *
 *     magic "ALTB"  u32 version  u32 bytes of the head  head: JSON {kind, columns, target}
 *     u32 n_outputs  n_outputs x { u32 bytes; a walker's file }
 *     sha256 of all before
 *
 * Checklist for a change: raise TABULAR_MODEL_VERSION; keep reading the old one or refuse it by its number; extend
 * model_test.c and the fuzz corpus; say so in docs/train-predict.md.
 */
#ifndef ALPHALOOP_TABULAR_MODEL_H
#define ALPHALOOP_TABULAR_MODEL_H

#include "alphaloop/tabular/kind.h"

#define TABULAR_MODEL_VERSION   1
#define TABULAR_MODEL_BYTES_MAX (16U << 20)

/* Rows to learn from. All borrowed. */
struct tabular_teachers {
    const struct tabular_kind *kind;
    const struct model_params *params;
    const struct tabular_target *target; /* scaled by these rows, when it is a number */
    size_t n_rows, n_cols;
    const float *x;       /* [n_rows][n_cols] */
    const double *values; /* [n_rows] of the target: the number, or the index of the class */
    uint64_t seed;
};

struct tabular_outputs; /* fitted */

/* gives *out: tabular_outputs_destroy(). Errors of the kind's fit. */
MUST_CHECK enum al_err tabular_outputs_fit(const struct tabular_teachers *teachers,
                                           struct tabular_outputs **out);
void tabular_outputs_destroy(struct tabular_outputs *outputs); /* NULL is fine */
/* Numbers [n_rows], or probabilities [n_rows][n_classes] that sum to 1. AL_EVERIFY when the model says
 * something that is not finite. */
MUST_CHECK enum al_err tabular_outputs_predict(const struct tabular_outputs *outputs,
                                               const struct tabular_target *target,
                                               const float *x,
                                               size_t n_rows,
                                               double *out);

/* Appends the file. AL_ERANGE when it is over TABULAR_MODEL_BYTES_MAX. */
MUST_CHECK enum al_err tabular_model_write(const struct tabular_kind *kind,
                                           const struct tabular_columns *columns,
                                           const struct tabular_target *target,
                                           const struct tabular_outputs *outputs,
                                           struct buf *out);

struct tabular_model;
/* gives *out: tabular_model_destroy(). Trusts nothing: AL_EVERIFY, AL_EVERSION; AL_ENOTFOUND: a kind we do not have. */
MUST_CHECK enum al_err tabular_model_load(struct slice bytes, struct tabular_model **out);
void tabular_model_destroy(struct tabular_model *model); /* NULL is fine */
const struct tabular_kind *tabular_model_kind(const struct tabular_model *model);

/* Predict the rows of a JSON array: members `predictions`, `classes` and `probabilities` of the object that is open in `w`, the
 * last two null for a number. Can run on any thread. AL_EINVAL, AL_ERANGE: the rows are not what the model learned, and err_text() says where;
 * nothing is written then. */
MUST_CHECK enum al_err tabular_model_predict(const struct tabular_model *model,
                                             struct json_node *features,
                                             struct json_writer *w);

#endif
