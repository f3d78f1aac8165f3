/* The folders of MODEL_STORAGE_PATH: v1/, v2/ ... whole or not at all. Blocking: start-up, the training child, or the thread
 * pool. */
#ifndef ALPHALOOP_APP_MODEL_STORE_H
#define ALPHALOOP_APP_MODEL_STORE_H

#include "alphaloop/io/file.h"
#include "alphaloop/model/scorer.h"
#include "alphaloop/train/fit.h"

/* root + "/" + version */
MUST_CHECK enum al_err model_store_path(const char *root,
                                        const struct model_version_id *version,
                                        char out[FILE_PATH_MAX]);

/* Read, verify and load one version.
 *
 *   manifest_hash  what the registry row says of manifest.json; NULL does not ask
 *   schema_hash    as scorer_create()
 *   returns        as scorer_create(), and AL_ENOTFOUND or AL_EIO for the folder
 */
MUST_CHECK enum al_err model_store_load(const char *folder,
                                        const struct sha256 *manifest_hash,
                                        const struct sha256 *schema_hash,
                                        struct scorer **out);

/* How long one row takes to score, microseconds: the 99 % quantile of 2000. Of this machine and moment, so it stands in
 * verdicts and nowhere else. At a millisecond both actions, and four shadows beside them, still fit into the 15 ms from a tick to
 * its signal. NaN: the model cannot be asked. */
#define SCORING_BUDGET_US 1000
double model_store_scoring_p99_us(const struct scorer *scorer);

/* What the report of a version says of its columns, as the answer of GET /api/v1/models/{version}/importance. AL_ENOTFOUND: there
 * is no such folder, or it is of a program that kept no importance; AL_EVERIFY, AL_EPARSE, AL_EIO. */
MUST_CHECK enum al_err model_store_importance(const char *folder, struct buf *out);

/* Write the folder of a result; nothing is there on failure. */
MUST_CHECK enum al_err model_store_save(const char *folder, const struct train_result *result);

/* Remove what a crash left: temporary folders, and versions that `is_known` does not know. Other names are left alone.
 * *n_removed may be NULL. */
MUST_CHECK enum al_err model_store_clean(const char *root,
                                         bool (*is_known)(void *ctx,
                                                          const struct model_version_id *version),
                                         void *ctx,
                                         size_t *n_removed);

/* Whether versions can be written there, making the folder when it is missing. */
MUST_CHECK enum al_err model_store_check(const char *root);

#endif
