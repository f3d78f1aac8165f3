/* The inside of a market state, shared by market_state.c (taking in) and market_view.c (reading out). */
#ifndef ALPHALOOP_FEATURE_MARKET_STATE_I_H
#define ALPHALOOP_FEATURE_MARKET_STATE_I_H

#include <stddef.h>

#include "alphaloop/feature/candle_merger.h"
#include "alphaloop/feature/market_state.h"
#include "volatility_i.h"
#include "window_i.h"

#define LAMBDA_SIGMA   0.94 /* a memory of about 17 candles */
#define LAMBDA_FAST    0.80 /* of about 5 */
#define MOVES_MEAN_S   300.0
#define MOVES_MARKS    1024
#define VOLUME_MINUTES 1440
#define VOLUME_BEFORE  20 /* minutes the newest one's volume is compared with */

struct timeframe {
    struct candle_merger merger;
    struct volatility volatility;
    int64_t kline_ts_ns; /* event time of the newest kline message */
};

struct minute_volume {
    int64_t end_ns;
    double volume;
};

struct day_volume { /* finished minutes of the last 24 h whose volume is known */
    struct minute_volume minutes[VOLUME_MINUTES];
    size_t first, count;
    uint64_t n_pushed;
    double sum;
};

struct market_state {
    struct asset asset;
    struct market_counts counts;
    int64_t seen_ns[MARKET_KIND_COUNT];
    bool has_begun;
    struct ticker_update ticker; /* merged */
    struct order_book book;
    double last_price; /* NaN when not known */
    int64_t last_price_ns;
    int64_t quote_ns; /* event time of the newest quote given out */
    size_t n_timeframes;
    struct timeframe timeframes[MARKET_TIMEFRAMES_MAX]; /* the first is one minute */
    struct volatility fast;                             /* of one minute */
    struct young_volatility young;                      /* until the minutes are enough */
    struct day_volume day;
    struct window *volumes;    /* of the newest minutes */
    struct price_marks *marks; /* the mid, second by second */
    struct time_mean log_mid;
    max_align_t memory[];
};

/* The two possible quotes; false unless both sides are known. They may be crossed. */
bool state_ticker_quote(const struct market_state *state, struct market_quote *quote);
bool state_book_quote(const struct market_state *state, struct market_quote *quote);
/* The fresher of those heard of at or after `since`; uncrossed. */
bool state_best_quote(const struct market_state *state,
                      int64_t ticker_since_ns,
                      int64_t book_since_ns,
                      struct market_quote *quote);

#endif
