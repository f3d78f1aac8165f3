/* A position as position-manager reports it (contract 3.3). */
#ifndef ALPHALOOP_DOMAIN_POSITION_H
#define ALPHALOOP_DOMAIN_POSITION_H

#include "alphaloop/domain/order_event.h"

struct position_update {
    char position_id[64];
    struct asset asset;
    struct decimal size;                 /* signed: > 0 long, < 0 short, 0 closed */
    double unrealized_pnl, realized_pnl; /* quote currency; NaN when absent */
    double unrealized_pnl_pct;           /* per cent of the entry value; when absent worked
                                                  * out from PnL, size and entry price, else NaN */
    double average_entry_price;          /* NaN when absent */
    double time_held_minutes;            /* NaN when absent */
    char mode[16];
    int64_t ts_event_ns, ts_recv_ns;
    struct trace_id trace_id;
    char traceparent[TRACEPARENT_TEXT_MAX]; /* from the message's header: the caller's to set */
};

bool position_update_parse(struct json_reader *reader,
                           struct slice body,
                           struct slice header_trace,
                           int64_t ts_recv_ns,
                           struct position_update *update,
                           struct order_event_refusal *refusal);

#endif
