/* The chance in a decision, and its exact probability.
 *
 * Epsilon-greedy over K = 2 actions (learning section 2): the greedy choice is taken with probability 1 - epsilon, else
 * one of the actions buy and sell, each as likely. So pi(a) = [a is greedy] (1 - epsilon) + epsilon / 2 for an action, and
 * pi(abstain) = 1 - epsilon when the greedy choice is to abstain, else 0. The logged propensity is the pi of what was
 * drawn; with it inverse-propensity estimates are unbiased.
 */
#ifndef ALPHALOOP_STRATEGY_POLICY_H
#define ALPHALOOP_STRATEGY_POLICY_H

#include "alphaloop/base/rng.h"
#include "alphaloop/domain/names.h"

struct policy {
    double p[3]; /* by enum side: abstain (SIDE_NONE), buy, sell; sums to 1 */
};

struct policy_draw {
    enum side side;
    double    propensity; /* of this side, > 0 */
    bool      explored;   /* it is not the greedy choice */
};

/* greedy may be SIDE_NONE; epsilon 0..1, asserted. */
struct policy      policy_epsilon_greedy(enum side greedy, double epsilon);
/* Takes exactly one number from rng, so what follows does not depend on the outcome. */
struct policy_draw policy_draw(const struct policy *policy, enum side greedy, struct rng *rng);

#endif
