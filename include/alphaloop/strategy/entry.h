/* Entries: what to do at a decision point, by the model's values or by the warm-up heuristics. */
#ifndef ALPHALOOP_STRATEGY_ENTRY_H
#define ALPHALOOP_STRATEGY_ENTRY_H

#include "alphaloop/domain/reason.h"
#include "alphaloop/domain/snapshot.h"
#include "alphaloop/strategy/heuristic.h"
#include "alphaloop/strategy/policy.h"

/* A choice with everything the ledger wants to know of it. */
struct entry {
    enum side   side;           /* SIDE_NONE: abstained */
    enum reason reason;         /* why abstained, else REASON_NONE */
    double      propensity;     /* probability with which the policy chose this, abstaining included */
    bool        explored;       /* chosen by chance against the greedy choice: small size */
    double      confidence;     /* q of the chosen action; the better action's when abstained; 0..1 */
    double      expected_value; /* v of the chosen (or better) action, fraction; NaN in warm-up */
    double      edge;           /* how far the lower bound of v lies above the cost bound, >= 0; 0 in warm-up */
    char        heuristic[24];  /* the heuristic that weighed most, "" when a model decided */
};

/* What the model says of one action. */
struct action_value {
    double q;     /* P(net outcome > 0), calibrated */
    double v;     /* E[net outcome], fraction */
    double v_low; /* its lower bound; v when no bound is known */
};

struct entry_rule {
    double epsilon;    /* share of decisions left to chance, so that feedback stays identifiable (learning section 8) */
    double cost_bound; /* what v_low must exceed, fraction; 0 when v is net of all cost */
};

/* Take the action with the larger v if its lower bound exceeds the cost bound, else abstain (edge_below_cost); then let
 * chance have its share. Values that are not finite, or a q outside 0..1, give model_unavailable and are never explored. */
void entry_by_model(const struct entry_rule *rule, const struct action_value *buy, const struct action_value *sell,
                    struct rng *rng, struct entry *entry);

struct warmup_rule {
    double weights[HEURISTIC_COUNT]; /* >= 0 */
    double randomness; /* epsilon of the warm-up policy, 0..1 (WARMUP_RANDOMNESS_LEVEL) */
};

/* The blended heuristics choose, randomised. Without any heuristic that can speak (heuristic_neutral) nothing is left to
 * chance either: no signal on missing data. With a blend of exactly 0 the greedy choice is to abstain.
 * Confidence is 0.5 + 0.4 s score: a statement of strength, no probability. */
void entry_by_heuristics(const struct warmup_rule *rule, const struct market_moves *moves, struct rng *rng,
                         struct entry *entry);

/* Metadata risk_score, 0..1: 0.7 min(1, sigma_h / 2 %) + 0.3 min(1, spread / price / 0.5 %). */
double entry_risk_score(const struct snapshot *snapshot, double sigma_h);

#endif
