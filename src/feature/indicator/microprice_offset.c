/* How far the size-weighted price of the top levels lies from the mid, in spreads: each side's prices weigh with the
 * other side's quantities, because the thinner side is the one that gives way. With one level it is the microprice. */
#include "book_price_i.h"

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    (void)state;
    return book_price_offset(moment->book, option_size(options, 0), true);
}

const struct indicator indicator_microprice_offset = {
    .name = "microprice_offset",
    .summary = "size-weighted price of the top levels minus the mid, in spreads",
    .formula =
        "(sum(pb qa + pa qb) / sum(qa + qb) - mid) / (ask - bid) over the best `levels` levels",
    .source = "Gatheral, Oomen, Zero-Intelligence Realized Variance Estimation, Finance & "
              "Stochastics 14 (2010) (microprice)",
    .edge_cases = "empty levels: 0; no usable book: missing",
    .feed = FEED_BOOK,
    .version = 1,
    .is_directional = true,
    .min = -1000,
    .max = 1000,
    .options = {{"levels", 1, 1, 50, true, "levels of each side"}},
    .warmup_inputs = warmup_one,
    .value = value,
};
