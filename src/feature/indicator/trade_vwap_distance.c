/* The mid relative to the volume-weighted price of recent trades, in sigmas. */
#include "indicator_i.h"

struct trade_vwap {
    struct decay value, volume;
};

static void place(struct block *block, const double *options)
{
    struct trade_vwap *state = block_take(block, sizeof(*state));
    if (state != NULL)
        *state = (struct trade_vwap){decay_of(options[0]), decay_of(options[0])};
}

static void on_trade(void *state, const struct trade *trade)
{
    struct trade_vwap *self = state;
    decay_add(&self->value, trade->ts_event_ns, trade->price * trade->qty);
    decay_add(&self->volume, trade->ts_event_ns, trade->qty);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct trade_vwap *self = state;
    if (moment->quote == NULL)
        return NAN;
    if (!(self->volume.sum > 0 && self->value.sum > 0))
        return 0;
    return in_sigmas(log(moment->quote->mid * self->volume.sum / self->value.sum), moment->sigma,
                     options[0]);
}

const struct indicator indicator_trade_vwap_distance = {
    .name = "trade_vwap_distance",
    .summary = "the mid relative to the volume-weighted price of recent trades, in sigmas",
    .formula =
        "ln(mid sum(w q) / sum(w p q)) / (sigma sqrt(seconds / 60)), w = exp(-age / seconds)",
    .source = "Berkowitz, Logue, Noser, The Total Cost of Transactions on the NYSE, J. Finance 43 "
              "(1988), fading with time",
    .edge_cases = "no volume: 0; no quote or no trades at all: missing",
    .feed = FEED_TRADE,
    .version = 1,
    .is_directional = true,
    .min = -SIGMAS_MAX,
    .max = SIGMAS_MAX,
    .options = {SECONDS(60)},
    .warmup_inputs = warmup_one,
    .warmup_ns = warmup_seconds,
    .place = place,
    .on_trade = on_trade,
    .value = value,
};
