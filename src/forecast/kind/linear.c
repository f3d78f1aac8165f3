/* Linear regression with both penalties: the library's linear booster, fitted by coordinate descent in the order of the columns,
 * on scaled columns. What trees have to beat. Chance has no part in it: the seed does not matter. */
#include "../booster_kind_i.h"

static const struct model_param_spec params[] = {
    {PARAM_ROUNDS, true, 200, 1, 4000, "passes over all columns at most"},
    {PARAM_PATIENCE, true, 20, 1, 4000, "passes without a smaller validation loss before it stops"},
    {"eta", false, 0.5, 0.001, 1, "share of a coordinate's Newton step that is taken"},
    {"lambda", false, 0.05, 0, 1e6, "L2 penalty on weights, per row"},
    {"alpha", false, 0.005, 0, 1e6, "L1 penalty on weights, per row"},
};

static const struct booster_setting settings[] = {
    {"booster", "gblinear"},      {"objective", "reg:squarederror"},
    {"updater", "coord_descent"}, {"feature_selector", "cyclic"},
    {"base_score", "0"},          {"nthread", "1"},
    {"verbosity", "0"},           {NULL, NULL},
};

static const struct booster_recipe recipe = {.params = params,
                                             .n_params = COUNT_OF(params),
                                             .settings = settings,
                                             .is_linear = true,
                                             .is_regression = true};

static enum al_err fit(const struct forecast_fit *call, struct forecast_model **out)
{
    return booster_kind_fit(&recipe, call, out);
}

extern const struct forecast_kind forecast_kind_linear;
const struct forecast_kind forecast_kind_linear = {
    .name = "linear",
    .summary = "linear regression with L1 and L2 penalties on scaled columns",
    .params = params,
    .n_params = COUNT_OF(params),
    .fit = fit,
    .predict = booster_kind_predict,
    .save = booster_kind_save,
    .load = booster_kind_load,
    .destroy = booster_kind_destroy,
};
