/* Whether a new version may take the place of the one that serves: paired losses on hours that neither had seen.
 *
 * Of every horizon, on the hours that are in both versions' out-of-fold forecasts,
 *
 *     d_i = ((y_i - a_i)^2 - (y_i - b_i)^2) / sigma_i^2       a: incumbent, b: challenger
 *
 * is what the challenger saves. The mean over horizons of the means of d, and its lower bound at level alpha by a normal
 * quantile; the variance of a mean counts that losses h bars apart overlap (Diebold & Mariano 1995; Newey & West 1987 with h bars
 * of lags), and the horizons' errors are taken to go together, which only makes the bound more careful.
 *
 *   first     nothing serves: the challenger does, whatever it is worth; its measures say what that is
 *   no_worse  the same kind and asset on newer bars: lower > -margin x the incumbent's mean loss, because newer data is
 *             worth having (learning section 6, non-inferiority)
 *   better    anything else: lower > 0
 *
 * With fewer than FORECAST_PAIRS_MIN pairs of any horizon nothing can be said, and the incumbent stays, unless it forecasts another
 * asset, interval or none of the horizons: that is another forecast, which begins anew ("first").
 */
#ifndef ALPHALOOP_FORECAST_GATE_H
#define ALPHALOOP_FORECAST_GATE_H

#include "alphaloop/forecast/job.h"
#include "alphaloop/forecast/oof.h"

#define FORECAST_PAIRS_MIN 50

/* One version for the gate. Borrowed. */
struct forecast_version {
    const struct forecast_manifest *manifest;
    const struct forecast_oof *oof;
};

/* incumbent NULL: nothing serves. */
void forecast_gate_judge(const struct forecast_job *job,
                         const struct forecast_version *challenger,
                         const struct forecast_version *incumbent,
                         struct forecast_gate *out);

/* Mean of d[n], and the standard error of it with Newey and West's weights over n_lags. */
void forecast_mean_of(const double *d, size_t n, size_t n_lags, double *mean, double *error);

#endif
