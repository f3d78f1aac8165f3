/* Fills are a cumulative maximum: what was seen first does not matter, only how far the order has come. */
#include "alphaloop/domain/order_state.h"

#include <assert.h>
#include <string.h>

static const bool ends_order[ORDER_EVENT_TYPE_COUNT] = {
#define ORDER_EVENT(name, ends) [ORDER_EVENT_##name] = (ends) != 0,
#include "alphaloop/tbl/order_events.def"
#undef ORDER_EVENT
};

static void state_begin(struct order_state *state, const struct order_event *event)
{
    memset(state, 0, sizeof *state);
    state->order_id = event->order_id;
    state->signal_id = event->signal_id;
    state->asset = event->asset;
    state->side = event->side;
    state->exists = true;
}

static bool is_conflict(const struct order_state *state, const struct order_event *event)
{
    return state->side != event->side || !asset_eq(&state->asset, &event->asset) ||
           !uuid_eq(state->signal_id, event->signal_id);
}

/* f2 - f1. Two valid fees can lie up to 2e12 apart, which no column holds: the difference then stops at the largest
 * decimal, which only a nonsense order can reach. */
static struct decimal fees_increment(struct decimal before, struct decimal after)
{
    struct decimal difference;
    if (decimal_sub(after, before, &difference) == AL_OK)
        return difference;
    al_i128 largest = (al_i128)1000000000000LL * DECIMAL_SCALE - 1;
    return (struct decimal){decimal_cmp(after, before) > 0 ? largest : -largest};
}

static void fill_execution(const struct order_state *state,
                           const struct order_event *event,
                           struct execution *execution)
{
    memset(execution, 0, sizeof *execution);
    execution->event_id = event->event_id;
    execution->order_id = state->order_id;
    execution->signal_id = state->signal_id;
    execution->asset = state->asset;
    execution->side = state->side;
    execution->executed_at_ns = event->executed_at_ns;
    execution->executed_at_source = event->executed_at_source;
    execution->ts_recv_ns = event->ts_recv_ns;
    execution->is_dry_run = event->is_dry_run;
    execution->fees = fees_increment(state->fees, event->fees);
    /* Neither quantity is negative, so their difference always fits. */
    enum al_err err =
        decimal_sub(event->filled_quantity, state->filled_quantity, &execution->quantity);
    assert(err == AL_OK);
    err = decimal_increment_price(state->filled_quantity, state->average_price,
                                  event->filled_quantity, event->average_price, &execution->price);
    execution->price_is_average = err != AL_OK;
    if (err != AL_OK)
        execution->price = event->average_price;
}

bool order_state_apply(struct order_state *state,
                       const struct order_event *event,
                       struct execution *execution,
                       bool *conflict)
{
    if (!state->exists)
        state_begin(state, event);
    assert(strcmp(state->order_id.text, event->order_id.text) == 0);
    *conflict = is_conflict(state, event);
    state->ended = state->ended || ends_order[event->type];
    if (decimal_cmp(event->filled_quantity, state->filled_quantity) <= 0)
        return false;
    fill_execution(state, event, execution);
    state->filled_quantity = event->filled_quantity;
    state->average_price = event->average_price;
    state->fees = event->fees;
    return true;
}
