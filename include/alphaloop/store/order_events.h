/* Table order_events: every order event ever taken in, once, with its exact text. */
#ifndef ALPHALOOP_STORE_ORDER_EVENTS_H
#define ALPHALOOP_STORE_ORDER_EVENTS_H

#include "alphaloop/domain/order_event.h"
#include "alphaloop/io/pg.h"

struct order_event_row {
    const struct order_event *event; /* borrows */
    struct slice raw;                /* the message body, valid UTF-8; borrows */
};

/* Insert what is not there yet; no event twice among `rows`. The result has one row for each new event, in no particular
 * order: read it with order_events_new_id(). When another worker inserts the same event meanwhile the transaction is refused
 * (SQLSTATE 23505, failure->retry): run the whole job again. */
void order_events_insert(struct pg_batch *batch, const struct order_event_row *rows, size_t n_rows);
struct uuid order_events_new_id(const struct pg_result *result, size_t row);

/* How many there are (one row, one column: i64). */
void order_events_count(struct pg_batch *batch);

#endif
