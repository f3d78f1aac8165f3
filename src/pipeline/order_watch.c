/* One list an asset, oldest first, is what the tick goes through. Within it those that hold something make one list a side, in the
 * same order: the queue of positions that a fill on the other side closes, so that a fill looks at no more orders than it
 * closes, and one. Which fills are ours is known by their signal: an open decision's, one that is watched, or the exit that is out. */
#include "order_watch_i.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/observe/log.h"
#include "alphaloop/observe/metric.h"

#include "pipeline_i.h"

/* Seven minutes of mids: the longest lag, and what an order event may take to arrive. */
#define PRICE_BAR_NS (100 * NS_PER_MS)
#define PRICE_BARS   4096

#define MARKOUT_WAIT_NS (60 * NS_PER_S) /* after the longest lag, for prices that are late */
#define FLAT_WAIT_NS    (60 * NS_PER_S) /* for the fills that explain why a position is gone */

/* The end of an order this old was never reported. */
#define ORDER_AGE_MAX_NS NS_PER_H

#define MARKOUT_WARN_T (-3.0)
#define MARKOUT_CALM_T (-2.0)

enum al_err market_orders_init(struct market_orders *orders)
{
    *orders = (struct market_orders){.flat_ns = TIMESTAMP_NONE};
    return price_path_init(&orders->prices, PRICE_BAR_NS, PRICE_BARS);
}

void order_watch_price(struct market_desk *market, const struct market_quote *quote)
{
    price_path_append(&market->orders.prices, quote->ts_event_ns, quote->mid,
                      (quote->ask - quote->bid) / 2);
}

/* ---- the list ---- */

static void held_remove(struct market_orders *orders, struct watched_order *order)
{
    enum side side = order->outcome.side;
    struct watched_order *before = order->held_before, *after = order->held_after;
    *(before != NULL ? &before->held_after : &orders->held_oldest[side]) = after;
    *(after != NULL ? &after->held_before : &orders->held_newest[side]) = before;
    order->is_held = false;
}

/* Mostly the newest; one that was closed and fills once more goes back to its place. */
static void held_add(struct market_orders *orders, struct watched_order *order)
{
    enum side side = order->outcome.side;
    struct watched_order *before = orders->held_newest[side];
    while (before != NULL && before->number > order->number)
        before = before->held_before;
    struct watched_order *after = before != NULL ? before->held_after : orders->held_oldest[side];
    order->held_before = before;
    order->held_after = after;
    *(before != NULL ? &before->held_after : &orders->held_oldest[side]) = order;
    *(after != NULL ? &after->held_before : &orders->held_newest[side]) = order;
    order->is_held = true;
}

/* After each change of what the order holds. */
static void held_update(struct watched_order *order)
{
    bool holds = order_outcome_held(&order->outcome) != 0;
    if (holds && !order->is_held)
        held_add(&order->market->orders, order);
    else if (!holds && order->is_held)
        held_remove(&order->market->orders, order);
}

static void forget(struct pipeline *pipeline, struct watched_order *order)
{
    struct market_orders *orders = &order->market->orders;
    assert(orders->oldest != NULL && orders->newest != NULL);
    if (order->is_held)
        held_remove(orders, order);
    *(order->before != NULL ? &order->before->after : &orders->oldest) = order->after;
    *(order->after != NULL ? &order->after->before : &orders->newest) = order->before;
    void *removed = map_remove(&pipeline->watched_orders, &order->outcome.signal_id);
    assert(removed == order);
    free(order);
}

