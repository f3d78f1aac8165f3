/* What the neighbours' tables say about money, orders and positions. Messages are fresher: an order that was heard of is
 * theirs to tell, and so is a position. The tables fill what messages never said, after a restart above all. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "pipeline_i.h"

static double balance_of(const struct neighbours *neighbours, const char *coin)
{
    for (size_t i = 0; i < neighbours->n_balances; i++) {
        if (strcmp(neighbours->balances[i].coin.text, coin) == 0)
            return neighbours->balances[i].available;
    }
    return NAN;
}

static double position_of(const struct neighbours *neighbours, const struct asset *asset)
{
    double size = neighbours->positions_known ? 0 : NAN;
    for (size_t i = 0; i < neighbours->n_positions; i++) {
        if (asset_eq(&neighbours->positions[i].asset, asset))
            size += neighbours->positions[i].size;
    }
    return size;
}

static void take_orders(struct pipeline *pipeline, const struct neighbours *neighbours)
{
    pipeline->n_told_orders = 0;
    for (size_t i = 0; i < neighbours->n_orders; i++) {
        const struct known_order *order = &neighbours->orders[i];
        struct market_desk *market = pipeline_market(pipeline, &order->asset);
        if (market == NULL || map_get(&pipeline->open_orders, &order->order_id) != NULL)
            continue;
        pipeline->told_orders[pipeline->n_told_orders++] = *order;
        market->n_told_orders++;
    }
}

void pipeline_on_neighbours(struct pipeline *pipeline, const struct neighbours *neighbours)
{
    assert(neighbours->n_orders <= NEIGHBOUR_ROWS_MAX);
    for (size_t i = 0; i < pipeline->n_markets; i++) {
        struct market_desk *market = &pipeline->markets[i];
        market->base_balance = balance_of(neighbours, market->base);
        market->quote_balance = balance_of(neighbours, market->quote);
        market->told_position = position_of(neighbours, &market->asset);
        market->n_told_orders = 0;
    }
    take_orders(pipeline, neighbours);
}

void neighbours_order_ended(struct pipeline *pipeline, const struct order_id *order_id)
{
    for (size_t i = 0; i < pipeline->n_told_orders; i++) {
        struct known_order *order = &pipeline->told_orders[i];
        if (strcmp(order->order_id.text, order_id->text) != 0)
            continue;
        pipeline_market(pipeline, &order->asset)->n_told_orders--;
        *order = pipeline->told_orders[--pipeline->n_told_orders];
        return;
    }
}
