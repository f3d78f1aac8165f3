/* The neighbours' tables. Their types may differ a little from version to version, so every column is cast, and rows that
 * are not for us (odd names) are left out by the statement. */
#include <math.h>
#include <string.h>

#include "alphaloop/store/stack.h"
#include "row_i.h"

/* Is the table there, with these columns, and may we read it? */
#define PROBE(table, columns)                                                                      \
    "coalesce((SELECT has_table_privilege(c.oid, 'SELECT') AND (SELECT count(*) FROM "             \
    "pg_attribute a"                                                                               \
    " WHERE a.attrelid = c.oid AND NOT a.attisdropped AND a.attname = ANY (" columns               \
    ")) = cardinality(" columns ")"                                                                \
    " FROM pg_class c WHERE c.oid = to_regclass('public." table "')), false)"

static const struct pg_statement probe_statement = {
    "stack_probe",
    "SELECT " PROBE("orders",
                    "ARRAY['order_id','asset','side','quantity','filled_quantity','"
                    "status']") ", " PROBE("positions",
                                           "ARRAY['asset','size','average_entry_price'"
                                           "]") ", " PROBE("account_balances",
                                                           "ARRAY['coin','available_"
                                                           "balance','received_at']"),
};

static const struct pg_statement orders_statement = {
    "stack_orders_load_open",
    "SELECT order_id::text, upper(asset::text), lower(side::text), quantity::numeric,"
    " coalesce(filled_quantity, 0)::numeric FROM public.orders"
    " WHERE lower(status::text) IN ('pending', 'created', 'new', 'open', 'partially_filled')"
    " AND lower(side::text) IN ('buy', 'sell') AND upper(asset::text) ~ '^[A-Z0-9]{3,20}$'"
    " AND length(order_id::text) BETWEEN 1 AND 128 ORDER BY order_id LIMIT $1",
};

#define UNTOLD_COLUMNS                                                                             \
    "ARRAY['order_id','signal_id','asset','side','filled_quantity','average_price','fees',"        \
    "'status','updated_at']"
#define SIGNAL_ID_IS_UUID                                                                          \
    "EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = to_regclass('public.orders')"           \
    " AND a.attname = 'signal_id' AND a.atttypid = 'uuid'::regtype)"

static const struct pg_statement probe_untold_statement = {
    "stack_probe_untold",
    "SELECT " PROBE("orders", UNTOLD_COLUMNS) " AND " SIGNAL_ID_IS_UUID,
};

static const struct pg_statement untold_statement = {
    "stack_orders_load_untold",
    "WITH open AS MATERIALIZED (SELECT signal_id FROM trading_signals"
    " WHERE outcome IS NULL AND kind = 'entry' AND status <> 'expired'),"
    " told AS (SELECT o.order_id::text AS id, lower(o.status::text) AS state,"
    " round(coalesce(o.filled_quantity, 0)::numeric, 8) AS filled, to_jsonb(o) AS whole"
    " FROM open JOIN public.orders o ON o.signal_id = open.signal_id)"
    " SELECT jsonb_build_object('event_id', md5(concat_ws(' ', 'public.orders', t.id, t.state,"
    " t.filled))::uuid, 'event_type', CASE WHEN t.state IN ('filled', 'partially_filled',"
    " 'cancelled', 'rejected') THEN t.state ELSE 'modified' END, 'timestamp',"
    " t.whole -> 'updated_at', 'trace_id', t.whole -> 'trace_id', 'source', 'public.orders',"
    " 'order', t.whole)::text"
    " FROM told t LEFT JOIN orders_seen s ON s.order_id = t.id"
    " WHERE (t.whole ->> 'updated_at')::timestamptz < now() - make_interval(secs => $1)"
    " AND (t.filled > coalesce(s.filled_quantity, 0)"
    " OR (t.state IN ('filled', 'cancelled', 'rejected') AND s.ended IS NOT TRUE))"
    " ORDER BY t.whole ->> 'updated_at' DESC LIMIT $2",
};

static const struct pg_statement positions_statement = {
    "stack_positions_load",
    "SELECT upper(asset::text), size::numeric, average_entry_price::double precision FROM "
    "public.positions"
    " WHERE size <> 0 AND upper(asset::text) ~ '^[A-Z0-9]{3,20}$' ORDER BY 1 LIMIT $1",
};

static const struct pg_statement balances_statement = {
    "stack_balances_load",
    "SELECT DISTINCT ON (1) upper(coin::text), available_balance::numeric FROM "
    "public.account_balances"
    " WHERE upper(coin::text) ~ '^[A-Z0-9]{1,20}$' AND available_balance IS NOT NULL"
    " ORDER BY 1, received_at DESC LIMIT $1",
};

void stack_probe(struct pg_batch *batch)
{
    pg_batch_statement(batch, &probe_statement);
}

void stack_read_probe(const struct pg_result *result, struct stack_tables *out)
{
    struct row row = row_at(result, 0);
    out->orders = row_bool(&row);
    out->positions = row_bool(&row);
    out->account_balances = row_bool(&row);
}

static void load(struct pg_batch *batch, const struct pg_statement *statement, size_t limit)
{
    pg_batch_statement(batch, statement);
    store_put_limit(batch, limit);
}

void stack_orders_load_open(struct pg_batch *batch, size_t limit)
{
    load(batch, &orders_statement, limit);
}

void stack_probe_untold(struct pg_batch *batch)
{
    pg_batch_statement(batch, &probe_untold_statement);
}

bool stack_read_probe_untold(const struct pg_result *result)
{
    struct row row = row_at(result, 0);
    return row_bool(&row);
}

void stack_orders_load_untold(struct pg_batch *batch, int64_t quiet_seconds, size_t limit)
{
    pg_batch_statement(batch, &untold_statement);
    pg_put_double(batch, (double)quiet_seconds);
    store_put_limit(batch, limit);
}

struct slice stack_orders_read_untold(const struct pg_result *result, size_t index)
{
    struct row row = row_at(result, index);
    return row_text(&row);
}

enum al_err stack_orders_read(const struct pg_result *result, size_t index, struct stack_order *out)
{
    struct row row = row_at(result, index);
    ROW_CHARS(&row, out->order_id.text);
    ROW_CHARS(&row, out->asset.text);
    out->side = row_side(&row);
    out->quantity = row_decimal(&row);
    out->filled_quantity = row_decimal(&row);
    return row.err;
}

void stack_positions_load(struct pg_batch *batch, size_t limit)
{
    load(batch, &positions_statement, limit);
}

enum al_err stack_positions_read(const struct pg_result *result,
                                 size_t index,
                                 struct stack_position *out)
{
    struct row row = row_at(result, index);
    ROW_CHARS(&row, out->asset.text);
    out->size = row_decimal(&row);
    out->average_entry_price = row_double(&row);
    return row.err;
}

void stack_balances_load(struct pg_batch *batch, size_t limit)
{
    load(batch, &balances_statement, limit);
}

enum al_err stack_balances_read(const struct pg_result *result,
                                size_t index,
                                struct stack_balance *out)
{
    struct row row = row_at(result, index);
    ROW_CHARS(&row, out->coin.text);
    out->available = row_decimal(&row);
    return row.err;
}
