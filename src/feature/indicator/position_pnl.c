/* The unrealised profit of our own position, in per cent of its entry value. */
#include "indicator_i.h"

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct position_features *position = moment->position;
    (void)state, (void)options;
    return position == NULL || !position->is_known ? NAN : position->unrealized_pnl_pct;
}

const struct indicator indicator_position_pnl = {
    .name = "position_pnl",
    .summary = "unrealised profit of the own position, per cent",
    .formula = "as position-manager reports it",
    .source = "definition; disposition of open profits, Odean, J. Finance 53 (1998)",
    .edge_cases = "flat: 0; never reported: missing",
    .feed = FEED_POSITION,
    .version = 1,
    .min = -1000,
    .max = 1000,
    .warmup_inputs = warmup_one,
    .value = value,
};
