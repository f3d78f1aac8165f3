/* One training of a forecast: bars in, a version's files out. Pure: no clock, no files.
 *
 * For each horizon h, on rows whose outcome is known by the last bar:
 *
 *   1. Walk forward: the first two fifths only teach; the rest is cut into five blocks. Each is forecast by a model taught on rows
 *      whose outcome was known when the block began (dataset/split.h: purged by the horizon, embargo). The newest 15 % of the
 *      teachers, purged again, say when to stop.
 *   2. Intervals: score |y - f| / sigma_h of every out-of-fold forecast, sigma_h = EWMA volatility of a bar x sqrt(bars of
 *      h); split conformal over all of them (model/conformal.h), with overlapping horizons counted as what they are worth. What
 *      is measured is another interval: of each block, from the scores of the blocks before it whose outcome was known.
 *   3. Measures (measure.h) on all out-of-fold forecasts, beside the random walk.
 *   4. The final model is taught on all rows, the newest 15 % again saying when to stop.
 *
 * Then the gate (gate.h).
 */
#ifndef ALPHALOOP_FORECAST_TRAIN_H
#define ALPHALOOP_FORECAST_TRAIN_H

#include "alphaloop/forecast/gate.h"
#include "alphaloop/forecast/rows.h"

#define FORECAST_FOLDS    5
#define FORECAST_ROWS_MIN 400 /* with a known outcome, of every horizon */

struct forecast_hooks {
    bool (*is_cancelled)(void *ctx);                               /* may be NULL */
    void (*on_progress)(void *ctx, const struct train_line *line); /* may be NULL */
    void *ctx;
};

struct forecast_result {
    struct train_line
        end; /* verdict and reason; the manifest's hash is set by forecast_result_seal() */
    struct forecast_manifest *manifest;       /* NULL unless a model was made */
    struct buf models[FORECAST_HORIZONS_MAX]; /* in the order of the manifest's horizons */
    struct buf oof;
    struct buf manifest_json;
};
void forecast_result_deinit(struct forecast_result *result); /* zeroed is fine */

/* gives *out. AL_OK also for too few rows (TRAIN_TOO_FEW) and a refusal; AL_ECANCELED, or what the kind says.
 *   candles    of the job's interval, oldest first                        borrows
 *   incumbent  NULL: nothing serves                                       borrows
 */
MUST_CHECK enum al_err forecast_train(const struct forecast_job *job,
                                      const struct feature_set *set,
                                      const struct candle *candles,
                                      size_t n_candles,
                                      const struct forecast_version *incumbent,
                                      const struct forecast_hooks *hooks,
                                      struct forecast_result *out);
/* Write manifest_json, with what only the caller knows. AL_ERANGE. */
MUST_CHECK enum al_err forecast_result_seal(struct forecast_result *result,
                                            int64_t trained_at_ns,
                                            double seconds);

#endif
