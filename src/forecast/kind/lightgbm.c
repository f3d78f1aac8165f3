/* Gradient boosted trees grown leaf by leaf, the one with the largest gain first, as LightGBM does (Ke et al. 2017): deep where
 * there is something to find, shallow elsewhere. Histogram method, squared loss. A depth bounds what the walker pads. */
#include "../booster_kind_i.h"

static const struct model_param_spec params[] = {
    {PARAM_ROUNDS, true, 300, 1, 4000, "rounds at most"},
    {PARAM_PATIENCE, true, 30, 1, 4000, "rounds without a smaller validation loss before it stops"},
    {"eta", false, 0.05, 0.001, 1, "shrinkage of each tree"},
    {"max_leaves", true, 15, 2, 256, "leaves of a tree"},
    {"max_depth", true, 8, 1, 12, "splits between root and leaf"},
    {"min_child_weight", false, 50, 0, 1e6, "least rows in a leaf"},
    {"subsample", false, 0.7, 0.1, 1, "share of rows a tree sees"},
    {"colsample_bytree", false, 0.7, 0.05, 1, "share of columns a tree sees"},
    {"lambda", false, 10, 0, 1e6, "L2 penalty on leaf values"},
    {"alpha", false, 0, 0, 1e6, "L1 penalty on leaf values"},
    {"gamma", false, 0, 0, 1e6, "least gain of a split"},
    {PARAM_BINS, true, 128, 8, 1024, "histogram bins of a column"},
};

static const struct booster_setting settings[] = {
    {"booster", "gbtree"},   {"objective", "reg:squarederror"},
    {"tree_method", "hist"}, {"grow_policy", "lossguide"},
    {"base_score", "0"},     {"nthread", "1"},
    {"verbosity", "0"},      {NULL, NULL},
};

static const struct booster_recipe recipe = {
    .params = params, .n_params = COUNT_OF(params), .settings = settings, .is_regression = true};

static enum al_err fit(const struct forecast_fit *call, struct forecast_model **out)
{
    return booster_kind_fit(&recipe, call, out);
}

extern const struct forecast_kind forecast_kind_lightgbm;
const struct forecast_kind forecast_kind_lightgbm = {
    .name = "lightgbm",
    .summary = "gradient boosted trees grown leaf by leaf, squared loss",
    .params = params,
    .n_params = COUNT_OF(params),
    .fit = fit,
    .predict = booster_kind_predict,
    .save = booster_kind_save,
    .load = booster_kind_load,
    .destroy = booster_kind_destroy,
};
