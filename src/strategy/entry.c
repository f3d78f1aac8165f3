#include "alphaloop/strategy/entry.h"

#include <assert.h>

static enum side better_side(const struct action_value values[3])
{
    return values[SIDE_SELL].v > values[SIDE_BUY].v ? SIDE_SELL : SIDE_BUY;
}

enum side entry_greedy(const struct action_value values[3])
{
    enum side side = better_side(values);
    return values[side].v_lower > 0 && !values[side].straddles ? side : SIDE_NONE;
}

static enum reason why_not(const struct action_value *value)
{
    return value->v_lower > 0 ? REASON_interval_straddles_cost : REASON_edge_below_cost;
}

/* One draw decides: below e/2 buy, below e sell, else greedy. */
struct entry_choice entry_choose(const struct action_value values[3],
                                 double epsilon,
                                 struct rng *rng)
{
    assert(epsilon >= 0 && epsilon <= 1);
    enum side greedy = entry_greedy(values);
    double draw = rng_uniform(rng);
    enum side side = draw < epsilon / 2 ? SIDE_BUY : draw < epsilon ? SIDE_SELL : greedy;
    enum side shown = side != SIDE_NONE ? side : better_side(values);
    double propensity =
        side == SIDE_NONE ? 1 - epsilon : epsilon / 2 + (side == greedy ? 1 - epsilon : 0);
    return (struct entry_choice){
        .side = side,
        .leaning = shown,
        .reason = side == SIDE_NONE ? why_not(&values[shown]) : REASON_NONE,
        .explored = draw < epsilon,
        .propensity = propensity,
        .confidence = values[shown].q,
        .expected_value = values[shown].v,
        .v_lower = values[shown].v_lower,
    };
}
