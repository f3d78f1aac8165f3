/* Warm-up heuristics: simple opinions about direction, before any model has learned (learning section 8).
 *
 * One file each in src/strategy/heuristic/, one row each in tbl/heuristics.def. Inputs are dimensionless: returns in units
 * of their own sigma, ratios to what is usual. No heuristic knows a currency or an absolute price.
 */
#ifndef ALPHALOOP_STRATEGY_HEURISTIC_H
#define ALPHALOOP_STRATEGY_HEURISTIC_H

#include <stdbool.h>

#include "alphaloop/base/buf.h"
#include "alphaloop/feature/market_state.h"

enum heuristic_id {
#define HEURISTIC(name, weight) HEURISTIC_##name,
#include "alphaloop/tbl/heuristics.def"
#undef HEURISTIC
    HEURISTIC_COUNT
};

struct heuristic {
    const char *name;
    const char *summary;
    const char *formula;
    double (*score)(const struct market_moves *moves); /* -1 (sell) .. 1 (buy), 0 no opinion, NaN an input is missing */
};

const struct heuristic *heuristic_at(enum heuristic_id id);
const struct heuristic *heuristic_find(struct slice name); /* NULL when unknown */
double                  heuristic_default_weight(enum heuristic_id id);

struct heuristic_blend {
    double            score;   /* weighted mean of those that could speak, -1..1 */
    enum heuristic_id leading; /* the one with the largest part in the score's direction */
    double            part[HEURISTIC_COUNT]; /* weight times score; NaN when silent */
};

/* False when no heuristic with a weight above 0 could speak. weights[HEURISTIC_COUNT], each >= 0 and finite. */
bool heuristic_blend(const struct market_moves *moves, const double *weights, struct heuristic_blend *blend);

#endif
