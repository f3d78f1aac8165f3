/* Table model_run_metrics. */
#include "alphaloop/store/model_run_metrics.h"
#include "row_i.h"

static const struct pg_statement insert_statement = {
    "model_run_metrics_insert",
    "INSERT INTO model_run_metrics (model_run_id, metric_name, metric_value)"
    " SELECT $1::bigint, n, v FROM unnest($2::text[], $3::text[]) AS metric (n, v)",
};

static const struct pg_statement delete_statement = {
    "model_run_metrics_delete",
    "DELETE FROM model_run_metrics WHERE model_run_id = $1::bigint",
};

void model_run_metrics_insert(struct pg_batch *batch,
                              int64_t run_id,
                              const struct model_run_metric *metrics,
                              size_t n_metrics)
{
    pg_batch_statement(batch, &insert_statement);
    pg_put_i64(batch, run_id);
    PUT_COLUMN(batch, PG_TEXT, n_metrics, store_put_text(batch, metrics[i].name));
    PUT_COLUMN(batch, PG_TEXT, n_metrics, store_put_text(batch, metrics[i].value));
}

void model_run_metrics_delete(struct pg_batch *batch, int64_t run_id)
{
    pg_batch_statement(batch, &delete_statement);
    pg_put_i64(batch, run_id);
}
