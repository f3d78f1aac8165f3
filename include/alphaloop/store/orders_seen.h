/* Table orders_seen: the cumulative fill of every order, what an event is compared with. */
#ifndef ALPHALOOP_STORE_ORDERS_SEEN_H
#define ALPHALOOP_STORE_ORDERS_SEEN_H

#include "alphaloop/domain/order_state.h"
#include "alphaloop/io/pg.h"

/* Lock (until the transaction ends) and select the states of these orders; orders without a row give none. */
void orders_seen_lock(struct pg_batch *batch, const struct order_id *ids, size_t n_ids);
/* AL_ERANGE when a stored value does not fit (then the row was not written by this program). */
MUST_CHECK enum al_err orders_seen_read(const struct pg_result *result,
                                        size_t row,
                                        struct order_state *out);

/* Write states, each order once: those with `exists` are updated, the others inserted. Appends one or two statements. When
 * another worker inserted the same order first the transaction is refused (SQLSTATE 23505, failure->retry): run the whole
 * job again, it then finds the row. */
void orders_seen_write(struct pg_batch *batch, const struct order_state *states, size_t n_states);

/* Recovery: the states of orders whose signal is published and not settled (see trading_signals_load_open), oldest
 * signal first. Read with orders_seen_read. */
void orders_seen_load_open(struct pg_batch *batch, size_t limit);

#endif
