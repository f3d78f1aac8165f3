/* Warm-up: cautious rules that trade before there is a model, randomised so that what they teach is unbiased.
 *
 * Each heuristic has an opinion in [-1, 1] (> 0 buy, < 0 sell) from a few numbers about the recent market; the weighted
 * mean is the greedy action. With K = 2 actions and randomness e the greedy one is taken with probability 1 - e + e/2, the
 * other with e/2 (epsilon-greedy; learning section 8). When what is known speaks for neither side, nothing is done with
 * 1 - e and each side is taken with e/2, so that no situation goes unexplored. That probability is the logged propensity.
 * When nothing is known nothing is done.
 */
#ifndef ALPHALOOP_STRATEGY_HEURISTIC_H
#define ALPHALOOP_STRATEGY_HEURISTIC_H

#include "alphaloop/base/rng.h"
#include "alphaloop/domain/names.h"
#include "alphaloop/domain/reason.h"

/* What a heuristic may look at. NaN: not known yet. */
struct heuristic_input {
    double return_sigma;     /* return over the horizon divided by its standard deviation */
    double deviation_sigma;  /* price minus its mean over four horizons, in standard deviations */
    double last_return;      /* return over a quarter of the horizon, fraction */
    double volume_ratio;     /* newest candle's volume / mean volume of candles */
    double volatility_ratio; /* recent / usual standard deviation of returns */
};

struct heuristic {
    const char *name;
    const char *formula;
    double (*opinion)(
        const struct heuristic_input *input); /* -1..1; NaN when its inputs are not known */
};

size_t heuristic_count(void);
const struct heuristic *heuristic_at(size_t index); /* in table order */
int heuristic_index(struct slice name);             /* -1: no such name */

#define HEURISTICS_MAX 16

struct warmup_choice {
    enum side side;        /* SIDE_NONE: abstained */
    enum reason reason;    /* heuristic_neutral when abstained */
    double propensity;     /* of `side` */
    double strength;       /* |blended opinion|, 0..1 */
    const char *heuristic; /* the one that weighed most for the greedy action; static text */
};

/* weights   one a heuristic, in table order, >= 0
 * epsilon   0..1 */
struct warmup_choice warmup_choose(const double weights[],
                                   const struct heuristic_input *input,
                                   double epsilon,
                                   struct rng *rng);

#endif
