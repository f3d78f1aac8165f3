/* oof.bin: out-of-fold forecasts of a version, by horizon and time. The next version is compared on the hours both have, and an
 * ensemble is fitted on them, so that nobody is judged or weighed by what he had seen.
 *
 * Little endian: magic "ALFO"  u32 version  u32 n_horizons, then for each horizon
 *     u32 hours  u32 n  n x { i64 ts_ns, end of the bar; f32 y; f32 forecast; f32 sigma over the horizon }
 */
#ifndef ALPHALOOP_FORECAST_OOF_H
#define ALPHALOOP_FORECAST_OOF_H

#include "alphaloop/forecast/manifest.h"

#define FORECAST_OOF_ROWS_MAX  1000000 /* of one horizon */
#define FORECAST_OOF_BYTES_MAX (12U + FORECAST_HORIZONS_MAX * (8U + 20U * FORECAST_OOF_ROWS_MAX))

struct forecast_oof_row {
    int64_t ts_ns;
    float y, mean, sigma;
};

struct forecast_oof_horizon {
    uint32_t hours;
    size_t n;
    struct forecast_oof_row *rows; /* [n] rising by time */
};

struct forecast_oof {
    size_t n_horizons;
    struct forecast_oof_horizon horizons[FORECAST_HORIZONS_MAX];
};

void forecast_oof_write(const struct forecast_oof *oof, struct buf *out);
/* gives: forecast_oof_deinit(). AL_EVERIFY, AL_EVERSION. */
MUST_CHECK enum al_err forecast_oof_read(struct slice bytes, struct forecast_oof *out);
void forecast_oof_deinit(struct forecast_oof *oof); /* zeroed is fine */

#endif
