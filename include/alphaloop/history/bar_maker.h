/* Bars of one interval from trades, or from prices without a volume.
 *
 * A bar opens at a multiple of the interval since 1970 and is given out once, whole, grace_ns of market time after its end;
 * until then a late trade still counts, at the place its time gives it: the first trade is the open and the last one the
 * close, whatever order they came in. What comes later than that is counted and changes nothing. A bar in which nothing
 * traded is not made up, and one that opened before since_ns (when listening began) is not given out: it is only a part.
 *
 * The maker of candles for features (feature/candle_merger.h) weighs klines, trades and prices of one span against each
 * other and must never wait; this one is for what is kept.
 */
#ifndef ALPHALOOP_HISTORY_BAR_MAKER_H
#define ALPHALOOP_HISTORY_BAR_MAKER_H

#include "alphaloop/domain/market.h"

#define BARS_OPEN_MAX 2 /* the current one, and the one before while it waits for late trades */

struct bar_maker {
    int64_t interval_ns;
    int64_t grace_ns;  /* 0 to interval_ns */
    int64_t since_ns;  /* TIMESTAMP_NONE: from the beginning */
    int64_t newest_ns; /* how far the market has come; TIMESTAMP_NONE before the first trade */
    uint64_t n_late, n_partial;
    size_t n_open;
    struct open_bar {
        int64_t first_ns, last_ns; /* of its trades */
        struct candle candle;
    } bars[BARS_OPEN_MAX]; /* oldest first */
};

struct bars_out {
    size_t n_candles;
    struct candle candles[BARS_OPEN_MAX];
};

void bar_maker_init(struct bar_maker *maker,
                    int64_t interval_ns,
                    int64_t grace_ns,
                    int64_t since_ns);
/* One trade; qty NaN where only a price is known. *out: the bars that are over by it, oldest first. False when the trade was
 * too late, or no price and quantity. */
bool bar_maker_on_trade(
    struct bar_maker *maker, int64_t ts_ns, double price, double qty, struct bars_out *out);
/* The market has come to now_ns: *out as above. Going back does nothing. */
void bar_maker_on_time(struct bar_maker *maker, int64_t now_ns, struct bars_out *out);

#endif
