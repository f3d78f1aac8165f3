/* Gradient boosted trees with the histogram method and a logistic loss (Chen & Guestrin 2016). The defaults are shallow,
 * slow and heavily regularised: market features explain a percent or two of an outcome, and everything else is noise to be
 * fitted. */
#include "../booster_i.h"

static const struct model_param_spec params[] = {
    {PARAM_ROUNDS, true, 400, 1, 4000, "rounds at most"},
    {PARAM_PATIENCE, true, 40, 1, 4000, "rounds without a smaller validation loss before it stops"},
    {"eta", false, 0.05, 0.001, 1, "shrinkage of each tree"},
    {"max_depth", true, 4, 1, 10, "splits between root and leaf"},
    {"min_child_weight", false, 20, 0, 1e6,
     "least hessian in a leaf; 4 rows of weight 1 make about 1"},
    {"subsample", false, 0.7, 0.1, 1, "share of rows a tree sees"},
    {"colsample_bytree", false, 0.7, 0.05, 1, "share of columns a tree sees"},
    {"lambda", false, 5, 0, 1e6, "L2 penalty on leaf values"},
    {"alpha", false, 0, 0, 1e6, "L1 penalty on leaf values"},
    {"gamma", false, 0, 0, 1e6, "least gain of a split"},
    {PARAM_BINS, true, 128, 8, 1024, "histogram bins of a column"},
};

static const struct model_param_range ranges[] = {
    {"eta", 0.01, 0.3, true},
    {"max_depth", 2, 8, false},
    {"min_child_weight", 1, 500, true},
    {"subsample", 0.4, 1, false},
    {"colsample_bytree", 0.2, 1, false},
    {"lambda", 0.1, 100, true},
};

/* base_score is fixed, because later versions of the library would estimate it from the data. */
static const struct booster_setting settings[] = {
    {"booster", "gbtree"},
    {"objective", "binary:logistic"},
    {"tree_method", "hist"},
    {"base_score", "0.5"},
    {"nthread", "1"},
    {"verbosity", "0"},
    {NULL, NULL},
};

static const struct booster_recipe recipe = {
    .params = params, .n_params = COUNT_OF(params), .settings = settings};

static enum al_err fit_boosted(const struct model_fit *fit, struct model **out)
{
    return booster_fit(&recipe, fit, out);
}

extern const struct model_kind model_kind_xgboost;
const struct model_kind model_kind_xgboost = {
    .name = "xgboost",
    .summary = "gradient boosted trees, histogram method, logistic loss",
    .params = params,
    .n_params = COUNT_OF(params),
    .ranges = ranges,
    .n_ranges = COUNT_OF(ranges),
    .fit = fit_boosted,
    .n_rounds = booster_n_rounds,
    .predict = booster_predict,
    .save = booster_save,
    .load = booster_load,
    .flatten = booster_flatten,
    .importance = booster_importance,
    .destroy = booster_destroy,
};
