/* How far the depth-weighted price of the book lies from the mid, in spreads: each level's price weighs with its own
 * quantity, so the price leans to the side on which more is waiting. */
#include "indicator_i.h"

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct order_book *book = moment->book;
    double weighted = 0, depth = 0;
    (void)state;
    if (book == NULL)
        return NAN;
    double mid = (book->bids[0].price + book->asks[0].price) / 2.0;
    for (size_t i = 0; i < option_size(options, 0) && i < book->n_bids && i < book->n_asks; i++) {
        weighted += (book->bids[i].price - mid) * book->bids[i].qty +
                    (book->asks[i].price - mid) * book->asks[i].qty;
        depth += book->bids[i].qty + book->asks[i].qty;
    }
    return share(weighted, depth, 0) / (book->asks[0].price - book->bids[0].price);
}

const struct indicator indicator_depth_price_offset = {
    .name = "depth_price_offset",
    .summary = "depth-weighted price of the top levels minus the mid, in spreads",
    .formula = "(sum(pb qb + pa qa) / sum(qb + qa) - mid) / (ask - bid) over the best `levels` "
               "levels both sides have",
    .source = "Cao, Hansch, Wang, The Information Content of an Open Limit-Order Book, J. Futures "
              "Markets 29 (2009): weighted price",
    .edge_cases = "empty levels: 0; no usable book: missing",
    .feed = FEED_BOOK,
    .version = 1,
    .is_directional = true,
    .min = -1000,
    .max = 1000,
    .options = {{"levels", 5, 1, 50, true, "levels of each side"}},
    .warmup_inputs = warmup_one,
    .value = value,
};
