/* What kinds share. */
#ifndef ALPHALOOP_TABULAR_KIND_I_H
#define ALPHALOOP_TABULAR_KIND_I_H

#include "alphaloop/tabular/kind.h"

/* Fitted by XGBoost, all rounds, in a process that may load it. */
enum al_err tabular_boost(const struct booster_recipe *recipe,
                          const struct tabular_fit *fit,
                          struct buf *walker);

/* A walker that says the same of every row. */
enum al_err tabular_constant(size_t n_cols, float score, struct buf *walker);

#endif
