/* Wilder's +DI (or -DI): upward (or downward) movement as a share of the true range. */
#include "directional_i.h"

static void place(struct block *block, const double *options)
{
    struct directional *state = block_take(block, sizeof(*state));
    if (state != NULL)
        *state = directional_of(option_size(options, 1));
}

static void on_candle(void *state, const struct candle *candle)
{
    directional_push(state, candle);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct directional *self = state;
    (void)moment;
    return 100.0 *
           share(options[0] > 0 ? self->plus.value : self->minus.value, self->range.value, 0);
}

static size_t warmup_inputs(const double *options)
{
    return option_size(options, 1) + 1;
}

static size_t memory_inputs(const double *options)
{
    return wilder_memory(option_size(options, 1)) + 1;
}

const struct indicator indicator_directional_index = {
    .name = "directional_index",
    .summary = "directional movement of one side, +DI or -DI",
    .formula = "100 W(DM) / W(TR), W: Wilder's mean over `period`; +DM = H - H[1] if that is above "
               "0 and above "
               "L[1] - L, else 0; -DM the other way round",
    .source = "Wilder, New Concepts in Technical Trading Systems (1978)",
    .edge_cases = "flat: 0; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_one_sided = true,
    .min = 0,
    .max = 100,
    .options = {SIDE("1 upwards, -1 downwards"), PERIOD(14, 1)},
    .misfit = misfit_side,
    .warmup_inputs = warmup_inputs,
    .memory_inputs = memory_inputs,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
