/* Table abstentions. */
#include "alphaloop/store/abstentions.h"
#include "decision_i.h"

static const struct pg_statement insert_statement = {
    "abstentions_insert",
    "INSERT INTO abstentions (decision_id, " DECISION_COLUMNS
    ") SELECT * FROM unnest(" DECISION_ARRAYS ")"
    " ON CONFLICT DO NOTHING",
};

static const struct pg_statement load_open_statement = {
    "abstentions_load_open",
    "SELECT decision_id, " DECISION_COLUMNS " FROM abstentions"
    " WHERE outcome IS NULL AND features <> ''::bytea AND decided_at_ns >= $1"
    " ORDER BY decided_at_ns, decision_id LIMIT $2",
};

static const struct pg_statement get_statement = {
    "abstentions_get",
    "SELECT decision_id, " DECISION_COLUMNS " FROM abstentions WHERE decision_id = $1",
};

static const struct pg_statement prune_statement = {
    "abstentions_prune",
    "DELETE FROM abstentions WHERE decision_id IN (SELECT decision_id FROM abstentions WHERE "
    "decided_at_ns < $1"
    " ORDER BY decided_at_ns LIMIT $2)",
};

void abstentions_insert(struct pg_batch *batch, const struct decision_row *rows, size_t n_rows)
{
    pg_batch_statement(batch, &insert_statement);
    decision_put(batch, rows, n_rows);
}

void abstentions_load_open(struct pg_batch *batch, int64_t since_ns, size_t limit)
{
    pg_batch_statement(batch, &load_open_statement);
    pg_put_i64(batch, since_ns);
    store_put_limit(batch, limit);
}

void abstentions_get(struct pg_batch *batch, struct uuid decision_id)
{
    pg_batch_statement(batch, &get_statement);
    pg_put_uuid(batch, decision_id);
}

enum al_err abstentions_read(const struct pg_result *result, size_t index, struct decision *out)
{
    struct row row = row_at(result, index);
    decision_read(&row, out);
    return row.err;
}

void abstentions_prune(struct pg_batch *batch, int64_t before_ns, size_t limit)
{
    pg_batch_statement(batch, &prune_statement);
    pg_put_i64(batch, before_ns);
    store_put_limit(batch, limit);
}
