/* Whether the market is one the model has seen: Mahalanobis' distance (1936) of a feature vector from its training rows, on
 * robustly scaled columns.
 *
 *     z_k = (x_k - median_k) / s_k,  s_k = interquartile range / 1.349 (standard deviation where that is 0), held to +-8
 *     D^2 = (z - m)' S^-1 (z - m)
 *
 * with m and S the mean and covariance of the training rows' z, S shrunk by a tenth towards its diagonal (Ledoit & Wolf 2004
 * for why; a constant share here) so that nearly equal columns do not make a hair's breadth between them a sign of novelty.
 * A row is novel when D is above the 99 % quantile of the training rows' own.
 *
 * A missing value counts as the middle. Columns that never varied are left out, since no tree can split on them, and so are
 * those the caller names: the time of day is not news, and our own position is our own doing. Vectors are taken as frozen,
 * not oriented. A score costs n_used^2 / 2 multiplications: about 1 us for 70 columns.
 *
 * novelty.bin, little endian: magic "ALNV"  u32 version  u32 n_cols  u32 n_used  f32 threshold, then for each used column
 * u32 index  f32 median  f32 s  f32 m, then Cholesky's factor of S by columns, f32 L[k][k..n_used).
 */
#ifndef ALPHALOOP_MODEL_NOVELTY_H
#define ALPHALOOP_MODEL_NOVELTY_H

#include <stdbool.h>
#include <stddef.h>

#include "alphaloop/base/buf.h"
#include "alphaloop/base/err.h"

#define NOVELTY_FILE_NAME "novelty.bin"
#define NOVELTY_VERSION   1
#define NOVELTY_BYTES_MAX (512U * 1024)
#define NOVELTY_ROWS_MIN  200
#define NOVELTY_ROWS_MAX  20000 /* of more, every so-manieth is used */
#define NOVELTY_QUANTILE  0.99

struct novelty;

/*   x        [n_rows][n_cols], NaN = missing                                 borrows
 *   ignored  [n_cols] columns to leave out; NULL: none
 *   out      gives: novelty_destroy()
 *   returns  AL_OK; AL_ESHORT: fewer than NOVELTY_ROWS_MIN rows, or no column left; AL_ENOMEM */
MUST_CHECK enum al_err novelty_fit(
    const float *x, size_t n_rows, size_t n_cols, const bool *ignored, struct novelty **out);
void novelty_destroy(struct novelty *novelty); /* NULL is fine */

/* D over its threshold: above 1 the row is novel. row [n_cols]. */
double novelty_score(const struct novelty *novelty, const float *row);
size_t novelty_n_used(const struct novelty *novelty);

void novelty_write(const struct novelty *novelty, struct buf *out);
/* AL_EVERIFY: no such file of ours, or for another number of columns. */
MUST_CHECK enum al_err novelty_read(struct slice bytes, size_t n_cols, struct novelty **out);

#endif
