/* Depth imbalance of the top levels of the book, now. */
#include "indicator_i.h"

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    double bid_depth, ask_depth;
    (void)state;
    if (moment->book == NULL)
        return NAN;
    order_book_depth(moment->book, option_size(options, 0), &bid_depth, &ask_depth);
    return share(bid_depth - ask_depth, bid_depth + ask_depth, 0);
}

const struct indicator indicator_book_imbalance = {
    .name = "book_imbalance",
    .summary = "depth imbalance of the top levels of the book",
    .formula = "(B - A) / (B + A); B, A: quantities of the best `levels` levels",
    .source = "Cao, Hansch, Wang, The Information Content of an Open Limit-Order Book, J. Futures "
              "Markets 29 (2009)",
    .edge_cases = "fewer levels: those there are; no usable book: missing",
    .feed = FEED_BOOK,
    .version = 1,
    .is_directional = true,
    .min = -1,
    .max = 1,
    .options = {{"levels", 1, 1, BOOK_DEPTH_MAX, true, "levels of each side"}},
    .warmup_inputs = warmup_one,
    .value = value,
};
