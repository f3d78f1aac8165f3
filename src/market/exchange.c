/* The exchange's rules. Everything that will happen to an order is drawn when it is created, except prices: those are the
 * market's at the moment of the fill. What is due next is one function, next_due(), and exchange_run() does it in order.
 *
 * Invariants: an order in `open` has something due; filled <= quantity; the sum of an asset's fills is its position.
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/map.h"
#include "exchange_i.h"

#define BPS 1e-4

enum { SIGNALS_REMEMBERED = 65536, MESSAGE_MAX = 16384 };

struct exchange {
    struct exchange_options options;
    struct rng rng;
    struct json_reader *reader;
    struct buf message;
    struct decimal fee_rate;
    size_t n_assets, n_open;
    struct exchange_asset assets[EXCHANGE_ASSETS_MAX];
    struct exchange_order *open[EXCHANGE_ORDERS_MAX];
    struct map seen; /* signal ids, the newest SIGNALS_REMEMBERED */
    struct uuid seen_ring[SIGNALS_REMEMBERED];
    uint64_t n_seen;
    struct exchange_stats stats;
    exchange_emit_fn emit; /* of the call under way */
    void *ctx;
};

/* ---- life ---- */

void exchange_options_default(struct exchange_options *options)
{
    *options = (struct exchange_options){.seed = 1,
                                         .fee_bps = 1,
                                         .slippage_bps = 0.2,
                                         .latency_min_ns = 30 * NS_PER_MS,
                                         .latency_mean_ns = 120 * NS_PER_MS,
                                         .reject_probability = 0.02,
                                         .partial_probability = 0.15,
                                         .cancel_probability = 0.2,
                                         .position_interval_ns = 30 * NS_PER_S};
}

static bool is_probability(double p)
{
    return p >= 0 && p <= 1;
}

static enum al_err options_check(const struct exchange_options *o)
{
    if (!(o->fee_bps >= -100 && o->fee_bps <= 1000))
        return err_set(AL_EINVAL, "fee_bps: %g is not in -100..1000", o->fee_bps);
    if (!(o->slippage_bps >= 0 && o->slippage_bps <= 1000))
        return err_set(AL_EINVAL, "slippage_bps: %g is not in 0..1000", o->slippage_bps);
    if (o->latency_min_ns < 0 || o->latency_mean_ns < 0 || o->latency_min_ns > NS_PER_DAY ||
        o->latency_mean_ns > NS_PER_DAY)
        return err_set(AL_EINVAL, "latency: not in 0..1 day");
    if (!is_probability(o->reject_probability) || !is_probability(o->partial_probability) ||
        !is_probability(o->cancel_probability))
        return err_set(AL_EINVAL, "a probability is not in 0..1");
    if (o->position_interval_ns < 0)
        return err_set(AL_EINVAL, "position_interval_ns: below 0");
    return AL_OK;
}

enum al_err exchange_create(const struct exchange_options *options, struct exchange **out)
{
    *out = NULL;
    enum al_err err = options_check(options);
    if (err != AL_OK)
        return err_add(err, "exchange");
    struct exchange *x = calloc(1, sizeof *x);
    if (x == NULL)
        return err_set(AL_ENOMEM, "exchange");
    x->options = *options;
    x->message = BUF_INIT(MESSAGE_MAX);
    map_init(&x->seen, sizeof(struct uuid), SIGNALS_REMEMBERED);
    rng_seed(&x->rng, options->seed);
    x->reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    if (x->reader == NULL || decimal_from_double(options->fee_bps * BPS, &x->fee_rate) != AL_OK) {
        exchange_destroy(x);
        return err_set(AL_ENOMEM, "exchange");
    }
    *out = x;
    return AL_OK;
}

void exchange_destroy(struct exchange *exchange)
{
    if (exchange == NULL)
        return;
    for (size_t i = 0; i < exchange->n_open; i++)
        free(exchange->open[i]);
    map_deinit(&exchange->seen);
    buf_deinit(&exchange->message);
    json_reader_destroy(exchange->reader);
    free(exchange);
}

/* ---- the market ---- */

/* The asset's slot; NULL when it is new and all slots are taken. */
static struct exchange_asset *asset_slot(struct exchange *x, const struct asset *name)
{
    for (size_t i = 0; i < x->n_assets; i++) {
        if (asset_eq(&x->assets[i].name, name))
            return &x->assets[i];
    }
    if (x->n_assets == EXCHANGE_ASSETS_MAX)
        return NULL;
    struct exchange_asset *asset = &x->assets[x->n_assets++];
    asset->name = *name;
    return asset;
}

