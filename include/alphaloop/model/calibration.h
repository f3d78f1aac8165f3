/* From a margin to the two numbers a decision needs: q, a probability that means what it says, and v, what the action is
 * worth on average. Both are fitted on out-of-fold predictions only, so no row judges a model that has seen it.
 *
 * q: Platt's sigmoid q = 1 / (1 + exp(a f + b)) (Platt 1999), fitted by Newton's method with backtracking on smoothed
 * targets (Lin, Lin & Weng 2007), weighted.
 *
 * v: a straight line in q, v = alpha + beta q. For an outcome that wins W or loses L on average, E[r | q] = q W - (1 - q) L
 * is a line whatever W and L are, so the line is the payoff identity, not an approximation; it uses every row, keeps the
 * order of q (beta < 0 is replaced by the flat line: the model then knows nothing of value), and it has a standard error at
 * each q. A second boosted regression of the return was not chosen: returns have heavier tails and far less signal than
 * their sign, and two models may rank the actions differently.
 *
 * v_low = v - z se(q), with se from the heteroscedasticity-robust (White 1980) covariance of alpha and beta, widened by
 * sqrt(n / n_independent): overlapping labels are not independent observations.
 */
#ifndef ALPHALOOP_MODEL_CALIBRATION_H
#define ALPHALOOP_MODEL_CALIBRATION_H

#include <stddef.h>

#include "alphaloop/base/err.h"
#include "alphaloop/base/json.h"

struct platt {
    double a, b; /* q = 1 / (1 + exp(a f + b)); a <= 0 when a higher margin means more */
};

struct value_line {
    double alpha, beta; /* v = alpha + beta q; beta >= 0 */
    double var_alpha, cov, var_beta;
    double z;            /* standard errors between v and v_low */
    double q_min, q_max; /* of the rows fitted on: v is held constant beyond them */
};

struct calibration {
    struct platt platt;
    struct value_line value;
    size_t n_rows;        /* fitted on */
    double n_independent; /* what they are worth */
};

struct prediction {
    double q;     /* P(net outcome > 0) */
    double v;     /* E[net outcome], fraction */
    double v_low; /* lower bound of v */
};

/* margins, labels (0 or 1), weights (NULL: 1) of n rows. AL_ESHORT without both classes; AL_EMODEL when not converging. */
MUST_CHECK enum al_err platt_fit(
    const float *margins, const float *labels, const float *weights, size_t n, struct platt *out);
double platt_apply(const struct platt *platt, double margin);

/* q: platt_apply()'s, net: net returns as fractions. AL_ESHORT with fewer than 3 rows. With all q equal the line is flat. */
MUST_CHECK enum al_err value_line_fit(const double *q,
                                      const float *net,
                                      const float *weights,
                                      size_t n,
                                      double n_independent,
                                      double z,
                                      struct value_line *out);

/* Both, one after the other. */
MUST_CHECK enum al_err calibration_fit(const float *margins,
                                       const float *labels,
                                       const float *net,
                                       const float *weights,
                                       size_t n,
                                       double n_independent,
                                       double z,
                                       struct calibration *out);
struct prediction calibration_apply(const struct calibration *calibration, double margin);

void calibration_write(const struct calibration *calibration, struct json_writer *w);
MUST_CHECK enum al_err calibration_read(struct json_node *object,
                                        struct calibration *out); /* finite, in range */

#endif
