/* A random forest (Breiman 2001) as one boosting round of parallel trees: every tree starts from the same margin, sees its own
 * part of rows and columns, and the library divides each leaf by the number of trees. A leaf is one Newton step of the
 * logistic loss from even odds, so the sum is only near a log-odds; the calibration puts it right.
 *
 * The round cannot be divided, so a cancel is heard when it ends; a child that must end at once is killed. */
#include "../booster_i.h"

static const struct model_param_spec params[] = {
    {"num_parallel_tree", true, 200, 1, 2000, "trees"},
    {"max_depth", true, 7, 1, 10, "splits between root and leaf"},
    {"min_child_weight", false, 10, 0, 1e6,
     "least hessian in a leaf; 4 rows of weight 1 make about 1"},
    {"subsample", false, 0.632, 0.1, 1, "share of rows a tree sees"},
    {"colsample_bynode", false, 0.4, 0.05, 1, "share of columns a split may choose from"},
    {"lambda", false, 1, 0, 1e6, "L2 penalty on leaf values"},
    {"alpha", false, 0, 0, 1e6, "L1 penalty on leaf values"},
    {"gamma", false, 0, 0, 1e6, "least gain of a split"},
    {PARAM_BINS, true, 128, 8, 1024, "histogram bins of a column"},
};

static const struct model_param_range ranges[] = {
    {"max_depth", 3, 10, false},    {"min_child_weight", 1, 500, true},
    {"subsample", 0.3, 0.9, false}, {"colsample_bynode", 0.1, 1, false},
    {"lambda", 0.1, 100, true},
};

static const struct booster_setting settings[] = {
    {"booster", "gbtree"},
    {"objective", "binary:logistic"},
    {"tree_method", "hist"},
    {"base_score", "0.5"},
    {"eta", "1"},
    {"nthread", "1"},
    {"verbosity", "0"},
    {NULL, NULL},
};

static const struct booster_recipe recipe = {
    .params = params, .n_params = COUNT_OF(params), .settings = settings};

static enum al_err fit_forest(const struct model_fit *fit, struct model **out)
{
    struct model_fit once = *fit;
    once.n_rounds = 1;
    return booster_fit(&recipe, &once, out);
}

extern const struct model_kind model_kind_random_forest;
const struct model_kind model_kind_random_forest = {
    .name = "random_forest",
    .summary = "random forest, logistic loss",
    .params = params,
    .n_params = COUNT_OF(params),
    .ranges = ranges,
    .n_ranges = COUNT_OF(ranges),
    .fit = fit_forest,
    .n_rounds = booster_n_rounds,
    .predict = booster_predict,
    .save = booster_save,
    .load = booster_load,
    .flatten = booster_flatten,
    .importance = booster_importance,
    .destroy = booster_destroy,
};
