/* Evidence from live decisions: may a challenger that passed the offline gate take over, and must one that did go back
 * (learning section 6)?
 *
 * Two versions score the same decisions. For each one that settled, d = u_B - u_A is the difference of what their choices
 * earned (net return times filled fraction; 0 when abstaining). Neighbouring decisions share their market, so d is summed
 * over blocks of time, two label spans long. Where labels overlap all along, autocorrelation falls as 1 - k / S and the sums
 * of neighbouring blocks still correlate by (1/6) / (5/3) = 0.1: the variance of their mean is 1.2 times what it would be, and
 * every statistic here is deflated by it. Blocks have gaps where nothing was decided.
 *
 * Better and worse: an e-process, so that it may be looked at after every block and acted upon at any time. Of n block sums
 * with mean m and standard deviation s it takes t = m / s sqrt(n / 1.2) and holds "the mean is d s, d ~ N(0, 0.3^2)" against
 * "the mean is 0", both with s unknown (right Haar prior), which has the closed form
 *
 *     e = (1 + n c^2)^-1/2 ( (1 + t^2 / ((1 + n c^2) v)) / (1 + t^2 / v) )^-(v + 1) / 2,   c = 0.3, v = n - 1
 *
 * (Rouder et al. 2009; that it may be stopped at any time: Lai 1976, Perez-Ortiz et al. 2024.) Where the mean is at most 0
 * the chance of ever seeing t > 0 and e >= 1 / a is at most a, for block sums that are near normal; t < 0 and e >= 1 / a says
 * "worse" in the same way. The bootstrap bound of the offline gate would have to be paid for anew at every look.
 *
 * Several attempts: the k-th challenger is held to a_k (gate_level()). Every step of a rollout asks for e >= 1 / a_k at that
 * time, over all live decisions since the shadow began, which Ville's inequality covers as one look more. A version must
 * pass the offline gate and every step, so the chance that one without edge ever takes over is at most a over all k.
 *
 * Rollback: a CUSUM (Page 1954) of block sums of u_previous - u_serving,
 *
 *     C = max(0, C + min(x / (s sqrt 1.2), 4) - k),   k = 1/4, s^2 = mean of x^2 so far, from the 20th block on
 *
 * alarms at C >= h. h follows from the mean number of blocks between false alarms when both are alike by Siegmund's (1985)
 * approximation, ARL = (exp(2 k b) - 2 k b - 1) / (2 k^2), b = h + 1.166.
 */
#ifndef ALPHALOOP_TRAIN_ROLLOUT_H
#define ALPHALOOP_TRAIN_ROLLOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alphaloop/base/err.h"
#include "alphaloop/base/rng.h"
#include "alphaloop/domain/rollout.h"
#include "alphaloop/train/honest.h"

#define ROLLOUT_BLOCK_SPANS     2    /* horizons in a block */
#define ROLLOUT_BLOCKS_MIN      20   /* before the first step */
#define ROLLOUT_STAGE_BLOCKS    10   /* within each later stage, before its step */
#define ROLLOUT_BLOCKS_MAX      4096 /* kept; then the older half goes */
#define ROLLOUT_WORSE_LEVEL     0.05 /* chance of rejecting one that is no worse */
#define ROLLOUT_DRAWDOWN_MAX    1.25 /* of the incumbent's: bootstrap medians */
#define ROLLOUT_TURNOVER_MAX    1.5  /* of the incumbent's trades */
#define ROLLOUT_CUSUM_REFERENCE 0.25 /* k: half the shift looked for, in standard deviations */
#define ROLLOUT_TEXT_MAX        512

/* Whether a decision of this id falls to a canary of this share: the first eight bytes of the id's SHA-256, as a big-endian
 * number over 2^64, are below it. Ids are drawn at random, so is this; and who is asked again says the same. */
bool rollout_takes(struct uuid signal_id, double share);

/* ---- paired blocks ---- */

struct paired_block {
    int64_t index;      /* decision time / (ROLLOUT_BLOCK_SPANS horizons) */
    uint64_t n;         /* settled decisions */
    double d, u_b, u_a; /* sums of net returns */
    uint64_t trades_b, trades_a;
};

