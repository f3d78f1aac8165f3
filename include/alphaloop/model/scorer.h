/* A served model: bytes of a version's folder in, predictions out.
 *
 * The trainer stores probe rows (with missing values) and the margins the library gave for them. At creation the walker must
 * give the same bits; when it does not, the library itself is loaded and serves, and scorer_note() says so.
 *
 * probe.bin, little endian: magic "ALPR"  u32 version  u32 n_rows  u32 n_cols  f32 x[n_rows][n_cols]  f32 margins[n_rows].
 */
#ifndef ALPHALOOP_MODEL_SCORER_H
#define ALPHALOOP_MODEL_SCORER_H

#include "alphaloop/model/manifest.h"
#include "alphaloop/model/novelty.h"

#define PROBE_VERSION  1
#define PROBE_ROWS_MAX 4096

struct scorer;

/* The files of a version folder, as read. Borrowed. */
struct model_files {
    struct slice manifest, trees, probe, model;
    struct slice novelty; /* ptr NULL: not given, and nothing is called novel */
};

/* Verify and load.
 *
 *   files        hashes and sizes are held against the manifest
 *   schema_hash  of the feature set the strategy has now; NULL does not ask (reports, tools)
 *   out          gives: scorer_destroy()
 *   returns      AL_OK; AL_EVERIFY: a file is not as the manifest says; AL_EVERSION: another feature schema or format;
 *                AL_EPARSE; or what loading the library says when the walker does not agree with it
 */
MUST_CHECK enum al_err scorer_create(const struct model_files *files,
                                     const struct sha256 *schema_hash,
                                     struct scorer **out);
void scorer_destroy(struct scorer *scorer); /* NULL is fine */

const struct manifest *scorer_manifest(const struct scorer *scorer);
bool scorer_uses_walker(const struct scorer *scorer);
const struct novelty *scorer_novelty(const struct scorer *scorer); /* NULL: the version has none */
const char *scorer_note(const struct scorer *scorer); /* "" or why the library serves */

/* One row as oriented by feature_orient() for the action in question, manifest->n_features floats. AL_EMODEL only when the
 * library serves and fails. */
MUST_CHECK enum al_err scorer_predict(const struct scorer *scorer,
                                      const float *oriented_row,
                                      struct prediction *out);
MUST_CHECK enum al_err scorer_margins(const struct scorer *scorer,
                                      const float *x,
                                      size_t n_rows,
                                      float *margins);

/* What each feature adds to the margin of one oriented row (trees.h), and the mean it is added to. False when nothing exact can
 * be said: the folder is of a version that kept no covers, or the library serves. */
bool scorer_contributions(const struct scorer *scorer,
                          const float *oriented_row,
                          double *contributions,
                          double *bias);

/* Write probe.bin. */
void probe_write(
    const float *x, size_t n_rows, size_t n_cols, const float *margins, struct buf *out);

#endif
