/* A feature set: which columns a strategy's models see, in which order.
 *
 * Columns are asked for by name. A name is one of
 *   - a set of feature_sets.def ("standard"), which stands for all its columns
 *   - a row of features.def ("rsi_14"), at the strategy's timeframe, or at another: "rsi_14@300"; "rsi_14@5x" is at
 *     five times the strategy's
 *   - an indicator with options: "rsi(period=21)", "rsi(period=21)@300"; options left out have their defaults
 *
 * The schema hash covers name, indicator, its code version, options, timeframe, direction and order of all columns: equal
 * hashes mean equal numbers. A model keeps the hash and is refused when the catalogue no longer gives it.
 */
#ifndef ALPHALOOP_FEATURE_FEATURE_SET_H
#define ALPHALOOP_FEATURE_FEATURE_SET_H

#include "alphaloop/base/hash.h"
#include "alphaloop/domain/decision.h"
#include "alphaloop/feature/indicator.h"

#define FEATURE_NAME_MAX 64

struct feature_column {
    char name[FEATURE_NAME_MAX]; /* as asked for; unique in the set */
    const struct indicator *indicator;
    double options[INDICATOR_OPTIONS_MAX];
    int64_t timeframe_ns; /* of candle columns; 0 for all others */
    bool is_oriented;     /* mirrored by feature_orient() */
    float neutral;        /* the value it is mirrored around; 0 for most */
    uint16_t mirror;      /* the column a sell sees in its place: itself, unless it is one-sided */
};

struct feature_set {
    size_t n_columns;
    struct feature_column columns[FEATURES_MAX];
    size_t n_timeframes; /* the candle lengths its columns need */
    int64_t timeframes_ns[MARKET_TIMEFRAMES_MAX];
    struct sha256 schema_hash;
};

/* Resolve names into columns.
 *
 *   names         set names, rows or expressions; at least one       borrows
 *   timeframe_ns  of candle columns that name none
 *   set           out (about 40 kB: keep it on the heap)
 *   returns       AL_OK; AL_ENOTFOUND, AL_EPARSE, AL_EINVAL (also: a one-sided column without the one of the other
 *                 side), AL_EEXIST (twice the same column) or AL_EFULL with the name in err_text()
 */
MUST_CHECK enum al_err feature_set_resolve(const struct slice *names,
                                           size_t n_names,
                                           int64_t timeframe_ns,
                                           struct feature_set *set);

/* Index of a column by name; SIZE_MAX when the set has none. */
size_t feature_set_find(const struct feature_set *set, struct slice name);

/* Candles of one timeframe to replay at start so that the columns are as if the program had never stopped. */
size_t feature_set_candles_wanted(const struct feature_set *set, int64_t timeframe_ns);

/* See the vector from the action's side: directional columns are mirrored around their neutral value for a sell (times
 * -1 where that is 0), one-sided ones change places, everything else is copied. NaN stays NaN. x and out hold n_columns and may be the same array. */
void feature_orient(const struct feature_set *set, const float *x, enum side side, float *out);

#endif