#define PAIRED_SYMBOLS_MAX 64

/* B against A, block by block in order of time. A block is closed, and counts, once a decision of the next but one has
 * settled; what settles later than that is left out. */
struct paired {
    struct paired_block *blocks; /* closed ones, then up to two open ones; index rises */
    size_t n, n_closed, cap;
    uint64_t n_late;
    uint64_t n_closed_ever;
    struct {
        struct asset asset;
        double profit; /* of B, closed or not */
    } symbols[PAIRED_SYMBOLS_MAX];
    size_t n_symbols;
};

void paired_deinit(struct paired *paired); /* empty again; zeroed memory is empty too */
/* One settled decision, or several of one block and asset (n, sums). AL_ENOMEM. */
MUST_CHECK enum al_err paired_add(struct paired *paired,
                                  const struct paired_block *block,
                                  const struct asset *asset);

/* ---- statistics ---- */

/* e of the header for n sums with this mean and this standard deviation about it; 1 where nothing can be said (n < 2 or
 * s = 0). Which way it points is the sign of the mean. */
double rollout_e_value(size_t n, double mean, double deviation);

struct rollout_cusum {
    double level;     /* C after the last block */
    double threshold; /* h */
    bool alarm;       /* C reached h at the last block, or before */
    size_t n;
};
/* x: [n] block sums, oldest first. */
struct rollout_cusum rollout_cusum(const double *x, size_t n, double mean_blocks_between_alarms);
double rollout_cusum_threshold(double mean_blocks_between_alarms); /* h */

/* Median over 200 stationary resamples (mean block n^(1/3)) of the largest fall of the running sum of x[n]. */
MUST_CHECK enum al_err rollout_drawdown(const double *x, size_t n, struct rng *rng, double *median);

/* ---- the verdict on a challenger ---- */

struct rollout_rule {
    double level;          /* a, over all attempts */
    uint32_t attempt;      /* k */
    double margin;         /* net return per decision that non-inferiority may cost */
    double symbol_max;     /* largest share of the profit that one of several symbols may have */
    uint32_t n_blocks_max; /* without a verdict by then it expires */
};

struct rollout_verdict {
    enum rollout_stage next; /* the stage it is in: nothing changes */
    bool is_weak;            /* the incumbent is expired or drifting: not being worse is enough */
    double level;            /* a_k */
    double e_better, e_worse;
    size_t n_blocks, n_decisions;
    double mean_d, mean_u, mean_incumbent; /* net return per decision */
    double drawdown, drawdown_incumbent;   /* NaN: not asked */
    uint64_t n_trades, n_trades_incumbent;
    double symbol_share; /* of the profit, the largest; NaN with one symbol or no profit */
    struct honesty
        honesty; /* n 0: not asked; that is done before a step (pipeline/rollout_move.h) */
    char text[ROLLOUT_TEXT_MAX];
};

/* n_at_stage: closed blocks ever when the stage began. AL_ENOMEM is the only fault. */
MUST_CHECK enum al_err rollout_judge(const struct rollout_rule *rule,
                                     enum rollout_stage stage,
                                     uint64_t n_at_stage,
                                     bool is_weak,
                                     const struct paired *paired,
                                     struct rng *rng,
                                     struct rollout_verdict *out);

/* ---- all there is to see of a strategy's rollout ---- */

struct shadow_view {
    struct model_version_id version;
    enum rollout_stage stage;
    uint32_t attempt;
    int64_t stage_since_ns;
    uint64_t n_blocks, n_late;
    struct rollout_verdict verdict; /* the newest; no text before the first */
    struct rollout_cusum cusum;     /* of the guard */
};

struct rollout_view {
    struct strategy_id strategy_id;
    struct model_version_id active; /* "" in warm-up */
    bool is_watched, is_weak;
    int64_t expires_ns, cooling_until_ns; /* TIMESTAMP_NONE: never, not */
    int64_t block_ns;
    size_t n_shadows;
    struct shadow_view shadows[SHADOWS_MAX];
};

#endif
