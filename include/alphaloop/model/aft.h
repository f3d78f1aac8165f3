/* Time until something happens, learned also from rows of which it is only known that it had not happened yet.
 *
 * Accelerated failure time with a log-normal time:
 *
 *     log T = mu(x) + sigma Z,   Z standard normal
 *
 * mu is a sum of boosted trees (XGBoost's survival:aft; Barnwal, Cho and Hocking 2022), sigma one number. A row that happened
 * is worth the density of its time, a censored one the chance of a longer time:
 *
 *     log L = log phi(z) - log sigma - log t   or   log (1 - Phi(z)),   z = (log t - mu) / sigma
 *
 * Without trees mu is one number too, fitted by expectation and maximisation (Aitkin 1981): where the trees start from.
 */
#ifndef ALPHALOOP_MODEL_AFT_H
#define ALPHALOOP_MODEL_AFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alphaloop/base/buf.h"
#include "alphaloop/base/err.h"

/* All borrowed. */
struct aft_rows {
    size_t n_rows, n_cols;
    const float *x;        /* [n_rows][n_cols], finite or NaN */
    const double *seconds; /* [n_rows] > 0: until it happened, or until nobody looked any more */
    const bool *happened;  /* [n_rows] */
};

struct model;
struct aft {
    struct model *trees; /* NULL: mu0 for every row */
    double mu0, sigma;
    size_t n_rounds;
};

/* Trees taught on `train`; as many rounds as are best on `validation`, whose outcomes also give sigma, then all of both
 * together for that many rounds.
 *
 *   is_cancelled  asked between rounds; may be NULL
 *   out           aft_deinit() it in any case
 *   returns       AL_OK; AL_EINVAL when too little happened to fit anything; AL_ECANCELED; AL_ENOMEM; AL_EMODEL; AL_ENOTFOUND
 *                 or AL_EVERSION when the library cannot be had
 */
struct aft_fit {
    struct aft_rows train, validation;
    size_t n_rounds_max;
    uint64_t seed;
    bool (*is_cancelled)(void *ctx);
    void *ctx;
};
MUST_CHECK enum al_err aft_fit(const struct aft_fit *fit, struct aft *out);
void aft_deinit(struct aft *aft);

/* mu of every row, out [n_rows]. */
MUST_CHECK enum al_err aft_predict(
    const struct aft *aft, const float *x, size_t n_rows, size_t n_cols, float *mu);
/* The trees in the library's own format; nothing without trees. */
MUST_CHECK enum al_err aft_save(const struct aft *aft, struct buf *out);

/* One log-normal for all rows. AL_EINVAL: fewer than two happened, or all at the same time. */
MUST_CHECK enum al_err aft_fit_one(
    const double *seconds, const bool *happened, size_t n, double *mu, double *sigma);

double aft_log_likelihood(double mu, double sigma, double seconds, bool happened);
/* P(T <= seconds). */
double aft_chance(double mu, double sigma, double seconds);
/* E[min(T, seconds)] = exp(mu + sigma^2 / 2) Phi(a - sigma) + seconds (1 - Phi(a)),   a = (log seconds - mu) / sigma. */
double aft_waiting(double mu, double sigma, double seconds);

#endif
