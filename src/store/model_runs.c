/* Table model_runs. */
#include "alphaloop/store/model_runs.h"

#include <string.h>

#include "row_i.h"

static const struct pg_statement lock_statement = {
    "model_runs_lock",
    "SELECT model_id, left(run_status, 60) FROM model_runs WHERE id = $1::bigint FOR UPDATE",
};

static const struct pg_statement start_statement = {
    "model_runs_start",
    "INSERT INTO model_runs (id, model_id, run_date, run_status)"
    " VALUES ($1::bigint::integer, $2::bigint, now(), 'RUNNING')"
    " ON CONFLICT (id) DO UPDATE SET run_date = now(), run_status = 'RUNNING', run_result = NULL",
};

/* Whoever makes rows without naming their id must not meet ours. */
static const struct pg_statement number_statement = {
    "model_runs_number",
    "SELECT setval(s, $1::bigint) FROM"
    " (SELECT pg_get_serial_sequence('model_runs', 'id')::regclass AS s) AS sequence"
    " WHERE nextval(s) < $1::bigint",
};

static const struct pg_statement succeed_statement = {
    "model_runs_succeed",
    "UPDATE model_runs SET run_status = 'SUCCESS', run_result = $2::bytea"
    " WHERE id = $1::bigint AND run_status = 'RUNNING'",
};

static const struct pg_statement fail_statement = {
    "model_runs_fail",
    "UPDATE model_runs SET run_status = 'FAILED', run_result = NULL"
    " WHERE id = $1::bigint AND run_status = 'RUNNING'",
};

static const struct pg_statement fail_running_statement = {
    "model_runs_fail_running",
    "WITH lost AS (UPDATE model_runs SET run_status = 'FAILED', run_result = NULL"
    " WHERE run_status = 'RUNNING'"
    " AND model_id IN (SELECT id FROM models WHERE name = ANY ($1::text[])) RETURNING id),"
    " said AS (INSERT INTO model_run_metrics (model_run_id, metric_name, metric_value)"
    " SELECT id, 'error', $2::text FROM lost)"
    " SELECT id::bigint FROM lost ORDER BY id",
};

static const struct pg_statement get_statement = {
    "model_runs_get",
    "SELECT left(run_status, 60), xmin::text, run_result IS NOT NULL,"
    " CASE WHEN xmin::text <> $2::text AND octet_length(run_result) <= $3::bigint THEN run_result"
    " END"
    " FROM model_runs WHERE id = $1::bigint",
};

void model_runs_lock(struct pg_batch *batch, int64_t id)
{
    pg_batch_statement(batch, &lock_statement);
    pg_put_i64(batch, id);
}

static void row_cut(struct row *row, char *out, size_t out_size)
{
    struct slice text = row_text(row);
    size_t n = text.len < out_size ? text.len : out_size - 1;
    memset(out, 0, out_size);
    if (n > 0)
        memcpy(out, text.ptr, n);
}

enum al_err model_runs_read_state(const struct pg_result *result,
                                  size_t index,
                                  struct model_run_state *out)
{
    struct row row = row_at(result, index);
    out->model_id = row_i64(&row);
    row_cut(&row, out->status, sizeof out->status);
    return row.err;
}

void model_runs_start(struct pg_batch *batch, int64_t id, int64_t model_id)
{
    pg_batch_statement(batch, &start_statement);
    pg_put_i64(batch, id);
    pg_put_i64(batch, model_id);
}

void model_runs_number(struct pg_batch *batch, int64_t id)
{
    pg_batch_statement(batch, &number_statement);
    pg_put_i64(batch, id);
}

void model_runs_succeed(struct pg_batch *batch, int64_t id, struct slice artefact)
{
    pg_batch_statement(batch, &succeed_statement);
    pg_put_i64(batch, id);
    pg_put_bytea(batch, artefact);
}

void model_runs_fail(struct pg_batch *batch, int64_t id)
{
    pg_batch_statement(batch, &fail_statement);
    pg_put_i64(batch, id);
}

void model_runs_fail_running(struct pg_batch *batch,
                             const char *const *models,
                             size_t n_models,
                             const char *why)
{
    pg_batch_statement(batch, &fail_running_statement);
    PUT_COLUMN(batch, PG_TEXT, n_models, pg_put_str(batch, models[i]));
    pg_put_str(batch, why);
}

void model_runs_get(struct pg_batch *batch,
                    int64_t id,
                    const char *known_version,
                    size_t n_bytes_max)
{
    pg_batch_statement(batch, &get_statement);
    pg_put_i64(batch, id);
    pg_put_str(batch, known_version);
    pg_put_i64(batch, (int64_t)n_bytes_max);
}

enum al_err model_runs_read_got(const struct pg_result *result,
                                size_t index,
                                struct model_run_got *out)
{
    struct row row = row_at(result, index);
    row_cut(&row, out->status, sizeof out->status);
    ROW_CHARS(&row, out->version);
    out->has_artefact = row_bool(&row);
    out->artefact = row_bytes(&row);
    return row.err;
}
