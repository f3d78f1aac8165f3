/* One batch of order events on its way through one transaction.
 *
 * The transaction has two steps, and the second half of a full batch follows the first through them, so that the database
 * always has one half to work on while the other is with us:
 *   1  lock the orders' states, look up the signals, insert new events (ids that are there already come back as not new)
 *   2  what each new event adds, computed here by order_state_apply(): states and executions; and into quarantine what cannot
 *      be read
 */
#ifndef ALPHALOOP_APP_FLIGHT_I_H
#define ALPHALOOP_APP_FLIGHT_I_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alphaloop/base/buf.h"
#include "alphaloop/base/err.h"
#include "alphaloop/base/map.h"
#include "alphaloop/domain/order_event.h"
#include "alphaloop/domain/order_state.h"
#include "alphaloop/io/amqp.h"
#include "alphaloop/io/pg.h"

/* One message, as it came and as it was understood. */
struct item {
    struct amqp_tag tag; /* number 0: not from the broker */
    int64_t ts_recv_ns;
    uint64_t body_size;       /* as sent; `body` may be only the beginning */
    struct buf body, headers; /* headers as JSON; empty when they could not be kept */
    struct trace_id trace_id;
    bool valid;
    struct order_event event;           /* when valid; borrows nothing */
    struct buf performance;             /* the event's own, as JSON; empty when it has none */
    struct order_event_refusal refusal; /* when not valid */
};

/* What a transaction learns about one message. */
struct entry {
    struct item *item;
    bool is_sent;             /* its row was: valid, the first one of its id in the batch */
    bool is_new;              /* not seen before this transaction */
    bool matched;             /* it answers a signal of ours */
    struct order_state state; /* after the event */
    struct execution execution;
    bool executed;
};

struct flight {
    struct entry *entries; /* in order of arrival */
    size_t n, n_max;
    bool given_up; /* set it to have the transaction rolled back */

    /* Tells of the end; `failure` as in struct pg_job. */
    void (*on_done)(void *ctx, struct flight *, enum al_err err, const struct pg_failure *failure);
    void *ctx;

    /* inside */
    const char *queue; /* of quarantine rows */
    struct pg_batch *batch;
    size_t n_halves;                         /* 1 or 2 */
    size_t n_inserted;                       /* halves whose step 1 is done */
    size_t i_states, i_signals, i_events[2]; /* statements of step 1; SIZE_MAX: not there */
    struct held_state *states;               /* of the batch's orders */
    size_t n_states;
    struct signal_match *matches; /* signals of ours that the batch answers */
    size_t n_matches;
    struct map state_of, match_of; /* keys to the arrays above */
    struct map new_ids;            /* event ids not seen before */
    enum al_err read_error;        /* of a result */

    /* What a step sends is put together here; n_max of each. */
    struct order_id *order_ids;
    struct uuid *signal_ids;
    enum side *sides;
    struct order_event_row *event_rows;
    struct order_state *state_rows;
    struct execution_row *execution_rows;
    struct quarantine_row *quarantine_rows;
};

/* For at most n_max messages; `queue` is kept. A flight that could not be made whole is to be deinitialised too. */
MUST_CHECK enum al_err flight_init(struct flight *flight, size_t n_max, const char *queue);
void flight_deinit(struct flight *flight); /* not while its transaction runs; all zeros are fine */

void flight_reset(struct flight *flight);                  /* no messages */
void flight_add(struct flight *flight, struct item *item); /* there is room; kept until the end */
/* Begin the transaction. As pg_client_run(): on_done is called only after AL_OK. */
MUST_CHECK enum al_err flight_begin(struct flight *flight, struct pg_client *writer);

#endif
