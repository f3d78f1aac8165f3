#include <math.h>

#include "alphaloop/strategy/heuristic.h"

/* Time-series momentum (Moskowitz, Ooi & Pedersen 2012): what moved goes on moving; tanh bounds the opinion. */
static double opinion(const struct heuristic_input *input)
{
    return tanh(input->return_sigma / 2);
}

const struct heuristic heuristic_momentum = {"momentum", "tanh(return_sigma / 2)", opinion};
