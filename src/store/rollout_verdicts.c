/* Table rollout_verdicts. */
#include "alphaloop/store/rollout_verdicts.h"
#include "row_i.h"

#define COLUMNS                                                                                    \
    "strategy_id, version, stage, against, why, verdict, numbers, n_blocks, at_ns, created_at"
#define SELECTED                                                                                   \
    "strategy_id, version, stage, against, why, verdict, numbers::text, n_blocks, at_ns, "         \
    "created_at"

static const struct pg_statement insert_statement = {
    "rollout_verdicts_insert",
    "INSERT INTO rollout_verdicts (" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
};

static const struct pg_statement list_statement = {
    "rollout_verdicts_list",
    "SELECT " SELECTED " FROM rollout_verdicts WHERE version = $1 ORDER BY id LIMIT $2",
};

/* The active version may be older than this table, or a canary's incumbent may have changed: both are told by its columns. */
static const struct pg_statement load_standing_statement = {
    "rollout_verdicts_load_standing",
    "WITH newest AS (SELECT DISTINCT ON (version) version, strategy_id, stage, against, why, "
    "n_blocks, at_ns"
    " FROM rollout_verdicts ORDER BY version, id DESC)"
    " SELECT n.strategy_id, n.version, n.stage, coalesce(n.against, '') = a.version, n.why,"
    " n.n_blocks, n.at_ns, m.attempt, m.folder_hash"
    " FROM newest n JOIN model_versions m ON m.version = n.version"
    " JOIN model_versions a ON a.strategy_id = n.strategy_id AND a.state = 'active'"
    " WHERE (n.stage IN ('shadow', 'canary_5', 'canary_25') AND m.state = 'candidate')"
    " OR (n.stage = 'guard' AND n.against = a.version AND m.state = 'retired')"
    " OR (n.stage = 'active' AND n.version = a.version)"
    " ORDER BY n.strategy_id, (n.stage = 'guard') DESC, n.at_ns, n.version",
};

static const struct pg_statement load_rollbacks_statement = {
    "rollout_verdicts_load_rollbacks",
    "SELECT DISTINCT ON (strategy_id) " SELECTED " FROM rollout_verdicts"
    " WHERE stage = 'rolled_back' ORDER BY strategy_id, id DESC",
};

void rollout_verdicts_insert(struct pg_batch *batch, const struct rollout_verdict_row *row)
{
    pg_batch_statement(batch, &insert_statement);
    pg_put_str(batch, row->strategy_id.text);
    pg_put_str(batch, row->version.text);
    pg_put_str(batch, rollout_stage_name(row->stage));
    store_put_chars(batch, row->against.text);
    store_put_text(batch, row->why);
    store_put_text(batch, row->verdict);
    store_put_json(batch, row->numbers);
    pg_put_i64(batch, (int64_t)row->n_blocks);
    pg_put_i64(batch, row->at_ns);
    pg_put_time(batch, row->created_at_ns);
}

void rollout_verdicts_list(struct pg_batch *batch,
                           const struct model_version_id *version,
                           size_t limit)
{
    pg_batch_statement(batch, &list_statement);
    pg_put_str(batch, version->text);
    store_put_limit(batch, limit);
}

void rollout_verdicts_load_standing(struct pg_batch *batch)
{
    pg_batch_statement(batch, &load_standing_statement);
}

void rollout_verdicts_load_rollbacks(struct pg_batch *batch)
{
    pg_batch_statement(batch, &load_rollbacks_statement);
}

static enum rollout_stage row_stage(struct row *row)
{
    enum rollout_stage stage = ROLLOUT_shadow;
    if (!rollout_stage_parse(row_text(row), &stage) && row->err == AL_OK)
        row->err = err_set(AL_EPARSE, "an unknown stage");
    return stage;
}

enum al_err rollout_verdicts_read(const struct pg_result *result,
                                  size_t index,
                                  struct rollout_verdict_row *out)
{
    struct row row = row_at(result, index);
    *out = (struct rollout_verdict_row){0};
    ROW_CHARS(&row, out->strategy_id.text);
    ROW_CHARS(&row, out->version.text);
    out->stage = row_stage(&row);
    ROW_CHARS(&row, out->against.text);
    out->why = row_text(&row);
    out->verdict = row_text(&row);
    out->numbers = row_text(&row);
    out->n_blocks = (uint64_t)row_i64(&row);
    out->at_ns = row_i64(&row);
    out->created_at_ns = row_time(&row);
    return row.err;
}

enum al_err rollout_verdicts_read_standing(const struct pg_result *result,
                                           size_t index,
                                           struct rollout_standing_row *out)
{
    struct row row = row_at(result, index);
    *out = (struct rollout_standing_row){0};
    ROW_CHARS(&row, out->strategy_id.text);
    ROW_CHARS(&row, out->version.text);
    out->stage = row_stage(&row);
    out->same_incumbent = row_bool(&row);
    ROW_CHARS(&row, out->why);
    out->n_blocks = (uint64_t)row_i64(&row);
    out->at_ns = row_i64(&row);
    out->attempt = (uint32_t)row_i64(&row);
    row_hash(&row, &out->folder_hash);
    return row.err;
}
