/* Gradient boosted trees (Chen & Guestrin 2016), histogram method, squared loss. */
#include "../kind_i.h"

static const struct model_param_spec params[] = {
    {PARAM_ROUNDS, true, 200, 1, 1000, "trees of each output"},
    {"eta", false, 0.1, 0.001, 1, "shrinkage of each tree"},
    {"max_depth", true, 4, 1, 8, "splits between root and leaf"},
    {"min_child_weight", false, 1, 0, 1e6, "least rows in a leaf"},
    {"subsample", false, 0.8, 0.1, 1, "share of rows a tree sees"},
    {"colsample_bytree", false, 0.8, 0.05, 1, "share of columns a tree sees"},
    {"lambda", false, 1, 0, 1e6, "L2 penalty on leaf values"},
    {"gamma", false, 0, 0, 1e6, "least gain of a split"},
};

static const struct booster_setting settings[] = {
    {"booster", "gbtree"},
    {"objective", "reg:squarederror"},
    {"tree_method", "hist"},
    {"base_score", "0"},
    {"nthread", "1"},
    {"verbosity", "0"},
    {NULL, NULL},
};

static const struct booster_recipe recipe = {
    .params = params, .n_params = COUNT_OF(params), .settings = settings, .is_regression = true};

static enum al_err fit(const struct tabular_fit *call, struct buf *walker)
{
    return tabular_boost(&recipe, call, walker);
}

extern const struct tabular_kind tabular_kind_boosted_trees_regression;
const struct tabular_kind tabular_kind_boosted_trees_regression = {
    .name = "boosted_trees_regression",
    .description = "Gradient boosted trees; a number",
    .task = TABULAR_REGRESSION,
    .params = params,
    .n_params = COUNT_OF(params),
    .fit = fit,
};
