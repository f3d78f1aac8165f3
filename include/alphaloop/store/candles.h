/* Table candles: finished candles, what feature windows and price history are rebuilt from. */
#ifndef ALPHALOOP_STORE_CANDLES_H
#define ALPHALOOP_STORE_CANDLES_H

#include "alphaloop/domain/market.h"
#include "alphaloop/io/pg.h"

struct candle_row {
    struct asset asset;
    struct candle candle; /* interval in whole seconds */
};

/* The newest write of a candle counts, also among `rows`. */
void candles_upsert(struct pg_batch *batch, const struct candle_row *rows, size_t n_rows);
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
/* Forget candles of one interval that opened before before_ns. */
void candles_prune(struct pg_batch *batch, int64_t interval_ns, int64_t before_ns);

#endif
