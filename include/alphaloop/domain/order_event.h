/* One order event as order-manager reports it, in its nested or flat shape, checked once at the door (contract 3.1).
 *
 * What makes an execution is checked strictly, in the order of the contract, and the first problem is reported; everything
 * else is context whose bad values are dropped and counted. Quantities, average price and fees are cumulative per order.
 * The shape is nested when there is a member `order`, or an `event_type` without the flat shape's `order_id` and
 * `execution_quantity`.
 */
#ifndef ALPHALOOP_DOMAIN_ORDER_EVENT_H
#define ALPHALOOP_DOMAIN_ORDER_EVENT_H

#include <stdint.h>

#include "alphaloop/base/decimal.h"
#include "alphaloop/base/json.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/base/uuid.h"
#include "alphaloop/domain/names.h"
#include "alphaloop/domain/reason.h"

enum order_event_type {
#define ORDER_EVENT(name, ends_order) ORDER_EVENT_##name,
#include "alphaloop/tbl/order_events.def"
#undef ORDER_EVENT
    ORDER_EVENT_TYPE_COUNT
};
const char *order_event_type_name(enum order_event_type type);

/* Where executed_at_ns came from: the first of these that is there. */
enum time_source { TIME_EXECUTED_AT, TIME_UPDATED_AT, TIME_EVENT, TIME_RECEIPT, TIME_SOURCE_COUNT };
extern const char *const time_source_names[TIME_SOURCE_COUNT];

struct market_conditions { /* context: NaN when absent or dropped */
    double price, spread, volume_24h, volatility;
};

struct order_event {
    struct uuid event_id; /* derived from the content when the flat shape has none */
    enum order_event_type type;
    bool flat;
    bool is_dry_run;
    struct order_id order_id;
    struct uuid signal_id;
    struct asset asset;
    enum side side;
    struct decimal filled_quantity; /* cumulative */
    struct decimal average_price;   /* cumulative; 0 when nothing is filled */
    struct decimal fees;            /* cumulative; negative is a rebate */
    int64_t executed_at_ns;
    enum time_source executed_at_source;
    int64_t ts_recv_ns;
    struct trace_id trace_id; /* context from here on */
    struct strategy_id
        claimed_strategy_id;      /* what the event says; "" when absent: our ledger wins */
    double claimed_signal_price;  /* NaN when absent */
    int64_t claimed_signal_ts_ns; /* TIMESTAMP_NONE when absent */
    struct market_conditions market;
    struct slice rejection_reason; /* borrows from the document; empty when absent */
    struct json_node *performance; /* borrows; NULL when absent */
    uint32_t n_context_dropped;    /* bad context values */
};

/* Why a message cannot be an order event. Texts live inside the struct. */
struct order_event_refusal {
    enum reason reason;
    char field[64]; /* "order.filled_quantity"; "" when the document itself is bad */
    char detail
        [200]; /* what was expected and what was found, at most a short excerpt of the value */
};

/* Parse and validate one message body.
 *
 *   reader       parser to reuse                                                borrows
 *   body         bytes as received                                              borrows
 *   header_trace the AMQP header trace_id; used when the body has none           borrows, may be empty
 *   ts_recv_ns   when it was received; later than ts_recv_ns + 300 s is refused
 *   event, doc   result; *doc owns the tree that `event` borrows from: json_put() it   gives
 *   returns      true, or false with *refusal filled and *doc NULL
 */
bool order_event_parse(struct json_reader *reader,
                       struct slice body,
                       struct slice header_trace,
                       int64_t ts_recv_ns,
                       struct order_event *event,
                       struct json_node **doc,
                       struct order_event_refusal *refusal);

#endif
