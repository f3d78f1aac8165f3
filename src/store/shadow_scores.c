/* Table shadow_scores. */
#include "alphaloop/store/shadow_scores.h"
#include "row_i.h"

#define COLUMNS                                                                                    \
    "decision_id, version, strategy_id, asset, stage, side, q, v, v_low, propensity, "             \
    "decided_at_ns, block"

static const struct pg_statement insert_statement = {
    "shadow_scores_insert",
    "INSERT INTO shadow_scores (" COLUMNS
    ") SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
    " ON CONFLICT DO NOTHING",
};

static const struct pg_statement load_open_statement = {
    "shadow_scores_load_open",
    "SELECT " COLUMNS " FROM shadow_scores WHERE decision_id IN"
    " (SELECT signal_id FROM trading_signals WHERE outcome IS NULL AND features <> ''::bytea"
    " UNION ALL SELECT decision_id FROM abstentions WHERE outcome IS NULL AND features <> "
    "''::bytea)"
    " ORDER BY decided_at_ns DESC, decision_id, (stage = 'active') DESC LIMIT $1",
};

/* Pairs: each version that stands beside the active one of its strategy, since that one became active. */
static const struct pg_statement load_blocks_statement = {
    "shadow_scores_load_blocks",
    "WITH newest AS (SELECT DISTINCT ON (version) version, strategy_id, stage, at_ns"
    " FROM rollout_verdicts ORDER BY version, id DESC),"
    " pairs AS (SELECT n.version, a.version AS against, coalesce(s.at_ns, 0) AS since_ns"
    " FROM newest n JOIN model_versions a ON a.strategy_id = n.strategy_id AND a.state = 'active'"
    " LEFT JOIN newest s ON s.version = a.version AND s.stage = 'active'"
    " WHERE n.stage IN ('shadow', 'canary_5', 'canary_25', 'guard') AND n.version <> a.version),"
    " settled AS (SELECT b.strategy_id, b.version, b.block, b.asset, b.side AS side_b,"
    " a.side AS side_a,"
    " CASE WHEN b.side IS NULL THEN 0 ELSE sb.net_return * sb.fill_fraction END AS u_b,"
    " CASE WHEN a.side IS NULL THEN 0 ELSE sa.net_return * sa.fill_fraction END AS u_a,"
    " dense_rank() OVER (PARTITION BY b.version ORDER BY b.block DESC) AS age"
    " FROM pairs p JOIN shadow_scores b ON b.version = p.version AND b.decided_at_ns >= p.since_ns"
    " JOIN shadow_scores a ON a.decision_id = b.decision_id AND a.version = p.against"
    " AND a.stage = 'active'"
    " LEFT JOIN samples sb ON sb.decision_id = b.decision_id AND sb.action = b.side"
    " LEFT JOIN samples sa ON sa.decision_id = a.decision_id AND sa.action = a.side"
    " WHERE EXISTS (SELECT 1 FROM samples s WHERE s.decision_id = b.decision_id))"
    " SELECT strategy_id, version, block, asset, count(*), count(side_b), count(side_a), sum(u_b),"
    " sum(u_a) FROM settled WHERE age <= $1 AND u_b IS NOT NULL AND u_a IS NOT NULL"
    " GROUP BY strategy_id, version, block, asset ORDER BY version, block, asset",
};

/* Found by the index of versions: every version of a strategy is in the registry. */
static const struct pg_statement prune_statement = {
    "shadow_scores_prune",
    "DELETE FROM shadow_scores WHERE (decision_id, version) IN (SELECT s.decision_id, s.version"
    " FROM unnest($1, $2) AS u (strategy_id, before_ns)"
    " JOIN model_versions m ON m.strategy_id = u.strategy_id CROSS JOIN LATERAL"
    " (SELECT decision_id, version FROM shadow_scores WHERE version = m.version"
    " AND decided_at_ns < u.before_ns ORDER BY decided_at_ns LIMIT $3) s LIMIT $3)",
};

static const struct pg_statement load_claims_statement = {
    "shadow_scores_load_claims",
    "SELECT b.block, b.q, b.v, s.net_return, s.sigma_h FROM shadow_scores b"
    " JOIN samples s ON s.decision_id = b.decision_id AND s.action = b.side"
    " WHERE b.version = $1 ORDER BY b.decided_at_ns DESC LIMIT $2",
};

/* One array a column, over the versions of all rows. */
#define PUT_SCORES(batch, type, put)                                                               \
    do {                                                                                           \
        pg_array_begin((batch), (type), n_flat);                                                   \
        for (size_t r = 0; r < n; r++) {                                                           \
            for (size_t i = 0; i < rows[r]->n; i++) {                                              \
                const struct shadow_scores *of = rows[r];                                          \
                const struct shadow_score *score = &of->items[i];                                  \
                (void)of;                                                                          \
                (void)score;                                                                       \
                put;                                                                               \
            }                                                                                      \
        }                                                                                          \
        pg_array_end(batch);                                                                       \
    } while (0)

