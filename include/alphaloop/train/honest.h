/* Does a model say what it knows (learning section 6.4)? Calibration error of at most 0.05, intervals that hold no
 * more than two points more rarely than they promise, probabilities better than the base rate.
 *
 * Intervals that hold too often are told and not held against a model, unlike learning section 6.4: a model that serves has been
 * taught on more rows than the folds that its intervals were read from, so of an edge worth learning it is nearer to the
 * outcomes than they were. Such a model would be refused for being better. What it costs are abstentions, until the live
 * intervals have narrowed.
 *
 * Of a few hundred rows the calibration error of a model that is never wrong about a probability is above 0.05 by chance alone,
 * so what counts is the evidence against a model. Rows are gathered in blocks that share next to no market, and errors summed:
 * S_bk = sum of w (y - q) over the rows of block b in bin k of q. The measured error is
 *
 *     T = sum_k | sum_b S_bk | / W,   k = 1 .. 15 bins of equal mass (evaluate.h)
 *
 * Of a model that keeps its word every S_b. is as likely as its negative, whatever the dependence within a block. So T is held
 * against what it would have been had the blocks come out the other way round, T* = sum_k | sum_b +-S_bk | / W with one sign a
 * block, 999 times (Fisher's randomization test; Canay, Romano and Shaikh 2017 for signs of dependent groups), and Q is the
 * 950th smallest of them. Labels reach over the border of a block, which adds a fifth to the variance (rollout.h): Q is
 * stretched by the root of that. By the triangle inequality T is at most the true error and the T of pure chance, so
 *
 *     T - Q > 0.05
 *
 * is seen of a model whose true error is 0.05 or less in at most one case in twenty, and of one that is calibrated next to
 * never. Coverage is the same with one bin and S_b = sum (held - nominal), against 0.02; but intervals were made of m independent
 * outcomes, and what those promised was off by chance as well, with a variance of c (1 - c) / m (Vovk 2012: coverage given the
 * calibration rows has a beta distribution), so that there Q is the root of Q^2 + 1.96^2 c (1 - c) / m. Whether q does worse
 * than the base rate b is the same with S_b = sum w ((q - y)^2 - (b - y)^2), against 0.
 */
#ifndef ALPHALOOP_TRAIN_HONEST_H
#define ALPHALOOP_TRAIN_HONEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alphaloop/base/err.h"
#include "alphaloop/base/rng.h"

#define HONEST_ECE_MAX      0.05
#define HONEST_COVERAGE_MAX 0.02
#define HONEST_LEVEL        0.05 /* chance of calling a model dishonest that is at the limit */

struct honest_rows {
    const float *q;      /* [n] probability of a net gain */
    const float *r;      /* [n] net outcome: a gain when above 0 */
    const float *w;      /* [n] or NULL */
    const size_t *block; /* [n] < n_blocks */
    const int8_t *held;  /* [n] whether the outcome was in its interval; -1: it had none */
    size_t n, n_blocks;
    double nominal;       /* c: share that intervals are made to hold */
    double n_calibration; /* m */
};

struct honesty {
    size_t n, n_blocks, n_intervals;
    double ece, ece_low;      /* T, and what of it is not chance: max(0, T - Q) */
    double coverage, nominal; /* NaN without intervals */
    double coverage_off_low;  /* what of |coverage - nominal| is not chance */
    double brier_skill;       /* over the base rate of these rows */
    double
        brier_loss_low; /* how much worse than the base rate q surely is, Brier score; 0: not surely */
};

/* Everything NaN or 0 with n = 0. AL_ENOMEM is the only fault; the rng is the only source of chance. */
MUST_CHECK enum al_err honesty_of(const struct honest_rows *rows,
                                  struct rng *rng,
                                  struct honesty *out);

/* What speaks against it, in words for "it is refused: ..."; NULL: nothing does. */
const char *honesty_against(const struct honesty *honesty);

#endif
