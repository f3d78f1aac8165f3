/* How far the depth-weighted price of the book lies from the mid, in spreads: each level's price weighs with its own
 * quantity, so the price leans to the side on which more is waiting. */
#include "book_price_i.h"

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    (void)state;
    return book_price_offset(moment->book, option_size(options, 0), false);
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
