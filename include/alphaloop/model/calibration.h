/* From a margin to the two numbers a decision needs: q, a probability that means what it says, and v, what the action is
 * worth on average. Both are fitted on out-of-fold predictions only, so no row judges a model that has seen it.
 *
 * q, by one of three methods; each keeps the order of the margins and is weighted:
 *
 *   platt     q = 1 / (1 + exp(a f + b)) (Platt 1999), by Newton's method with backtracking on smoothed targets (Lin, Lin &
 *             Weng 2007)
 *   beta      log(q / (1 - q)) = a log s - b log(1 - s) + c with s = 1 / (1 + exp(-f)) and a, b >= 0 (Kull, Silva Filho &
 *             Flach 2017): a logistic regression on two features, on the same smoothed targets. Where a or b would be
 *             negative it is left out and the rest fitted again, as there. Platt's sigmoid is a = b
 *   isotonic  the monotone steps nearest to the outcomes in weighted squares, by pooling adjacent violators (Ayer et al.
 *             1955), and between their centres a line: centred isotonic regression (Oron & Flournoy 2017), because equal q
 *             for unequal margins would make two actions alike that the model can tell apart
 *
 * Which one serves is chosen by train/calibrate.c.
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

#define ISOTONIC_KNOTS_MAX 128

#define CALIBRATION_METHODS(METHOD) METHOD(platt) METHOD(beta) METHOD(isotonic)
enum calibration_method {
#define METHOD(name) CALIBRATION_##name,
    CALIBRATION_METHODS(METHOD)
#undef METHOD
        CALIBRATION_METHOD_COUNT
};
const char *calibration_method_name(enum calibration_method method);

struct platt {
    double a, b; /* q = 1 / (1 + exp(a f + b)); a <= 0 when a higher margin means more */
};

struct beta_map {
    double a, b, c; /* log-odds of q = a log s - b log(1 - s) + c; a, b >= 0 */
};

struct isotonic {
    size_t n_knots;                    /* 1..ISOTONIC_KNOTS_MAX */
    double margin[ISOTONIC_KNOTS_MAX]; /* increasing */
    double q
        [ISOTONIC_KNOTS_MAX]; /* never falling, inside (0, 1); constant beyond the first and the last */
};

struct value_line {
    double alpha, beta; /* v = alpha + beta q; beta >= 0 */
    double var_alpha, cov, var_beta;
    double z;            /* standard errors between v and v_low */
    double q_min, q_max; /* of the rows fitted on: v is held constant beyond them */
};

struct calibration {
    enum calibration_method method;
    union { /* by method */
        struct platt platt;
        struct beta_map beta;
        struct isotonic isotonic;
    };
    struct value_line value;
    size_t n_rows;        /* fitted on */
    double n_independent; /* what they are worth */
};

struct prediction {
    double q;     /* P(net outcome > 0) */
    double v;     /* E[net outcome], fraction */
    double v_low; /* lower bound of v */
};

/* What a calibration is fitted on: n out-of-fold predictions with their outcomes. Borrows. */
struct calibration_rows {
    const float *margins;
    const float *labels;  /* 0 or 1 */
    const float *net;     /* net returns as fractions; only v asks for them */
    const float *weights; /* NULL: 1 */
    size_t n;
    double n_independent; /* what they are worth; only v asks */
};

/* AL_ESHORT without both classes; AL_EMODEL when not converging; AL_ENOMEM. */
MUST_CHECK enum al_err platt_fit(const struct calibration_rows *rows, struct platt *out);
MUST_CHECK enum al_err beta_fit(const struct calibration_rows *rows, struct beta_map *out);
/* Of more distinct margins than knots_max <= ISOTONIC_KNOTS_MAX, neighbours are first pooled into so many of like weight. */
MUST_CHECK enum al_err isotonic_fit(const struct calibration_rows *rows,
                                    size_t knots_max,
                                    struct isotonic *out);
double platt_apply(const struct platt *platt, double margin);
double beta_apply(const struct beta_map *beta, double margin);
double isotonic_apply(const struct isotonic *isotonic, double margin);

/* q: as calibrated. AL_ESHORT with fewer than 3 rows. With all q equal the line is flat. */
MUST_CHECK enum al_err value_line_fit(const double *q,
                                      const struct calibration_rows *rows,
                                      double z,
                                      struct value_line *out);

/* Both, one after the other. */
MUST_CHECK enum al_err calibration_fit(enum calibration_method method,
                                       const struct calibration_rows *rows,
                                       double z,
                                       struct calibration *out);
/* q alone: out->value is left empty. */
MUST_CHECK enum al_err calibration_fit_q(enum calibration_method method,
                                         const struct calibration_rows *rows,
                                         struct calibration *out);
double calibration_q(const struct calibration *calibration, double margin);
struct prediction calibration_apply(const struct calibration *calibration, double margin);

void calibration_write(const struct calibration *calibration, struct json_writer *w);
MUST_CHECK enum al_err calibration_read(struct json_node *object,
                                        struct calibration *out); /* finite, in range */

#endif
