/* What adapters of upstreams share. */
#ifndef ALPHALOOP_HISTORY_UPSTREAM_I_H
#define ALPHALOOP_HISTORY_UPSTREAM_I_H

#include "alphaloop/history/upstream.h"

/* An array row [time in ms, open, high, low, close, volume, ...] as a candle; AL_EPARSE names the place: "[3][2]: ...". */
MUST_CHECK enum al_err upstream_row(struct json_node *row,
                                    size_t index,
                                    int64_t interval_ns,
                                    struct candle *out);
/* Put it at the end of the page if it belongs there; AL_EPARSE when it is not later than the last one. */
MUST_CHECK enum al_err upstream_keep(const struct history_query *query,
                                     size_t index,
                                     const struct candle *candle,
                                     struct history_page *page);
/* The end of what one page of a query covers. */
int64_t upstream_page_end_ns(const struct upstream *upstream, const struct history_query *query);
MUST_CHECK enum al_err upstream_price_read(struct json_node *node, double *out); /* finite, > 0 */

#endif
