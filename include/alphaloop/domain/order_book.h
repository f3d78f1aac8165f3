/* The top of one asset's order book, kept from snapshots and deltas. Sorted arrays, best level first. */
#ifndef ALPHALOOP_DOMAIN_ORDER_BOOK_H
#define ALPHALOOP_DOMAIN_ORDER_BOOK_H

#include "alphaloop/domain/market.h"

struct order_book {
    size_t n_bids, n_asks;
    struct book_level bids[BOOK_DEPTH_MAX], asks[BOOK_DEPTH_MAX];
    int64_t ts_event_ns; /* TIMESTAMP_NONE: never seen */
    bool has_snapshot;   /* a delta before any snapshot is not a book */
};

void order_book_init(struct order_book *book);
void order_book_apply(struct order_book *book, const struct market_event *event);
bool order_book_is_crossed(const struct order_book *book); /* best bid >= best ask */
/* Sum of quantities within `levels` levels of each side. */
void order_book_depth(const struct order_book *book,
                      size_t levels,
                      double *bid_depth,
                      double *ask_depth);

#endif
