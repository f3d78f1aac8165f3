/* The market of one asset at one instant, as a decision sees it and as the signal reports it. */
#ifndef ALPHALOOP_DOMAIN_SNAPSHOT_H
#define ALPHALOOP_DOMAIN_SNAPSHOT_H

#include "alphaloop/domain/market.h"

struct snapshot {
    int64_t ts_event_ns; /* newest event time that went into it */
    double bid, ask;     /* best level; bid < ask */
    double mid;          /* (bid + ask) / 2: the reference price */
    double last_price;
    double spread; /* ask - bid, absolute, >= 0 */
    double volume_24h;
    double volatility;           /* EWMA standard deviation of 1-minute log returns, fraction */
    double bid_depth, ask_depth; /* quantities near the top; NaN when there is no book */
};

#endif
