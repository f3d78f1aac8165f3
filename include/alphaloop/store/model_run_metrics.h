/* Table model_run_metrics: what a run of the train/predict routes measured, as texts. */
#ifndef ALPHALOOP_STORE_MODEL_RUN_METRICS_H
#define ALPHALOOP_STORE_MODEL_RUN_METRICS_H

#include "alphaloop/io/pg.h"

struct model_run_metric {
    struct slice name, value; /* at most 255 characters each */
};

void model_run_metrics_insert(struct pg_batch *batch,
                              int64_t run_id,
                              const struct model_run_metric *metrics,
                              size_t n_metrics);
/* Of an earlier training of the run. */
void model_run_metrics_delete(struct pg_batch *batch, int64_t run_id);

#endif
