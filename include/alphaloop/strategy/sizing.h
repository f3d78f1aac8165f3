/* How much, in quote currency for both sides: between bounds, by how sure the value is, never more than there is. */
#ifndef ALPHALOOP_STRATEGY_SIZING_H
#define ALPHALOOP_STRATEGY_SIZING_H

#include "alphaloop/base/decimal.h"
#include "alphaloop/base/rng.h"
#include "alphaloop/domain/signal.h"

struct sizing {
    double min_amount, max_amount; /* quote currency; SIGNAL_AMOUNT_MIN..SIGNAL_AMOUNT_MAX */
    double
        edge_scale; /* the lower bound of the value that earns the largest amount, fraction > 0 */
};

/* Warm-up: uniform in the lower `randomness` part of the range above the minimum. */
struct decimal size_warmup(const struct sizing *sizing, double randomness, struct rng *rng);
/* A model: from min to max, linear in v_lower / edge_scale; exploration passes v_lower <= 0 and gets the minimum. */
struct decimal size_model(const struct sizing *sizing, double v_lower);
/* Not more than `available` (NaN: unknown, no bound), rounded down to 2 decimals. */
struct decimal size_afford(struct decimal amount, double available);

#endif
