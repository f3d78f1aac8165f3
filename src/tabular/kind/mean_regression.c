/* The mean of the labels, whatever the columns say: what every kind for regression has to beat. */
#include "../kind_i.h"

static enum al_err fit(const struct tabular_fit *call, struct buf *walker)
{
    double sum = 0;
    for (size_t i = 0; i < call->n_rows; i++)
        sum += (double)call->labels[i];
    return tabular_constant(call->n_cols, (float)(sum / (double)call->n_rows), walker);
}

extern const struct tabular_kind tabular_kind_mean_regression;
const struct tabular_kind tabular_kind_mean_regression = {
    .name = "mean_regression",
    .description = "The mean of the labels; a baseline",
    .task = TABULAR_REGRESSION,
    .fit = fit,
};
