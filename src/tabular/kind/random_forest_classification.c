/* A random forest (Breiman 2001) as one boosting round of parallel trees, each on its own part of rows and columns. A leaf is
 * one Newton step of the logistic loss from even odds, so probabilities are drawn towards even ones. */
#include "../kind_i.h"

static const struct model_param_spec params[] = {
    {"num_parallel_tree", true, 200, 1, 500, "trees of each output"},
    {"max_depth", true, 8, 1, 9, "splits between root and leaf"},
    {"min_child_weight", false, 1, 0, 1e6, "least hessian in a leaf; 4 rows make about 1"},
    {"subsample", false, 0.632, 0.1, 1, "share of rows a tree sees"},
    {"colsample_bynode", false, 0.5, 0.05, 1, "share of columns a split may choose from"},
    {"lambda", false, 1, 0, 1e6, "L2 penalty on leaf values"},
};

static const struct booster_setting settings[] = {
    {"booster", "gbtree"},   {"objective", "binary:logistic"},
    {"tree_method", "hist"}, {"eta", "1"},
    {"base_score", "0.5"},   {"nthread", "1"},
    {"verbosity", "0"},      {NULL, NULL},
};

static const struct booster_recipe recipe = {
    .params = params, .n_params = COUNT_OF(params), .settings = settings};

static enum al_err fit(const struct tabular_fit *call, struct buf *walker)
{
    return tabular_boost(&recipe, call, walker);
}

extern const struct tabular_kind tabular_kind_random_forest_classification;
const struct tabular_kind tabular_kind_random_forest_classification = {
    .name = "random_forest_classification",
    .description = "Random forest; classes",
    .task = TABULAR_CLASSIFICATION,
    .params = params,
    .n_params = COUNT_OF(params),
    .fit = fit,
};