static void take_prices(struct exchange_asset *asset, double bid, double ask)
{
    if (bid > 0 && ask > bid) {
        asset->bid = bid;
        asset->ask = ask;
    }
}

static void take_close(struct exchange_asset *asset, double close)
{
    if (asset->last_close > 0) {
        double change = log(close / asset->last_close);
        asset->volatility =
            sqrt(0.94 * asset->volatility * asset->volatility + 0.06 * change * change);
    }
    asset->last_close = close;
}

void exchange_market(struct exchange *exchange, const struct market_event *event)
{
    struct exchange_asset *asset = asset_slot(exchange, &event->asset);
    if (asset == NULL)
        return;
    if (event->kind == MARKET_BOOK && !event->book.is_delta && event->book.n_bids > 0 &&
        event->book.n_asks > 0)
        take_prices(asset, event->book.bids[0].price, event->book.asks[0].price);
    if (event->kind == MARKET_TICKER) {
        take_prices(asset, event->ticker.bid_price, event->ticker.ask_price);
        if (event->ticker.volume_24h >= 0)
            asset->volume_24h = event->ticker.volume_24h;
    }
    if (event->kind == MARKET_KLINE && event->kline.confirmed)
        take_close(asset, event->kline.candle.close);
}

/* ---- saying what happened ---- */

static void say_order(struct exchange *x,
                      const struct exchange_order *order,
                      enum order_event_type type,
                      int64_t ts_ns)
{
    buf_reset(&x->message);
    exchange_write_order(order, type, uuid_v7(ts_ns, &x->rng), &x->assets[order->asset],
                         x->options.is_dry_run, ts_ns, &x->message);
    assert(buf_ok(&x->message));
    x->emit(x->ctx, &(struct exchange_message){EXCHANGE_ORDER_EVENT, buf_slice(&x->message),
                                               order->signal.trace_id.text, ts_ns});
}

static void say_position(struct exchange *x, struct exchange_asset *asset, int64_t ts_ns)
{
    buf_reset(&x->message);
    exchange_write_position(asset, x->options.is_dry_run, ts_ns, &x->message);
    assert(buf_ok(&x->message));
    x->emit(x->ctx, &(struct exchange_message){EXCHANGE_POSITION, buf_slice(&x->message),
                                               asset->last_trace.text, ts_ns});
    bool repeats = decimal_sign(asset->size) != 0 && x->options.position_interval_ns > 0;
    asset->report_ns = repeats ? ts_ns + x->options.position_interval_ns : INT64_MAX;
}

/* ---- positions ---- */

/* A signed fill changes the position: the part against it realizes profit, the rest opens or adds at the fill's price. */
static void position_fill(struct exchange *x,
                          struct exchange_asset *asset,
                          struct decimal fill,
                          double price,
                          int64_t ts_ns)
{
    double size = decimal_to_double(asset->size), q = decimal_to_double(fill);
    double closing = size * q < 0 ? fmin(fabs(size), fabs(q)) : 0, opening = fabs(q) - closing;
    asset->realized += closing * (price - asset->entry) * (size > 0 ? 1 : -1);
    if (closing == 0 && size != 0) {
        asset->entry = (fabs(size) * asset->entry + opening * price) / (fabs(size) + opening);
    } else if (opening > 0) {
        asset->entry = price;
        asset->opened_ns = ts_ns;
        asset->position_id = uuid_v7(ts_ns, &x->rng);
    }
    if (decimal_add(asset->size, fill, &asset->size) != AL_OK)
        asset->size = DECIMAL_ZERO; /* past 10^12 units: no real position gets there */
}

/* ---- orders ---- */

static int64_t latency(struct exchange *x)
{
    return x->options.latency_min_ns +
           (int64_t)rng_exponential(&x->rng, (double)x->options.latency_mean_ns);
}

static void draw_fate(struct exchange *x, struct exchange_order *order)
{
    order->n_parts_left = 1;
    if (rng_uniform(&x->rng) < x->options.reject_probability || decimal_sign(order->quantity) <= 0)
        order->n_parts_left = 0;
    else if (rng_uniform(&x->rng) < x->options.partial_probability) {
        order->n_parts_left = 2 + (unsigned)rng_below(&x->rng, 2);
        order->will_cancel = rng_uniform(&x->rng) < x->options.cancel_probability;
    }
    order->due_ns = order->created_ns + latency(x);
}

