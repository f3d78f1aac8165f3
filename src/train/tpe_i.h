/* A tree-structured Parzen estimator: where to look next, from where was looked before.
 *
 * Points lie in the unit cube. Of the n points seen, the best max(1, ceil(TPE_GOOD_SHARE n)) are good, the others are not. With
 * l(x) the density of the good ones and g(x) that of the others, the expected improvement grows with l / g, so the next point is
 * the one with the largest l / g of TPE_CANDIDATES drawn from l. Until TPE_STARTUP points were seen it is drawn at random.
 *
 * A density is a mixture with equal weights of the uniform density and a product of normals, cut off at the walls of the cube,
 * around each of its m points, with standard deviation max(TPE_SIGMA m^(-1/(4 + d)), TPE_SIGMA_MIN) in all d dimensions.
 *
 * Sources: Bergstra, Bardenet, Bengio, Kegl, "Algorithms for hyper-parameter optimization" (2011), section 4 (share of the
 * good, candidates drawn from l, the prior as one more component); Falkner, Klein, Hutter, "BOHB" (2018), section 3.1 (products
 * over dimensions, so that parameters that belong together are searched together). */
#ifndef ALPHALOOP_TRAIN_TPE_I_H
#define ALPHALOOP_TRAIN_TPE_I_H

#include <stddef.h>

#include "alphaloop/base/rng.h"

#define TPE_DIMS_MAX   16
#define TPE_POINTS_MAX 1000
#define TPE_STARTUP    8
#define TPE_GOOD_SHARE 0.15
#define TPE_CANDIDATES 24
#define TPE_SIGMA      0.2
#define TPE_SIGMA_MIN  0.03

struct tpe_point {
    double x[TPE_DIMS_MAX]; /* [n_dims] in [0, 1] */
    double loss;            /* INFINITY: given up early, worse than the others */
};

/* Where to look next.
 *
 *   seen  [n] in any order, n <= TPE_POINTS_MAX   borrows
 *   x     [n_dims] out, in [0, 1]; depends on `seen` and the rng alone
 */
void tpe_next(const struct tpe_point *seen, size_t n, size_t n_dims, struct rng *rng, double *x);

#endif
