/* Writing market events the way ws-gateway puts them on its queues (contract 3.2): the inverse of market_event_parse(). */
#ifndef ALPHALOOP_MARKET_GATEWAY_H
#define ALPHALOOP_MARKET_GATEWAY_H

#include "alphaloop/domain/market.h"

/* "ws-gateway.ticker", "ws-gateway.orderbook", "ws-gateway.kline", "ws-gateway.trades". */
const char *gateway_queue(enum market_kind kind);

/* The envelope {event_id, event_type, topic, timestamp, received_at, payload, trace_id} with numbers as strings. event_id
 * is derived from `sequence`, kind and asset, so the same replay gives the same bytes. Appends to out; check buf_ok(). */
void gateway_write(const struct market_event *event, uint64_t sequence, struct buf *out);

#endif
