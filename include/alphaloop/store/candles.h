/* Table candles: finished candles, what feature windows and price history are rebuilt from. */
#ifndef ALPHALOOP_STORE_CANDLES_H
#define ALPHALOOP_STORE_CANDLES_H

#include "alphaloop/domain/market.h"
#include "alphaloop/history/gaps.h"
#include "alphaloop/io/pg.h"
#include "alphaloop/io/pg_sync.h"

struct candle_row {
    struct asset asset;
    struct candle candle; /* interval in whole seconds */
    bool is_made;         /* here, from trades or prices, or of a candle nobody confirmed */
};

/* The newest write of a candle counts, also among `rows`; but one that was given (by an exchange, a person, a file) is never
 * replaced by one that was made here. */
void candles_upsert(struct pg_batch *batch, const struct candle_row *rows, size_t n_rows);
/* Given bars of one asset and interval, in strict order of time; their own interval is not looked at. One row comes
 * back: how many are new, and how many are not what was there. Those that are the same are not touched. */
void candles_import(struct pg_batch *batch,
                    const struct asset *asset,
                    int64_t interval_ns,
                    const struct candle *candles,
                    size_t n_candles);
struct candles_imported {
    uint64_t n_new, n_changed;
};
struct candles_imported candles_read_imported(const struct pg_result *result);

/* The last n_each of every asset and interval given by the pairs, by asset, interval and time, oldest first. */
void candles_load_last(struct pg_batch *batch,
                       const struct asset *assets,
                       size_t n_assets,
                       const int64_t *intervals_ns,
                       size_t n_intervals,
                       size_t n_each);
MUST_CHECK enum al_err candles_read(const struct pg_result *result,
                                    size_t row,
                                    struct candle_row *out);

/* The newest rows_max bars of one asset and interval that opened in [from_ns, to_ns), oldest first. Whoever may only know
 * what was over at t asks with to_ns = t - interval_ns + 1. */
struct candles_query {
    struct asset asset;
    int64_t interval_ns;    /* whole seconds */
    int64_t from_ns, to_ns; /* TIMESTAMP_NONE: no bound on that side */
    size_t rows_max;        /* above 0 */
};
void candles_load_range(struct pg_batch *batch, const struct candles_query *query);
/* The same without a loop, by COPY, for what a training child reads. `on_candle` returns false to stop early. */
MUST_CHECK enum al_err candles_copy(struct pg_sync *sync,
                                    const struct candles_query *query,
                                    bool (*on_candle)(void *ctx, const struct candle *candle),
                                    void *ctx);

/* When the newest bar of one asset and interval opened: always one row, TIMESTAMP_NONE when there is no bar. */
void candles_find_newest(struct pg_batch *batch, const struct asset *asset, int64_t interval_ns);
int64_t candles_read_newest(const struct pg_result *result);

/* What history there is: one row an asset and interval, by name and length. All of it is counted: a second for a million. */
struct candle_series {
    struct asset asset;
    int64_t interval_ns, first_ns, last_ns;
    uint64_t n_candles, n_made, n_gaps, n_missing;
};
void candles_list(struct pg_batch *batch, const struct asset *asset, size_t limit); /* NULL: all */
MUST_CHECK enum al_err candles_read_series(const struct pg_result *result,
                                           size_t row,
                                           struct candle_series *out);

/* The gaps between the bars of a range, the newest rows_max of them, oldest first. */
void candles_load_gaps(struct pg_batch *batch, const struct candles_query *query);
MUST_CHECK enum al_err candles_read_gap(const struct pg_result *result,
                                        size_t row,
                                        struct gap *out);

/* Forget what is old, at most `limit` candles at a time: those that opened before before_ns and lie more than bars_kept
 * intervals before now_ns. Series that a forecast is made from (ml_models) stay whole. */
void candles_prune(
    struct pg_batch *batch, int64_t before_ns, int64_t now_ns, size_t bars_kept, size_t limit);

/* Where bars of [from_ns, to_ns) are missing, both multiples of the interval: the newest n_max gaps, newest first. Unlike
 * candles_load_gaps, also before the first bar and after the last one. */
struct candle_gap {
    int64_t from_ns, to_ns; /* bars that would have opened in [from, to) */
};
void candles_find_missing(struct pg_batch *batch,
                          const struct asset *asset,
                          int64_t interval_ns,
                          int64_t from_ns,
                          int64_t to_ns,
                          size_t n_max);
struct candle_gap candles_read_missing(const struct pg_result *result, size_t index);

#endif
