/* Table model_versions. */
#include <string.h>

#include "alphaloop/store/model_versions.h"
#include "row_i.h"

#define COLUMNS                                                                                    \
    "id, version, model_type, strategy_id, trained_at, training_duration_seconds, "                \
    "training_dataset_size, is_active,"                                                            \
    " is_warmup_mode, created_at, updated_at, folder_hash, state, attempt, verdict"

static const char *const states[VERSION_STATE_COUNT] = {
    [VERSION_CANDIDATE] = "candidate",
    [VERSION_ACTIVE] = "active",
    [VERSION_RETIRED] = "retired",
    [VERSION_REFUSED] = "refused",
};

static const struct pg_statement next_statement = {
    "model_versions_next",
    "SELECT nextval('model_version_numbers')",
};

static const struct pg_statement insert_statement = {
    "model_versions_insert",
    "INSERT INTO model_versions (id, version, model_type, strategy_id, trained_at, "
    "training_duration_seconds,"
    " training_dataset_size, is_warmup_mode, created_at, updated_at, folder_hash, state, attempt, "
    "verdict)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
};

static const struct pg_statement refuse_statement = {
    "model_versions_refuse",
    "UPDATE model_versions SET state = 'refused', verdict = $2, updated_at = $3"
    " WHERE version = $1 AND state = 'candidate'",
};

static const struct pg_statement refuse_live_statement = {
    "model_versions_refuse_live",
    "UPDATE model_versions SET state = 'refused', updated_at = $2"
    " WHERE version = $1 AND state = 'candidate'",
};

static const struct pg_statement verdict_statement = {
    "model_versions_set_verdict",
    "UPDATE model_versions SET verdict = $2, updated_at = $3 WHERE version = $1",
};

/* Retire first: the index allows one active version at any moment. */
static const struct pg_statement retire_for_statement = {
    "model_versions_retire_for",
    "UPDATE model_versions SET state = 'retired', updated_at = $3"
    " WHERE strategy_id = $1 AND state = 'active' AND version <> $2 AND EXISTS (SELECT 1 FROM "
    "model_versions c"
    " WHERE c.strategy_id = $1 AND c.version = $2 AND ($4 OR c.state <> 'refused'))",
};

static const struct pg_statement activate_statement = {
    "model_versions_activate",
    "UPDATE model_versions SET state = 'active', updated_at = $3"
    " WHERE strategy_id = $1 AND version = $2 AND ($4 OR state <> 'refused') RETURNING " COLUMNS,
};

static const struct pg_statement retire_active_statement = {
    "model_versions_retire_active",
    "UPDATE model_versions SET state = 'retired', updated_at = $2 WHERE strategy_id = $1 AND state "
    "= 'active'"
    " RETURNING " COLUMNS,
};

#define FILTER                                                                                     \
    " FROM model_versions WHERE ($1 IS NULL OR strategy_id = $1) AND ($2 IS NULL OR is_active = "  \
    "$2)"

static const struct pg_statement list_statement = {
    "model_versions_list",
    "SELECT " COLUMNS FILTER " ORDER BY created_at DESC, id DESC LIMIT $3 OFFSET $4",
};

static const struct pg_statement total_statement = {"model_versions_total",
                                                    "SELECT count(*)" FILTER};

static const struct pg_statement get_statement = {
    "model_versions_get",
    "SELECT " COLUMNS " FROM model_versions WHERE version = $1",
};

static const struct pg_statement load_active_statement = {
    "model_versions_load_active",
    "SELECT " COLUMNS " FROM model_versions WHERE state = 'active' ORDER BY strategy_id",
};

static const struct pg_statement load_retired_statement = {
    "model_versions_load_retired",
    "SELECT " COLUMNS " FROM model_versions WHERE strategy_id = $1 AND state = 'retired'"
    " ORDER BY updated_at DESC, created_at DESC LIMIT $2",
};

static const struct pg_statement count_attempts_statement = {
    "model_versions_count_attempts",
    "SELECT count(*) FROM model_versions m WHERE strategy_id = $1 AND (state <> 'candidate' OR "
    "EXISTS"
    " (SELECT 1 FROM rollout_verdicts r WHERE r.version = m.version AND r.stage = 'shadow'))",
};

static const struct pg_statement count_statement = {
    "model_versions_count",
    "SELECT strategy_id, model_type, count(*), count(*) FILTER (WHERE is_active) FROM "
    "model_versions"
    " GROUP BY strategy_id, model_type ORDER BY strategy_id, model_type",
};

const char *version_state_name(enum version_state state)
{
    return states[state];
}

void model_versions_next(struct pg_batch *batch)
{
    pg_batch_statement(batch, &next_statement);
}

static void put_verdict(struct pg_batch *batch, struct slice verdict)
{
    if (verdict.len == 0)
        pg_put_null(batch, PG_TEXT);
    else
        store_put_text(batch, verdict);
}

void model_versions_insert(struct pg_batch *batch, const struct model_version_row *row)
{
    pg_batch_statement(batch, &insert_statement);
    pg_put_uuid(batch, row->id);
    pg_put_str(batch, row->version.text);
    pg_put_str(batch, row->model_type);
    pg_put_str(batch, row->strategy_id.text);
    pg_put_time(batch, row->trained_at_ns);
    pg_put_double(batch, row->training_duration_seconds);
    pg_put_i64(batch, row->training_dataset_size);
    pg_put_bool(batch, row->is_warmup_mode);
    pg_put_time(batch, row->created_at_ns);
    pg_put_time(batch, row->updated_at_ns);
    store_put_hash(batch, &row->folder_hash);
    pg_put_str(batch, states[row->state]);
    pg_put_i32(batch, row->attempt);
    put_verdict(batch, row->verdict);
}

