/* A31: how a strategy's own settled decisions did, over time. Read from samples and trading_signals. */
#ifndef ALPHALOOP_STORE_PERFORMANCE_H
#define ALPHALOOP_STORE_PERFORMANCE_H

#include "alphaloop/domain/names.h"
#include "alphaloop/io/pg.h"
#include "alphaloop/store/granularity.h"

/* pnl is net_return x amount x filled fraction, in quote currency; a success is a net outcome above 0. */
struct performance_point {
    int64_t ts_ns; /* begin of the bucket, by the time the outcome was reached */
    double success_rate, total_pnl, avg_pnl;
    uint64_t total_orders, successful_orders;
};

void performance_series(struct pg_batch *batch,
                        const struct strategy_id *strategy_id,
                        enum granularity granularity,
                        int64_t start_ns,
                        int64_t end_ns,
                        size_t limit);
void performance_read(const struct pg_result *result, size_t index, struct performance_point *out);

#endif
