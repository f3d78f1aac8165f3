/* Table order_outcomes. */
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/store/order_outcomes.h"
#include "row_i.h"

#define COLUMNS                                                                                    \
    "signal_id, strategy_id, asset, side, is_dry_run, decided_at_ns, answered_at_ns, "             \
    "first_fill_ns, last_fill_ns, quantity, price, fee_rate, markout_1s, markout_10s, "            \
    "markout_60s, markout_5m, netted, exit_quantity, exit_price, exit_fee_rate, "                  \
    "exit_source, exited_at_ns, realised_gross, realised_cost, realised_net, is_held"

static const struct pg_statement upsert_statement = {
    "order_outcomes_upsert",
    "INSERT INTO order_outcomes (" COLUMNS ") SELECT DISTINCT ON (signal_id) " COLUMNS
    " FROM unnest("
    "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, "
    "$19, $20, $21, $22, $23, $24, $25, $26"
    ") WITH ORDINALITY AS u (" COLUMNS ", nth) ORDER BY signal_id, nth DESC"
    " ON CONFLICT (signal_id) DO UPDATE SET"
    " strategy_id = excluded.strategy_id, asset = excluded.asset, side = excluded.side,"
    " is_dry_run = excluded.is_dry_run, decided_at_ns = excluded.decided_at_ns,"
    " answered_at_ns = excluded.answered_at_ns, first_fill_ns = excluded.first_fill_ns,"
    " last_fill_ns = excluded.last_fill_ns, quantity = excluded.quantity,"
    " price = excluded.price, fee_rate = excluded.fee_rate,"
    " markout_1s = excluded.markout_1s, markout_10s = excluded.markout_10s,"
    " markout_60s = excluded.markout_60s, markout_5m = excluded.markout_5m,"
    " netted = excluded.netted, exit_quantity = excluded.exit_quantity,"
    " exit_price = excluded.exit_price, exit_fee_rate = excluded.exit_fee_rate,"
    " exit_source = excluded.exit_source, exited_at_ns = excluded.exited_at_ns,"
    " realised_gross = excluded.realised_gross, realised_cost = excluded.realised_cost,"
    " realised_net = excluded.realised_net, is_held = excluded.is_held",
};

static const struct pg_statement find_statement = {
    "order_outcomes_find",
    "SELECT " COLUMNS " FROM order_outcomes WHERE signal_id = $1",
};

static const struct pg_statement load_held_statement = {
    "order_outcomes_load_held",
    "SELECT " COLUMNS " FROM (SELECT * FROM order_outcomes WHERE is_held"
    " ORDER BY decided_at_ns DESC, signal_id LIMIT $1) newest ORDER BY decided_at_ns, signal_id",
};

static void put_fill(struct pg_batch *batch, const struct order_outcome *o, size_t n)
{
    PUT_COLUMN(batch, PG_UUID, n, pg_put_uuid(batch, o[i].signal_id));
    PUT_COLUMN(batch, PG_TEXT, n, pg_put_str(batch, o[i].strategy_id.text));
    PUT_COLUMN(batch, PG_TEXT, n, pg_put_str(batch, o[i].asset.text));
    PUT_COLUMN(batch, PG_TEXT, n, store_put_side(batch, o[i].side));
    PUT_COLUMN(batch, PG_BOOL, n, pg_put_bool(batch, o[i].is_dry_run));
    PUT_COLUMN(batch, PG_I64, n, pg_put_i64(batch, o[i].decided_at_ns));
    PUT_COLUMN(batch, PG_I64, n, pg_put_i64(batch, o[i].answered_at_ns));
    PUT_COLUMN(batch, PG_I64, n, store_put_time_ns(batch, o[i].first_fill_ns));
    PUT_COLUMN(batch, PG_I64, n, store_put_time_ns(batch, o[i].last_fill_ns));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double(batch, o[i].quantity));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double(batch, o[i].price));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double(batch, o[i].fee_rate));
    for (size_t lag = 0; lag < MARKOUT_COUNT; lag++)
        PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double_or_null(batch, o[i].markouts[lag]));
}

static void put_exit(struct pg_batch *batch, const struct order_outcome *o, size_t n)
{
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double(batch, o[i].netted));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double(batch, o[i].exit_quantity));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double(batch, o[i].exit_price));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double(batch, o[i].exit_fee_rate));
    PUT_COLUMN(batch, PG_TEXT, n, pg_put_str(batch, exit_source_names[o[i].exit_source]));
    PUT_COLUMN(batch, PG_I64, n, store_put_time_ns(batch, o[i].exited_at_ns));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double_or_null(batch, o[i].realised_gross));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double_or_null(batch, o[i].realised_cost));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double_or_null(batch, o[i].realised_net));
    PUT_COLUMN(batch, PG_BOOL, n, pg_put_bool(batch, order_outcome_held(&o[i]) > 0));
}

void order_outcomes_upsert(struct pg_batch *batch, const struct order_outcome *outcomes, size_t n)
{
    pg_batch_statement(batch, &upsert_statement);
    put_fill(batch, outcomes, n);
    put_exit(batch, outcomes, n);
}

void order_outcomes_find(struct pg_batch *batch, struct uuid signal_id)
{
    pg_batch_statement(batch, &find_statement);
    pg_put_uuid(batch, signal_id);
}

