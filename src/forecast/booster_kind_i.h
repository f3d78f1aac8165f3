/* What the kinds of forecast that XGBoost fits have in common. The library fits in the training child; what is saved and asked is
 * the flattened model (model/walker.h), so whoever predicts needs no library.
 *
 * The library sees returns in deviations from their mean, (y - center) / scale of the teachers, cut at LABEL_REACH: one crash of
 * twenty deviations would otherwise say more than a thousand hours (Huber 1964).
 *
 * File, little endian: magic "ALFB"  u32 version  f32 center  f32 scale, then the walker's file to the end. */
#ifndef ALPHALOOP_FORECAST_BOOSTER_KIND_I_H
#define ALPHALOOP_FORECAST_BOOSTER_KIND_I_H

#include "alphaloop/forecast/kind.h"
#include "alphaloop/model/booster.h"

#define LABEL_REACH 5.0

enum al_err booster_kind_fit(const struct booster_recipe *recipe,
                             const struct forecast_fit *fit,
                             struct forecast_model **out);
enum al_err booster_kind_predict(const struct forecast_model *model,
                                 const struct forecast_series *series,
                                 const size_t *rows,
                                 size_t n,
                                 float *mean,
                                 float *spread);
enum al_err booster_kind_save(const struct forecast_model *model, struct buf *out);
enum al_err booster_kind_load(struct slice bytes, struct forecast_model **out);
void booster_kind_destroy(struct forecast_model *model);

#endif
