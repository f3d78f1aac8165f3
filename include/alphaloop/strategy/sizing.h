/* How much: the amount of an entry in quote currency, for both sides, always with 2 decimals. */
#ifndef ALPHALOOP_STRATEGY_SIZING_H
#define ALPHALOOP_STRATEGY_SIZING_H

#include "alphaloop/domain/signal.h"
#include "alphaloop/strategy/entry.h"

struct sizing_rule {
    struct decimal amount_min, amount_max; /* within SIGNAL_AMOUNT_MIN..MAX */
    double         edge_scale;             /* the edge (fraction) that earns the largest amount; > 0 */
};

/* min + (max - min) * min(1, edge / edge_scale) * max(0, 2 confidence - 1), rounded down to 0.01; an explored action gets
 * the minimum. */
struct decimal sizing_by_model(const struct sizing_rule *rule, const struct entry *entry);

/* Warm-up: uniform in the middle of [min, max], the wider the more random: mid +- randomness * (max - min) / 2. */
struct decimal sizing_by_chance(const struct sizing_rule *rule, double randomness, struct rng *rng);

/* A number of quote currency as an amount: rounded down to 0.01; 0 when not finite or below 0.01. */
struct decimal sizing_round(double amount);

#endif
