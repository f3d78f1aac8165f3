/* Table predictions. */
#include "alphaloop/store/predictions.h"

#include "alphaloop/base/timestamp.h"
#include "row_i.h"

static const struct pg_statement insert_statement = {
    "predictions_insert",
    "INSERT INTO predictions (\"timestamp\", model_name, prediction_horizon, predicted_value,"
    " created_at, asset, interval_seconds, version, kind, base_time, base_price, low, high,"
    " coverage, naive_scale) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,"
    " $15) RETURNING id::bigint",
};

static const struct pg_statement list_statement = {
    "predictions_list",
    "SELECT id::bigint, \"timestamp\", model_name::text, prediction_horizon,"
    " predicted_value::float8, created_at, asset, interval_seconds, version, base_time, kind,"
    " base_price::float8, low::float8, high::float8, coverage, naive_scale, actual::float8,"
    " error::float8, settlement, settled_at FROM predictions"
    " WHERE ($1::text IS NULL OR model_name = $1) AND ($2 = 0 OR prediction_horizon = $2)"
    " ORDER BY created_at DESC, id DESC LIMIT $3",
};

/* A close that is no price of the column's range never settles anything. */
static const struct pg_statement settle_statement = {
    "predictions_settle",
    "UPDATE predictions p SET actual = c.close::numeric, settlement = 'settled', settled_at = $1"
    " FROM candles c WHERE p.settlement <> 'settled' AND p.asset IS NOT NULL AND p.\"timestamp\" <="
    " $1 AND c.asset = p.asset AND c.interval_seconds = p.interval_seconds AND c.ts_open ="
    " p.\"timestamp\" - make_interval(secs => p.interval_seconds) AND c.close < 1e11",
};

static const struct pg_statement gap_statement = {
    "predictions_mark_gaps",
    "UPDATE predictions p SET settlement = 'gap' WHERE p.settlement = 'waiting' AND p.asset IS NOT"
    " NULL AND p.\"timestamp\" <= $1 AND EXISTS (SELECT FROM candles c WHERE c.asset = p.asset AND"
    " c.interval_seconds = p.interval_seconds AND c.ts_open >= p.\"timestamp\")",
};

#define SETTLED "FILTER (WHERE settlement = 'settled')"
#define DIRECTED                                                                                   \
    "FILTER (WHERE settlement = 'settled' AND actual <> base_price AND predicted_value <> "        \
    "base_price)"

static const struct pg_statement evaluate_statement = {
    "predictions_evaluate",
    "SELECT model_name::text, asset, prediction_horizon, count(*) " SETTLED
    ", count(*) FILTER (WHERE settlement = 'waiting'), count(*) FILTER (WHERE settlement = 'gap'),"
    " (avg(abs(error)) " SETTLED ")::float8, (100 * avg(abs(error) / nullif(actual, 0)) " SETTLED
    ")::float8, sqrt((avg(error * error) " SETTLED ")::float8),"
    " (avg(abs(actual - base_price)) " SETTLED ")::float8,"
    " (avg(abs(error)) " SETTLED ")::float8 / nullif(avg(naive_scale) " SETTLED ", 0),"
    " (avg((actual BETWEEN low AND high)::int) " SETTLED ")::float8, avg(coverage) " SETTLED ","
    " (avg((sign(actual - base_price) = sign(predicted_value - base_price))::int) " DIRECTED
    ")::float8, count(*) " DIRECTED
    " FROM predictions WHERE asset IS NOT NULL AND ($1::text IS NULL"
    " OR model_name = $1) AND ($2 = 0 OR prediction_horizon = $2) AND created_at >= $4"
    " GROUP BY model_name, asset, prediction_horizon ORDER BY 1, 2, 3 LIMIT $3",
};

void predictions_insert(struct pg_batch *batch, const struct prediction_row *row)
{
    pg_batch_statement(batch, &insert_statement);
    pg_put_time(batch, row->target_ns);
    store_put_chars(batch, row->model_name);
    pg_put_i32(batch, (int32_t)row->horizon);
    store_put_price(batch, row->value);
    pg_put_time(batch, row->created_at_ns);
    store_put_chars(batch, row->asset.text);
    pg_put_i32(batch, (int32_t)(row->interval_ns / NS_PER_S));
    pg_put_i64(batch, row->version);
    store_put_chars(batch, row->kind);
    pg_put_time(batch, row->base_ns);
    store_put_price(batch, row->base_price);
    store_put_price(batch, row->low);
    store_put_price(batch, row->high);
    pg_put_double_or_null(batch, row->coverage);
    pg_put_double_or_null(batch, row->naive_scale);
}

static void put_filter(struct pg_batch *batch, const struct predictions_filter *filter)
{
    if (filter->model_name.len == 0)
        pg_put_null(batch, PG_TEXT);
    else
        store_put_text(batch, filter->model_name);
    pg_put_i32(batch, (int32_t)filter->horizon);
    store_put_limit(batch, filter->limit);
}

void predictions_list(struct pg_batch *batch, const struct predictions_filter *filter)
{
    pg_batch_statement(batch, &list_statement);
    put_filter(batch, filter);
}

enum al_err predictions_read(const struct pg_result *result,
                             size_t index,
                             struct prediction_row *out)
{
    struct row row = row_at(result, index);
    out->id = row_i64(&row);
    out->target_ns = row_time(&row);
    ROW_CHARS(&row, out->model_name);
    out->horizon = row_i64(&row);
    out->value = row_double(&row);
    out->created_at_ns = row_time(&row);
    ROW_CHARS(&row, out->asset.text);
    out->interval_ns = row_i64(&row) * NS_PER_S;
    out->version = row_i64(&row);
    out->base_ns = row_time(&row);
    ROW_CHARS(&row, out->kind);
    out->base_price = row_double(&row);
    out->low = row_double(&row);
    out->high = row_double(&row);
    out->coverage = row_double(&row);
    out->naive_scale = row_double(&row);
    out->actual = row_double(&row);
    out->error = row_double(&row);
    ROW_CHARS(&row, out->settlement);
    out->settled_at_ns = row_time(&row);
    return row.err;
}

void predictions_settle(struct pg_batch *batch, int64_t now_ns)
{
    pg_batch_statement(batch, &settle_statement);
    pg_put_time(batch, now_ns);
    pg_batch_statement(batch, &gap_statement);
    pg_put_time(batch, now_ns);
}

void predictions_evaluate(struct pg_batch *batch,
                          const struct predictions_filter *filter,
                          int64_t from_ns)
{
    pg_batch_statement(batch, &evaluate_statement);
    put_filter(batch, filter);
    pg_put_time(batch, from_ns);
}

enum al_err predictions_read_evaluation(const struct pg_result *result,
                                        size_t index,
                                        struct prediction_evaluation *out)
{
    struct row row = row_at(result, index);
    ROW_CHARS(&row, out->model_name);
    ROW_CHARS(&row, out->asset.text);
    out->horizon = row_i64(&row);
    out->n_settled = row_i64(&row);
    out->n_waiting = row_i64(&row);
    out->n_gap = row_i64(&row);
    out->mae = row_double(&row);
    out->mape = row_double(&row);
    out->rmse = row_double(&row);
    out->naive_mae = row_double(&row);
    out->mase = row_double(&row);
    out->coverage = row_double(&row);
    out->nominal = row_double(&row);
    out->directional_accuracy = row_double(&row);
    out->n_directed = row_i64(&row);
    return row.err;
}
