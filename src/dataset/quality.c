#include "alphaloop/dataset/quality.h"

#include <math.h>

static void look(struct column_quality *column, float value, size_t n_rows)
{
    if (isnan(value)) {
        column->missing += 1.0 / (double)n_rows;
        return;
    }
    if (isinf(value)) {
        column->has_infinite = true;
        return;
    }
    column->low = fminf(column->low, value); /* fmin prefers the number to NaN */
    column->high = fmaxf(column->high, value);
}

void quality_columns(const float *x, size_t n_rows, size_t n_cols, struct column_quality *out)
{
    for (size_t c = 0; c < n_cols; c++)
        out[c] = (struct column_quality){.low = NAN, .high = NAN};
    for (size_t r = 0; r < n_rows; r++) {
        for (size_t c = 0; c < n_cols; c++)
            look(&out[c], x[r * n_cols + c], n_rows);
    }
    for (size_t c = 0; c < n_cols; c++)
        out[c].is_constant = !out[c].has_infinite && !(out[c].low < out[c].high);
}
