/* A weighted sum of scaled columns (scaler.h), flattened for scoring: log-odds = bias + sum of w z over the columns that are
 * not missing, added in float in the order of the columns, which is what the library does (gblinear, measured on 1.7.4).
 *
 * File format "ALLW", little endian, version 1:
 *
 *     magic "ALLW"  u32 version  u32 n_features  f32 bias
 *     n_features  x { f32 mean; f32 inverse of the deviation; f32 weight }
 *     sha256 of all before
 *
 * Checklist for a change: raise LINEAR_VERSION; keep reading the old one or refuse it by its number; extend linear_test.c and
 * the fuzz corpus; say so in docs/models.md.
 */
#ifndef ALPHALOOP_MODEL_LINEAR_H
#define ALPHALOOP_MODEL_LINEAR_H

#include <stdbool.h>
#include <stddef.h>

#include "alphaloop/base/buf.h"
#include "alphaloop/base/err.h"

#define LINEAR_VERSION      1
#define LINEAR_FEATURES_MAX 1024
#define LINEAR_SCALER       "scaler" /* attribute of the library's model that holds scaler.h's text */

struct linear;

/* From a model in the library's JSON format to the file format. AL_EPARSE, AL_ERANGE, AL_EVERSION (another booster, or one
 * without a scaler). */
MUST_CHECK enum al_err linear_flatten(struct slice model_json, struct buf *out);

/* The format of a model that says `score` of every row, whatever its n_features columns hold. */
void linear_write_constant(size_t n_features, float score, struct buf *out);

bool linear_is(struct slice bytes); /* by the magic alone */
/* From the file format. gives *out: linear_destroy(). AL_EVERIFY when the checksum or a bound does not hold, AL_EVERSION. */
MUST_CHECK enum al_err linear_load(struct slice bytes, struct linear **out);
void linear_destroy(struct linear *linear); /* NULL is fine */

size_t linear_n_features(const struct linear *linear);
float linear_score(const struct linear *linear, const float *row);

/* w z of every column, 0 where it is missing: its Shapley value when columns are independent, and the library's
 * pred_contribs; in double. */
void linear_contributions(const struct linear *linear, const float *row, double *contributions);
double linear_bias(const struct linear *linear);

#endif
