/* manifest.json of a model version: everything that is needed to trust, load, explain and rebuild it (contract section 7).
 *
 * Written by the trainer as the last file of a folder, so that a folder with a manifest that verifies is complete. Reading is
 * strict: a missing or odd field is an error that names it. Checklist for a change: raise MANIFEST_FORMAT when an older program
 * must not read the new file; new fields are otherwise optional when read; extend manifest_test.c and docs/models.md.
 */
#ifndef ALPHALOOP_MODEL_MANIFEST_H
#define ALPHALOOP_MODEL_MANIFEST_H

#include "alphaloop/domain/decision.h"
#include "alphaloop/model/calibration.h"
#include "alphaloop/model/conformal.h"
#include "alphaloop/model/kind.h"
#include "alphaloop/model/xgb.h"

#define MANIFEST_FORMAT      1
#define MANIFEST_BYTES_MAX   (1024U * 1024)
#define MANIFEST_FILES_MAX   16
#define MANIFEST_METRICS_MAX 64
#define MANIFEST_NUMBERS_MAX 32
#define MANIFEST_NAME_MAX    64
#define MANIFEST_REASON_MAX  512

#define MANIFEST_FILE_NAME "manifest.json"
#define MODEL_FILE_NAME    "model.ubj"   /* the library's own format */
#define TREES_FILE_NAME    "trees.bin"   /* trees.h */
#define PROBE_FILE_NAME    "probe.bin"   /* scorer.h */
#define REPORT_FILE_NAME   "report.json" /* for people: folds, trials, gate */

enum metric_type { METRIC_TYPE_CLASSIFICATION, METRIC_TYPE_REGRESSION, METRIC_TYPE_TRADING };
const char *metric_type_name(
    enum metric_type type); /* "classification", "regression", "trading_performance" */

struct manifest_file {
    char name[MANIFEST_NAME_MAX]; /* no '/', not the manifest itself */
    uint64_t n_bytes;
    struct sha256 hash;
};

struct manifest_metric {
    char name[MANIFEST_NAME_MAX];
    enum metric_type type;
    double value; /* in [0, 1] when the type is classification */
    uint64_t n;   /* rows it was computed on */
};

struct manifest_number {
    char name[MANIFEST_NAME_MAX];
    double value;
};

struct manifest_label {
    double horizon_seconds, barrier_up, barrier_down, settlement_lag_seconds;
};

struct manifest_data {
    int64_t from_ns, to_ns;  /* first and last decision used */
    int64_t cut_ns;          /* only labels available by then */
    int64_t holdout_from_ns; /* first decision of the untouched block */
    uint64_t n_rows, n_decisions, n_market_rows, n_holdout_rows;
    double n_eff;
    struct sha256 hash; /* of the rows, in order, with labels and weights */
};

/* What became of the canaries (docs/learning-details.md); unknown in folders older than they are. */
enum manifest_canaries {
    MANIFEST_CANARIES_UNKNOWN,
    MANIFEST_CANARIES_OFF,     /* the strategy does not want them */
    MANIFEST_CANARIES_SKIPPED, /* too few rows to say anything */
    MANIFEST_CANARIES_PASSED,
    MANIFEST_CANARIES_FAILED, /* gate.reason says which */
    MANIFEST_CANARIES_COUNT
};
const char *manifest_canaries_name(enum manifest_canaries state);

struct manifest_gate {
    bool promote;
    char rule[32];                    /* "evidence" or "accuracy" */
    char reason[MANIFEST_REASON_MAX]; /* why not, or what it won by */
    size_t n_numbers;
    struct manifest_number numbers[MANIFEST_NUMBERS_MAX];
};

struct manifest {
    struct model_version_id version;
    struct strategy_id strategy_id;
    char kind[MODEL_KIND_TEXT_MAX];
    struct sha256 schema_hash;
    int64_t timeframe_ns; /* of candle features */
    size_t n_features;
    char features[FEATURES_MAX][MANIFEST_NAME_MAX];
    struct manifest_label label;
    struct manifest_data data;
    uint64_t seed;
    char library_version[XGB_VERSION_TEXT_MAX];
    struct model_params params;
    size_t n_rounds;
    int64_t trained_at_ns;
    double training_seconds;
    struct calibration calibration;
    struct conformal conformal; /* intervals; none in folders from before there were any */
    size_t n_metrics;
    struct manifest_metric metrics[MANIFEST_METRICS_MAX];
    enum manifest_canaries canaries;
    struct manifest_gate gate;
    size_t n_files;
    struct manifest_file files[MANIFEST_FILES_MAX];
};

/* About 40 kB: keep it on the heap. */
void manifest_write(const struct manifest *manifest, struct buf *out);
MUST_CHECK enum al_err manifest_read(
    struct slice text, struct manifest *out); /* AL_EPARSE with the field, AL_EVERSION */

/* The listed file's entry; NULL when it is not listed. */
const struct manifest_file *manifest_find_file(const struct manifest *manifest, const char *name);
/* Size and hash are as listed; AL_EVERIFY names the file. */
MUST_CHECK enum al_err manifest_check_file(const struct manifest *manifest,
                                           const char *name,
                                           struct slice bytes);
/* List a file with its size and hash. AL_EFULL, AL_EEXIST. */
MUST_CHECK enum al_err manifest_add_file(struct manifest *manifest,
                                         const char *name,
                                         struct slice bytes);
MUST_CHECK enum al_err manifest_add_metric(struct manifest *manifest,
                                           const char *name,
                                           enum metric_type type,
                                           double value,
                                           uint64_t n); /* a value that is not finite is left out */
/* NaN when there is none of that name. */
double manifest_metric_value(const struct manifest *manifest, const char *name);

#endif
