/* +DI minus -DI: which way the range is being extended, and how much of it. */
#include "directional_i.h"

static void place(struct block *block, const double *options)
{
    struct directional *state = block_take(block, sizeof(*state));
    if (state != NULL)
        *state = directional_of(option_size(options, 0));
}

static void on_candle(void *state, const struct candle *candle)
{
    directional_push(state, candle);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct directional *self = state;
    (void)options, (void)moment;
    return 100.0 * share(self->plus.value - self->minus.value, self->range.value, 0);
}

static size_t memory_inputs(const double *options)
{
    return wilder_memory(option_size(options, 0)) + 1;
}

const struct indicator indicator_di_difference = {
    .name = "di_difference",
    .summary = "difference of the directional indicators",
    .formula = "100 (+DM - -DM) / TR, each a Wilder mean begun with its plain mean",
    .source = "Wilder, New Concepts in Technical Trading Systems (1978), sec. IV",
    .edge_cases = "flat: 0; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_directional = true,
    .min = -100,
    .max = 100,
    .options = {PERIOD(14, 2)},
    .warmup_inputs = warmup_period_and_one,
    .memory_inputs = memory_inputs,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
