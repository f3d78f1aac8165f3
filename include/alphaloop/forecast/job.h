/* A training of a forecast: everything it depends on, so that the same job on the same bars gives the same bytes. The parent writes
 * it to a file, the child reads it; what comes back are the lines of train/job.h and the folder. */
#ifndef ALPHALOOP_FORECAST_JOB_H
#define ALPHALOOP_FORECAST_JOB_H

#include "alphaloop/forecast/manifest.h"
#include "alphaloop/train/job.h"

#define FORECAST_JOB_BYTES_MAX (64U * 1024)
#define FORECAST_BARS_MAX      1000000

struct forecast_job {
    struct forecast_name name;
    uint64_t version;
    struct asset asset;
    int64_t interval_ns;
    size_t n_horizons;
    uint32_t hours[FORECAST_HORIZONS_MAX]; /* rising; each a multiple of the interval */
    char kind[MODEL_KIND_TEXT_MAX];
    struct model_params params;
    uint64_t seed;
    uint64_t n_bars_max;            /* the newest are read */
    double coverage;                /* of the intervals */
    double gate_alpha;              /* level of the gate's test */
    double gate_margin;             /* share of its loss by which newer data may do worse */
    char incumbent[TRAIN_PATH_MAX]; /* folder of the version that serves; "" when none */
    char output[TRAIN_PATH_MAX];    /* folder to write: must not exist */
    uint64_t deadline_seconds;      /* the child ends itself by then */
};

void forecast_job_default(struct forecast_job *job); /* everything that has a default */
/* Horizons as text "1,3,24,168", in hours: rising, each once. AL_EINVAL with what is allowed. */
MUST_CHECK enum al_err forecast_job_horizons(struct forecast_job *job, struct slice text);
/* What no field alone can tell: horizons that are no multiples of the interval. AL_EINVAL. */
MUST_CHECK enum al_err forecast_job_check(const struct forecast_job *job);
void forecast_job_write(const struct forecast_job *job, struct buf *out);
MUST_CHECK enum al_err forecast_job_read(struct slice text,
                                         struct forecast_job *out); /* AL_EPARSE, AL_ERANGE */

/* The kind a caller names: its own name, or how others call it ("RandomForest", "LinearRegression", "XGBRegressor"), in any
 * case, with or without underscores; NULL when there is none. */
const struct forecast_kind *forecast_kind_by_type(struct slice type);

#endif
