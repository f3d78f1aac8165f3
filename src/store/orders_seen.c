/* Table orders_seen.
 *
 * Two workers can meet the same order. Rows that exist are locked for the transaction, in the order of their ids so that
 * lockers cannot wait for each other in a circle; rows that do not exist yet cannot be locked, so they are inserted plainly and
 * the second inserter is refused by the primary key, runs its job again, and then finds and locks the row. */
#include <string.h>

#include "alphaloop/store/orders_seen.h"
#include "row_i.h"

#define COLUMNS "order_id, signal_id, asset, side, filled_quantity, average_price, fees, ended"
#define O_COLUMNS                                                                                  \
    "o.order_id, o.signal_id, o.asset, o.side, o.filled_quantity, o.average_price, o.fees, "       \
    "o.ended"
#define UNNEST                                                                                     \
    "(SELECT unnest($1), unnest($2), unnest($3), unnest($4), unnest($5), unnest($6), unnest($7), " \
    "unnest($8)) AS u (" COLUMNS ")"

static const struct pg_statement lock_statement = {
    "orders_seen_lock",
    "SELECT " COLUMNS " FROM orders_seen WHERE order_id = ANY ($1) ORDER BY order_id FOR UPDATE",
};

static const struct pg_statement insert_statement = {
    "orders_seen_insert",
    "INSERT INTO orders_seen (" COLUMNS ") SELECT " COLUMNS " FROM " UNNEST " ORDER BY order_id",
};

static const struct pg_statement update_statement = {
    "orders_seen_update",
    "UPDATE orders_seen AS o SET signal_id = u.signal_id, asset = u.asset, side = u.side,"
    " filled_quantity = u.filled_quantity, average_price = u.average_price, fees = u.fees, ended = "
    "u.ended"
    " FROM " UNNEST " WHERE o.order_id = u.order_id",
};

static const struct pg_statement load_open_statement = {
    "orders_seen_load_open",
    "WITH open AS (SELECT signal_id, created_at, decided_at_ns FROM trading_signals"
    " WHERE outcome IS NULL AND kind = 'entry' AND status <> 'expired')"
    " SELECT " O_COLUMNS " FROM orders_seen o JOIN open t ON t.signal_id = o.signal_id"
    " WHERE o.first_seen_at >= (SELECT min(created_at) FROM open)"
    " ORDER BY t.decided_at_ns, o.order_id LIMIT $1",
};

void orders_seen_lock(struct pg_batch *batch, const struct order_id *ids, size_t n_ids)
{
    pg_batch_statement(batch, &lock_statement);
    PUT_COLUMN(batch, PG_TEXT, n_ids, store_put_text(batch, slice_of(ids[i].text)));
}

enum al_err orders_seen_read(const struct pg_result *result, size_t index, struct order_state *out)
{
    struct row row = row_at(result, index);
    memset(out, 0, sizeof(*out));
    ROW_CHARS(&row, out->order_id.text);
    out->signal_id = row_uuid(&row);
    ROW_CHARS(&row, out->asset.text);
    out->side = row_side(&row);
    out->filled_quantity = row_decimal(&row);
    out->average_price = row_decimal(&row);
    out->fees = row_decimal(&row);
    out->ended = row_bool(&row);
    out->exists = true;
    return row.err;
}

/* One array over those states that exist, or over those that do not. */
#define PUT_SOME(type, put)                                                                        \
    do {                                                                                           \
        pg_array_begin(batch, (type), n_some);                                                     \
        for (size_t i = 0; i < n; i++) {                                                           \
            if (states[i].exists == exists)                                                        \
                put;                                                                               \
        }                                                                                          \
        pg_array_end(batch);                                                                       \
    } while (0)

static void put_states(struct pg_batch *batch,
                       const struct order_state *states,
                       size_t n,
                       bool exists)
{
    size_t n_some = 0;
    for (size_t i = 0; i < n; i++)
        n_some += states[i].exists == exists ? 1 : 0;
    if (n_some == 0)
        return;
    pg_batch_statement(batch, exists ? &update_statement : &insert_statement);
    PUT_SOME(PG_TEXT, store_put_text(batch, slice_of(states[i].order_id.text)));
    PUT_SOME(PG_UUID, pg_put_uuid(batch, states[i].signal_id));
    PUT_SOME(PG_TEXT, pg_put_str(batch, states[i].asset.text));
    PUT_SOME(PG_TEXT, store_put_side(batch, states[i].side));
    PUT_SOME(PG_DECIMAL, pg_put_decimal(batch, states[i].filled_quantity));
    PUT_SOME(PG_DECIMAL, pg_put_decimal(batch, states[i].average_price));
    PUT_SOME(PG_DECIMAL, pg_put_decimal(batch, states[i].fees));
    PUT_SOME(PG_BOOL, pg_put_bool(batch, states[i].ended));
}

void orders_seen_write(struct pg_batch *batch, const struct order_state *states, size_t n_states)
{
    put_states(batch, states, n_states, true);
    put_states(batch, states, n_states, false);
}

void orders_seen_load_open(struct pg_batch *batch, size_t limit)
{
    pg_batch_statement(batch, &load_open_statement);
    store_put_limit(batch, limit);
}
