/* What the desk's own fills cost, over the whole ledger: what a backtest pays when it is to pay what was paid. Read from
 * execution_events, trading_signals and orders_seen; nothing is written.
 *
 * Real fills when there are any, else those of a dry run, never both; an order that never filled is not said to be either, and
 * counts. Each order counts once, all its executions together. */
#ifndef ALPHALOOP_STORE_FILL_COSTS_H
#define ALPHALOOP_STORE_FILL_COSTS_H

#include "alphaloop/io/pg.h"

struct cost_moments { /* of one thing over n orders; NaN without any */
    uint64_t n;
    double mean, deviation, least; /* deviation of the sample, NaN below two */
};

struct fill_costs {
    bool is_dry_run;
    struct cost_moments fee;         /* of the filled value, fraction */
    struct cost_moments half_spread; /* of the signal's snapshot, fraction of its mid */
    struct cost_moments
        slippage; /* filled price beyond the touch that the signal saw, fraction of its mid; against us is > 0 */
    struct cost_moments
        latency; /* from decision to first fill, seconds; orders whose fills have times of their own */
    struct cost_moments unfilled; /* 1: the order ended with nothing filled, 0: something was */
    struct cost_moments in_parts; /* of the filled: 1 for more than one execution */
};

/* One row, of the newest limit orders of each kind. */
void fill_costs_get(struct pg_batch *batch, size_t limit);
MUST_CHECK enum al_err fill_costs_read(const struct pg_result *result, struct fill_costs *out);

#endif
