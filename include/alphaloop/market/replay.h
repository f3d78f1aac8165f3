/* Rows of a file become the market events a gateway would have sent: order book, ticker, trades and candles of one asset.
 *
 * Candles. A bar that opened at t with interval d is walked through four prices: open at t, the extreme nearer to the open
 * at t + d/4, the other extreme at t + d/2, close just before t + d (the order never depends on the close). At each price:
 * one trade of a quarter of the volume, a book and a ticker around it. At t + d the candle itself, confirmed. Inside a bar
 * the walk is an invention, and it turns back at the extremes: decide at the end of candles, not inside them.
 * d is the smallest distance between the first REPLAY_LOOK_AHEAD rows unless the options say it.
 *
 * Trades. Each trade, a book and ticker around the last price at most every 100 ms of market time, one-minute candles.
 *
 * Quotes. Each quote is a book of one level and a ticker whose last price is the mid; one-minute candles of the mid.
 *
 * Trades and quotes of one asset. From the first quote on books are those of the quotes alone, none is made up around trades;
 * from the first trade on the last price, the volume and the candles are those of the trades.
 *
 * Where the file gives no spread, half_spread_bps is assumed. volume_24h is the sum over the last 24 hours of what was
 * replayed, so it grows during the first day. Event times never go back.
 */
#ifndef ALPHALOOP_MARKET_REPLAY_H
#define ALPHALOOP_MARKET_REPLAY_H

#include "alphaloop/market/csv.h"
#include "alphaloop/market/synthetic.h"

#define REPLAY_LOOK_AHEAD 32

struct replay_options {
    struct asset asset;
    int64_t interval_ns;    /* of candles; 0: find out from the rows */
    double half_spread_bps; /* assumed for candles and trades; 0.5 is a liquid crypto pair */
};

struct replay;
/* AL_EINVAL on a bad option. *out: replay_destroy() it.   gives */
MUST_CHECK enum al_err replay_create(const struct replay_options *options, struct replay **out);
void replay_destroy(struct replay *replay);

/* Rows must be in time order, and of one kind or trades and quotes. Emits zero or more events. */
void replay_row(struct replay *replay, const struct csv_row *row, market_event_fn emit, void *ctx);
void replay_end(struct replay *replay,
                market_event_fn emit,
                void *ctx);                              /* what is still held back */
int64_t replay_interval_ns(const struct replay *replay); /* 0 until known, or no candles */

#endif