void shadow_scores_insert(struct pg_batch *batch, const struct shadow_scores *const *rows, size_t n)
{
    size_t n_flat = 0;
    for (size_t r = 0; r < n; r++)
        n_flat += rows[r]->n;
    pg_batch_statement(batch, &insert_statement);
    PUT_SCORES(batch, PG_UUID, pg_put_uuid(batch, of->decision_id));
    PUT_SCORES(batch, PG_TEXT, pg_put_str(batch, score->version.text));
    PUT_SCORES(batch, PG_TEXT, pg_put_str(batch, of->strategy_id.text));
    PUT_SCORES(batch, PG_TEXT, pg_put_str(batch, of->asset.text));
    PUT_SCORES(batch, PG_TEXT, pg_put_str(batch, rollout_stage_name(score->stage)));
    PUT_SCORES(batch, PG_TEXT, store_put_side(batch, score->side));
    PUT_SCORES(batch, PG_DOUBLE, pg_put_double(batch, score->q));
    PUT_SCORES(batch, PG_DOUBLE, pg_put_double(batch, score->v));
    PUT_SCORES(batch, PG_DOUBLE, pg_put_double(batch, score->v_low));
    PUT_SCORES(batch, PG_DOUBLE, pg_put_double(batch, score->propensity));
    PUT_SCORES(batch, PG_I64, pg_put_i64(batch, of->decided_at_ns));
    PUT_SCORES(batch, PG_I64, pg_put_i64(batch, of->block));
}

void shadow_scores_load_open(struct pg_batch *batch, size_t limit)
{
    pg_batch_statement(batch, &load_open_statement);
    store_put_limit(batch, limit);
}

static enum rollout_stage row_stage(struct row *row)
{
    enum rollout_stage stage = ROLLOUT_shadow;
    if (!rollout_stage_parse(row_text(row), &stage) && row->err == AL_OK)
        row->err = err_set(AL_EPARSE, "an unknown stage");
    return stage;
}

enum al_err shadow_scores_read(const struct pg_result *result,
                               size_t index,
                               struct shadow_scores *out,
                               bool *begins)
{
    struct row row = row_at(result, index);
    struct shadow_score score = {0};
    struct uuid decision_id = row_uuid(&row);
    *begins = out->n == 0 || !uuid_eq(decision_id, out->decision_id);
    if (*begins)
        *out = (struct shadow_scores){.decision_id = decision_id};
    ROW_CHARS(&row, score.version.text);
    ROW_CHARS(&row, out->strategy_id.text);
    ROW_CHARS(&row, out->asset.text);
    score.stage = row_stage(&row);
    score.side = row_side(&row);
    score.q = row_double(&row);
    score.v = row_double(&row);
    score.v_low = row_double(&row);
    score.propensity = row_double(&row);
    out->decided_at_ns = row_i64(&row);
    out->block = row_i64(&row);
    if (row.err == AL_OK && out->n < COUNT_OF(out->items))
        out->items[out->n++] = score;
    return row.err;
}

void shadow_scores_load_blocks(struct pg_batch *batch, size_t n_blocks)
{
    pg_batch_statement(batch, &load_blocks_statement);
    store_put_limit(batch, n_blocks);
}

enum al_err shadow_scores_read_block(const struct pg_result *result,
                                     size_t index,
                                     struct shadow_block_row *out)
{
    struct row row = row_at(result, index);
    ROW_CHARS(&row, out->strategy_id.text);
    ROW_CHARS(&row, out->version.text);
    out->block = row_i64(&row);
    ROW_CHARS(&row, out->asset.text);
    out->n = (uint64_t)row_i64(&row);
    out->trades = (uint64_t)row_i64(&row);
    out->trades_against = (uint64_t)row_i64(&row);
    out->utility = row_double(&row);
    out->utility_against = row_double(&row);
    return row.err;
}

void shadow_scores_prune(struct pg_batch *batch,
                         const struct strategy_id *strategies,
                         const int64_t *before_ns,
                         size_t n,
                         size_t limit)
{
    pg_batch_statement(batch, &prune_statement);
    PUT_COLUMN(batch, PG_TEXT, n, pg_put_str(batch, strategies[i].text));
    PUT_COLUMN(batch, PG_I64, n, pg_put_i64(batch, before_ns[i]));
    store_put_limit(batch, limit);
}

void shadow_scores_load_claims(struct pg_batch *batch,
                               const struct model_version_id *version,
                               size_t n)
{
    pg_batch_statement(batch, &load_claims_statement);
    pg_put_str(batch, version->text);
    store_put_limit(batch, n);
}

enum al_err shadow_scores_read_claim(const struct pg_result *result,
                                     size_t index,
                                     struct shadow_claim *out)
{
    struct row row = row_at(result, index);
    out->block = row_i64(&row);
    out->q = row_double(&row);
    out->v = row_double(&row);
    out->net_return = row_double(&row);
    out->sigma_h = row_double(&row);
    return row.err;
}
