/* The most frequent class, with the frequencies as probabilities, whatever the columns say: what every kind for classification
 * has to beat. */
#include "../kind_i.h"

#include <math.h>

static enum al_err fit(const struct tabular_fit *call, struct buf *walker)
{
    double ones = 0, n = (double)call->n_rows;
    for (size_t i = 0; i < call->n_rows; i++)
        ones += (double)call->labels[i];
    /* Half a row of each class at least: the log-odds of what was never or always seen are finite. */
    double odds = fmax(ones, 0.5) / fmax(n - ones, 0.5);
    return tabular_constant(call->n_cols, (float)log(odds), walker);
}

extern const struct tabular_kind tabular_kind_most_frequent_classification;
const struct tabular_kind tabular_kind_most_frequent_classification = {
    .name = "most_frequent_classification",
    .description = "The most frequent class; a baseline",
    .task = TABULAR_CLASSIFICATION,
    .fit = fit,
};
