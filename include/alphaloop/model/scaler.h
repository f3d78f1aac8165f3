/* Columns brought to one scale for a model that weighs them: z = (x - mean) / standard deviation, from the rows that teach and
 * no others. A missing value stays missing, which counts as the mean; one further than SCALER_REACH deviations from the mean
 * counts as that far, so that one odd value cannot say everything; a column that hardly varies says nothing (z = 0).
 *
 * In text (an attribute of the library's model, and the checklist for changing it is that of linear.h): "1", then for each
 * column its mean and the inverse of its deviation, all with a space between.
 */
#ifndef ALPHALOOP_MODEL_SCALER_H
#define ALPHALOOP_MODEL_SCALER_H

#include <math.h>
#include <stddef.h>

#include "alphaloop/base/buf.h"
#include "alphaloop/base/err.h"

#define SCALER_REACH 10.0F

struct scaler_column {
    float mean, inverse; /* 1 / standard deviation; 0 for a column that says nothing */
};

struct scaler {
    size_t n_cols;
    struct scaler_column columns[];
};

/* NaN stays NaN. */
static inline float scaler_value(const struct scaler_column *column, float x)
{
    float z = (x - column->mean) * column->inverse;
    return z > SCALER_REACH ? SCALER_REACH : z < -SCALER_REACH ? -SCALER_REACH : z;
}

/* gives *out: free(). From float x[n_rows][n_cols], NaN left out. AL_ENOMEM. */
MUST_CHECK enum al_err scaler_fit(const float *x,
                                  size_t n_rows,
                                  size_t n_cols,
                                  struct scaler **out);
/* gives the rows scaled: free(). AL_ENOMEM. */
MUST_CHECK enum al_err scaler_apply(const struct scaler *scaler,
                                    const float *x,
                                    size_t n_rows,
                                    float **out);

void scaler_write(const struct scaler *scaler, struct buf *out);
/* gives *out: free(). AL_EPARSE when the text is none of n_cols columns. */
MUST_CHECK enum al_err scaler_read(struct slice text, size_t n_cols, struct scaler **out);

#endif
