#include "alphaloop/model/walker.h"

#include <stdlib.h>

#include "alphaloop/model/linear.h"
#include "alphaloop/model/trees.h"

/* One of the two is there. */
struct walker {
    struct trees *trees;
    struct linear *linear;
};

enum al_err walker_load(struct slice bytes, struct walker **out)
{
    struct walker *walker = calloc(1, sizeof *walker);
    if (walker == NULL)
        return err_set(AL_ENOMEM, "a walker");
    enum al_err err =
        linear_is(bytes) ? linear_load(bytes, &walker->linear) : trees_load(bytes, &walker->trees);
    if (err != AL_OK)
        free(walker);
    else
        *out = walker;
    return err;
}

void walker_destroy(struct walker *walker)
{
    if (walker == NULL)
        return;
    trees_destroy(walker->trees);
    linear_destroy(walker->linear);
    free(walker);
}

size_t walker_n_features(const struct walker *walker)
{
    return walker->trees != NULL ? trees_n_features(walker->trees)
                                 : linear_n_features(walker->linear);
}

size_t walker_n_steps(const struct walker *walker)
{
    return walker->trees != NULL ? trees_n_nodes(walker->trees) : linear_n_features(walker->linear);
}

float walker_score(const struct walker *walker, const float *row)
{
    return walker->trees != NULL ? trees_score(walker->trees, row)
                                 : linear_score(walker->linear, row);
}

void walker_score_rows(const struct walker *walker, const float *x, size_t n_rows, float *margins)
{
    size_t n_features = walker_n_features(walker);
    for (size_t i = 0; i < n_rows; i++)
        margins[i] = walker_score(walker, x + i * n_features);
}

bool walker_contributions(const struct walker *walker, const float *row, double *contributions)
{
    if (walker->trees != NULL)
        return trees_contributions(walker->trees, row, contributions);
    linear_contributions(walker->linear, row, contributions);
    return true;
}

bool walker_has_contributions(const struct walker *walker)
{
    return walker->trees == NULL || trees_has_contributions(walker->trees);
}

double walker_bias(const struct walker *walker)
{
    return walker->trees != NULL ? trees_bias(walker->trees) : linear_bias(walker->linear);
}
