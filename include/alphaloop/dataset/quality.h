/* What columns look like before they are learned from: holes and columns that say nothing. */
#ifndef ALPHALOOP_DATASET_QUALITY_H
#define ALPHALOOP_DATASET_QUALITY_H

#include <stdbool.h>
#include <stddef.h>

struct column_quality {
    double missing;   /* share of NaN, 0..1 */
    bool is_constant; /* at most one distinct value among those that are there */
    bool has_infinite;
    float low, high; /* of the finite ones; NaN when there are none */
};

/* x [n_rows][n_cols] row-major; out [n_cols]. */
void quality_columns(const float *x, size_t n_rows, size_t n_cols, struct column_quality *out);

#endif
