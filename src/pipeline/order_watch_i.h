/* The orders of our signals after they left: what is still to be learned of each (dataset/order_outcome.h).
 *
 * An order is watched from the first that is heard of it until everything is known: its fills, where the market went in the
 * five minutes after them, and how what it opened was closed. What changed is stored from the tick, so one message never
 * brings about more effects than there is room for. Nothing here feeds a decision, a feature or the training label.
 */
#ifndef ALPHALOOP_PIPELINE_ORDER_WATCH_I_H
#define ALPHALOOP_PIPELINE_ORDER_WATCH_I_H

#include "alphaloop/dataset/order_outcome.h"
#include "alphaloop/dataset/price_path.h"
#include "alphaloop/domain/position.h"
#include "alphaloop/feature/market_state.h"
#include "alphaloop/pipeline/effect.h"

#define WATCHED_ORDERS_MAX 20000 /* beyond it the oldest of the asset is watched no longer */

struct pipeline;
struct market_desk;
struct open_decision;
struct order_fact;

struct watched_order {
    struct order_outcome outcome;
    struct watched_order *before, *after;           /* of the asset, oldest first */
    struct watched_order *held_before, *held_after; /* of those that hold something on its side */
    bool is_held;                                   /* it is in that list */
    uint64_t number;                                /* in the order in which they came */
    struct market_desk *market;
    bool ended;      /* nothing more will fill */
    bool has_marks;  /* its markouts are settled */
    bool is_changed; /* since it was stored */
};

/* The orders of one asset. */
struct market_orders {
    struct watched_order *oldest, *newest;
    struct watched_order *held_oldest[3], *held_newest[3]; /* by side: what a fill may close */
    uint64_t n_ever;
    int64_t due_ns; /* before it time alone changes none of them; INT64_MIN: something else has */
    struct price_path prices; /* mids of the last minutes, finer than those of labels */
    int64_t
        flat_ns; /* event time at which the position was gone; TIMESTAMP_NONE: nothing to explain */
    int64_t flat_until_ns; /* decision clock: how long fills may still explain it */
    double flat_price, flat_half_spread;
};
MUST_CHECK enum al_err market_orders_init(struct market_orders *orders);

void order_watch_price(struct market_desk *market, const struct market_quote *quote);
/* `item`: the decision, while its outcome is open, before this fact is added to it; NULL otherwise. */
void order_watch_fact(struct pipeline *pipeline,
                      struct market_desk *market,
                      const struct order_fact *fact,
                      const struct open_decision *item,
                      int64_t now_ns);
void order_watch_position(struct market_desk *market,
                          const struct position_update *update,
                          int64_t now_ns);
/* Markouts and closings that are due, and everything that changed. */
void order_watch_time(struct pipeline *pipeline, int64_t now_ns, struct effects *effects);
void order_watch_deinit(struct pipeline *pipeline);

#endif
