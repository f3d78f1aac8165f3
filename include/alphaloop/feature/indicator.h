/* Indicators: small incremental formulas over one feed. One file each in src/feature/indicator/, one row each in
 * tbl/indicators.def; everything that lists, documents, tests or fuzzes them walks that table.
 *
 * An indicator is a const descriptor. Its state is plain memory of a size known from the options, so that an engine can
 * lay all its columns in one block and never allocate again. update() is O(1), amortised; value() reads the state at a
 * moment and changes nothing.
 *
 * Outcomes cannot get in: the only inputs are candles, trades, quotes, and the moment's market and position.
 */
#ifndef ALPHALOOP_FEATURE_INDICATOR_H
#define ALPHALOOP_FEATURE_INDICATOR_H

#include "alphaloop/feature/market_state.h"

#define INDICATOR_OPTIONS_MAX 4
#define INDICATOR_NAME_MAX    32

enum indicator_feed {
    FEED_CANDLE,   /* finished candles of the column's timeframe */
    FEED_TRADE,    /* every trade */
    FEED_QUOTE,    /* every change of best bid, ask or their sizes */
    FEED_BOOK,     /* stateless: the book at the moment */
    FEED_POSITION, /* stateless: the position at the moment */
    FEED_CLOCK,    /* stateless: the time of the moment */
    FEED_COUNT
};
const char *indicator_feed_name(enum indicator_feed feed); /* "candle", "trade", ... */

/* Our own position and orders as known at the moment. */
struct position_features {
    bool is_known;        /* false: never reported; the columns are missing (NaN) */
    double size_fraction; /* signed value of the position / the strategy's bound; 0 when flat */
    double unrealized_pnl_pct; /* per cent of the entry value; 0 when flat */
    double n_open_orders;      /* own orders of this asset that have not ended */
};

/* The instant a vector is taken at. */
struct feature_moment {
    int64_t now_ns;
    double sigma; /* EWMA volatility of 1-minute log returns; NaN when not known */
    const struct market_quote *quote; /* NULL: no usable quote */
    const struct order_book *book;    /* NULL: no usable book */
    const struct position_features *position;
};

struct block; /* one stretch of memory being handed out */

struct indicator_option {
    const char *name;       /* "period"; NULL ends the list */
    double value, min, max; /* default and closed range */
    bool is_integer;
    const char *help;
};

struct indicator {
    const char *name;    /* as in indicators.def */
    const char *summary; /* one line */
    const char *formula;
    const char *source;     /* who published it */
    const char *edge_cases; /* what flat, short and empty input gives */
    enum indicator_feed feed;
    uint32_t version;    /* raised when the numbers change; part of the schema hash */
    bool is_directional; /* mirrored around `neutral` for a sell */
    bool is_one_sided; /* options[0] is `side`, 1 or -1: a sell sees the column of the other side */
    double neutral;
    double min, max; /* output range; the engine clamps rounding (and outliers) into it */
    struct indicator_option options[INDICATOR_OPTIONS_MAX + 1];
    const char *(*misfit)(
        const double *options); /* what does not fit together, or NULL; NULL: anything does */

    /* Inputs (candles, trades, quotes) before the first value, and the span they must cover (ns, 0: none). */
    size_t (*warmup_inputs)(const double *options);
    int64_t (*warmup_ns)(const double *options);
    /* Inputs after which what came before no longer shows in a float. Equal to warmup_inputs for windows; longer for
     * recursive formulas. NULL: as warmup_inputs. */
    size_t (*memory_inputs)(const double *options);

    /* Take the state from the block and set it up; with an empty block only measure. NULL: stateless. */
    void (*place)(struct block *block, const double *options);
    void (*on_candle)(void *state, const struct candle *candle);
    void (*on_trade)(void *state, const struct trade *trade);
    void (*on_quote)(void *state, const struct market_quote *quote);
    /* After warm-up only. NaN is "missing": volume not known, no book, no position. */
    double (*value)(const void *state, const double *options, const struct feature_moment *moment);
};

size_t indicator_count(void);
const struct indicator *indicator_at(
    size_t index); /* in the order of indicators.def, sorted by name */
const struct indicator *indicator_find(struct slice name); /* NULL when unknown */
size_t indicator_n_options(const struct indicator *indicator);
/* AL_EINVAL naming the option unless every option is in range, whole where it must be, and they fit together. */
MUST_CHECK enum al_err indicator_check(const struct indicator *indicator, const double *options);

/* One indicator on its own: for tests, notebooks and batch work. The engine does the same for many. */
struct indicator_run;

MUST_CHECK enum al_err indicator_run_create(const struct indicator *indicator,
                                            const double *options,
                                            struct indicator_run **out); /* gives */
void indicator_run_destroy(struct indicator_run *run);
/* Feed n inputs of the indicator's own feed, in order. */
void indicator_run_candles(struct indicator_run *run,
                           const struct candle *candles,
                           size_t n_candles);
void indicator_run_trades(struct indicator_run *run, const struct trade *trades, size_t n_trades);
void indicator_run_quotes(struct indicator_run *run,
                          const struct market_quote *quotes,
                          size_t n_quotes);
/* The value at the moment, NaN while warming up or missing. Clamped into [min, max]. */
double indicator_run_value(const struct indicator_run *run, const struct feature_moment *moment);

#endif
