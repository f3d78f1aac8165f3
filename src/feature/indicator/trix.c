/* TRIX: the change of a threefold exponential mean, which lets nothing through but the trend. */
#include "indicator_i.h"

struct trix {
    struct ema once, twice, thrice;
    double before;
};

static void place(struct block *block, const double *options)
{
    struct trix *state = block_take(block, sizeof(*state));
    struct ema mean = ema_of(option_size(options, 0));
    if (state != NULL)
        *state = (struct trix){.once = mean, .twice = mean, .thrice = mean};
}

static void on_candle(void *state, const struct candle *candle)
{
    struct trix *self = state;
    self->before = self->thrice.value;
    ema_push(&self->once, candle->close);
    if (ema_is_ready(&self->once))
        ema_push(&self->twice, self->once.value);
    if (ema_is_ready(&self->twice))
        ema_push(&self->thrice, self->twice.value);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct trix *self = state;
    (void)options, (void)moment;
    return 1e4 * (self->thrice.value / self->before - 1.0);
}

static size_t warmup_inputs(const double *options)
{
    return 3 * option_size(options, 0) - 1;
}

static size_t memory_inputs(const double *options)
{
    return 3 * ema_memory(option_size(options, 0)) + 1;
}

const struct indicator indicator_trix = {
    .name = "trix",
    .summary = "one-candle change of a threefold exponential mean, basis points",
    .formula = "1e4 (E / E[1] - 1), E = EMA(EMA(EMA(C, period), period), period); means begun with "
               "their plain mean",
    .source = "Hutson, Good TRIX, Stocks & Commodities 1:5 (1983)",
    .edge_cases = "flat: 0; short: warming up",
    .feed = FEED_CANDLE,
    .version = 1,
    .is_directional = true,
    .min = -1e4,
    .max = 1e4,
    .options = {PERIOD(9, 1)},
    .warmup_inputs = warmup_inputs,
    .memory_inputs = memory_inputs,
    .place = place,
    .on_candle = on_candle,
    .value = value,
};
