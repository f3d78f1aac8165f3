/* Logistic regression with L1 and L2 penalties on scaled columns; null counts as the mean of its column; each class against all
 * others when there are more than two. */
#include "../kind_i.h"

static const struct model_param_spec params[] = {
    {PARAM_ROUNDS, true, 300, 1, 4000, "passes over all columns"},
    {"eta", false, 0.5, 0.001, 1, "share of a coordinate's Newton step that is taken"},
    {"lambda", false, 0.001, 0, 1e6, "L2 penalty on weights, per row"},
    {"alpha", false, 0, 0, 1e6, "L1 penalty on weights, per row"},
};

static const struct booster_setting settings[] = {
    {"booster", "gblinear"},      {"objective", "binary:logistic"},
    {"updater", "coord_descent"}, {"feature_selector", "cyclic"},
    {"base_score", "0.5"},        {"nthread", "1"},
    {"verbosity", "0"},           {NULL, NULL},
};

static const struct booster_recipe recipe = {
    .params = params, .n_params = COUNT_OF(params), .settings = settings, .is_linear = true};

static enum al_err fit(const struct tabular_fit *call, struct buf *walker)
{
    return tabular_boost(&recipe, call, walker);
}

extern const struct tabular_kind tabular_kind_logistic_classification;
const struct tabular_kind tabular_kind_logistic_classification = {
    .name = "logistic_classification",
    .description = "Logistic regression; classes",
    .task = TABULAR_CLASSIFICATION,
    .params = params,
    .n_params = COUNT_OF(params),
    .fit = fit,
};
