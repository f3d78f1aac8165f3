#include <math.h>

#include "alphaloop/strategy/heuristic.h"

/* The rule of the service this one replaces: a move that comes with more volume and more volatility than usual is followed,
 * a move on a quiet market is faded, anything between is left alone. */
static double opinion(const struct heuristic_input *input)
{
    if (isnan(input->volume_ratio) || isnan(input->volatility_ratio) || isnan(input->last_return))
        return NAN;
    double move = input->last_return > 0 ? 1 : input->last_return < 0 ? -1 : 0;
    if (input->volume_ratio > 1 && input->volatility_ratio > 1)
        return 0.5 * move;
    if (input->volume_ratio < 1 && input->volatility_ratio < 1)
        return -0.25 * move;
    return 0;
}

const struct heuristic heuristic_volume_volatility = {
    "volume_volatility",
    "both ratios > 1: 0.5 sign(last_return); both < 1: -0.25 sign(last_return); else 0", opinion};
