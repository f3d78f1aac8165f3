#include <math.h>

#include "alphaloop/strategy/heuristic.h"

/* Short-term reversal (Jegadeesh 1990): what lies far from its own mean comes back; nothing to say within one deviation. */
static double opinion(const struct heuristic_input *input)
{
    if (isnan(input->deviation_sigma))
        return NAN;
    return fabs(input->deviation_sigma) < 1 ? 0 : -tanh(input->deviation_sigma / 2);
}

const struct heuristic heuristic_mean_reversion = {
    "mean_reversion", "|z| < 1: 0, else -tanh(z / 2), z = deviation_sigma", opinion};
