/* The simulated neighbours behind the signals: an order manager, an exchange and a position manager in one pure state
 * machine. It takes trading signals (contract section 4) and the market's events, and emits order events in the nested
 * shape (contract 3.1) and position updates (contract 3.3) as JSON text, in market time.
 *
 * The life of an order: `created` at once; after a latency either `rejected`, or a fill at the then best price plus
 * slippage; some fill in several parts (`partially_filled` with cumulative quantity, average price and fees), a few of
 * these are `cancelled` before they are complete. Fees are a share of the filled value. A signal that was seen before
 * (same signal_id) makes no second order.
 *
 * All chance comes from the seed: the same signals at the same market times give the same bytes.
 */
#ifndef ALPHALOOP_MARKET_EXCHANGE_H
#define ALPHALOOP_MARKET_EXCHANGE_H

#include "alphaloop/domain/market.h"

#define EXCHANGE_ASSETS_MAX 64
#define EXCHANGE_ORDERS_MAX 4096 /* open at one time; further signals are rejected */

struct exchange_options {
    uint64_t seed;
    double fee_bps;         /* of filled value; negative is a rebate; -100..1000 */
    double slippage_bps;    /* mean of an exponential, always against us; >= 0 */
    int64_t latency_min_ns; /* between signal and fill: min plus an exponential with this mean */
    int64_t latency_mean_ns;
    double reject_probability;  /* each 0..1 */
    double partial_probability; /* filled in 2 or 3 parts */
    double cancel_probability;  /* of a partial fill to end incomplete */
    int64_t
        position_interval_ns; /* open positions are also reported this often; 0: only after fills */
    bool is_dry_run;          /* marked so in the order events */
};

/* Seed 1, fee 1 bp, slippage 0.2 bp, latency 30 ms + 120 ms, 2 % rejected, 15 % partial, of these 20 % cancelled, positions
 * every 30 s. */
void exchange_options_default(struct exchange_options *options);

enum exchange_message_kind { EXCHANGE_ORDER_EVENT, EXCHANGE_POSITION };

struct exchange_message { /* borrowed for the call */
    enum exchange_message_kind kind;
    struct slice body;    /* JSON */
    const char *trace_id; /* for the AMQP header */
    int64_t ts_ns;
};
typedef void (*exchange_emit_fn)(void *ctx, const struct exchange_message *message);

struct exchange_stats { /* quote currency; equity = realized + unrealized, fees included */
    uint64_t n_signals, n_duplicates, n_bad_signals;
    uint64_t n_orders, n_filled, n_partial, n_cancelled, n_rejected;
    double volume, fees, realized_pnl, unrealized_pnl, equity;
};

struct exchange;
MUST_CHECK enum al_err exchange_create(const struct exchange_options *options,
                                       struct exchange **out);
void exchange_destroy(struct exchange *exchange);

/* Market news: prices for fills and for the value of positions. */
void exchange_market(struct exchange *exchange, const struct market_event *event);

/* One published signal. AL_EPARSE naming the field when it is not one (then nothing happens), AL_ESTATE when its asset has
 * no price yet, AL_EEXIST for a repeat, AL_EFULL past EXCHANGE_ORDERS_MAX. */
MUST_CHECK enum al_err exchange_signal(
    struct exchange *exchange, struct slice body, int64_t now_ns, exchange_emit_fn emit, void *ctx);

/* Do everything that is due at now_ns (market time), in order of its own time. Returns when to come back; INT64_MAX: never,
 * until something new happens. */
int64_t exchange_run(struct exchange *exchange, int64_t now_ns, exchange_emit_fn emit, void *ctx);

void exchange_stats(const struct exchange *exchange, struct exchange_stats *stats);

#endif
