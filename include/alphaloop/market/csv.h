/* Reading market data from CSV text: candles, trades or quotes; the header line says which.
 *
 *     ts_ms,open,high,low,close,volume      candles (ts_ms: the bar's open time)
 *     ts_ms,price,qty,side                  trades  (side of the taker: buy, sell or empty)
 *     ts_ms,bid,ask,bid_qty,ask_qty         quotes  (best level)
 *
 * Columns may come in any order and further columns are ignored. Bytes are fed in chunks of any size (the caller reads
 * files and unpacks gzip); rows are pulled:
 *
 *     for (;;) switch (csv_reader_next(reader, &row)) {
 *     case CSV_ROW:     use(&row); break;
 *     case CSV_REFUSED: the row is skipped; err_text() says "line 17: high is below close"; break;
 *     case CSV_HUNGRY:  csv_reader_feed() the next chunk, or csv_reader_end() after the last; break;
 *     case CSV_FAILED:  not such a file; err_text() says why; return;
 *     case CSV_DONE:    return;
 *     }
 *
 * A row is refused when a field is missing, is not a finite number, a price is not above 0, a quantity is below 0, bid is
 * not below ask, high and low do not enclose open and close, or time goes back.
 */
#ifndef ALPHALOOP_MARKET_CSV_H
#define ALPHALOOP_MARKET_CSV_H

#include "alphaloop/domain/market.h"

#define CSV_LINE_MAX  1024              /* longer lines are refused */
#define CSV_CHUNK_MAX ((size_t)1 << 20) /* bytes that may wait unread */

enum csv_kind { CSV_UNKNOWN, CSV_CANDLES, CSV_TRADES, CSV_QUOTES };
const char *csv_kind_name(enum csv_kind kind);

struct quote {
    double bid, ask, bid_qty, ask_qty;
};

struct csv_row {
    enum csv_kind kind;
    uint64_t line; /* 1 is the header */
    int64_t ts_ns;
    union {
        struct candle candle; /* interval_ns is 0: a row does not know it (see replay.h) */
        struct trade trade;
        struct quote quote;
    };
};

enum csv_step { CSV_ROW, CSV_REFUSED, CSV_HUNGRY, CSV_FAILED, CSV_DONE };

struct csv_reader;
struct csv_reader *csv_reader_create(void); /* NULL when out of memory */
void csv_reader_destroy(struct csv_reader *reader);

/* AL_EFULL when more than CSV_CHUNK_MAX bytes would wait: pull rows first. Copies the bytes. */
MUST_CHECK enum al_err csv_reader_feed(struct csv_reader *reader, struct slice bytes);
void csv_reader_end(struct csv_reader *reader);
enum csv_step csv_reader_next(struct csv_reader *reader, struct csv_row *row);
enum csv_kind csv_reader_kind(const struct csv_reader *reader); /* CSV_UNKNOWN before the header */
uint64_t csv_reader_refused(const struct csv_reader *reader);

#endif
