/* A strategy's own settled decisions over time. */
#include "alphaloop/store/performance.h"
#include "row_i.h"

static const struct pg_statement series_statement = {
    "performance_series",
    "SELECT date_trunc($2, to_timestamp(s.t1_ns / 1000000000.0::double precision), 'UTC') AS "
    "bucket,"
    " avg((s.net_return > 0)::integer)::double precision, sum(p.pnl), avg(p.pnl), count(*),"
    " count(*) FILTER (WHERE s.net_return > 0)"
    " FROM samples s JOIN trading_signals t ON t.signal_id = s.decision_id,"
    " LATERAL (SELECT s.net_return * t.amount::double precision * s.fill_fraction AS pnl) p"
    " WHERE s.strategy_id = $1 AND s.evidence = 1 AND s.policy_took AND s.t1_ns >= $3 AND s.t1_ns "
    "< $4"
    " GROUP BY bucket ORDER BY bucket LIMIT $5",
};

void performance_series(struct pg_batch *batch,
                        const struct strategy_id *strategy_id,
                        enum granularity granularity,
                        int64_t start_ns,
                        int64_t end_ns,
                        size_t limit)
{
    pg_batch_statement(batch, &series_statement);
    pg_put_str(batch, strategy_id->text);
    pg_put_str(batch, granularity_name(granularity));
    pg_put_i64(batch, start_ns);
    pg_put_i64(batch, end_ns);
    store_put_limit(batch, limit);
}

void performance_read(const struct pg_result *result, size_t index, struct performance_point *out)
{
    struct row row = row_at(result, index);
    out->ts_ns = row_time(&row);
    out->success_rate = row_double(&row);
    out->total_pnl = row_double(&row);
    out->avg_pnl = row_double(&row);
    out->total_orders = (uint64_t)row_i64(&row);
    out->successful_orders = (uint64_t)row_i64(&row);
}
