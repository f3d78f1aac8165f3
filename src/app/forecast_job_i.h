/* What every training of a forecast has in common, whether the worker or a person asked for it. */
#ifndef ALPHALOOP_APP_FORECAST_JOB_I_H
#define ALPHALOOP_APP_FORECAST_JOB_I_H

#include "alphaloop/app/forecast_store.h"
#include "alphaloop/io/proc.h"
#include "alphaloop/settings/settings.h"
#include "alphaloop/store/ml_models.h"

/* What the settings say of every training; name, asset, interval, horizons, kind and parameters are the caller's. */
void forecast_job_from_settings(const struct settings *settings, struct forecast_job *job);
/* The version's number and where it goes; serving: file_path of the one that serves, "" when none. */
MUST_CHECK enum al_err forecast_job_number(const struct settings *settings,
                                           uint64_t version,
                                           const char *serving,
                                           struct forecast_job *job);
/* Write the job where the child finds it; `path` out. Blocking, but small. */
MUST_CHECK enum al_err forecast_job_put(const struct settings *settings,
                                        const struct forecast_job *job,
                                        char path[FILE_PATH_MAX]);

/* Row of the registry for a version that was verified: horizons, path, asset, kind, measures ... `measures` owns the text the row
 * borrows. */
void forecast_row_of(const struct forecast_manifest *manifest,
                     struct ml_model_row *row,
                     struct buf *measures);
/* "[1, 3, 24]" */
void forecast_horizons_text(const uint32_t *hours, size_t n, char out[ML_MODEL_HORIZONS_MAX]);

/* Child and person of `alphaloop train --forecast`. */
int forecast_child(const struct settings *settings, const char *job_path);

struct forecast_order { /* as on the command line; NULL where it was not given */
    const char *name, *asset, *interval, *horizons, *kind, *parameters;
};
int forecast_person(const struct settings *settings,
                    const char *env_file,
                    const struct forecast_order *order);

#endif
