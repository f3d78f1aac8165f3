/* The table of heuristics and the randomised choice among two actions. */
#include "alphaloop/strategy/heuristic.h"

#include <assert.h>
#include <math.h>

#define HEURISTIC(name) extern const struct heuristic heuristic_##name;
#include "alphaloop/tbl/heuristics.def"
#undef HEURISTIC

static const struct heuristic *const table[] = {
#define HEURISTIC(name) &heuristic_##name,
#include "alphaloop/tbl/heuristics.def"
#undef HEURISTIC
};

size_t heuristic_count(void)
{
    return COUNT_OF(table);
}

const struct heuristic *heuristic_at(size_t index)
{
    assert(index < COUNT_OF(table));
    return table[index];
}

int heuristic_index(struct slice name)
{
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        if (slice_is(name, table[i]->name))
            return (int)i;
    }
    return -1;
}

struct blend {
    double opinion;
    const char *loudest;
};

/* The weighted mean opinion; NaN when nobody has one. */
static struct blend blend_opinions(const double weights[], const struct heuristic_input *input)
{
    double opinions[COUNT_OF(table)], sum = 0, weight = 0, loudest = 0;
    struct blend blend = {.opinion = NAN, .loudest = ""};
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        opinions[i] = weights[i] > 0 ? table[i]->opinion(input) : NAN;
        if (isnan(opinions[i]))
            continue;
        assert(fabs(opinions[i]) <= 1.0);
        sum += weights[i] * opinions[i];
        weight += weights[i];
    }
    if (weight > 0)
        blend.opinion = sum / weight;
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        double agreed = isnan(opinions[i]) ? 0 : weights[i] * opinions[i] * (sum < 0 ? -1 : 1);
        if (agreed > loudest) {
            loudest = agreed;
            blend.loudest = table[i]->name;
        }
    }
    return blend;
}

/* Abstaining is the greedy action; chance alone may take a side. */
static struct warmup_choice choose_neutral(double epsilon, struct rng *rng)
{
    double draw = rng_uniform(rng);
    enum side side = draw < epsilon / 2 ? SIDE_BUY : draw < epsilon ? SIDE_SELL : SIDE_NONE;
    return (struct warmup_choice){
        .side = side,
        .reason = side == SIDE_NONE ? REASON_heuristic_neutral : REASON_NONE,
        .propensity = side == SIDE_NONE ? 1 - epsilon : epsilon / 2,
        .heuristic = "",
    };
}

struct warmup_choice warmup_choose(const double weights[],
                                   const struct heuristic_input *input,
                                   double epsilon,
                                   struct rng *rng)
{
    assert(epsilon >= 0 && epsilon <= 1);
    struct blend blend = blend_opinions(weights, input);
    if (isnan(blend.opinion))
        return (struct warmup_choice){
            .reason = REASON_heuristic_neutral, .propensity = 1, .heuristic = ""};
    if (blend.opinion == 0)
        return choose_neutral(epsilon, rng);
    enum side greedy = blend.opinion > 0 ? SIDE_BUY : SIDE_SELL;
    bool stray = rng_uniform(rng) < epsilon / 2;
    return (struct warmup_choice){
        .side = stray ? side_opposite(greedy) : greedy,
        .propensity = stray ? epsilon / 2 : 1 - epsilon / 2,
        .strength = fabs(blend.opinion),
        .heuristic = blend.loudest,
    };
}
