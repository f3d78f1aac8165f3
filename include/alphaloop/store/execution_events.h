/* Table execution_events: one row for each increase of an order's fill. */
#ifndef ALPHALOOP_STORE_EXECUTION_EVENTS_H
#define ALPHALOOP_STORE_EXECUTION_EVENTS_H

#include "alphaloop/domain/order_state.h"
#include "alphaloop/io/pg.h"

struct execution_row {
    struct execution execution;
    struct strategy_id strategy_id; /* "": no signal of ours, stored as null */
    double signal_price;            /* NaN: unknown */
    int64_t signal_ts_ns;           /* TIMESTAMP_NONE: unknown */
    struct slice performance;       /* JSON text, empty when none; borrows. Not read back. */
};

/* For new events only: order_events_insert() in the same transaction says which are. */
void execution_events_insert(struct pg_batch *batch,
                             const struct execution_row *rows,
                             size_t n_rows);

/* Recovery: executions of published signals that are not settled, by time of execution. */
void execution_events_load_open(struct pg_batch *batch, size_t limit);
/* The `limit` matched executions stored last, oldest first: what the cost model is rebuilt from. */
void execution_events_load_recent(struct pg_batch *batch, size_t limit);
MUST_CHECK enum al_err execution_events_read(const struct pg_result *result,
                                             size_t row,
                                             struct execution_row *out);

/* One row: all, and those without a signal of ours. */
void execution_events_count(struct pg_batch *batch);
void execution_events_read_count(const struct pg_result *result,
                                 uint64_t *n_all,
                                 uint64_t *n_unmatched);

#endif
