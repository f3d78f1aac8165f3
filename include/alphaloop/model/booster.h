/* What the kinds that XGBoost fits have in common: a kind is a table of parameters and fixed settings. Kinds of model
 * (src/model/kind/) tell good outcomes from bad ones; the forecast room's fit a number.
 */
#ifndef ALPHALOOP_MODEL_BOOSTER_H
#define ALPHALOOP_MODEL_BOOSTER_H

#include "alphaloop/model/kind.h"

/* Parameters of ours that the library is not told of. */
#define PARAM_ROUNDS   "rounds"
#define PARAM_PATIENCE "patience"

#define PARAM_BINS "max_bin"

struct booster_setting {
    const char *name, *value;
};

struct booster_recipe {
    const struct model_param_spec *params;
    size_t n_params;
    const struct booster_setting *settings; /* fixed ones, name NULL ends; tree_method is hist */
    bool is_linear; /* booster is gblinear: it sees columns on one scale (scaler.h) */
    bool
        is_regression; /* objective is reg:squarederror: labels are finite numbers, and the loss of a round is the mean squared
                           error */
};

/* Fit and flatten: `flat` is appended what walker_load() reads (walker.h), whose score is the margin, of a regression the
 * number itself. Loads the library. As struct model_kind.fit returns. */
MUST_CHECK enum al_err booster_fit_flat(const struct booster_recipe *recipe,
                                        const struct model_fit *fit,
                                        struct buf *flat);

#endif
