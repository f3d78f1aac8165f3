/* A random forest (Breiman 2001) as one boosting round of parallel trees with squared loss: the mean of what they say. */
#include "../kind_i.h"

static const struct model_param_spec params[] = {
    {"num_parallel_tree", true, 200, 1, 500, "trees of each output"},
    {"max_depth", true, 8, 1, 9, "splits between root and leaf"},
    {"min_child_weight", false, 2, 0, 1e6, "least rows in a leaf"},
    {"subsample", false, 0.632, 0.1, 1, "share of rows a tree sees"},
    {"colsample_bynode", false, 0.5, 0.05, 1, "share of columns a split may choose from"},
    {"lambda", false, 0, 0, 1e6, "L2 penalty on leaf values"},
};

static const struct booster_setting settings[] = {
    {"booster", "gbtree"},   {"objective", "reg:squarederror"},
    {"tree_method", "hist"}, {"eta", "1"},
    {"base_score", "0"},     {"nthread", "1"},
    {"verbosity", "0"},      {NULL, NULL},
};

static const struct booster_recipe recipe = {
    .params = params, .n_params = COUNT_OF(params), .settings = settings, .is_regression = true};

static enum al_err fit(const struct tabular_fit *call, struct buf *walker)
{
    return tabular_boost(&recipe, call, walker);
}

extern const struct tabular_kind tabular_kind_random_forest_regression;
const struct tabular_kind tabular_kind_random_forest_regression = {
    .name = "random_forest_regression",
    .description = "Random forest; a number",
    .task = TABULAR_REGRESSION,
    .params = params,
    .n_params = COUNT_OF(params),
    .fit = fit,
};