/* NULL: no memory, or too many of other assets. */
static struct watched_order *watch(struct pipeline *pipeline,
                                   struct market_desk *market,
                                   const struct order_outcome *outcome)
{
    struct market_orders *orders = &market->orders;
    if (map_count(&pipeline->watched_orders) >= WATCHED_ORDERS_MAX && orders->oldest != NULL)
        forget(pipeline, orders->oldest);
    struct watched_order *order = calloc(1, sizeof(*order));
    if (order == NULL)
        return NULL;
    *order = (struct watched_order){.outcome = *outcome,
                                    .before = orders->newest,
                                    .market = market,
                                    .number = ++orders->n_ever};
    if (map_put(&pipeline->watched_orders, &outcome->signal_id, order) != AL_OK) {
        free(order);
        return NULL;
    }
    *(orders->newest != NULL ? &orders->newest->after : &orders->oldest) = order;
    orders->newest = order;
    orders->due_ns = INT64_MIN;
    return order;
}

void order_watch_deinit(struct pipeline *pipeline)
{
    size_t cursor = 0;
    void *order;
    while ((order = map_next(&pipeline->watched_orders, &cursor, NULL)) != NULL)
        free(order);
    map_deinit(&pipeline->watched_orders);
}

/* ---- fills ---- */

/* A fill closes what stands open on the other side, oldest first; what was only played and what was for money never meet.
 * Returns how much of it did. */
static double close_open(struct market_orders *orders,
                         const struct execution *fill,
                         double quantity,
                         double price,
                         double fee_rate)
{
    double left = quantity;
    enum side other = fill->side == SIDE_BUY ? SIDE_SELL : SIDE_BUY;
    for (struct watched_order *order = orders->held_oldest[other], *after;
         order != NULL && left > 0; order = after) {
        after = order->held_after;
        if (order->outcome.is_dry_run != fill->is_dry_run)
            continue;
        double part = fmin(left, order_outcome_held(&order->outcome));
        order_outcome_close(&order->outcome, part, price, fee_rate, fill->executed_at_ns,
                            EXIT_FILLS);
        order->is_changed |= order->outcome.exited_at_ns != TIMESTAMP_NONE;
        held_update(order);
        left -= part;
    }
    return quantity - left;
}

static void take_fill(struct watched_order *order,
                      struct market_desk *market,
                      const struct execution *execution)
{
    double quantity = decimal_to_double(execution->quantity);
    double price = decimal_to_double(execution->price);
    double fees = decimal_to_double(execution->fees);
    if (!(quantity * price > 0))
        return;
    double closed =
        close_open(&market->orders, execution, quantity, price, fees / (quantity * price));
    if (order == NULL)
        return; /* an exit: it opens nothing */
    order->outcome.netted += closed;
    order_outcome_fill(&order->outcome, quantity, price, fees, execution->executed_at_ns);
    held_update(order);
    order->has_marks = false;
}

void order_watch_fact(struct pipeline *pipeline,
                      struct market_desk *market,
                      const struct order_fact *fact,
                      const struct open_decision *item,
                      int64_t now_ns)
{
    struct watched_order *order = map_get(&pipeline->watched_orders, &fact->state->signal_id);
    if (order == NULL && item != NULL && (fact->execution != NULL || fact->state->ended)) {
        struct order_outcome outcome;
        order_outcome_init(&outcome, &item->decision);
        order = watch(pipeline, market, &outcome);
    }
    bool is_exit =
        market->exit.expires_ns != 0 && uuid_eq(market->exit.signal_id, fact->state->signal_id);
    if (fact->execution != NULL && (order != NULL || is_exit))
        take_fill(order, market, fact->execution);
    market->orders.due_ns = INT64_MIN;
    if (order == NULL)
        return;
    if (fact->execution == NULL &&
        order_outcome_told(&order->outcome, decimal_to_double(fact->event->filled_quantity),
                           fact->event->executed_at_ns)) {
        order->is_changed = true;
        order->has_marks = false;
    }
    order->ended |= fact->state->ended;
    order->outcome.is_dry_run = fact->event->is_dry_run;
    bool is_first_fill =
        fact->execution != NULL && order->outcome.first_fill_ns == fact->execution->executed_at_ns;
    if (is_first_fill || order->outcome.answered_at_ns == TIMESTAMP_NONE) {
        order->outcome.answered_at_ns = pipeline->has_time ? now_ns : fact->event->executed_at_ns;
        order->is_changed = true;
    }
}

