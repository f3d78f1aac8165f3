/* Shared by the methods of calibration. */
#ifndef ALPHALOOP_MODEL_CALIBRATION_I_H
#define ALPHALOOP_MODEL_CALIBRATION_I_H

#include <math.h>

#include "alphaloop/model/calibration.h"

/* What the two classes aim at instead of 0 and 1: the posterior mean under a uniform prior (Platt 1999). It keeps fits finite
 * where the margins separate the classes. */
struct class_targets {
    double target[2];
    double weight;        /* of all rows */
    double base_log_odds; /* of the smoothed base rate: what is said without a model */
};
MUST_CHECK enum al_err class_targets_of(const struct calibration_rows *rows,
                                        struct class_targets *out); /* AL_ESHORT: one class only */

static inline double calibration_weight(const struct calibration_rows *rows, size_t i)
{
    return rows->weights == NULL ? 1.0 : (double)rows->weights[i];
}

/* 1 / (1 + exp(-z)) */
static inline double sigmoid(double z)
{
    return z >= 0 ? 1.0 / (1.0 + exp(-z)) : exp(z) / (1.0 + exp(z));
}

/* -(t log q + (1 - t) log(1 - q)) with q = sigmoid(z). Each form is exact where the other overflows. */
static inline double logistic_loss(double target, double z)
{
    return z >= 0 ? (1.0 - target) * z + log1p(exp(-z)) : -target * z + log1p(exp(z));
}

#endif
