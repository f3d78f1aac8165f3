/* Rows and what the library made of them; the file is described in scorer.h. */
#ifndef ALPHALOOP_MODEL_PROBE_I_H
#define ALPHALOOP_MODEL_PROBE_I_H

#include "alphaloop/model/scorer.h"

struct probe {
    size_t n_rows, n_cols;
    float *x, *margins; /* [n_rows][n_cols] and [n_rows]; one block, x first */
};

/* AL_EVERIFY: no probe of ours, or of another number of columns. */
MUST_CHECK enum al_err probe_read(struct slice bytes, size_t n_cols, struct probe *out);
void probe_deinit(struct probe *probe);

#endif
