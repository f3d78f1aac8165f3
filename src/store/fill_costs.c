#include "alphaloop/store/fill_costs.h"

#include "row_i.h"

#define MOMENTS(x) "count(" x "), avg(" x "), stddev_samp(" x "), min(" x ")"

static const struct pg_statement get_statement = {
    "fill_costs_get",
    "WITH mode AS (SELECT NOT EXISTS (SELECT FROM execution_events WHERE NOT is_dry_run) AS "
    "is_dry),"
    " orders AS (SELECT e.order_id, e.signal_id, count(*) AS n_parts,"
    "  sum(e.execution_price * e.execution_quantity)::double precision AS value,"
    "  sum(e.execution_quantity)::double precision AS quantity,"
    "  sum(e.execution_fees)::double precision AS fees,"
    "  min(e.executed_at_ns) FILTER (WHERE e.executed_at_source <> 'receipt') AS first_ns"
    "  FROM execution_events e, mode WHERE e.is_dry_run = mode.is_dry"
    "  GROUP BY e.order_id, e.signal_id ORDER BY max(e.id) DESC LIMIT $1),"
    " fills AS (SELECT o.fees / o.value AS fee, (o.n_parts > 1)::integer::double precision AS "
    "in_parts,"
    "  (t.ask - t.bid) / 2 / t.mid AS half_spread,"
    "  CASE t.side WHEN 'buy' THEN o.value / o.quantity - t.ask ELSE t.bid - o.value / o.quantity "
    "END"
    "   / t.mid AS slippage,"
    "  (o.first_ns - t.decided_at_ns) / 1000000000.0::double precision AS latency"
    "  FROM orders o LEFT JOIN trading_signals t ON t.signal_id = o.signal_id),"
    " ended AS (SELECT (s.filled_quantity = 0)::integer::double precision AS unfilled"
    "  FROM orders_seen s WHERE s.ended"
    "  ORDER BY s.first_seen_at DESC LIMIT $1)"
    " SELECT f.*, u.*, mode.is_dry FROM mode,"
    " (SELECT " MOMENTS("fee") ", " MOMENTS("half_spread") ", " MOMENTS("slippage") ", " MOMENTS(
        "latency") ", " MOMENTS("in_parts") " FROM fills) f,"
                                            " (SELECT " MOMENTS("unfilled") " FROM ended) u",
};

void fill_costs_get(struct pg_batch *batch, size_t limit)
{
    pg_batch_statement(batch, &get_statement);
    store_put_limit(batch, limit);
}

static struct cost_moments read_moments(struct row *row)
{
    struct cost_moments m = {.n = (uint64_t)row_i64(row)};
    m.mean = row_double(row);
    m.deviation = row_double(row);
    m.least = row_double(row);
    return m;
}

enum al_err fill_costs_read(const struct pg_result *result, struct fill_costs *out)
{
    struct row row = row_at(result, 0);
    out->fee = read_moments(&row);
    out->half_spread = read_moments(&row);
    out->slippage = read_moments(&row);
    out->latency = read_moments(&row);
    out->in_parts = read_moments(&row);
    out->unfilled = read_moments(&row);
    out->is_dry_run = row_bool(&row);
    return row.err;
}
