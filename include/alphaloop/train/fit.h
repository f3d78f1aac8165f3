/* One training run on rows in memory: folds, out-of-fold calibration, the final model, its trial on the untouched block.
 * No input or output: rows come in, the files of a model folder go out as bytes. */
#ifndef ALPHALOOP_TRAIN_FIT_H
#define ALPHALOOP_TRAIN_FIT_H

#include "alphaloop/dataset/sample.h"
#include "alphaloop/feature/feature_set.h"
#include "alphaloop/model/scorer.h"
#include "alphaloop/train/fill_times.h"
#include "alphaloop/train/job.h"

/* A sample without what training does not need: about 100 bytes and the features, so a million rows fit. */
struct train_row {
    struct uuid decision_id;
    int64_t t0_ns, t1_ns, available_at_ns;
    float net_return;
    float sigma_h; /* NaN: not known */
    float fill_fraction, propensity;
    float span_returns[SPAN_PIECES]; /* log returns of the market; evenly spread when not known */
    uint32_t asset;                  /* index, in order of appearance */
    uint8_t action;                  /* enum side */
    uint8_t evidence;                /* enum evidence */
    bool policy_took, is_dry_run;
};

/* Rows as they are read, in any order; features as frozen, not oriented. */
struct train_rows {
    size_t n_rows, n_cols, cap, n_rows_max;
    struct train_row *rows;
    float *x; /* [n_rows][n_cols] */
    struct asset *assets;
    size_t n_assets;
    struct fill_rows
        *fills; /* orders whose times to fill are learned too; NULL: none; borrowed, put in order */
};

MUST_CHECK enum al_err train_rows_init(struct train_rows *rows, size_t n_cols, size_t n_rows_max);
void train_rows_deinit(struct train_rows *rows);
/* AL_EFULL past n_rows_max; AL_EVERSION when the number of features is another; AL_EINVAL: an outcome that is not finite, a
 * feature that is infinite, or times that are not in order. */
MUST_CHECK enum al_err train_rows_add(struct train_rows *rows, const struct sample *sample);

struct train_hooks {
    bool (*is_cancelled)(void *ctx); /* asked between rounds; may be NULL */
    void (*on_progress)(void *ctx, const struct train_line *line);
    /* A trial ended; the chosen one comes again, last. May be NULL. */
    void (*on_trial)(void *ctx, const struct train_trial *trial);
    /* What an earlier search with this key came to: its first trials, in order, at most n_max; returns how many. From here on
     * the trials told belong to a search with this key. May be NULL. */
    size_t (*resume)(void *ctx, const struct sha256 *key, struct train_trial *trials, size_t n_max);
    int64_t (*now_ns)(
        void *ctx); /* of a clock that never stops, > 0; NULL: a search has no end of time */
    void *ctx;
};

/* The bytes of a model folder; all empty unless the verdict is PROMOTE or REFUSE. */
struct train_result {
    struct train_line end;
    struct manifest *manifest;
    struct buf manifest_json, model, trees, probe, report;
    struct buf fill_times; /* empty: no file */
    struct buf novelty;    /* empty: nothing is called novel */
};
void train_result_deinit(struct train_result *result);

/* Write manifest_json, with what only the caller knows; the end line gets its hash. */
MUST_CHECK enum al_err train_result_seal(struct train_result *result,
                                         int64_t trained_at_ns,
                                         double seconds);

/* From rows to a verdict.
 *
 *   set        the job's feature set, resolved                     borrows
 *   rows       in any order                                        borrows
 *   incumbent  NULL: the challenger is held against what the logged policy did
 *   out        not sealed; train_result_deinit() it in any case
 *   returns    AL_OK with a verdict, also for too few rows or a refusal; a fault otherwise (AL_ECANCELED ...)
 */
MUST_CHECK enum al_err train_run(const struct train_job *job,
                                 const struct feature_set *set,
                                 const struct train_rows *rows,
                                 const struct scorer *incumbent,
                                 const struct train_hooks *hooks,
                                 struct train_result *out);

#endif
