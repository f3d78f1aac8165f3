#include <stdlib.h>
#include <string.h>

#include "alphaloop/model/trees.h"
#include "alphaloop/model/walker.h"
#include "fit_i.h"

#define CHECKED_ROWS 256

static bool agrees(const struct fitted *fitted,
                   const struct walker *walker,
                   const float *x,
                   size_t n,
                   size_t n_cols)
{
    float library[CHECKED_ROWS], walked[CHECKED_ROWS];
    if (fitted->kind->predict(fitted->model, x, n, n_cols, library) != AL_OK)
        return false;
    walker_score_rows(walker, x, n, walked);
    return memcmp(library, walked, n * sizeof(float)) == 0;
}

enum al_err fitted_speed_up(struct fitted *fitted, const float *x, size_t n_rows, size_t n_cols)
{
    struct buf bytes = BUF_INIT(TREES_BYTES_MAX);
    struct walker *walker = NULL;
    enum al_err err = fitted->kind->flatten(fitted->model, &bytes);
    if (err == AL_OK)
        err = walker_load(buf_slice(&bytes), &walker);
    buf_deinit(&bytes);
    if (err == AL_ENOMEM)
        return err;
    if (err == AL_OK &&
        agrees(fitted, walker, x, n_rows < CHECKED_ROWS ? n_rows : CHECKED_ROWS, n_cols))
        fitted->walker = walker;
    else
        walker_destroy(walker);
    return AL_OK;
}

enum al_err fitted_predict(
    const struct fitted *fitted, const float *x, size_t n_rows, size_t n_cols, float *margins)
{
    if (fitted->walker == NULL)
        return fitted->kind->predict(fitted->model, x, n_rows, n_cols, margins);
    walker_score_rows(fitted->walker, x, n_rows, margins);
    return AL_OK;
}

void fitted_deinit(struct fitted *fitted)
{
    if (fitted->model != NULL)
        fitted->kind->destroy(fitted->model);
    walker_destroy(fitted->walker);
    *fitted = (struct fitted){0};
}
