/* A random forest (Breiman 2001) as one boosting round of parallel trees: every tree sees its own part of rows and columns, and
 * the library divides each leaf by the number of trees, so that the sum is their mean.
 *
 * The round cannot be divided, so a cancel is heard when it ends; a child that must end at once is killed. */
#include "../booster_kind_i.h"

static const struct model_param_spec params[] = {
    {"num_parallel_tree", true, 100, 1, 2000, "trees"},
    {"max_depth", true, 7, 1, 10, "splits between root and leaf"},
    {"min_child_weight", false, 30, 0, 1e6, "least rows in a leaf"},
    {"subsample", false, 0.632, 0.1, 1, "share of rows a tree sees"},
    {"colsample_bynode", false, 0.4, 0.05, 1, "share of columns a split may choose from"},
    {"lambda", false, 10, 0, 1e6, "L2 penalty on leaf values"},
    {PARAM_BINS, true, 128, 8, 1024, "histogram bins of a column"},
};

static const struct booster_setting settings[] = {
    {"booster", "gbtree"},
    {"objective", "reg:squarederror"},
    {"tree_method", "hist"},
    {"base_score", "0"},
    {"eta", "1"},
    {"nthread", "1"},
    {"verbosity", "0"},
    {NULL, NULL},
};

static const struct booster_recipe recipe = {
    .params = params, .n_params = COUNT_OF(params), .settings = settings, .is_regression = true};

static enum al_err fit(const struct forecast_fit *call, struct forecast_model **out)
{
    return booster_kind_fit(&recipe, call, out);
}

extern const struct forecast_kind forecast_kind_random_forest;
const struct forecast_kind forecast_kind_random_forest = {
    .name = "random_forest",
    .summary = "random forest, squared loss",
    .params = params,
    .n_params = COUNT_OF(params),
    .fit = fit,
    .predict = booster_kind_predict,
    .save = booster_kind_save,
    .load = booster_kind_load,
    .destroy = booster_kind_destroy,
};