/* ---- a position that is gone ---- */

void order_watch_position(struct market_desk *market,
                          const struct position_update *update,
                          int64_t now_ns)
{
    struct market_orders *orders = &market->orders;
    size_t after = price_path_after(&orders->prices, update->ts_event_ns);
    if (decimal_sign(update->size) != 0 || after == 0)
        return;
    const struct price_bar *bar = price_path_at(&orders->prices, after - 1);
    orders->flat_ns = update->ts_event_ns;
    orders->flat_until_ns = now_ns + FLAT_WAIT_NS;
    orders->flat_price = bar->mid;
    orders->flat_half_spread = bar->half_spread;
}

/* What no fill has explained by now is closed at the price of that moment. */
static void close_gone(struct market_orders *orders, int64_t now_ns)
{
    if (orders->flat_ns == TIMESTAMP_NONE || now_ns < orders->flat_until_ns)
        return;
    for (struct watched_order *order = orders->oldest; order != NULL; order = order->after) {
        struct order_outcome *outcome = &order->outcome;
        double held = order_outcome_held(outcome);
        if (held == 0 || outcome->last_fill_ns >= orders->flat_ns)
            continue;
        order_outcome_close(outcome, held, orders->flat_price,
                            outcome->fee_rate + orders->flat_half_spread / orders->flat_price,
                            orders->flat_ns, EXIT_POSITION);
        held_update(order);
        order->is_changed = true;
    }
    orders->flat_ns = TIMESTAMP_NONE;
    orders->due_ns = INT64_MIN;
}

/* ---- markouts ---- */

static void warn(struct desk *desk, size_t i)
{
    const struct markout_mean *mean = &desk->markouts[i];
    double t = markout_mean_t(mean);
    metric_set(METRIC_markout_mean, mean->mean, desk->config->strategy_id.text,
               markout_lags[i].name);
    if (t <= MARKOUT_WARN_T && !desk->markout_warned[i])
        log_warn("learn", "fill", NULL, EV("markout_negative"),
                 F_STR("strategy_id", desk->config->strategy_id.text),
                 F_STR("lag", markout_lags[i].name), F_F64("mean", mean->mean), F_F64("t", t),
                 F_I64("fills", mean->n));
    if (t >= MARKOUT_CALM_T && desk->markout_warned[i])
        log_info("learn", "fill", NULL, EV("markout_recovered"),
                 F_STR("strategy_id", desk->config->strategy_id.text),
                 F_STR("lag", markout_lags[i].name), F_F64("mean", mean->mean), F_F64("t", t),
                 F_I64("fills", mean->n));
    if (t <= MARKOUT_WARN_T || t >= MARKOUT_CALM_T)
        desk->markout_warned[i] = t <= MARKOUT_WARN_T;
}

static void account_markouts(struct pipeline *pipeline, const struct order_outcome *outcome)
{
    struct desk *desk = pipeline_desk(pipeline, &outcome->strategy_id);
    for (size_t i = 0; i < MARKOUT_COUNT && desk != NULL; i++) {
        markout_mean_update(&desk->markouts[i], outcome->markouts[i], outcome->last_fill_ns,
                            markout_lags[i].lag_ns);
        if (!isnan(outcome->markouts[i]))
            warn(desk, i);
    }
}

static void mark(struct pipeline *pipeline, struct watched_order *order, int64_t now_ns)
{
    struct order_outcome *outcome = &order->outcome;
    const struct price_path *prices = &order->market->orders.prices;
    if (order->has_marks || outcome->last_fill_ns == TIMESTAMP_NONE)
        return;
    int64_t due_ns = outcome->last_fill_ns + markout_lags[MARKOUT_COUNT - 1].lag_ns;
    if (price_path_newest_ns(prices) < due_ns && now_ns < due_ns + MARKOUT_WAIT_NS)
        return;
    bool was_marked = !isnan(outcome->markouts[0]);
    markouts_of(prices, outcome->side, outcome->price, outcome->last_fill_ns,
                order->market->gap_max_ns, outcome->markouts);
    order->has_marks = order->is_changed = true;
    if (!was_marked) /* a late fill does not count its decision twice */
        account_markouts(pipeline, outcome);
}

