/* Table ml_models. */
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/store/ml_models.h"
#include "row_i.h"

/* The newest bar is found by key, one step into the index. */
#define SELECT                                                                                     \
    "SELECT m.id::bigint, m.model_name::text, m.model_type::text, m.prediction_horizons::text,"    \
    " m.file_path::text, m.feature_config::text, m.is_active <> 0, m.created_at, m.updated_at,"    \
    " m.asset, m.interval_seconds, m.kind, m.parameters::text, m.state, m.version,"                \
    " m.measures::text, m.detail, m.trained_at, m.tried_at, c.ts_open, c.close"                    \
    " FROM ml_models m LEFT JOIN LATERAL (SELECT ts_open, close FROM candles WHERE candles.asset"  \
    " = m.asset AND candles.interval_seconds = m.interval_seconds ORDER BY ts_open DESC LIMIT 1)"  \
    " c ON true"

static const struct pg_statement list_statement = {
    "ml_models_list",
    SELECT " ORDER BY m.id LIMIT 1000",
};

static const struct pg_statement get_statement = {
    "ml_models_get",
    SELECT " WHERE m.model_name = $1",
};

static const struct pg_statement register_statement = {
    "ml_models_register",
    "INSERT INTO ml_models (model_name, model_type, prediction_horizons, file_path, feature_config,"
    " asset, interval_seconds, kind, parameters, state, created_at, updated_at)"
    " VALUES ($1, $2, $3, '', $4, $5, $6, $7, $8, 'waiting', $9, $9)"
    " ON CONFLICT (model_name) DO UPDATE SET model_type = excluded.model_type,"
    " prediction_horizons = excluded.prediction_horizons, feature_config = excluded.feature_config,"
    " asset = excluded.asset, interval_seconds = excluded.interval_seconds, kind = excluded.kind,"
    " parameters = excluded.parameters, state = 'waiting', is_active = 1, updated_at = $9",
};

/* Assets are found by steps from one to the next in the key of candles: a table of minutes is never read for one that has hours. */
static const struct pg_statement find_assets_statement = {
    "ml_models_find_assets",
    "WITH RECURSIVE stored AS ((SELECT asset FROM candles ORDER BY asset LIMIT 1) UNION ALL SELECT"
    " (SELECT c.asset FROM candles c WHERE c.asset > s.asset ORDER BY c.asset LIMIT 1) FROM stored "
    "s"
    " WHERE s.asset IS NOT NULL), wanted AS (SELECT asset, nth FROM unnest($1) WITH ORDINALITY AS a"
    " (asset, nth) UNION ALL SELECT asset, 1000000 FROM stored WHERE asset IS NOT NULL)"
    " UPDATE ml_models m SET asset = (SELECT w.asset FROM wanted w WHERE EXISTS (SELECT FROM "
    "candles"
    " c WHERE c.asset = w.asset AND c.interval_seconds = m.interval_seconds) ORDER BY w.nth, "
    "w.asset"
    " LIMIT 1) WHERE m.asset IS NULL",
};

static const struct pg_statement number_statement = {
    "ml_models_number",
    "UPDATE ml_models SET last_version = last_version + 1 WHERE model_name = $1"
    " RETURNING last_version, file_path::text",
};

static const struct pg_statement begin_statement = {
    "ml_models_begin",
    "UPDATE ml_models SET state = 'training' WHERE model_name = $1",
};

static const struct pg_statement reset_statement = {
    "ml_models_reset",
    "UPDATE ml_models SET state = 'waiting' WHERE state = 'training'",
};

static const struct pg_statement serve_statement = {
    "ml_models_serve",
    "UPDATE ml_models SET prediction_horizons = $2, file_path = $3, asset = $4, interval_seconds ="
    " $5, kind = $6, version = $7, last_version = greatest(last_version, $7), measures = $8, detail"
    " = $9, trained_at = $10, tried_at = $11, updated_at = $11, state = 'serving', is_active = 1"
    " WHERE model_name = $1",
};

