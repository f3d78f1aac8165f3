/* The folders of MODEL_STORAGE_PATH/forecasts: <name>/<n>/, whole or not at all. Blocking: the training child, a person's run or
 * the thread pool. */
#ifndef ALPHALOOP_APP_FORECAST_STORE_H
#define ALPHALOOP_APP_FORECAST_STORE_H

#include "alphaloop/forecast/forecaster.h"
#include "alphaloop/forecast/train.h"
#include "alphaloop/io/file.h"

#define FORECAST_STORE_DIR "forecasts"

/* "forecasts/<name>/<n>": what the registry keeps as file_path. */
void forecast_store_relative(const struct forecast_name *name,
                             uint64_t version,
                             char out[FILE_PATH_MAX]);
/* root + "/" + relative */
MUST_CHECK enum al_err forecast_store_path(const char *root,
                                           const char *relative,
                                           char out[FILE_PATH_MAX]);
/* Of a path from outside, absolute below root or relative to it or to its forecasts: the relative one; false for any other. */
bool forecast_store_own(const char *root, struct slice path, char out[FILE_PATH_MAX]);

/* Make the folder that a name's versions go into. */
MUST_CHECK enum al_err forecast_store_make(const char *root, const struct forecast_name *name);
/* Write the folder of a sealed result; nothing is there on failure. */
MUST_CHECK enum al_err forecast_store_save(const char *folder,
                                           const struct forecast_result *result);

/* Read and verify a whole folder. gives *out. AL_ENOTFOUND: it is not there; AL_EVERIFY, AL_EVERSION, AL_EPARSE, AL_EIO.
 *   manifest_hash  out: of manifest.json; may be NULL */
MUST_CHECK enum al_err forecast_store_load(const char *folder,
                                           struct sha256 *manifest_hash,
                                           struct forecaster **out);
/* What the gate reads of a version. gives *oof: forecast_oof_deinit(). */
MUST_CHECK enum al_err forecast_store_load_oof(const char *folder,
                                               struct forecast_manifest *manifest,
                                               struct forecast_oof *oof);

/* Remove what a crash left: temporary folders and job files. */
MUST_CHECK enum al_err forecast_store_clean(const char *root);

#endif
