/* One candle in the making: prices in, a candle out. */
#ifndef ALPHALOOP_MARKET_CANDLE_BUILDER_I_H
#define ALPHALOOP_MARKET_CANDLE_BUILDER_I_H

#include "alphaloop/domain/market.h"

struct candle_builder {
    bool   is_empty;
    double open, high, low, close, volume;
};

void   candle_builder_init(struct candle_builder *builder);
bool   candle_builder_is_empty(const struct candle_builder *builder);
void   candle_builder_add(struct candle_builder *builder, double price, double qty);
double candle_builder_close(const struct candle_builder *builder); /* the last price ever added; 0 before the first */

/* The finished candle. The next one starts empty, but remembers the last price. Asserts that it is not empty. */
void candle_builder_take(struct candle_builder *builder, int64_t ts_open_ns, int64_t interval_ns, struct candle *out);

#endif
