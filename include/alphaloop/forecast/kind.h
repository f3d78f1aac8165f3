/* Kinds of forecast: how rows of features become the log return over one horizon.
 *
 * Every kind is one file in src/forecast/kind/ and one row of forecast_kinds.def, and passes
 * tests/contract/forecast/kind_test.c: the same data, parameters and seed give the same bytes; a loaded model predicts what the
 * saved one did, bit for bit; a missing value is NaN, never 0; cancel stops a fit between rounds; nothing after a row changes
 * what is predicted for it, and nothing after the last row a model was given changes the model.
 *
 * A model belongs to one horizon: what the horizon is it does not know, its teachers do. Fitting may load a library and is
 * done in a training child; predicting, saving and loading need none and are done anywhere.
 */
#ifndef ALPHALOOP_FORECAST_KIND_H
#define ALPHALOOP_FORECAST_KIND_H

#include "alphaloop/model/kind.h"

#define FORECAST_COLS_MAX     256
#define FORECAST_LOOKBACK_MAX 512

/* Bars in order of time; the row of a bar uses only data known when the bar ended. All borrowed. Looking back over earlier
 * rows is allowed (an LSTM reads rows i-59..i); looking ahead is not. */
struct forecast_series {
    size_t n_rows, n_cols;
    const float *x;       /* [n_rows][n_cols], finite or NaN: missing */
    const int64_t *ts_ns; /* [n_rows] end of the bar, rising; a gap is a larger step */
    const float *
        y; /* [n_rows] log return over the horizon from this bar's close, NaN: not known yet; NULL to predict */
};

struct forecast_fit {
    struct forecast_series series;
    const size_t
        *teach; /* [n_teach] row indices, ascending, purged; y is finite there    borrows */
    size_t n_teach;
    const size_t
        *validation;     /* [n_validation] later rows for early stopping              borrows */
    size_t n_validation; /* 0: no early stopping, all rounds are kept */
    const struct model_params *params;
    uint64_t seed;
    /* Called after every round, loss being the mean squared error on the validation rows (NaN without any) in the square of
     * the teachers' deviation or in any unit of the kind's own; true cancels. May be NULL. */
    bool (*on_round)(void *ctx, const struct model_round *round);
    void *ctx;
};

struct forecast_model; /* a fitted model of one kind: each kind has its own */

struct forecast_kind {
    const char *name;
    const char *summary;
    const struct model_param_spec *params;
    size_t n_params;
    size_t n_lookback; /* rows before the predicted one that predict needs; 0 for most */
    bool is_naive;     /* what others are measured against: finds nothing in features */

    /* gives *out (free with destroy). AL_ECANCELED; AL_EINVAL: too few teachers, x or y not finite where it must be;
     * AL_EMODEL; AL_ENOTFOUND or AL_EVERSION when a library cannot be had. */
    enum al_err (*fit)(const struct forecast_fit *fit, struct forecast_model **out);
    /* Row after row, as if each were the last: mean [n] out, log return; spread [n] out or NULL, the kind's own idea of one
     * standard deviation, NaN where it has none. Both NaN for a row with fewer than n_lookback rows before it. AL_EINVAL for
     * another number of columns than the model was fitted on. */
    enum al_err (*predict)(const struct forecast_model *model,
                           const struct forecast_series *series,
                           const size_t *rows,
                           size_t n,
                           float *mean,
                           float *spread);
    enum al_err (*save)(const struct forecast_model *model, struct buf *out);
    /* Trusts nothing: AL_EVERIFY, AL_EVERSION, AL_EPARSE. */
    enum al_err (*load)(struct slice bytes, struct forecast_model **out);
    void (*destroy)(struct forecast_model *model); /* NULL is fine */
};

const struct forecast_kind *forecast_kind_find(struct slice name); /* NULL when unknown */
size_t forecast_kind_count(void);
const struct forecast_kind *forecast_kind_at(size_t index);

/* As model_params_default() and model_params_read() (model/kind.h) for the kind's own table. */
void forecast_params_default(const struct forecast_kind *kind, struct model_params *out);
MUST_CHECK enum al_err forecast_params_read(const struct forecast_kind *kind,
                                            struct json_node *object,
                                            struct model_params *out);
void forecast_params_write(const struct forecast_kind *kind,
                           const struct model_params *params,
                           struct json_writer *w);

#endif
