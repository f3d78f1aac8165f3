/* Table order_outcomes: what became of each published signal's order. */
#ifndef ALPHALOOP_STORE_ORDER_OUTCOMES_H
#define ALPHALOOP_STORE_ORDER_OUTCOMES_H

#include "alphaloop/dataset/order_outcome.h"
#include "alphaloop/io/pg.h"

/* What is there already is replaced; of several of one signal the last counts. */
void order_outcomes_upsert(struct pg_batch *batch,
                           const struct order_outcome *outcomes,
                           size_t n_outcomes);

/* One signal: a row, or none. */
void order_outcomes_find(struct pg_batch *batch, struct uuid signal_id);

/* Recovery: the `limit` newest that still hold a position, oldest first. */
void order_outcomes_load_held(struct pg_batch *batch, size_t limit);
MUST_CHECK enum al_err order_outcomes_read(const struct pg_result *result,
                                           size_t row,
                                           struct order_outcome *out);

#endif
