/* A small made market for the tests of this room: messages as the gateway would send them, from a seed. */
#ifndef ALPHALOOP_TESTS_FEATURE_WORLD_H
#define ALPHALOOP_TESTS_FEATURE_WORLD_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/feature/market_state.h"

#define WORLD_START (INT64_C(1700000040) * NS_PER_S) /* the beginning of a minute */

static inline struct market_event *world_event(enum market_kind kind, int64_t ts_ns)
{
    static struct market_event event;
    memset(&event, 0, sizeof(event));
    event.kind = kind;
    strcpy(event.asset.text, "BTCUSDT");
    event.ts_event_ns = event.ts_recv_ns = ts_ns;
    return &event;
}

static inline struct market_event *world_ticker(
    int64_t ts_ns, double bid, double ask, double last, double volume)
{
    struct market_event *event = world_event(MARKET_TICKER, ts_ns);
    event->ticker = (struct ticker_update){last, volume, bid, ask, NAN, NAN};
    return event;
}

static inline struct market_event *world_book(
    int64_t ts_ns, double bid, double ask, double bid_qty, double ask_qty)
{
    struct market_event *event = world_event(MARKET_BOOK, ts_ns);
    event->book.n_bids = event->book.n_asks = 3;
    for (size_t i = 0; i < 3; i++) {
        event->book.bids[i] = (struct book_level){bid - 0.01 * (double)i, bid_qty + (double)i};
        event->book.asks[i] = (struct book_level){ask + 0.01 * (double)i, ask_qty + (double)i};
    }
    return event;
}

static inline struct market_event *world_trade(int64_t ts_ns,
                                               double price,
                                               double qty,
                                               enum side side)
{
    struct market_event *event = world_event(MARKET_TRADES, ts_ns);
    event->trades.n_trades = 1;
    event->trades.trades[0] = (struct trade){ts_ns, price, qty, side};
    return event;
}

static inline struct market_event *world_kline(
    int64_t open_ns, int64_t interval_ns, double close, double volume, bool confirmed)
{
    struct market_event *event = world_event(MARKET_KLINE, open_ns + interval_ns);
    event->kline.candle =
        (struct candle){open_ns, interval_ns, close, close * 1.001, close * 0.999, close, volume};
    event->kline.confirmed = confirmed;
    return event;
}

/* One second of a random market: a book, a ticker, sometimes a trade, and at the end of a minute its kline. */
struct world {
    struct rng rng;
    int64_t ts_ns;
    double mid, open, high, low, volume;
};

static inline void world_init(struct world *world, uint64_t seed)
{
    rng_seed(&world->rng, seed);
    *world = (struct world){
        .rng = world->rng, .ts_ns = WORLD_START, .mid = 100, .open = 100, .high = 100, .low = 100};
}

typedef void (*world_fn)(void *ctx, const struct market_event *event);

static inline void world_second(struct world *world, world_fn fn, void *ctx)
{
    world->ts_ns += NS_PER_S;
    world->mid *= exp(0.0001 * rng_normal(&world->rng));
    world->high = fmax(world->high, world->mid);
    world->low = fmin(world->low, world->mid);
    double bid = floor(world->mid * 100) / 100, ask = bid + 0.02;
    fn(ctx, world_book(world->ts_ns, bid, ask, 1 + 4 * rng_uniform(&world->rng),
                       1 + 4 * rng_uniform(&world->rng)));
    fn(ctx, world_ticker(world->ts_ns + 1, bid, ask, world->mid, 1e6));
    if (rng_uniform(&world->rng) < 0.6) {
        double qty = rng_exponential(&world->rng, 2);
        bool buys = rng_uniform(&world->rng) < 0.5;
        world->volume += qty;
        fn(ctx, world_trade(world->ts_ns + 2, buys ? ask : bid, qty, buys ? SIDE_BUY : SIDE_SELL));
    }
    if ((world->ts_ns + NS_PER_S) % NS_PER_MIN != 0)
        return;
    int64_t open_ns = world->ts_ns + NS_PER_S - NS_PER_MIN;
    struct market_event *event = world_kline(open_ns, NS_PER_MIN, world->mid, world->volume, true);
    event->kline.candle.open = world->open;
    event->kline.candle.high = world->high;
    event->kline.candle.low = world->low;
    fn(ctx, event);
    world->open = world->high = world->low = world->mid;
    world->volume = 0;
}

#endif
