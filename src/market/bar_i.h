/* One candle in the making: prices in, a candle out. */
#ifndef ALPHALOOP_MARKET_BAR_I_H
#define ALPHALOOP_MARKET_BAR_I_H

#include "alphaloop/domain/market.h"

struct bar {
    bool is_empty;
    double open, high, low, close, volume;
};

void bar_init(struct bar *bar);
bool bar_is_empty(const struct bar *bar);
void bar_add(struct bar *bar, double price, double qty);
double bar_close(const struct bar *bar); /* the last price ever added; 0 before the first */

/* The finished candle. The next one starts empty, but remembers the last price. Asserts that it is not empty. */
void bar_take(struct bar *bar, int64_t ts_open_ns, int64_t interval_ns, struct candle *out);

#endif