void order_outcomes_load_held(struct pg_batch *batch, size_t limit)
{
    pg_batch_statement(batch, &load_held_statement);
    store_put_limit(batch, limit);
}

enum al_err order_outcomes_read(const struct pg_result *result,
                                size_t index,
                                struct order_outcome *out)
{
    struct row row = row_at(result, index);
    memset(out, 0, sizeof(*out));
    out->signal_id = row_uuid(&row);
    ROW_CHARS(&row, out->strategy_id.text);
    ROW_CHARS(&row, out->asset.text);
    out->side = row_side(&row);
    out->is_dry_run = row_bool(&row);
    out->decided_at_ns = row_i64(&row);
    out->answered_at_ns = row_i64(&row);
    out->first_fill_ns = row_time_ns(&row);
    out->last_fill_ns = row_time_ns(&row);
    out->quantity = row_double(&row);
    out->price = row_double(&row);
    out->fee_rate = row_double(&row);
    for (size_t lag = 0; lag < MARKOUT_COUNT; lag++)
        out->markouts[lag] = row_double(&row);
    out->netted = row_double(&row);
    out->exit_quantity = row_double(&row);
    out->exit_price = row_double(&row);
    out->exit_fee_rate = row_double(&row);
    out->exit_source = (enum exit_source)row_choice(&row, exit_source_names, EXIT_SOURCE_COUNT);
    out->exited_at_ns = row_time_ns(&row);
    out->realised_gross = row_double(&row);
    out->realised_cost = row_double(&row);
    out->realised_net = row_double(&row);
    return row.err;
}

/* ---- copying signals out ---- */

struct copy {
    struct order_signal signal;
    enum al_err err;
    bool (*on_row)(void *ctx, const struct order_signal *signal);
    void *ctx;
};

static int64_t time_or_none(const struct pg_copy_row *row, size_t field)
{
    return row->len[field] < 0 ? TIMESTAMP_NONE : pg_copy_i64(row, field);
}

static bool on_copied(void *ctx, const struct pg_copy_row *row)
{
    struct copy *copy = ctx;
    struct order_signal *out = &copy->signal;
    int n_features = row->n_fields == 6 ? pg_copy_floats(row, 5, out->features, FEATURES_MAX) : -1;
    if (n_features < 0 || !side_parse(pg_copy_bytes(row, 0), &out->side)) {
        copy->err = err_set(AL_EPARSE, "a row of trading_signals is not one of ours");
        return false;
    }
    out->decided_at_ns = pg_copy_i64(row, 1);
    out->expires_at_ns = pg_copy_i64(row, 2);
    out->first_fill_ns = time_or_none(row, 3);
    out->answered_at_ns = time_or_none(row, 4);
    out->n_features = (size_t)n_features;
    return copy->on_row(copy->ctx, out);
}

static void put_select(struct buf *sql, const struct order_signals_query *query)
{
    char hash[SHA256_TEXT_MAX];
    sha256_format(&query->schema_hash, hash);
    buf_puts(sql, "WITH mine AS (SELECT * FROM order_outcomes WHERE strategy_id = ");
    pg_quote_literal(sql, slice_of(query->strategy_id.text));
    buf_printf(sql,
               " AND decided_at_ns BETWEEN %lld AND %lld), newest AS (SELECT t.side, "
               "t.decided_at_ns, t.expires_at_ns, o.first_fill_ns, o.answered_at_ns, t.features, "
               "t.signal_id FROM trading_signals t LEFT JOIN mine o USING (signal_id)"
               " WHERE t.strategy_id = ",
               (long long)query->from_ns, (long long)query->cut_ns);
    pg_quote_literal(sql, slice_of(query->strategy_id.text));
    buf_printf(sql,
               " AND t.kind = 'entry' AND t.status = 'published' AND t.schema_hash = '\\x%s'"
               " AND t.decided_at_ns BETWEEN (SELECT min(decided_at_ns) FROM mine) AND %lld"
               " AND (o.signal_id IS NULL OR o.is_dry_run = (SELECT is_dry_run FROM mine"
               " ORDER BY decided_at_ns DESC, signal_id DESC LIMIT 1))"
               " ORDER BY t.decided_at_ns DESC, t.signal_id DESC LIMIT %zu)"
               " SELECT side, decided_at_ns, expires_at_ns, first_fill_ns, answered_at_ns, features"
               " FROM newest ORDER BY decided_at_ns, signal_id",
               hash, (long long)query->cut_ns, query->rows_max);
}

enum al_err order_outcomes_copy_signals(struct pg_sync *sync,
                                        const struct order_signals_query *query,
                                        bool (*on_row)(void *ctx,
                                                       const struct order_signal *signal),
                                        void *ctx)
{
    struct copy copy = {.on_row = on_row, .ctx = ctx};
    struct buf sql = BUF_INIT(8192);
    put_select(&sql, query);
    enum al_err err = buf_ok(&sql) ? pg_copy_out(sync, buf_str(&sql), on_copied, &copy)
                                   : err_set(AL_ERANGE, "a statement");
    buf_deinit(&sql);
    if (err == AL_OK)
        err = copy.err;
    return err == AL_OK ? AL_OK : err_add(err, "read orders of %s", query->strategy_id.text);
}
