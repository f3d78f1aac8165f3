/* What the kinds that XGBoost fits have in common: a booster as a `struct model`. A kind is its table of parameters and its
 * fixed settings. */
#ifndef ALPHALOOP_MODEL_BOOSTER_I_H
#define ALPHALOOP_MODEL_BOOSTER_I_H

#include "alphaloop/model/booster.h"
#include "alphaloop/model/kind.h"
#include "alphaloop/model/xgb.h"

enum al_err booster_fit(const struct booster_recipe *recipe,
                        const struct model_fit *fit,
                        struct model **out);
size_t booster_n_rounds(const struct model *model);
enum al_err booster_predict(
    const struct model *model, const float *x, size_t n_rows, size_t n_cols, float *margins);
enum al_err booster_save(const struct model *model, struct buf *out);
enum al_err booster_load(struct slice bytes, struct model **out);
enum al_err booster_flatten(const struct model *model, struct buf *out);
enum al_err booster_importance(const struct model *model,
                               size_t n_cols,
                               struct model_importance *out);
void booster_destroy(struct model *model);

/* ---- what another objective needs (aft.c) ---- */

enum al_err booster_error(const struct xgb *xgb,
                          const char *what); /* what the library says of it */
/* gives a DMatrix of the rows, NaN missing. */
enum al_err booster_matrix(
    const struct xgb *xgb, const float *x, size_t n_rows, size_t n_cols, void **out);
/* What all rounds together say, before any transformation; borrows until the library's next call. */
enum al_err booster_margins(
    const struct xgb *xgb, void *booster, void *matrix, size_t n_rows, const float **margins);
/* Takes the library's handle, also when it fails. */
enum al_err booster_adopt(const struct xgb *xgb, void *booster, struct model **out);

#endif
