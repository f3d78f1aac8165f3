/* Where a weighted price of the top levels lies between bid and ask, shared by depth_price_offset and
 * microprice_offset. */
#ifndef ALPHALOOP_FEATURE_BOOK_PRICE_I_H
#define ALPHALOOP_FEATURE_BOOK_PRICE_I_H

#include "indicator_i.h"

/* (sum(pb wb + pa wa) / sum(wb + wa) - mid) / (ask - bid) over the best levels that both sides have. A price weighs with the
 * quantity of its own side, or where `is_crossed` with that of the other side. */
static inline double book_price_offset(const struct order_book *book,
                                       size_t n_levels,
                                       bool is_crossed)
{
    double weighted = 0, depth = 0;
    if (book == NULL)
        return NAN;
    double mid = (book->bids[0].price + book->asks[0].price) / 2.0;
    for (size_t i = 0; i < n_levels && i < book->n_bids && i < book->n_asks; i++) {
        const struct book_level *bid = &book->bids[i], *ask = &book->asks[i];
        weighted += (bid->price - mid) * (is_crossed ? ask : bid)->qty +
                    (ask->price - mid) * (is_crossed ? bid : ask)->qty;
        depth += bid->qty + ask->qty;
    }
    return share(weighted, depth, 0) / (book->asks[0].price - book->bids[0].price);
}

#endif