/* amount / mid, rounded down to a millionth, the lot of the simulated exchange. */
static struct decimal quantity_for(struct decimal amount, const struct exchange_asset *asset)
{
    struct decimal mid, quantity;
    if (decimal_from_double((asset->bid + asset->ask) / 2, &mid) != AL_OK ||
        decimal_sign(mid) <= 0 || decimal_div(amount, mid, &quantity) != AL_OK)
        return DECIMAL_ZERO;
    quantity.units -= quantity.units % 100;
    return quantity;
}

static struct decimal fill_price(struct exchange *x, const struct exchange_order *order)
{
    const struct exchange_asset *asset = &x->assets[order->asset];
    double slip =
        x->options.slippage_bps > 0 ? rng_exponential(&x->rng, x->options.slippage_bps) * BPS : 0;
    double price =
        order->signal.side == SIDE_BUY ? asset->ask * (1 + slip) : asset->bid * (1 - slip);
    struct decimal exact;
    if (decimal_from_double(price, &exact) != AL_OK || decimal_sign(exact) <= 0)
        exact = (struct decimal){1};
    return exact;
}

/* What this part fills: everything left in the last one, else a third to two thirds of it. */
static struct decimal part_of(struct exchange *x, const struct exchange_order *order)
{
    struct decimal left;
    if (decimal_sub(order->quantity, order->filled, &left) != AL_OK)
        return DECIMAL_ZERO;
    if (order->n_parts_left > 1) {
        int64_t thousandths = 333 + (int64_t)rng_below(&x->rng, 334);
        left.units = left.units / 1000 * thousandths;
        left.units -= left.units % 100;
    }
    return left;
}

static bool add_fill(struct exchange *x,
                     struct exchange_order *order,
                     struct decimal part,
                     struct decimal price)
{
    struct decimal value, fee;
    if (decimal_sign(part) <= 0 || decimal_mul(part, price, &value) != AL_OK ||
        decimal_mul(value, x->fee_rate, &fee) != AL_OK)
        return false;
    struct exchange_asset *asset = &x->assets[order->asset];
    if (decimal_add(order->filled, part, &order->filled) != AL_OK ||
        decimal_add(order->value, value, &order->value) != AL_OK ||
        decimal_add(order->fees, fee, &order->fees) != AL_OK)
        return false;
    asset->realized -= decimal_to_double(fee);
    asset->last_trace = order->signal.trace_id;
    x->stats.fees += decimal_to_double(fee);
    x->stats.volume += decimal_to_double(value);
    struct decimal signed_part = {order->signal.side == SIDE_BUY ? part.units : -part.units};
    position_fill(x, asset, signed_part, decimal_to_double(price), order->due_ns);
    return true;
}

/* One thing happens to an order. Returns true when that was its end. */
static bool order_step(struct exchange *x, struct exchange_order *order)
{
    int64_t ts_ns = order->due_ns;
    if (order->n_parts_left == 0 || (order->n_parts_left == 1 && order->will_cancel)) {
        bool is_rejected = order->n_parts_left == 0;
        x->stats.n_rejected += is_rejected;
        x->stats.n_cancelled += !is_rejected;
        say_order(x, order, is_rejected ? ORDER_EVENT_rejected : ORDER_EVENT_cancelled, ts_ns);
        return true;
    }
    bool is_last = order->n_parts_left == 1;
    bool has_filled = add_fill(x, order, part_of(x, order), fill_price(x, order));
    order->n_parts_left--;
    order->due_ns = ts_ns + latency(x);
    if (has_filled) {
        x->stats.n_filled += is_last;
        x->stats.n_partial += !is_last;
        say_order(x, order, is_last ? ORDER_EVENT_filled : ORDER_EVENT_partially_filled, ts_ns);
        say_position(x, &x->assets[order->asset], ts_ns);
    }
    return is_last;
}

/* ---- signals ---- */

/* Remember the id; the oldest is forgotten when the ring is full. */
static enum al_err remember(struct exchange *x, struct uuid signal_id)
{
    struct uuid *slot = &x->seen_ring[x->n_seen % SIGNALS_REMEMBERED];
    if (x->n_seen >= SIGNALS_REMEMBERED)
        map_remove(&x->seen, slot);
    enum al_err err = map_put(&x->seen, &signal_id, x);
    if (err != AL_OK)
        return err;
    *slot = signal_id;
    x->n_seen++;
    return AL_OK;
}

