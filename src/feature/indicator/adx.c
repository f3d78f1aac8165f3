/* Average directional index: how strong a trend is, whichever way it goes. */
#include "directional_i.h"

struct adx {
    struct directional movement;
    struct ema strength;
};

static void place(struct block *block, const double *options)
{
    struct adx *state = block_take(block, sizeof(*state));
    size_t period = option_size(options, 0);
    if (state != NULL)
        *state = (struct adx){.movement = directional_of(period), .strength = wilder_of(period)};
}

static void on_candle(void *state, const struct candle *candle)
{
    struct adx *self = state;
    directional_push(&self->movement, candle);
    if (!ema_is_ready(&self->movement.range))
        return;
    double plus = self->movement.plus.value, minus = self->movement.minus.value;
    ema_push(&self->strength, 100.0 * share(fabs(plus - minus), plus + minus, 0));
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct adx *self = state;
    (void)options, (void)moment;
    return self->strength.value;
}

static size_t warmup_inputs(const double *options)
{
    return 2 * option_size(options, 0);
}

static size_t memory_inputs(const double *options)
{
    return 2 * wilder_memory(option_size(options, 0)) + 1;
}

const struct indicator indicator_adx = {
    .name = "adx",
    .summary = "average directional index",
    .formula = "Wilder mean of DX = 100 |+DI - -DI| / (+DI + -DI), begun with its plain mean",
    .source = "Wilder, New Concepts in Technical Trading Systems (1978), sec. IV",
    .edge_cases = "flat: 0; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .min = 0,
    .max = 100,
    .options = {PERIOD(14, 2)},
    .warmup_inputs = warmup_inputs,
    .memory_inputs = memory_inputs,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
