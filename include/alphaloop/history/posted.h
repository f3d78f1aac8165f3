/* Candles as others send them: a JSON array of {"timestamp", "open", "high", "low", "close", "volume"}.
 *
 * The timestamp (ISO 8601, UTC when it names no zone) is when the candle opened. Numbers are numbers, not text; volume may be
 * null or absent where nobody knows it. Candles come in order of time, each once, on one grid of the interval, and are over.
 */
#ifndef ALPHALOOP_HISTORY_POSTED_H
#define ALPHALOOP_HISTORY_POSTED_H

#include "alphaloop/domain/market.h"

#define POSTED_PROBLEMS_MAX 20 /* further ones are not told */

struct posted_problem {
    size_t index;      /* in the array */
    const char *field; /* "timestamp" ...; "" when it is no object at all */
    char text[96];     /* "must be above 0" */
};

/* Read them all, or say what is wrong.
 *
 *   now_ns    a candle that ends later is refused
 *   out       as many as the array has; volume NaN when it is not known
 *   returns   the number of problems, at most POSTED_PROBLEMS_MAX; 0: all of `out` is filled
 */
size_t posted_candles_read(struct json_node *array,
                           int64_t interval_ns,
                           int64_t now_ns,
                           struct candle *out,
                           struct posted_problem problems[POSTED_PROBLEMS_MAX]);

#endif
