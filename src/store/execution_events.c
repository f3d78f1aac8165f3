/* Table execution_events. */
#include <math.h>
#include <string.h>

#include "alphaloop/store/execution_events.h"
#include "row_i.h"

#define COLUMNS                                                                                    \
    "event_id, order_id, signal_id, strategy_id, asset, side, execution_price, "                   \
    "execution_quantity,"                                                                          \
    " execution_fees, executed_at_ns, received_at_ns, signal_price_exact, signal_timestamp_ns,"    \
    " price_is_average, is_dry_run, executed_at_source"

static const struct pg_statement insert_statement = {
    "execution_events_insert",
    "INSERT INTO execution_events (" COLUMNS
    ", performance, executed_at, signal_price, signal_timestamp)"
    " SELECT unnest($1), unnest($2), unnest($3), unnest($4), unnest($5), unnest($6), unnest($7), "
    "unnest($8), unnest($9), unnest($10), unnest($11), unnest($12), unnest($13), unnest($14), "
    "unnest($15), unnest($16), unnest($17), unnest($18), unnest($19), unnest($20)",
};

static const struct pg_statement load_open_statement = {
    "execution_events_load_open",
    "WITH open AS (SELECT signal_id, created_at FROM trading_signals"
    " WHERE outcome IS NULL AND kind = 'entry' AND status <> 'expired')"
    " SELECT " COLUMNS " FROM execution_events WHERE signal_id IN (SELECT signal_id FROM open)"
    " AND created_at >= (SELECT min(created_at) FROM open) ORDER BY executed_at_ns, id LIMIT $1",
};

static const struct pg_statement load_recent_statement = {
    "execution_events_load_recent",
    "SELECT " COLUMNS " FROM (SELECT * FROM execution_events WHERE strategy_id IS NOT NULL"
    " ORDER BY id DESC LIMIT $1) newest ORDER BY id",
};

static const struct pg_statement count_statement = {
    "execution_events_count",
    "SELECT count(*), count(*) FILTER (WHERE strategy_id IS NULL) FROM execution_events",
};

/* signal_price is made from it too, so what does not fit there is not known. */
static void put_signal_price(struct pg_batch *batch, double price)
{
    pg_put_double_or_null(batch, fabs(price) < 1e12 ? price : (double)NAN);
}

void execution_events_insert(struct pg_batch *batch, const struct execution_row *rows, size_t n)
{
    pg_batch_statement(batch, &insert_statement);
    PUT_COLUMN(batch, PG_UUID, n, pg_put_uuid(batch, rows[i].execution.event_id));
    PUT_COLUMN(batch, PG_TEXT, n, store_put_text(batch, slice_of(rows[i].execution.order_id.text)));
    PUT_COLUMN(batch, PG_UUID, n, pg_put_uuid(batch, rows[i].execution.signal_id));
    PUT_COLUMN(batch, PG_TEXT, n, pg_put_str_or_null(batch, rows[i].strategy_id.text));
    PUT_COLUMN(batch, PG_TEXT, n, pg_put_str(batch, rows[i].execution.asset.text));
    PUT_COLUMN(batch, PG_TEXT, n, store_put_side(batch, rows[i].execution.side));
    PUT_COLUMN(batch, PG_DECIMAL, n, pg_put_decimal(batch, rows[i].execution.price));
    PUT_COLUMN(batch, PG_DECIMAL, n, pg_put_decimal(batch, rows[i].execution.quantity));
    PUT_COLUMN(batch, PG_DECIMAL, n, pg_put_decimal(batch, rows[i].execution.fees));
    PUT_COLUMN(batch, PG_I64, n, pg_put_i64(batch, rows[i].execution.executed_at_ns));
    PUT_COLUMN(batch, PG_I64, n, pg_put_i64(batch, rows[i].execution.ts_recv_ns));
    PUT_COLUMN(batch, PG_DOUBLE, n, put_signal_price(batch, rows[i].signal_price));
    PUT_COLUMN(batch, PG_I64, n, store_put_time_ns(batch, rows[i].signal_ts_ns));
    PUT_COLUMN(batch, PG_BOOL, n, pg_put_bool(batch, rows[i].execution.price_is_average));
    PUT_COLUMN(batch, PG_BOOL, n, pg_put_bool(batch, rows[i].execution.is_dry_run));
    PUT_COLUMN(batch, PG_TEXT, n,
               pg_put_str(batch, time_source_names[rows[i].execution.executed_at_source]));
    PUT_COLUMN(batch, PG_JSONB, n, store_put_json(batch, rows[i].performance));
    PUT_COLUMN(batch, PG_TIME, n, pg_put_time(batch, rows[i].execution.executed_at_ns));
    PUT_COLUMN(batch, PG_DECIMAL, n, store_put_price(batch, rows[i].signal_price));
    PUT_COLUMN(batch, PG_TIME, n, pg_put_time(batch, rows[i].signal_ts_ns));
}

void execution_events_load_open(struct pg_batch *batch, size_t limit)
{
    pg_batch_statement(batch, &load_open_statement);
    store_put_limit(batch, limit);
}

void execution_events_load_recent(struct pg_batch *batch, size_t limit)
{
    pg_batch_statement(batch, &load_recent_statement);
    store_put_limit(batch, limit);
}

enum al_err execution_events_read(const struct pg_result *result,
                                  size_t index,
                                  struct execution_row *out)
{
    struct row row = row_at(result, index);
    memset(out, 0, sizeof(*out));
    out->execution.event_id = row_uuid(&row);
    ROW_CHARS(&row, out->execution.order_id.text);
    out->execution.signal_id = row_uuid(&row);
    ROW_CHARS(&row, out->strategy_id.text);
    ROW_CHARS(&row, out->execution.asset.text);
    out->execution.side = row_side(&row);
    out->execution.price = row_decimal(&row);
    out->execution.quantity = row_decimal(&row);
    out->execution.fees = row_decimal(&row);
    out->execution.executed_at_ns = row_i64(&row);
    out->execution.ts_recv_ns = row_i64(&row);
    out->signal_price = row_double(&row);
    out->signal_ts_ns = row_time_ns(&row);
    out->execution.price_is_average = row_bool(&row);
    out->execution.is_dry_run = row_bool(&row);
    out->execution.executed_at_source =
        (enum time_source)row_choice(&row, time_source_names, TIME_SOURCE_COUNT);
    return row.err;
}

void execution_events_count(struct pg_batch *batch)
{
    pg_batch_statement(batch, &count_statement);
}

void execution_events_read_count(const struct pg_result *result,
                                 uint64_t *n_all,
                                 uint64_t *n_unmatched)
{
    *n_all = (uint64_t)pg_result_i64(result, 0, 0);
    *n_unmatched = (uint64_t)pg_result_i64(result, 0, 1);
}