static const struct pg_statement fail_statement = {
    "ml_models_fail",
    "UPDATE ml_models SET state = CASE WHEN version IS NULL THEN 'failed' ELSE 'serving' END,"
    " detail = $2, tried_at = $3, updated_at = $3 WHERE model_name = $1",
};

void ml_models_list(struct pg_batch *batch)
{
    pg_batch_statement(batch, &list_statement);
}

void ml_models_get(struct pg_batch *batch, struct slice model_name)
{
    pg_batch_statement(batch, &get_statement);
    store_put_text(batch, model_name);
}

enum al_err ml_models_read(const struct pg_result *result, size_t index, struct ml_model_row *out)
{
    struct row row = row_at(result, index);
    out->id = row_i64(&row);
    ROW_CHARS(&row, out->model_name);
    ROW_CHARS(&row, out->model_type);
    ROW_CHARS(&row, out->horizons);
    ROW_CHARS(&row, out->file_path);
    out->feature_config = row_text(&row);
    out->is_active = row_bool(&row);
    out->created_at_ns = row_time(&row);
    out->updated_at_ns = row_time(&row);
    ROW_CHARS(&row, out->asset.text);
    out->interval_ns = row_i64(&row) * NS_PER_S;
    ROW_CHARS(&row, out->kind);
    out->parameters = row_text(&row);
    ROW_CHARS(&row, out->state);
    out->version = row_i64(&row);
    out->measures = row_text(&row);
    out->detail = row_text(&row);
    out->trained_at_ns = row_time(&row);
    out->tried_at_ns = row_time(&row);
    out->newest_open_ns = row_time(&row);
    out->newest_close = row_double(&row);
    return row.err;
}

void ml_models_register(struct pg_batch *batch, const struct ml_model_row *row, int64_t now_ns)
{
    pg_batch_statement(batch, &register_statement);
    store_put_chars(batch, row->model_name);
    store_put_chars(batch, row->model_type);
    store_put_json(batch, slice_of(row->horizons));
    store_put_json(batch, row->feature_config);
    store_put_chars(batch, row->asset.text);
    pg_put_i32(batch, (int32_t)(row->interval_ns / NS_PER_S));
    store_put_chars(batch, row->kind);
    store_put_json(batch, row->parameters);
    pg_put_time(batch, now_ns);
}

void ml_models_find_assets(struct pg_batch *batch, const struct asset *assets, size_t n_assets)
{
    pg_batch_statement(batch, &find_assets_statement);
    PUT_COLUMN(batch, PG_TEXT, n_assets, pg_put_str(batch, assets[i].text));
}

void ml_models_number(struct pg_batch *batch, struct slice model_name)
{
    pg_batch_statement(batch, &number_statement);
    store_put_text(batch, model_name);
}

void ml_models_begin(struct pg_batch *batch, struct slice model_name)
{
    pg_batch_statement(batch, &begin_statement);
    store_put_text(batch, model_name);
}

void ml_models_reset(struct pg_batch *batch)
{
    pg_batch_statement(batch, &reset_statement);
}

void ml_models_serve(struct pg_batch *batch, const struct ml_model_row *row, int64_t now_ns)
{
    pg_batch_statement(batch, &serve_statement);
    store_put_chars(batch, row->model_name);
    store_put_json(batch, slice_of(row->horizons));
    store_put_chars(batch, row->file_path);
    store_put_chars(batch, row->asset.text);
    pg_put_i32(batch, (int32_t)(row->interval_ns / NS_PER_S));
    store_put_chars(batch, row->kind);
    pg_put_i64(batch, row->version);
    store_put_json(batch, row->measures);
    store_put_text(batch, row->detail);
    pg_put_time(batch, row->trained_at_ns);
    pg_put_time(batch, now_ns);
}

void ml_models_fail(struct pg_batch *batch,
                    struct slice model_name,
                    struct slice detail,
                    int64_t now_ns)
{
    pg_batch_statement(batch, &fail_statement);
    store_put_text(batch, model_name);
    store_put_text(batch, detail);
    pg_put_time(batch, now_ns);
}
