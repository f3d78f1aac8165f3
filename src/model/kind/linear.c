/* Logistic regression with both penalties: the library's linear booster, fitted by coordinate descent in the order of the
 * columns. What trees have to beat. Columns are brought to one scale first, so that one penalty suits them all; a missing value
 * counts as the mean of its column. Chance has no part in it: the seed does not matter. */
#include "../booster_i.h"

static const struct model_param_spec params[] = {
    {PARAM_ROUNDS, true, 200, 1, 4000, "passes over all columns at most"},
    {PARAM_PATIENCE, true, 20, 1, 4000, "passes without a smaller validation loss before it stops"},
    {"eta", false, 0.5, 0.001, 1, "share of a coordinate's Newton step that is taken"},
    {"lambda", false, 0.01, 0, 1e6, "L2 penalty on weights, per row of weight 1"},
    {"alpha", false, 0.0001, 0, 1e6, "L1 penalty on weights, per row of weight 1"},
};

static const struct model_param_range ranges[] = {
    {"eta", 0.05, 1, true},
    {"lambda", 0.0001, 1, true},
    {"alpha", 0.000001, 0.01, true},
};

static const struct booster_setting settings[] = {
    {"booster", "gblinear"},      {"objective", "binary:logistic"},
    {"updater", "coord_descent"}, {"feature_selector", "cyclic"},
    {"base_score", "0.5"},        {"nthread", "1"},
    {"verbosity", "0"},           {NULL, NULL},
};

static const struct booster_recipe recipe = {
    .params = params, .n_params = COUNT_OF(params), .settings = settings, .is_linear = true};

static enum al_err fit_linear(const struct model_fit *fit, struct model **out)
{
    return booster_fit(&recipe, fit, out);
}

extern const struct model_kind model_kind_linear;
const struct model_kind model_kind_linear = {
    .name = "linear",
    .summary = "logistic regression with L1 and L2 penalties on scaled columns",
    .is_linear = true,
    .params = params,
    .n_params = COUNT_OF(params),
    .ranges = ranges,
    .n_ranges = COUNT_OF(ranges),
    .fit = fit_linear,
    .n_rounds = booster_n_rounds,
    .predict = booster_predict,
    .save = booster_save,
    .load = booster_load,
    .flatten = booster_flatten,
    .importance = booster_importance,
    .destroy = booster_destroy,
};
