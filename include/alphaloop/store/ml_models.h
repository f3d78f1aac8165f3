/* Table ml_models: names of forecasts, what each stands for, and which version serves. */
#ifndef ALPHALOOP_STORE_ML_MODELS_H
#define ALPHALOOP_STORE_ML_MODELS_H

#include "alphaloop/base/hash.h"
#include "alphaloop/domain/names.h"
#include "alphaloop/io/pg.h"

#define ML_MODEL_NAME_MAX     101
#define ML_MODEL_TYPE_MAX     51
#define ML_MODEL_PATH_MAX     256
#define ML_MODEL_HORIZONS_MAX 256
#define ML_MODELS_MAX         1000 /* read at once */

struct ml_model_row {
    int64_t id;
    char model_name[ML_MODEL_NAME_MAX];
    char model_type[ML_MODEL_TYPE_MAX];   /* as the caller named it */
    char horizons[ML_MODEL_HORIZONS_MAX]; /* "[1, 3, 24]", hours */
    char file_path[ML_MODEL_PATH_MAX]; /* of the version that serves, below the model store; "" */
    struct slice feature_config;       /* JSON, as the caller gave it; empty; borrows */
    bool is_active;
    int64_t created_at_ns, updated_at_ns;
    struct asset asset; /* "": the first that has history */
    int64_t interval_ns;
    char kind[32];
    struct slice parameters;            /* JSON; empty: defaults; borrows */
    char state[16];                     /* waiting, training, serving, failed */
    int64_t version;                    /* 0: none serves */
    struct slice measures;              /* JSON; empty; borrows */
    struct slice detail;                /* of the newest training; borrows */
    int64_t trained_at_ns, tried_at_ns; /* TIMESTAMP_NONE */
    /* Of its newest bar, where the statement asks for it; TIMESTAMP_NONE and NaN: there is none. */
    int64_t newest_open_ns;
    double newest_close;
};

/* Rows in the order they were registered, with their newest bars. */
void ml_models_list(struct pg_batch *batch);
/* One or none, with its newest bar. */
void ml_models_get(struct pg_batch *batch, struct slice model_name);
MUST_CHECK enum al_err ml_models_read(const struct pg_result *result,
                                      size_t index,
                                      struct ml_model_row *out);

/* Register a name, or say anew what it stands for: it waits to be trained. What serves goes on. */
void ml_models_register(struct pg_batch *batch, const struct ml_model_row *row, int64_t now_ns);
/* Rows without an asset get the first of `assets`, else any, that has bars of their interval. */
void ml_models_find_assets(struct pg_batch *batch, const struct asset *assets, size_t n_assets);

/* The number of a new version, and the file_path of the one that serves ("" when none): one row, or none without the name. */
void ml_models_number(struct pg_batch *batch, struct slice model_name);
/* A training begins, in this program. */
void ml_models_begin(struct pg_batch *batch, struct slice model_name);
/* At start: whatever this program was training waits again. */
void ml_models_reset(struct pg_batch *batch);

/* A version serves from now on. Uses model_name, horizons, file_path, asset, interval_ns, kind, version, measures, detail,
 * trained_at_ns. */
void ml_models_serve(struct pg_batch *batch, const struct ml_model_row *row, int64_t now_ns);
/* A training gave nothing that serves: what did goes on. */
void ml_models_fail(struct pg_batch *batch,
                    struct slice model_name,
                    struct slice detail,
                    int64_t now_ns);

#endif
