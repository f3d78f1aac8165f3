/* How many of our own orders for the asset have not ended. */
#include "indicator_i.h"

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct position_features *position = moment->position;
    (void)state, (void)options;
    return position == NULL || !position->is_known ? NAN : position->n_open_orders;
}

const struct indicator indicator_open_orders = {
    .name = "open_orders",
    .summary = "own orders that have not ended",
    .formula = "count",
    .source = "definition",
    .edge_cases = "none: 0; never reported: missing",
    .feed = FEED_POSITION,
    .version = 1,
    .min = 0,
    .max = 1e6,
    .warmup_inputs = warmup_one,
    .value = value,
};
