/* Table predictions: forecasts that were asked to be kept, and what came of them. */
#ifndef ALPHALOOP_STORE_PREDICTIONS_H
#define ALPHALOOP_STORE_PREDICTIONS_H

#include "alphaloop/domain/names.h"
#include "alphaloop/io/pg.h"
#include "alphaloop/store/ml_models.h"

struct prediction_row {
    int64_t id;
    int64_t target_ns; /* column "timestamp": the time it is for */
    char model_name[ML_MODEL_NAME_MAX];
    int64_t horizon; /* hours */
    double value;    /* price */
    int64_t created_at_ns;
    struct asset asset; /* "": kept by another program */
    int64_t interval_ns, version, base_ns;
    char kind[32];
    double base_price, low, high, coverage, naive_scale; /* NaN: not known */
    double actual, error;                                /* NaN until settled; forecast - actual */
    char settlement[16]; /* waiting, gap (no bar ended then, later ones did), settled */
    int64_t settled_at_ns;
};

void predictions_insert(struct pg_batch *batch, const struct prediction_row *row); /* returns id */

struct predictions_filter {
    struct slice model_name; /* empty: all */
    int64_t horizon;         /* 0: all */
    size_t limit;
};
/* Newest first. */
void predictions_list(struct pg_batch *batch, const struct predictions_filter *filter);
MUST_CHECK enum al_err predictions_read(const struct pg_result *result,
                                        size_t index,
                                        struct prediction_row *out);

/* Where a bar ended at the time a prediction is for, its close is what came: settled. Where none did and later ones did, there is
 * a gap, until the bar comes after all. */
void predictions_settle(struct pg_batch *batch, int64_t now_ns);

/* What predictions of one model, horizon and asset were worth, of those made from `from_ns` on. */
struct prediction_evaluation {
    char model_name[ML_MODEL_NAME_MAX];
    struct asset asset;
    int64_t horizon;
    int64_t n_settled, n_waiting, n_gap;
    double mae, mape, rmse, naive_mae; /* price; per cent; of "as now" on the same ones */
    double mase;                       /* mae over the mean of naive_scale */
    double coverage,
        nominal; /* share within the interval; what it was made to hold; NaN: none had one */
    double directional_accuracy;
    int64_t n_directed; /* with a direction forecast and come */
};
void predictions_evaluate(struct pg_batch *batch,
                          const struct predictions_filter *filter,
                          int64_t from_ns);
MUST_CHECK enum al_err predictions_read_evaluation(const struct pg_result *result,
                                                   size_t index,
                                                   struct prediction_evaluation *out);

#endif
