/* A model's decision at one point: the action with the larger value if its lower bound exceeds cost, else none
 * (learning section 0), and if it is asked for, only when the interval of the outcome itself lies above cost. A small share of decisions explores (epsilon), so that feedback stays identifiable. */
#ifndef ALPHALOOP_STRATEGY_ENTRY_H
#define ALPHALOOP_STRATEGY_ENTRY_H

#include "alphaloop/base/rng.h"
#include "alphaloop/domain/names.h"
#include "alphaloop/domain/reason.h"

struct action_value {
    double q;       /* P(net outcome > 0 | x, a), calibrated */
    double v;       /* E[net outcome | x, a], fraction; fees and spread are already taken off */
    double v_lower; /* lower bound of v */
    bool
        straddles; /* the outcome's own interval reaches below cost, and the strategy asks for that */
};

struct entry_choice {
    enum side side; /* SIDE_NONE: abstained */
    enum side
        leaning; /* what the numbers below are of: side, or the better action when abstained */
    enum reason reason; /* edge_below_cost or interval_straddles_cost when abstained */
    bool explored;      /* chance, not value, chose */
    double
        propensity; /* of what was done: 1 - e + e/2 greedy action, e/2 the other, 1 - e abstaining */
    double confidence;     /* q of the chosen action; of the better one when abstained */
    double expected_value; /* v likewise */
    double v_lower;
};

/* values[SIDE_BUY] and values[SIDE_SELL] are read. */
struct entry_choice entry_choose(const struct action_value values[3],
                                 double epsilon,
                                 struct rng *rng);

/* What the same rule does without chance: used to judge a model on recorded decisions. SIDE_NONE: abstain. */
enum side entry_greedy(const struct action_value values[3]);

#endif