static struct exchange_order *order_create(struct exchange *x,
                                           const struct exchange_signal *signal,
                                           size_t asset,
                                           int64_t now_ns)
{
    struct exchange_order *order = calloc(1, sizeof *order);
    if (order == NULL)
        return NULL;
    order->signal = *signal;
    order->asset = asset;
    order->created_ns = now_ns;
    order->row_id = uuid_v7(now_ns, &x->rng);
    order->order_id = uuid_v7(now_ns, &x->rng);
    order->quantity = quantity_for(signal->amount, &x->assets[asset]);
    draw_fate(x, order);
    return order;
}

static enum al_err accept_signal(struct exchange *x,
                                 const struct exchange_signal *signal,
                                 int64_t now_ns)
{
    if (map_get(&x->seen, &signal->signal_id) != NULL) {
        x->stats.n_duplicates++;
        return err_set(AL_EEXIST, "the signal was seen before");
    }
    struct exchange_asset *asset = asset_slot(x, &signal->asset);
    if (asset == NULL || !(asset->bid > 0))
        return err_set(AL_ESTATE, "%s has no price yet", signal->asset.text);
    if (x->n_open == EXCHANGE_ORDERS_MAX)
        return err_set(AL_EFULL, "%d orders are open", EXCHANGE_ORDERS_MAX);
    struct exchange_order *order = order_create(x, signal, (size_t)(asset - x->assets), now_ns);
    if (order == NULL || remember(x, signal->signal_id) != AL_OK) {
        free(order);
        return err_set(AL_ENOMEM, "order");
    }
    x->open[x->n_open++] = order;
    x->stats.n_orders++;
    say_order(x, order, ORDER_EVENT_created, now_ns);
    return AL_OK;
}

enum al_err exchange_signal(
    struct exchange *exchange, struct slice body, int64_t now_ns, exchange_emit_fn emit, void *ctx)
{
    struct exchange_signal signal;
    exchange->emit = emit;
    exchange->ctx = ctx;
    exchange->stats.n_signals++;
    enum al_err err = exchange_read_signal(exchange->reader, body, &signal);
    if (err != AL_OK) {
        exchange->stats.n_bad_signals++;
        return err;
    }
    return accept_signal(exchange, &signal, now_ns);
}

/* ---- what is due ---- */

struct due {
    int64_t at_ns;
    size_t order; /* index in open; SIZE_MAX when it is a position */
    struct exchange_asset *asset;
};

static struct due next_due(struct exchange *x)
{
    struct due due = {INT64_MAX, SIZE_MAX, NULL};
    for (size_t i = 0; i < x->n_open; i++) {
        if (x->open[i]->due_ns < due.at_ns)
            due = (struct due){x->open[i]->due_ns, i, NULL};
    }
    for (size_t i = 0; i < x->n_assets; i++) {
        struct exchange_asset *asset = &x->assets[i];
        if (decimal_sign(asset->size) != 0 && asset->report_ns < due.at_ns)
            due = (struct due){asset->report_ns, SIZE_MAX, asset};
    }
    return due;
}

int64_t exchange_run(struct exchange *exchange, int64_t now_ns, exchange_emit_fn emit, void *ctx)
{
    exchange->emit = emit;
    exchange->ctx = ctx;
    struct due due;
    while ((due = next_due(exchange)).at_ns <= now_ns && due.at_ns != INT64_MAX) {
        if (due.asset != NULL) {
            say_position(exchange, due.asset, due.at_ns);
            if (due.asset->report_ns <= now_ns) /* after a gap in the data one report is enough */
                due.asset->report_ns = now_ns + exchange->options.position_interval_ns;
        } else if (order_step(exchange, exchange->open[due.order])) {
            free(exchange->open[due.order]);
            exchange->open[due.order] = exchange->open[--exchange->n_open];
        }
    }
    return due.at_ns;
}

void exchange_stats(const struct exchange *exchange, struct exchange_stats *stats)
{
    *stats = exchange->stats;
    for (size_t i = 0; i < exchange->n_assets; i++) {
        const struct exchange_asset *asset = &exchange->assets[i];
        stats->realized_pnl += asset->realized;
        if (decimal_sign(asset->size) != 0)
            stats->unrealized_pnl += exchange_unrealized(asset);
    }
    stats->equity = stats->realized_pnl + stats->unrealized_pnl;
}
