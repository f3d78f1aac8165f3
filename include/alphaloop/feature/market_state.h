/* The live market of one asset: what its messages add up to, and whether it can be acted on.
 *
 * Four sources (ticker deltas, order book, trades, klines) are merged here. Each has its own clock and its own freshness.
 * Time is event time: within a source an event older than what was already used is late, is counted and changes nothing,
 * so a vector or a candle once seen stays true. Prices are above 0 and finite or they are refused and counted.
 *
 * Order of use for one message: market_state_on_event() tells what it changed (struct market_update), and that update is
 * handed to every feature engine of the asset. Memory is fixed at create; every update is O(1), amortised.
 */
#ifndef ALPHALOOP_FEATURE_MARKET_STATE_H
#define ALPHALOOP_FEATURE_MARKET_STATE_H

#include "alphaloop/base/err.h"
#include "alphaloop/domain/order_book.h"
#include "alphaloop/domain/reason.h"
#include "alphaloop/domain/snapshot.h"

#define MARKET_TIMEFRAMES_MAX     8
#define MARKET_CANDLES_PER_UPDATE 64               /* trades of one message past that are refused */
#define MARKET_FUTURE_MAX_NS      (300 * NS_PER_S) /* an event further ahead of now_ns is refused */
#define MARKET_DEPTH_LEVELS       5                /* levels summed into bid_depth and ask_depth */
#define MARKET_SIGMA_RETURNS_MIN  10               /* returns before a volatility is known */

/* How old a source may be before it is not used. A candle is stale when its end lies further back than its own timeframe
 * plus candle_ns. */
struct market_limits {
    int64_t ticker_ns, book_ns, trades_ns, candle_ns;
};
#define MARKET_LIMITS_DEFAULT                                                                      \
    ((struct market_limits){10 * NS_PER_S, 10 * NS_PER_S, 300 * NS_PER_S, 300 * NS_PER_S})

/* The best bid and ask, from ticker or book, whichever is fresher (the book when equal). */
struct market_quote {
    int64_t ts_event_ns;
    double bid, ask; /* 0 < bid < ask */
    double mid;
    double bid_qty, ask_qty; /* NaN when not known */
};

/* What one message changed. Pointers borrow from the event and the state: use before the next call. */
struct market_update {
    int64_t ts_event_ns;
    bool is_live;   /* false: a stored candle, replayed at start */
    bool has_quote; /* there is a new, uncrossed quote */
    struct market_quote quote;
    const struct order_book *book; /* NULL unless the book changed and is usable */
    const struct trade *trades;    /* n_trades of them, in order of event time */
    size_t n_trades;
    size_t n_candles; /* finished candles, oldest first within a timeframe */
    struct candle candles[MARKET_CANDLES_PER_UPDATE];
    struct trade accepted[MARKET_TRADES_MAX]; /* storage behind `trades` when some were refused */
};

struct market_counts { /* since create, by enum market_kind */
    uint64_t n_used[MARKET_KIND_COUNT];
    uint64_t n_late[MARKET_KIND_COUNT]; /* older than what was used */
    uint64_t n_refused
        [MARKET_KIND_COUNT]; /* a price not above 0, a broken candle, a time in the future */
};

/* What the warm-up heuristics look at: dimensionless, NaN where not known. */
struct market_moves {
    double return_10s, return_60s, return_300s,
        return_900s; /* log return of the mid over the span / (sigma sqrt(span)); while no quote is that old, against the
                        close of the newest finished minute if that is half a span to two spans old */
    double
        ema_distance; /* log(mid / EMA of the mid, 300 s) / (sigma sqrt(300 s)): > 0 is above its mean */
    double
        volume_ratio; /* volume of the newest finished minute / mean of the 20 minutes before it */
    double
        volatility_ratio; /* EWMA sigma of a memory of about 5 minutes / sigma: > 1 is livelier than usual */
    double volatility; /* sigma, as in the snapshot */
};

struct market_state;

MUST_CHECK enum al_err market_state_create(const struct asset *asset,
                                           struct market_state **out); /* gives */
void market_state_destroy(struct market_state *state);

/* Build candles of this length too (60 s are always built). Asking twice is fine. Before the first event only.
 * AL_EFULL past MARKET_TIMEFRAMES_MAX, AL_EINVAL unless a whole number of seconds from 1 s to 7 days. */
MUST_CHECK enum al_err market_state_add_timeframe(struct market_state *state, int64_t interval_ns);

/* Take in one message of this asset.
 *
 *   event    the message                                        borrows until *update was used
 *   now_ns   decision time, only to refuse events from the future
 *   update   what changed                                       out
 *   returns  true when anything of the message was used
 */
bool market_state_on_event(struct market_state *state,
                           const struct market_event *event,
                           int64_t now_ns,
                           struct market_update *update);

/* Recovery: one stored, finished candle, oldest first, before live events. It counts for volatility, volume and candle
 * features, never for freshness of a source. False when late or broken. */
bool market_state_on_stored_candle(struct market_state *state,
                                   const struct candle *candle,
                                   struct market_update *update);

/* The market at now_ns, or why it cannot be acted on: REASON_NONE, no_market_data, market_data_stale,
 * market_data_crossed or market_data_incomplete. *out is zeroed unless REASON_NONE. last_price is the newest of trade,
 * ticker and kline close; volume_24h is the ticker's, else the sum of the finished minutes of the last 24 h. The
 * volatility is the sigma below of one minute; before that is known, that of the mid from second to second
 * (MARKET_SIGMA_RETURNS_MIN moves), else what the range of the finished minutes says (one is enough), else half the spread.
 * It may be exactly 0 in a market that does not move. */
enum reason market_state_snapshot(const struct market_state *state,
                                  int64_t now_ns,
                                  const struct market_limits *limits,
                                  struct snapshot *out);

/* Fill *out; false, with every field NaN, when there is no usable quote. */
bool market_state_moves(const struct market_state *state,
                        int64_t now_ns,
                        const struct market_limits *limits,
                        struct market_moves *out);

/* EWMA (lambda 0.94, RiskMetrics 1996) standard deviation of log returns of the candles of one timeframe, as a fraction
 * per sqrt(timeframe); NaN before MARKET_SIGMA_RETURNS_MIN returns or for a timeframe not built. A return across a gap
 * of k candles counts as its square / k. */
double market_state_sigma(const struct market_state *state, int64_t interval_ns);

/* The fresh, uncrossed quote at now_ns; false when there is none. */
bool market_state_quote(const struct market_state *state,
                        int64_t now_ns,
                        const struct market_limits *limits,
                        struct market_quote *out);
/* The fresh, uncrossed book; NULL when there is none. Borrows until the next event. */
const struct order_book *market_state_book(const struct market_state *state,
                                           int64_t now_ns,
                                           const struct market_limits *limits);
/* Event time of the newest use of a source; TIMESTAMP_NONE when never. */
int64_t market_state_seen_ns(const struct market_state *state, enum market_kind kind);
const struct market_counts *market_state_counts(const struct market_state *state);
const struct asset *market_state_asset(const struct market_state *state);

#endif
