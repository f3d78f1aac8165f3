/* Table model_quality_metrics. */
#include <string.h>

#include "alphaloop/store/model_quality_metrics.h"
#include "row_i.h"

#define COLUMNS                                                                                    \
    "id, model_version_id, metric_name, metric_value, metric_type, evaluated_at, "                 \
    "evaluation_dataset_size"

static const char *const types[QUALITY_TYPE_COUNT] = {
    [QUALITY_CLASSIFICATION] = "classification",
    [QUALITY_REGRESSION] = "regression",
    [QUALITY_TRADING_PERFORMANCE] = "trading_performance",
};

static const struct pg_statement insert_statement = {
    "model_quality_metrics_insert",
    "INSERT INTO model_quality_metrics (" COLUMNS
    ") SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7)"
    " ON CONFLICT (id) DO NOTHING",
};

static const struct pg_statement list_statement = {
    "model_quality_metrics_list",
    "SELECT m.id, m.model_version_id, m.metric_name, m.metric_value, m.metric_type, m.evaluated_at,"
    " m.evaluation_dataset_size FROM model_quality_metrics m JOIN model_versions v ON v.id = "
    "m.model_version_id"
    " WHERE v.version = $1 AND ($2 IS NULL OR m.metric_type = $2) AND ($3 IS NULL OR m.metric_name "
    "= $3)"
    " ORDER BY m.metric_name, m.evaluated_at, m.id LIMIT $4",
};

static const struct pg_statement series_statement = {
    "model_quality_metrics_series",
    "SELECT date_trunc($2, m.evaluated_at, 'UTC') AS bucket, avg(m.metric_value), m.metric_name"
    " FROM model_quality_metrics m JOIN model_versions v ON v.id = m.model_version_id"
    " WHERE v.version = $1 AND m.evaluated_at >= $3 AND m.evaluated_at < $4"
    " AND (cardinality($5) = 0 OR m.metric_name = ANY ($5)) GROUP BY bucket, m.metric_name"
    " ORDER BY bucket, m.metric_name LIMIT $6",
};

const char *quality_type_name(enum quality_type type)
{
    return types[type];
}

bool quality_type_parse(struct slice name, enum quality_type *out)
{
    for (unsigned i = 0; i < QUALITY_TYPE_COUNT; i++) {
        if (slice_is(name, types[i])) {
            *out = (enum quality_type)i;
            return true;
        }
    }
    return false;
}

void model_quality_metrics_insert(struct pg_batch *batch,
                                  const struct quality_metric_row *rows,
                                  size_t n)
{
    pg_batch_statement(batch, &insert_statement);
    PUT_COLUMN(batch, PG_UUID, n, pg_put_uuid(batch, rows[i].id));
    PUT_COLUMN(batch, PG_UUID, n, pg_put_uuid(batch, rows[i].model_version_id));
    PUT_COLUMN(batch, PG_TEXT, n, pg_put_str(batch, rows[i].metric_name));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double(batch, rows[i].metric_value));
    PUT_COLUMN(batch, PG_TEXT, n, pg_put_str(batch, types[rows[i].metric_type]));
    PUT_COLUMN(batch, PG_TIME, n, pg_put_time(batch, rows[i].evaluated_at_ns));
    PUT_COLUMN(batch, PG_I64, n, pg_put_i64(batch, rows[i].evaluation_dataset_size));
}

void model_quality_metrics_list(struct pg_batch *batch,
                                const struct model_version_id *version,
                                enum quality_type type,
                                struct slice metric_name,
                                size_t limit)
{
    pg_batch_statement(batch, &list_statement);
    pg_put_str(batch, version->text);
    pg_put_str(batch, type == QUALITY_TYPE_COUNT ? NULL : types[type]);
    if (metric_name.len == 0)
        pg_put_null(batch, PG_TEXT);
    else
        store_put_text(batch, metric_name);
    store_put_limit(batch, limit);
}

enum al_err model_quality_metrics_read(const struct pg_result *result,
                                       size_t index,
                                       struct quality_metric_row *out)
{
    struct row row = row_at(result, index);
    out->id = row_uuid(&row);
    out->model_version_id = row_uuid(&row);
    ROW_CHARS(&row, out->metric_name);
    out->metric_value = row_double(&row);
    out->metric_type = (enum quality_type)row_choice(&row, types, COUNT_OF(types));
    out->evaluated_at_ns = row_time(&row);
    out->evaluation_dataset_size = row_i64(&row);
    return row.err;
}

void model_quality_metrics_series(struct pg_batch *batch,
                                  const struct model_version_id *version,
                                  enum granularity granularity,
                                  int64_t start_ns,
                                  int64_t end_ns,
                                  const struct slice *names,
                                  size_t n_names,
                                  size_t limit)
{
    pg_batch_statement(batch, &series_statement);
    pg_put_str(batch, version->text);
    pg_put_str(batch, granularity_name(granularity));
    pg_put_time(batch, start_ns);
    pg_put_time(batch, end_ns);
    PUT_COLUMN(batch, PG_TEXT, n_names, store_put_text(batch, names[i]));
    store_put_limit(batch, limit);
}

enum al_err model_quality_metrics_read_point(const struct pg_result *result,
                                             size_t index,
                                             struct metric_point *out)
{
    struct row row = row_at(result, index);
    out->ts_ns = row_time(&row);
    out->value = row_double(&row);
    ROW_CHARS(&row, out->metric_name);
    return row.err;
}
