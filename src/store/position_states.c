/* Table position_states. */
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/store/position_states.h"
#include "row_i.h"

#define COLUMNS                                                                                    \
    "position_id, asset, size, unrealized_pnl, realized_pnl, unrealized_pnl_pct, "                 \
    "average_entry_price,"                                                                         \
    " time_held_minutes, mode, ts_event_ns, ts_recv_ns, trace_id, peak_pnl_pct, partial_taken, "   \
    "opened_ns, last_exit_ns"

/* Of several updates of one position the newest is chosen first: one statement must not meet a row twice. */
static const struct pg_statement upsert_statement = {
    "position_states_upsert",
    "INSERT INTO position_states (" COLUMNS ") SELECT DISTINCT ON (position_id) " COLUMNS
    " FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) WITH "
    "ORDINALITY AS u (" COLUMNS ", nth)"
    " ORDER BY position_id, ts_event_ns DESC, nth DESC"
    " ON CONFLICT (position_id) DO UPDATE SET asset = excluded.asset, size = excluded.size,"
    " unrealized_pnl = excluded.unrealized_pnl, realized_pnl = excluded.realized_pnl,"
    " unrealized_pnl_pct = excluded.unrealized_pnl_pct, average_entry_price = "
    "excluded.average_entry_price,"
    " time_held_minutes = excluded.time_held_minutes, mode = excluded.mode, ts_event_ns = "
    "excluded.ts_event_ns,"
    " ts_recv_ns = excluded.ts_recv_ns, trace_id = excluded.trace_id, peak_pnl_pct = "
    "excluded.peak_pnl_pct,"
    " partial_taken = excluded.partial_taken, opened_ns = excluded.opened_ns,"
    " last_exit_ns = excluded.last_exit_ns"
    " WHERE excluded.ts_event_ns >= position_states.ts_event_ns",
};

static const struct pg_statement load_statement = {
    "position_states_load",
    "SELECT " COLUMNS
    " FROM position_states WHERE size <> 0 ORDER BY ts_event_ns DESC, position_id LIMIT $1",
};

static void put_update(struct pg_batch *batch, const struct position_state *states, size_t n)
{
    PUT_COLUMN(batch, PG_TEXT, n, store_put_text(batch, slice_of(states[i].update.position_id)));
    PUT_COLUMN(batch, PG_TEXT, n, pg_put_str(batch, states[i].update.asset.text));
    PUT_COLUMN(batch, PG_DECIMAL, n, pg_put_decimal(batch, states[i].update.size));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double_or_null(batch, states[i].update.unrealized_pnl));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double_or_null(batch, states[i].update.realized_pnl));
    PUT_COLUMN(batch, PG_DOUBLE, n,
               pg_put_double_or_null(batch, states[i].update.unrealized_pnl_pct));
    PUT_COLUMN(batch, PG_DOUBLE, n,
               pg_put_double_or_null(batch, states[i].update.average_entry_price));
    PUT_COLUMN(batch, PG_DOUBLE, n,
               pg_put_double_or_null(batch, states[i].update.time_held_minutes));
    PUT_COLUMN(batch, PG_TEXT, n, store_put_text(batch, slice_of(states[i].update.mode)));
    PUT_COLUMN(batch, PG_I64, n, pg_put_i64(batch, states[i].update.ts_event_ns));
    PUT_COLUMN(batch, PG_I64, n, pg_put_i64(batch, states[i].update.ts_recv_ns));
    PUT_COLUMN(batch, PG_TEXT, n, store_put_chars(batch, states[i].update.trace_id.text));
}

void position_states_upsert(struct pg_batch *batch, const struct position_state *states, size_t n)
{
    pg_batch_statement(batch, &upsert_statement);
    put_update(batch, states, n);
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double_or_null(batch, states[i].peak_pnl_pct));
    PUT_COLUMN(batch, PG_BOOL, n, pg_put_bool(batch, states[i].partial_taken));
    PUT_COLUMN(batch, PG_I64, n, store_put_time_ns(batch, states[i].opened_ns));
    PUT_COLUMN(batch, PG_I64, n, store_put_time_ns(batch, states[i].last_exit_ns));
}

void position_states_load(struct pg_batch *batch, size_t limit)
{
    pg_batch_statement(batch, &load_statement);
    store_put_limit(batch, limit);
}

enum al_err position_states_read(const struct pg_result *result,
                                 size_t index,
                                 struct position_state *out)
{
    struct row row = row_at(result, index);
    struct position_update *update = &out->update;
    memset(out, 0, sizeof(*out));
    ROW_CHARS(&row, update->position_id);
    ROW_CHARS(&row, update->asset.text);
    update->size = row_decimal(&row);
    update->unrealized_pnl = row_double(&row);
    update->realized_pnl = row_double(&row);
    update->unrealized_pnl_pct = row_double(&row);
    update->average_entry_price = row_double(&row);
    update->time_held_minutes = row_double(&row);
    ROW_CHARS(&row, update->mode);
    update->ts_event_ns = row_i64(&row);
    update->ts_recv_ns = row_i64(&row);
    ROW_CHARS(&row, update->trace_id.text);
    out->peak_pnl_pct = row_double(&row);
    out->partial_taken = row_bool(&row);
    out->opened_ns = row_time_ns(&row);
    out->last_exit_ns = row_time_ns(&row);
    return row.err;
}
