/* Candles of one timeframe, from whatever arrives: klines of that length, else trades, else prices (mids).
 *
 * All three are collected side by side and a finished candle comes whole from the best one its span had, never from a
 * mixture. A span in which nothing happened has no candle: gaps stay gaps. A candle is finished when its kline is
 * confirmed, when the best source that is alive has moved past its end, or when any source is CANDLE_GRACE_NS past it.
 * What belongs to a span already finished is late and changes nothing.
 *
 * Spans begin at multiples of the interval since 1970, shifted to where klines begin when they say otherwise (stock
 * exchanges open at half past).
 */
#ifndef ALPHALOOP_FEATURE_CANDLE_MERGER_H
#define ALPHALOOP_FEATURE_CANDLE_MERGER_H

#include "alphaloop/domain/market.h"

#define CANDLE_GRACE_NS                                                                            \
    (5 * NS_PER_S) /* how long the rest waits for the best source to close a span */
#define CANDLES_PER_CALL_MAX 3
#define CANDLE_SOURCE_COUNT  3

enum candle_source { CANDLE_FROM_KLINE, CANDLE_FROM_TRADES, CANDLE_FROM_PRICES }; /* best first */

struct candle_slot { /* one span being built */
    bool is_open;
    int64_t ts_open_ns;
    bool has[CANDLE_SOURCE_COUNT];
    struct candle candle[CANDLE_SOURCE_COUNT];
};

struct candle_merger {
    int64_t interval_ns;
    int64_t phase_ns;    /* spans begin at phase + n * interval */
    int64_t finished_ns; /* end of the newest finished candle; TIMESTAMP_NONE before the first */
    int64_t
        seen_ns[CANDLE_SOURCE_COUNT]; /* how far each source has come; TIMESTAMP_NONE: never seen */
    struct candle_slot previous, current;
};

struct candles_out {
    size_t n_candles;
    struct candle candles[CANDLES_PER_CALL_MAX];
};

void candle_merger_init(struct candle_merger *merger, int64_t interval_ns);

/* Each appends the candles it finishes to *out (reset first) and returns false when the input was late or broken.
 * Volume of a candle made from prices is NaN: it is not known. */
bool candle_merger_on_kline(struct candle_merger *merger,
                            const struct candle *kline,
                            bool confirmed,
                            struct candles_out *out);
bool candle_merger_on_trade(
    struct candle_merger *merger, int64_t ts_ns, double price, double qty, struct candles_out *out);
bool candle_merger_on_price(struct candle_merger *merger,
                            int64_t ts_ns,
                            double price,
                            struct candles_out *out);

/* 0 < low <= open, close <= high, all finite; volume >= 0 or NaN. */
bool candle_is_valid(const struct candle *candle);

#endif