static void put_judgement(struct pg_batch *batch,
                          const struct model_version_id *version,
                          struct slice verdict,
                          int64_t now_ns)
{
    pg_put_str(batch, version->text);
    put_verdict(batch, verdict);
    pg_put_time(batch, now_ns);
}

void model_versions_refuse(struct pg_batch *batch,
                           const struct model_version_id *version,
                           struct slice verdict,
                           int64_t now_ns)
{
    pg_batch_statement(batch, &refuse_statement);
    put_judgement(batch, version, verdict, now_ns);
}

void model_versions_refuse_live(struct pg_batch *batch,
                                const struct model_version_id *version,
                                int64_t now_ns)
{
    pg_batch_statement(batch, &refuse_live_statement);
    pg_put_str(batch, version->text);
    pg_put_time(batch, now_ns);
}

void model_versions_set_verdict(struct pg_batch *batch,
                                const struct model_version_id *version,
                                struct slice verdict,
                                int64_t now_ns)
{
    pg_batch_statement(batch, &verdict_statement);
    put_judgement(batch, version, verdict, now_ns);
}

void model_versions_activate(struct pg_batch *batch,
                             const struct strategy_id *strategy_id,
                             const struct model_version_id *version,
                             bool allow_refused,
                             int64_t now_ns)
{
    static const struct pg_statement *const both[] = {&retire_for_statement, &activate_statement};
    for (size_t i = 0; i < COUNT_OF(both); i++) {
        pg_batch_statement(batch, both[i]);
        pg_put_str(batch, strategy_id->text);
        pg_put_str(batch, version->text);
        pg_put_time(batch, now_ns);
        pg_put_bool(batch, allow_refused);
    }
}

void model_versions_retire_active(struct pg_batch *batch,
                                  const struct strategy_id *strategy_id,
                                  int64_t now_ns)
{
    pg_batch_statement(batch, &retire_active_statement);
    pg_put_str(batch, strategy_id->text);
    pg_put_time(batch, now_ns);
}

static void put_filter(struct pg_batch *batch, const struct model_versions_filter *filter)
{
    pg_put_str_or_null(batch, filter->strategy_id.text);
    if (filter->is_active < 0)
        pg_put_null(batch, PG_BOOL);
    else
        pg_put_bool(batch, filter->is_active != 0);
}

void model_versions_list(struct pg_batch *batch, const struct model_versions_filter *filter)
{
    pg_batch_statement(batch, &list_statement);
    put_filter(batch, filter);
    store_put_limit(batch, filter->limit);
    store_put_limit(batch, filter->offset);
    pg_batch_statement(batch, &total_statement);
    put_filter(batch, filter);
}

void model_versions_get(struct pg_batch *batch, const struct model_version_id *version)
{
    pg_batch_statement(batch, &get_statement);
    pg_put_str(batch, version->text);
}

void model_versions_load_active(struct pg_batch *batch)
{
    pg_batch_statement(batch, &load_active_statement);
}

void model_versions_load_retired(struct pg_batch *batch,
                                 const struct strategy_id *strategy_id,
                                 size_t limit)
{
    pg_batch_statement(batch, &load_retired_statement);
    pg_put_str(batch, strategy_id->text);
    store_put_limit(batch, limit);
}

void model_versions_count_attempts(struct pg_batch *batch, const struct strategy_id *strategy_id)
{
    pg_batch_statement(batch, &count_attempts_statement);
    pg_put_str(batch, strategy_id->text);
}

enum al_err model_versions_read(const struct pg_result *result,
                                size_t index,
                                struct model_version_row *out)
{
    struct row row = row_at(result, index);
    memset(out, 0, sizeof(*out));
    out->id = row_uuid(&row);
    ROW_CHARS(&row, out->version.text);
    ROW_CHARS(&row, out->model_type);
    ROW_CHARS(&row, out->strategy_id.text);
    out->trained_at_ns = row_time(&row);
    out->training_duration_seconds = row_double(&row);
    out->training_dataset_size = row_i64(&row);
    out->is_active = row_bool(&row);
    out->is_warmup_mode = row_bool(&row);
    out->created_at_ns = row_time(&row);
    out->updated_at_ns = row_time(&row);
    row_hash(&row, &out->folder_hash);
    out->state = (enum version_state)row_choice(&row, states, COUNT_OF(states));
    out->attempt = (int32_t)row_i64(&row);
    out->verdict = row_text(&row);
    return row.err;
}

void model_versions_count(struct pg_batch *batch)
{
    pg_batch_statement(batch, &count_statement);
}

enum al_err model_versions_read_count(const struct pg_result *result,
                                      size_t index,
                                      struct model_count *out)
{
    struct row row = row_at(result, index);
    ROW_CHARS(&row, out->strategy_id.text);
    ROW_CHARS(&row, out->model_type);
    out->n_all = (uint64_t)row_i64(&row);
    out->n_active = (uint64_t)row_i64(&row);
    return row.err;
}
