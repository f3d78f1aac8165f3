/* Each side is an array sorted from the best level on. A level that falls off the end is forgotten; it comes back with the
 * next snapshot or its next change. */
#include "alphaloop/domain/order_book.h"

#include <assert.h>
#include <math.h>
#include <string.h>

void order_book_init(struct order_book *book)
{
    memset(book, 0, sizeof *book);
    book->ts_event_ns = TIMESTAMP_NONE;
}

/* Where `price` is, or belongs; `sign` is +1 for asks (low is best), -1 for bids. */
static size_t find_level(const struct book_level *levels, size_t n_levels, double price, int sign)
{
    size_t low = 0, high = n_levels;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (sign * levels[middle].price < sign * price)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void set_level(struct book_level *levels,
                      size_t *n_levels,
                      struct book_level level,
                      int sign)
{
    size_t at = find_level(levels, *n_levels, level.price, sign);
    bool exists = at < *n_levels && levels[at].price == level.price;
    if (exists && level.qty > 0) {
        levels[at].qty = level.qty;
    } else if (exists) {
        memmove(&levels[at], &levels[at + 1], (*n_levels - at - 1) * sizeof *levels);
        --*n_levels;
    } else if (level.qty > 0 && at < BOOK_DEPTH_MAX) {
        size_t n_kept = *n_levels < BOOK_DEPTH_MAX ? *n_levels : BOOK_DEPTH_MAX - 1;
        memmove(&levels[at + 1], &levels[at], (n_kept - at) * sizeof *levels);
        levels[at] = level;
        *n_levels = n_kept + 1;
    }
}

void order_book_apply(struct order_book *book, const struct market_event *event)
{
    assert(event->kind == MARKET_BOOK);
    if (!event->book.is_delta) {
        book->n_bids = book->n_asks = 0;
        book->has_snapshot = true;
    }
    for (size_t i = 0; i < event->book.n_bids; i++)
        set_level(book->bids, &book->n_bids, event->book.bids[i], -1);
    for (size_t i = 0; i < event->book.n_asks; i++)
        set_level(book->asks, &book->n_asks, event->book.asks[i], +1);
    book->ts_event_ns = event->ts_event_ns;
}

bool order_book_is_crossed(const struct order_book *book)
{
    return book->n_bids > 0 && book->n_asks > 0 && book->bids[0].price >= book->asks[0].price;
}

static double sum_qty(const struct book_level *levels, size_t n_levels)
{
    double sum = 0;
    for (size_t i = 0; i < n_levels; i++)
        sum += levels[i].qty;
    return sum;
}

void order_book_depth(const struct order_book *book,
                      size_t levels,
                      double *bid_depth,
                      double *ask_depth)
{
    *bid_depth = sum_qty(book->bids, book->n_bids < levels ? book->n_bids : levels);
    *ask_depth = sum_qty(book->asks, book->n_asks < levels ? book->n_asks : levels);
}
