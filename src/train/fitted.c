#include <stdlib.h>
#include <string.h>

#include "alphaloop/model/trees.h"
#include "fit_i.h"

#define CHECKED_ROWS 256

static bool agrees(
    const struct fitted *fitted, const struct trees *trees, const float *x, size_t n, size_t n_cols)
{
    float library[CHECKED_ROWS], walker[CHECKED_ROWS];
    if (fitted->kind->predict(fitted->model, x, n, n_cols, library) != AL_OK)
        return false;
    trees_score_rows(trees, x, n, walker);
    return memcmp(library, walker, n * sizeof(float)) == 0;
}

enum al_err fitted_speed_up(struct fitted *fitted, const float *x, size_t n_rows, size_t n_cols)
{
    struct buf bytes = BUF_INIT(TREES_BYTES_MAX);
    struct trees *trees = NULL;
    enum al_err err = fitted->kind->flatten(fitted->model, &bytes);
    if (err == AL_OK)
        err = trees_load(buf_slice(&bytes), &trees);
    buf_deinit(&bytes);
    if (err == AL_ENOMEM)
        return err;
    if (err == AL_OK &&
        agrees(fitted, trees, x, n_rows < CHECKED_ROWS ? n_rows : CHECKED_ROWS, n_cols))
        fitted->trees = trees;
    else
        trees_destroy(trees);
    return AL_OK;
}

enum al_err fitted_predict(
    const struct fitted *fitted, const float *x, size_t n_rows, size_t n_cols, float *margins)
{
    if (fitted->trees == NULL)
        return fitted->kind->predict(fitted->model, x, n_rows, n_cols, margins);
    trees_score_rows(fitted->trees, x, n_rows, margins);
    return AL_OK;
}

void fitted_deinit(struct fitted *fitted)
{
    if (fitted->model != NULL)
        fitted->kind->destroy(fitted->model);
    trees_destroy(fitted->trees);
    *fitted = (struct fitted){0};
}
