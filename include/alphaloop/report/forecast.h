/* How good the probabilities of a model were on outcomes it had not seen: two rows a decision, buy and sell. */
#ifndef ALPHALOOP_REPORT_FORECAST_H
#define ALPHALOOP_REPORT_FORECAST_H

#include "alphaloop/report/policy.h"

#define CALIBRATION_BINS 10

struct forecast_series {
    const float *q;   /* [n] probability of a net gain                     borrows */
    const float *v;   /* [n] expected net return, fraction                 borrows */
    const float *net; /* [n] what came, fraction                           borrows */
    size_t n;
    double span; /* rows that begin within a label's span */
};

/* Rows in order of q, in bins of equal mass. */
struct calibration_bin {
    size_t n;
    double q;                  /* mean of what was said */
    struct report_value share; /* of gains that came, with Wilson's interval (1927) */
};

/* Fields that are not known (no rows, one class only) are NaN. */
struct forecast_measures {
    size_t n;
    double base_rate, auc, brier, ece;
    double log_loss, log_loss_base; /* of the model; of always saying the base rate */
    struct report_value
        log_loss_gain; /* base minus model, per row: above 0 the model knows something */
    struct report_value brier_skill; /* 1 - Brier / Brier of the base rate */
    struct report_value rank_ic;     /* of v and the net return */
    size_t n_bins;
    struct calibration_bin bins[CALIBRATION_BINS];
};

MUST_CHECK enum al_err forecast_measure(const struct forecast_series *series,
                                        uint64_t seed,
                                        struct forecast_measures *out);

#endif
