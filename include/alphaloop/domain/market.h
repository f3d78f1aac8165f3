/* Market data as it arrives from ws-gateway (contract 3.2): four kinds of message, parsed into one tagged struct. */
#ifndef ALPHALOOP_DOMAIN_MARKET_H
#define ALPHALOOP_DOMAIN_MARKET_H

#include <stdint.h>

#include "alphaloop/base/json.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/domain/names.h"
#include "alphaloop/domain/order_event.h"

enum market_kind { MARKET_TICKER, MARKET_BOOK, MARKET_KLINE, MARKET_TRADES, MARKET_KIND_COUNT };
const char *market_kind_name(enum market_kind kind); /* "ticker", "orderbook", "kline", "trades" */

#define BOOK_DEPTH_MAX    200 /* levels kept a side */
#define MARKET_LEVELS_MAX (2 * BOOK_DEPTH_MAX)
#define MARKET_TRADES_MAX 512 /* in one message; the rest is counted as dropped */
#define MARKET_EARLIER_MAX                                                                         \
    15 /* candles in one message besides the newest; older ones are dropped */

#define CANDLE_INTERVAL_TEXT_MAX 24

struct candle {
    int64_t ts_open_ns;
    int64_t interval_ns;
    double open, high, low, close;
    double volume; /* base currency */
};

struct kline {
    struct candle candle;
    bool confirmed; /* final: the interval is over */
};

struct trade {
    int64_t ts_event_ns;
    double price, qty;
    enum side side; /* of the taker; SIDE_NONE when unknown */
};

struct book_level {
    double price, qty; /* qty 0 deletes */
};

struct ticker_update { /* NaN: not in this message; the last value stays */
    double last_price, volume_24h, bid_price, ask_price, bid_qty, ask_qty;
};

struct market_event {
    enum market_kind kind;
    struct asset asset;
    int64_t ts_event_ns; /* when it happened: payload time, else envelope timestamp, else receipt */
    int64_t ts_recv_ns;
    struct trace_id trace_id;
    char traceparent[TRACEPARENT_TEXT_MAX]; /* from the message's header: the caller's to set */
    union {
        struct ticker_update ticker;
        struct {
            bool is_delta;
            size_t n_bids, n_asks;
            struct book_level bids[BOOK_DEPTH_MAX], asks[BOOK_DEPTH_MAX];
        } book;
        struct {
            struct candle candle; /* the newest of the message */
            bool confirmed;
            size_t
                n_earlier; /* mostly 0: a frame may carry the end of one candle and the start of the next */
            struct kline earlier[MARKET_EARLIER_MAX]; /* oldest first, before `candle` */
        } kline;
        struct {
            size_t n_trades;
            size_t n_dropped;
            struct trade trades[MARKET_TRADES_MAX];
        } trades;
    };
};

/* Same contract as order_event_parse; market data that cannot be read is counted and dropped, not quarantined.
 *
 * The body is the gateway's envelope, the exchange's own frame ({topic, type, ts, data}) or the bare payload; a payload may
 * be one object or, for trades and klines, an array of them. Numbers may be strings. A time is a number (s, ms, us or ns,
 * told apart by size), the same as text, or ISO 8601; no check against the future is made here.
 *
 * An order book says whether it is a delta (`type`, `event_type`). When it does not (gateways drop the word), it is a
 * delta if a level has size 0, if a side is empty, or if it carries an update id other than 1 and on neither side as many
 * levels as its topic promises; else a snapshot.
 */
bool market_event_parse(struct json_reader *reader,
                        enum market_kind kind,
                        struct slice body,
                        int64_t ts_recv_ns,
                        struct market_event *event,
                        struct order_event_refusal *refusal);

/* "1", "5", "60", "D", "1m", "1h" ... in nanoseconds; 0 when not an interval. */
int64_t candle_interval_parse(struct slice text);
/* The same back, in the largest unit that goes into it: "1m", "4h", "1d", "90s". Whole seconds. */
void candle_interval_format(int64_t interval_ns, char out[CANDLE_INTERVAL_TEXT_MAX]);

#endif
