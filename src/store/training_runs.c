/* Table training_runs. */
#include <string.h>

#include "alphaloop/store/training_runs.h"
#include "row_i.h"

#define COLUMNS                                                                                    \
    "id, strategy_id, trigger, state, started_at, finished_at, n_samples, n_effective, version, "  \
    "detail"

static const char *const states[TRAINING_STATE_COUNT] = {
    [TRAINING_RUNNING] = "running",     [TRAINING_SUCCEEDED] = "succeeded",
    [TRAINING_REFUSED] = "refused",     [TRAINING_FAILED] = "failed",
    [TRAINING_CANCELLED] = "cancelled",
};

static const struct pg_statement insert_statement = {
    "training_runs_insert",
    "INSERT INTO training_runs (" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
};

static const struct pg_statement update_statement = {
    "training_runs_update",
    "UPDATE training_runs SET state = $2, finished_at = $3, n_samples = $4, n_effective = $5, "
    "version = $6, detail = $7"
    " WHERE id = $1",
};

static const struct pg_statement list_statement = {
    "training_runs_list",
    "SELECT " COLUMNS " FROM training_runs WHERE $1 IS NULL OR strategy_id = $1 ORDER BY "
    "started_at DESC, id DESC LIMIT $2",
};

static const struct pg_statement load_last_statement = {
    "training_runs_load_last",
    "SELECT DISTINCT ON (strategy_id) " COLUMNS " FROM training_runs WHERE state <> 'running'"
    " ORDER BY strategy_id, started_at DESC, id DESC",
};

/* An alarm is answered by a training, which says when it rang: since the version that decides was chosen. */
static const struct pg_statement load_drifting_statement = {
    "training_runs_load_drifting",
    "SELECT m.strategy_id FROM model_versions m WHERE m.state = 'active' AND EXISTS"
    " (SELECT 1 FROM training_runs r WHERE r.strategy_id = m.strategy_id"
    " AND r.trigger = 'degradation' AND r.started_at > coalesce((SELECT max(v.created_at)"
    " FROM rollout_verdicts v WHERE v.version = m.version AND v.stage = 'active'), m.updated_at))"
    " ORDER BY m.strategy_id",
};

static const struct pg_statement load_starts_statement = {
    "training_runs_load_starts",
    "SELECT strategy_id, started_at FROM (SELECT strategy_id, started_at, row_number() OVER"
    " (PARTITION BY strategy_id ORDER BY started_at DESC) AS place FROM training_runs"
    " WHERE started_at > $1) AS newest WHERE place <= $2 ORDER BY started_at",
};

static const struct pg_statement cancel_statement = {
    "training_runs_cancel_running",
    "UPDATE training_runs SET state = 'cancelled', finished_at = $1, detail = 'the program ended "
    "while it ran'"
    " WHERE state = 'running'",
};

const char *training_state_name(enum training_state state)
{
    return states[state];
}

static void put_progress(struct pg_batch *batch, const struct training_run_row *row)
{
    pg_put_time(batch, row->finished_at_ns);
    pg_put_i64(batch, row->n_samples);
    pg_put_double_or_null(batch, row->n_effective);
    pg_put_str_or_null(batch, row->version.text);
    store_put_text(batch, row->detail);
}

void training_runs_insert(struct pg_batch *batch, const struct training_run_row *row)
{
    pg_batch_statement(batch, &insert_statement);
    pg_put_uuid(batch, row->id);
    pg_put_str(batch, row->strategy_id.text);
    pg_put_str(batch, row->trigger);
    pg_put_str(batch, states[row->state]);
    pg_put_time(batch, row->started_at_ns);
    put_progress(batch, row);
}

void training_runs_update(struct pg_batch *batch, const struct training_run_row *row)
{
    pg_batch_statement(batch, &update_statement);
    pg_put_uuid(batch, row->id);
    pg_put_str(batch, states[row->state]);
    put_progress(batch, row);
}

void training_runs_list(struct pg_batch *batch, const struct strategy_id *strategy_id, size_t limit)
{
    pg_batch_statement(batch, &list_statement);
    pg_put_str_or_null(batch, strategy_id->text);
    store_put_limit(batch, limit);
}

void training_runs_load_last(struct pg_batch *batch)
{
    pg_batch_statement(batch, &load_last_statement);
}

void training_runs_load_starts(struct pg_batch *batch, int64_t after_ns, size_t limit)
{
    pg_batch_statement(batch, &load_starts_statement);
    pg_put_time(batch, after_ns);
    store_put_limit(batch, limit);
}

enum al_err training_runs_read_start(const struct pg_result *result,
                                     size_t index,
                                     struct training_start *out)
{
    struct row row = row_at(result, index);
    ROW_CHARS(&row, out->strategy_id.text);
    out->started_at_ns = row_time(&row);
    return row.err;
}

void training_runs_cancel_running(struct pg_batch *batch, int64_t now_ns)
{
    pg_batch_statement(batch, &cancel_statement);
    pg_put_time(batch, now_ns);
}

enum al_err training_runs_read(const struct pg_result *result,
                               size_t index,
                               struct training_run_row *out)
{
    struct row row = row_at(result, index);
    memset(out, 0, sizeof(*out));
    out->id = row_uuid(&row);
    ROW_CHARS(&row, out->strategy_id.text);
    ROW_CHARS(&row, out->trigger);
    out->state = (enum training_state)row_choice(&row, states, COUNT_OF(states));
    out->started_at_ns = row_time(&row);
    out->finished_at_ns = row_time(&row);
    out->n_samples = row_i64(&row);
    out->n_effective = row_double(&row);
    ROW_CHARS(&row, out->version.text);
    out->detail = row_text(&row);
    return row.err;
}

void training_runs_load_drifting(struct pg_batch *batch)
{
    pg_batch_statement(batch, &load_drifting_statement);
}

enum al_err training_runs_read_drifting(const struct pg_result *result,
                                        size_t index,
                                        struct strategy_id *out)
{
    struct row row = row_at(result, index);
    *out = (struct strategy_id){0};
    ROW_CHARS(&row, out->text);
    return row.err;
}
