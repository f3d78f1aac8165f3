/* The promotion gate: is the challenger better, on decisions neither it nor its calibration has seen (learning section 6)?
 *
 * For the n decisions of the untouched block, in order of time, u_B and u_A are the net utilities of challenger and
 * incumbent (position times net return; 0 when abstaining) and d = u_B - u_A. Neighbouring decisions share their market, so
 * means are bounded by the stationary bootstrap (Politis and Romano 1994): blocks of geometric length with a mean of
 * L = max(2 S, n^(1/3)) decisions, on the circle; S is the number of decisions within a label's span. The bootstrap sees too
 * little of long dependence: where labels of span S overlap, autocorrelation falls as 1 - k / S, and what it finds of the
 * variance is on average (their equation 9 with that shape, and the sample mean in place of the true one)
 *
 *     R = (1 + 2 sum_{k < S} (1 - k / S) (1 - 1 / L)^k) / S - (2 L - 1) / n
 *
 * so deviations are divided by sqrt(R). The lower bound at level a is then the smaller of
 *
 *     the a-quantile of the bootstrapped means                              (left out when fewer than 10 of them lie below)
 *     mean - t(a; n / L - 1) s,   s the bootstrap's standard error          (few blocks deserve Student's caution)
 *
 * The k-th attempt is held to a_k = a 6 / (pi^2 k^2), whose sum over all k is a: retraining again and again cannot win by
 * luck. Promoted only if, with enough evidence,
 *
 *     lower bound of mean d > 0,
 *     lower bound of mean u_B > 0 where A is the warm-up policy or nothing (abstaining from a losing policy is no skill),
 *     Brier skill of q over the base rate > 0,
 *     nothing surely speaks against its honesty: calibration error, coverage of its intervals (train/honest.h),
 *
 * and where it was taught on orders for money, not played ones, the chance that its Sharpe ratio is above that of the best of
 * as many trials without skill, DSR, is large enough, and the probability that its parameters were chosen by luck, PBO, small
 * enough where there was a choice (train/sharpe.h, overfit.h). A walker that does not give the library's own bits refuses it
 * before all of that: what was judged would not be what serves.
 *
 * Rule accuracy is the original's threshold instead: accuracy >= a minimum on the same block.
 */
#ifndef ALPHALOOP_TRAIN_GATE_H
#define ALPHALOOP_TRAIN_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alphaloop/base/err.h"
#include "alphaloop/base/rng.h"
#include "alphaloop/train/honest.h"

#define GATE_TEXT_MAX      512
#define GATE_BLOCKS_MIN    20 /* independent blocks below which nothing can be said */
#define GATE_TRADES_MIN    30 /* trades of the challenger */
#define GATE_BOOTSTRAP_MIN 1000

enum gate_mode { GATE_EVIDENCE, GATE_ACCURACY };

struct gate_rule {
    enum gate_mode mode;
    double accuracy_min;     /* mode accuracy */
    double level;            /* a: chance of ever promoting without edge, 0..1/2 */
    uint32_t attempt;        /* k >= 1 */
    double n_eff_min;        /* effective samples the challenger must have been taught on */
    uint32_t n_bootstrap;    /* resamples; raised to what the level needs, within reason */
    double dsr_min, pbo_max; /* asked for real capital; 0, 1: not */
};

struct gate_evidence {
    const double *u_challenger,
        *u_incumbent; /* [n], in order of time                                    borrows */
    size_t n;
    double
        span_decisions; /* mean number of decisions that begin within a label's span; the mean block at least */
    bool against_warmup;    /* the incumbent is the warm-up policy or nothing */
    double n_eff;           /* of the challenger's training rows */
    size_t n_trades;        /* decisions at which the challenger traded */
    size_t n_own, n_market; /* utilities from own fills, from market data and the cost model */
    double brier_skill, accuracy;
    struct honesty honesty;
    bool is_real_capital; /* the own rows are of orders for money */
    double dsr, pbo;      /* pbo NaN: there was nothing to choose among */
    bool walker_agrees;   /* it gives the library's own bits */
};

struct gate_verdict {
    bool promoted;
    bool enough;  /* evidence */
    double level; /* a_k */
    double block; /* mean block length, decisions */
    uint32_t n_bootstrap;
    double mean_d, low_d; /* net return per decision, fraction */
    double mean_u, low_u; /* of the challenger */
    double mean_incumbent;
    double brier_skill, accuracy, n_eff;
    size_t n, n_trades, n_own, n_market;
    uint32_t attempt;
    struct honesty honesty;
    bool is_real_capital, walker_agrees;
    double dsr, pbo;
    char text[GATE_TEXT_MAX]; /* why, in words and numbers */
};

/* AL_ENOMEM is the only fault; a refusal is a verdict. The rng is the only source of chance. */
MUST_CHECK enum al_err gate_judge(const struct gate_rule *rule,
                                  const struct gate_evidence *evidence,
                                  struct rng *rng,
                                  struct gate_verdict *verdict);

double gate_level(double level, uint32_t attempt); /* a_k */

/* Lower bound of the mean of x[n] at `level`, where neighbours within `span` >= 1 places may depend on each other. */
struct bootstrap_bound {
    double mean, low, standard_error;
    double block;         /* L */
    uint32_t n_bootstrap; /* resamples taken */
};
MUST_CHECK enum al_err bootstrap_lower_bound(const double *x,
                                             size_t n,
                                             double span,
                                             double level,
                                             uint32_t n_bootstrap,
                                             struct rng *rng,
                                             struct bootstrap_bound *bound);
double bootstrap_block(size_t n, double span); /* L */

#endif
