/* Inside the exchange: orders and positions, shared by its rules (exchange.c) and its JSON (exchange_json.c). */
#ifndef ALPHALOOP_MARKET_EXCHANGE_I_H
#define ALPHALOOP_MARKET_EXCHANGE_I_H

#include "alphaloop/base/rng.h"
#include "alphaloop/market/exchange.h"

struct exchange_signal { /* what the simulated order manager reads of a trading signal */
    struct uuid signal_id;
    struct asset asset;
    enum side side;
    struct decimal amount; /* quote currency */
    double confidence, price;
    bool is_warmup;
    struct strategy_id strategy_id;
    struct model_version_id model_version;
    int64_t ts_ns;
    struct trace_id trace_id;
};

struct exchange_order {
    struct exchange_signal signal;
    struct uuid row_id, order_id;
    size_t asset;
    struct decimal quantity, filled, value, fees; /* filled, value, fees: so far */
    unsigned n_parts_left;                        /* fills still to come; 0: will be rejected */
    bool will_cancel;                             /* instead of the last part */
    int64_t created_ns, due_ns;
};

struct exchange_asset {
    struct asset name;
    double bid, ask, volume_24h, volatility; /* bid 0: no price yet */
    double last_close;
    struct decimal size; /* signed position */
    double entry, realized;
    int64_t opened_ns, report_ns;
    struct uuid position_id;
    struct trace_id last_trace;
};

/* What is said of an order: `type` with the state the order is in. */
void exchange_write_order(const struct exchange_order *order,
                          enum order_event_type type,
                          struct uuid event_id,
                          const struct exchange_asset *asset,
                          bool is_dry_run,
                          int64_t ts_ns,
                          struct buf *out);
void exchange_write_position(const struct exchange_asset *asset,
                             bool is_dry_run,
                             int64_t ts_ns,
                             struct buf *out);

/* Unrealized profit of the position at the mid price, quote currency. */
double exchange_unrealized(const struct exchange_asset *asset);

/* AL_EPARSE naming the field. */
MUST_CHECK enum al_err exchange_read_signal(struct json_reader *reader,
                                            struct slice body,
                                            struct exchange_signal *signal);

#endif
