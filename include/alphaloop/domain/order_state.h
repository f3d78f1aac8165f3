/* What is known of one order: its cumulative fill, and the execution that an event adds to it.
 *
 * Invariant: the state after a set of events does not depend on their order or repetition, except for how the same total
 * is cut into executions. A lower or equal cumulative quantity changes no fill; an end state is never left.
 */
#ifndef ALPHALOOP_DOMAIN_ORDER_STATE_H
#define ALPHALOOP_DOMAIN_ORDER_STATE_H

#include "alphaloop/domain/order_event.h"

struct order_state {
    struct order_id order_id;
    struct uuid signal_id;
    struct asset asset;
    enum side side;
    struct decimal filled_quantity, average_price, fees; /* cumulative */
    bool ended;  /* filled, cancelled or rejected was seen */
    bool exists; /* false: no row yet */
};

struct execution { /* one increase of a fill; a row of execution_events */
    struct uuid event_id;
    struct order_id order_id;
    struct uuid signal_id;
    struct asset asset;
    enum side side;
    struct decimal price, quantity, fees;
    int64_t executed_at_ns;
    enum time_source executed_at_source;
    int64_t ts_recv_ns;
    bool
        price_is_average; /* the increment's own price was not above 0, so the cumulative average stands */
    bool is_dry_run;
};

/* Apply one event. Returns true when it adds an execution (then *execution is filled). Never fails: a conflict in asset,
 * side or signal with the state is resolved in favour of the first event seen and counted by the caller via *conflict. */
bool order_state_apply(struct order_state *state,
                       const struct order_event *event,
                       struct execution *execution,
                       bool *conflict);

#endif
