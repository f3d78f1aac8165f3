/* A model flattened for scoring, whatever its kind: trees (trees.h) or weights (linear.h). The first bytes of the file say
 * which. The arithmetic is the library's, bit for bit.
 */
#ifndef ALPHALOOP_MODEL_WALKER_H
#define ALPHALOOP_MODEL_WALKER_H

#include <stdbool.h>
#include <stddef.h>

#include "alphaloop/base/buf.h"
#include "alphaloop/base/err.h"

struct walker;

/* From the file format. gives *out: walker_destroy(). AL_EVERIFY when the checksum or a bound does not hold, AL_EVERSION. */
MUST_CHECK enum al_err walker_load(struct slice bytes, struct walker **out);
void walker_destroy(struct walker *walker); /* NULL is fine */

size_t walker_n_features(const struct walker *walker);
size_t walker_n_steps(const struct walker *walker); /* what explaining a row visits */

/* Log-odds of one row of walker_n_features() floats; NaN is missing. */
float walker_score(const struct walker *walker, const float *row);
/* float x[n_rows][n_features] -> margins[n_rows]. Every row exactly as walker_score(). */
void walker_score_rows(const struct walker *walker, const float *x, size_t n_rows, float *margins);

/* What each feature adds to the log-odds of one row, as trees_contributions() and linear_contributions() say; with
 * walker_bias() they sum to walker_score() but for the rounding of its floats. False: the file has not what that takes. */
bool walker_contributions(const struct walker *walker, const float *row, double *contributions);
bool walker_has_contributions(const struct walker *walker);
double walker_bias(const struct walker *walker);

#endif
