/* Where the market of a simulation or a backtest comes from: made up, or files of candles, trades or quotes, merged by time. */
#ifndef ALPHALOOP_APP_SIMULATE_SOURCE_I_H
#define ALPHALOOP_APP_SIMULATE_SOURCE_I_H

#include "alphaloop/market/csv.h"
#include "alphaloop/market/synthetic.h"

#define SOURCE_FILES_MAX 16

struct source;

MUST_CHECK enum al_err source_open_synthetic(const struct synthetic_options *options,
                                             struct source **out);
/* Files may be gzipped. assets[i] belongs to paths[i]; the files of one asset are one market: trades and quotes, or parts of the
 * same; candles beside another kind are refused when they meet. */
MUST_CHECK enum al_err source_open_files(const char *const *paths,
                                         const struct asset *assets,
                                         size_t n_files,
                                         double half_spread_bps,
                                         struct source **out);
void source_close(struct source *source);

/* The earliest event not yet taken; times never go back. NULL at the end. AL_EPARSE or AL_EIO with the
 * file in err_text() when a file turns out not to be one. Borrowed until source_take(). */
MUST_CHECK enum al_err source_peek(struct source *source, const struct market_event **event);
void source_take(struct source *source);
uint64_t source_n_refused(const struct source *source); /* rows that were skipped */

/* From now on rows that begin at from_ns or later say something else: their prices and quantities are multiplied by random
 * factors. Nothing that was decided before may notice (look-ahead check of a backtest). Call it before the first peek. */
void source_poison(struct source *source, int64_t from_ns, uint64_t seed);

/* What a file holds, read whole: AL_EPARSE when it is no market data, AL_ESHORT without a row. */
struct source_summary {
    enum csv_kind kind;
    int64_t interval_ns; /* of candles: the smallest distance of the first rows; 0 else */
    int64_t from_ns, to_ns;
    uint64_t n_rows, n_refused;
};
MUST_CHECK enum al_err source_summarize(const char *path, struct source_summary *out);

/* "binance_btcusdt_1h.csv.gz" is BTCUSDT: the second word between underscores, when it is an asset. Names of shares are shorter
 * than a traded asset may be: "us_ge_1d.csv" is GEUSD. */
bool source_asset_of_path(const char *path, struct asset *out);

#endif