/* ---- storing ---- */

static void store(struct watched_order *order, struct effects *effects)
{
    struct order_outcome *kept = malloc(sizeof(*kept));
    assert(kept != NULL);
    *kept = order->outcome;
    effects_push(effects, EFFECT_store_order_outcome)->order = kept;
    order->is_changed = false;
}

static bool is_over(const struct watched_order *order, int64_t now_ns)
{
    bool has_fill = order->outcome.quantity > 0;
    bool ended = order->ended || now_ns - order->outcome.decided_at_ns >= ORDER_AGE_MAX_NS;
    return ended && (!has_fill || order->has_marks) && order_outcome_held(&order->outcome) == 0;
}

/* When time alone changes something about the order; INT64_MAX: never. */
static int64_t due_of(const struct watched_order *order)
{
    const struct order_outcome *outcome = &order->outcome;
    int64_t due_ns = INT64_MAX;
    if (!order->has_marks && outcome->last_fill_ns != TIMESTAMP_NONE)
        due_ns = outcome->last_fill_ns + markout_lags[MARKOUT_COUNT - 1].lag_ns;
    else if (!order->ended && !order->is_held)
        due_ns = outcome->decided_at_ns + ORDER_AGE_MAX_NS;
    return due_ns;
}

/* False when there was no room for all that changed. */
static bool look_at_all(struct pipeline *pipeline,
                        struct market_orders *orders,
                        int64_t now_ns,
                        struct effects *effects)
{
    int64_t due_ns = INT64_MAX;
    for (struct watched_order *order = orders->oldest, *after; order != NULL; order = after) {
        after = order->after;
        mark(pipeline, order, now_ns);
        if (order->is_changed && effects_room(effects) <= EFFECTS_PER_CALL)
            return false;
        if (order->is_changed)
            store(order, effects);
        int64_t order_due_ns = due_of(order);
        if (is_over(order, now_ns))
            forget(pipeline, order);
        else if (order_due_ns < due_ns)
            due_ns = order_due_ns;
    }
    orders->due_ns = due_ns;
    return true;
}

void order_watch_time(struct pipeline *pipeline, int64_t now_ns, struct effects *effects)
{
    for (size_t i = 0; i < pipeline->n_markets; i++) {
        struct market_orders *orders = &pipeline->markets[i].orders;
        int64_t newest_ns = price_path_newest_ns(&orders->prices);
        close_gone(orders, now_ns);
        bool is_due = now_ns >= orders->due_ns || newest_ns >= orders->due_ns;
        if (is_due && !look_at_all(pipeline, orders, now_ns, effects))
            return; /* the rest a tick later */
    }
}

/* ---- recovery ---- */

void pipeline_restore_order_outcome(struct pipeline *pipeline, const struct order_outcome *outcome)
{
    struct market_desk *market = pipeline_market(pipeline, &outcome->asset);
    if (market == NULL || map_get(&pipeline->watched_orders, &outcome->signal_id) != NULL)
        return;
    struct watched_order *order = watch(pipeline, market, outcome);
    const struct open_decision *item = open_decisions_find(&pipeline->open, outcome->signal_id);
    if (order == NULL)
        return;
    order->ended = item == NULL || item->order_ended;
    order->has_marks = !isnan(outcome->markouts[MARKOUT_COUNT - 1]);
    held_update(order);
    if (item == NULL || !(item->filled_quantity > outcome->quantity))
        return;
    order->outcome.quantity = item->filled_quantity;
    order->outcome.price = item->filled_notional / item->filled_quantity;
    order->outcome.fee_rate = item->fees / item->filled_notional;
    order->outcome.last_fill_ns = item->last_fill_ns;
    held_update(order);
}
