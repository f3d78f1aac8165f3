/* Intervals for outcomes: how far from v they fall, in units of the volatility that was known at the decision.
 *
 * Split conformal prediction (Vovk, Gammerman & Shafer 2005; Lei et al. 2018). From n out-of-fold rows of one horizon come the
 * scores s_i = |r_i - v_i| / sigma_i, and
 *
 *     [v - R sigma, v + R sigma]   with R the ceil((n + 1) c)-th smallest score
 *
 * holds the outcome of the next exchangeable row with probability c or more, whatever the distribution. Beyond the largest
 * score R is infinite. A manifest keeps R at every half per cent of c; in between the next larger one is taken.
 *
 * Rows whose labels overlap are worth m < n independent ones (the sum of their uniqueness). The share F(R) of new outcomes below an empirical quantile at c
 * then falls short by (c - 1/2) / m on average: R moves with the empirical distribution, and the variance of that at x,
 * F (1 - F) / m, has the slope (1 - 2 F) / m in F, half of which is the bias. So the rank taken is
 *
 *     ceil(n c + 1/2 + (c - 1/2) n / m)
 *
 * which is ceil((n + 1) c) when m = n.
 *
 * Markets are not exchangeable, so live the level follows the outcomes (adaptive conformal inference, Gibbs & Candes 2021):
 *
 *     alpha_{t+1} = alpha_t + gamma (alpha - miss_t)
 *
 * where alpha = 1 - c is the share of misses wanted, alpha_t the one asked of the scores, and miss_t is 1 where the outcome
 * fell outside the interval that was frozen with its decision. A step is taken when the label becomes available, and counts as
 * much as the label is news (train/trigger.h), so that a minute's worth of decisions side by side is one step and not sixty.
 * alpha_t stays in [-gamma, 1 + gamma] by itself where labels come at once; with labels that come late it is held there.
 */
#ifndef ALPHALOOP_MODEL_CONFORMAL_H
#define ALPHALOOP_MODEL_CONFORMAL_H

#include <stdbool.h>
#include <stddef.h>

#include "alphaloop/base/err.h"
#include "alphaloop/base/json.h"
#include "alphaloop/domain/decision.h"

#define CONFORMAL_LEVELS   200 /* steps between 0 and 1 */
#define CONFORMAL_ROWS_MIN 100

struct conformal {
    size_t n_rows;      /* scores it is made of; 0: there are no intervals */
    size_t n_quantiles; /* < CONFORMAL_LEVELS: as many as n_rows gives */
    double quantile[CONFORMAL_LEVELS -
                    1]; /* [i]: R at c = (i + 1) / CONFORMAL_LEVELS; never falling */
};

/* scores         [n] finite, >= 0; sorted on return
 * n_independent  what they are worth; n for rows side by side that do not overlap
 * AL_ESHORT with fewer than CONFORMAL_ROWS_MIN. */
MUST_CHECK enum al_err conformal_fit(double *scores,
                                     size_t n,
                                     double n_independent,
                                     struct conformal *out);
/* R in units of sigma: 0 for coverage <= 0, INFINITY where the rows cannot say. */
double conformal_radius(const struct conformal *conformal, double coverage);

void conformal_write(const struct conformal *conformal, struct json_writer *w);
MUST_CHECK enum al_err conformal_read(struct json_node *object, struct conformal *out);

/* v +- R sigma; coverage NaN when there are no intervals. */
struct interval conformal_interval(const struct conformal *conformal,
                                   double v,
                                   double sigma,
                                   double coverage);
bool interval_misses(const struct interval *interval, double outcome);

/* alpha_t of one strategy and asset, kept as its distance from alpha, and how often intervals held. Zeroed it begins anew. */
struct adaptive {
    double offset; /* alpha_t - alpha */
    double weight; /* news so far, at most ADAPTIVE_MEMORY */
    double
        coverage; /* of outcomes in the newest ADAPTIVE_MEMORY worth of news; 0 while weight is */
};
#define ADAPTIVE_MEMORY 200.0

/* coverage is c, the one wanted. Returns 1 - alpha_t. */
double adaptive_coverage(const struct adaptive *adaptive, double coverage, double gamma);
/* One outcome; weight 0..1 says how much of it is news. */
void adaptive_update(
    struct adaptive *adaptive, double coverage, double gamma, bool missed, double weight);
/* Begin as if alpha_t had been 1 - asked. */
void adaptive_restore(struct adaptive *adaptive, double coverage, double gamma, double asked);

#endif
