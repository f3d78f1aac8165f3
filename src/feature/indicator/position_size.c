/* Our own position: signed, as a share of the most the strategy may hold. */
#include "indicator_i.h"

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct position_features *position = moment->position;
    (void)state, (void)options;
    return position == NULL || !position->is_known ? NAN : position->size_fraction;
}

const struct indicator indicator_position_size = {
    .name = "position_size",
    .summary = "own position, signed, as a share of its bound",
    .formula = "size * mid / bound",
    .source =
        "definition; inventory as a state, Avellaneda, Stoikov, Quantitative Finance 8 (2008)",
    .edge_cases = "flat: 0; never reported: missing",
    .feed = FEED_POSITION,
    .version = 1,
    .is_directional = true,
    .min = -10,
    .max = 10,
    .warmup_inputs = warmup_one,
    .value = value,
};
