/* manifest.json of a version of a forecast, and the other files of its folder MODEL_STORAGE_PATH/forecasts/<name>/<n>/:
 *
 *     manifest.json   this
 *     h<hours>.model  the fitted model of each horizon, in the format of its kind
 *     oof.bin         out-of-fold forecasts of every horizon (oof.h): what the next version is compared on
 *
 * Written last, so that a folder whose manifest verifies is complete; every other file is listed with size and sha256. Reading is
 * strict. Checklist for a change: raise FORECAST_MANIFEST_FORMAT when an older program must not read the new file; new members are
 * otherwise optional when read; extend manifest_test.c, the fuzz corpus and docs/forecasts.md.
 */
#ifndef ALPHALOOP_FORECAST_MANIFEST_H
#define ALPHALOOP_FORECAST_MANIFEST_H

#include "alphaloop/domain/names.h"
#include "alphaloop/forecast/kind.h"
#include "alphaloop/forecast/measure.h"
#include "alphaloop/model/conformal.h"
#include "alphaloop/model/manifest.h"

#define FORECAST_MANIFEST_FORMAT    1
#define FORECAST_MANIFEST_BYTES_MAX (1024U * 1024)
#define FORECAST_HORIZONS_MAX       16
#define FORECAST_HOURS_MAX          8760
#define FORECAST_NAME_MAX           101 /* 1..100 of A-Z a-z 0-9 _ - */
#define FORECAST_OOF_FILE           "oof.bin"

struct forecast_name {
    char text[FORECAST_NAME_MAX];
};
bool forecast_name_parse(struct slice text, struct forecast_name *out);

struct forecast_horizon {
    uint32_t hours;
    uint64_t n_taught; /* rows the final model was taught */
    struct manifest_file file;
    struct conformal conformal; /* of |y - f| / sigma; n_rows 0: too few for intervals */
    struct forecast_measures measures;
};

struct forecast_gate {
    bool promote;
    char rule[32];                    /* "first", "better" or "no_worse" */
    char reason[MANIFEST_REASON_MAX]; /* a sentence */
    uint64_t incumbent;               /* version it was compared with; 0: none */
    double n_pairs, gain, lower;      /* NaN without an incumbent */
};

struct forecast_manifest {
    struct forecast_name name;
    uint64_t version;
    struct asset asset;
    int64_t interval_ns;
    char kind[MODEL_KIND_TEXT_MAX];
    struct model_params params;
    size_t n_features;
    char features[FEATURES_MAX][MANIFEST_NAME_MAX];
    struct sha256 schema_hash;
    double coverage; /* what intervals are made to hold */
    uint64_t seed;
    char library_version[XGB_VERSION_TEXT_MAX]; /* "" when none was needed */
    int64_t from_ns, to_ns;                     /* end of the first and of the last bar read */
    uint64_t n_bars, n_gaps;
    struct sha256 data_hash; /* of the bars */
    int64_t trained_at_ns;
    double training_seconds;
    struct forecast_gate gate;
    struct manifest_file oof;
    size_t n_horizons;
    struct forecast_horizon horizons[FORECAST_HORIZONS_MAX]; /* rising */
};

/* About 60 kB: keep it on the heap. */
void forecast_manifest_write(const struct forecast_manifest *manifest, struct buf *out);
/* AL_EPARSE with the field; AL_EVERSION: another format, or a kind this program has not. */
MUST_CHECK enum al_err forecast_manifest_read(struct slice text, struct forecast_manifest *out);

/* Index of the horizon; SIZE_MAX when there is none. */
size_t forecast_manifest_find(const struct forecast_manifest *manifest, uint32_t hours);

/* Describe a file, and hold one against its description: AL_EVERIFY names it. */
void forecast_file_describe(const char *name, struct slice bytes, struct manifest_file *out);
MUST_CHECK enum al_err forecast_file_check(const struct manifest_file *file, struct slice bytes);

#endif
