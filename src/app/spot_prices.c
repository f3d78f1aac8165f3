/* A call carries the assets of one window. Two assets may go by one name there (BTCUSDT and BTCUSDC are both bitcoin): it is
 * asked for once and told to both. Whoever asked for what is not known yet waits until none of it is under way. */
#include "spot_prices_i.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/observe/metric.h"

#include "worker_i.h"

#define WAITERS_MAX    256
#define PATH_BYTES_MAX FETCH_URL_MAX
#define BODY_BYTES_MAX 65536

struct waiter {
    size_t n;
    struct asset assets[PRICES_BATCH_MAX];
    admin_result_fn done;
    void *ctx;
    struct waiter *next;
};

struct spot_prices {
    struct worker *worker;
    enum upstream_id upstream;
    struct prices *prices;
    struct json_reader *reader;
    uv_timer_t timer;
    struct waiter *waiters;
    size_t n_waiters;
    bool is_stopped;
};

struct call {
    struct spot_prices *spot;
    size_t n_assets, n_names;
    struct asset assets[PRICES_BATCH_MAX];
    size_t place[PRICES_BATCH_MAX]; /* of an asset's name */
    const char *names[PRICES_BATCH_MAX];
    struct upstream_price prices[PRICES_BATCH_MAX]; /* by name */
};

/* ---- whoever waits ---- */

static void write_price(struct json_writer *w,
                        const struct asset *asset,
                        const struct price *price,
                        const char *upstream,
                        int64_t now_ns)
{
    json_w_object(w);
    json_m_str(w, "asset", asset->text);
    json_m_str(w, "state", price_state_name(price->state));
    json_m_number(w, "price", price->price);
    json_m_time(w, "time", price->ts_ns);
    json_m_time(w, "fetched_at", price->got_ns);
    json_m_number(w, "age_seconds",
                  price->got_ns == TIMESTAMP_NONE ? NAN : (double)(now_ns - price->got_ns) / 1e9);
    json_m_str(w, "upstream", upstream);
    json_w_end_object(w);
}

static void tell(struct spot_prices *spot, const struct waiter *waiter, int64_t now_ns)
{
    struct buf body = BUF_INIT(BODY_BYTES_MAX);
    struct json_writer w;
    json_w_init(&w, &body);
    json_w_object(&w);
    json_w_key(&w, "items");
    json_w_array(&w);
    for (size_t i = 0; i < waiter->n; i++) {
        struct price price = prices_look(spot->prices, &waiter->assets[i], now_ns);
        write_price(&w, &waiter->assets[i], &price, upstream_at(spot->upstream)->name, now_ns);
    }
    json_w_end_array(&w);
    json_w_end_object(&w);
    const struct admin_result result = {
        .outcome = buf_ok(&body) ? ADMIN_DONE : ADMIN_FAILED,
        .text = "prices",
        .body = buf_slice(&body),
    };
    waiter->done(waiter->ctx, &result);
    buf_deinit(&body);
}

static bool is_awaited(const struct spot_prices *spot, const struct waiter *waiter, int64_t now_ns)
{
    for (size_t i = 0; i < waiter->n; i++) {
        if (prices_look(spot->prices, &waiter->assets[i], now_ns).state == PRICE_AWAITED)
            return true;
    }
    return false;
}

static void tell_whom_it_concerns(struct spot_prices *spot, int64_t now_ns)
{
    struct waiter **place = &spot->waiters;
    while (*place != NULL) {
        struct waiter *waiter = *place;
        if (!spot->is_stopped && is_awaited(spot, waiter, now_ns)) {
            place = &waiter->next;
            continue;
        }
        *place = waiter->next;
        spot->n_waiters--;
        tell(spot, waiter, now_ns);
        free(waiter);
    }
}

/* ---- asking ---- */

static void set_timer(struct spot_prices *spot);

static enum al_err check_answer(void *ctx, struct slice body)
{
    struct call *call = ctx;
    return upstream_prices_read(upstream_at(call->spot->upstream), call->spot->reader, call->names,
                                call->n_names, body, call->prices);
}

static void take_answer(struct call *call, bool is_good, int64_t now_ns)
{
    struct prices *prices = call->spot->prices;
    for (size_t i = 0; i < call->n_assets; i++) {
        const struct upstream_price *price = &call->prices[call->place[i]];
        if (is_good && isfinite(price->price) && price->price > 0)
            prices_put(prices, &call->assets[i], price->price, price->ts_ns, now_ns);
        else
            prices_failed(prices, &call->assets[i], now_ns);
    }
}

static void on_answer(void *ctx, const struct fetch_answer *answer)
{
    struct call *call = ctx;
    struct spot_prices *spot = call->spot;
    int64_t now_ns = upstreams_wall_ns();
    take_answer(call, answer->outcome == FETCH_ok, now_ns);
    free(call);
    if (spot->is_stopped)
        return;
    tell_whom_it_concerns(spot, now_ns);
    set_timer(spot);
}

/* The place of the asset's name among those of the call; a new one when it is not there yet. */
static size_t place_name(struct call *call, const struct asset *asset)
{
    const struct worker *worker = call->spot->worker;
    const char *name = upstreams_name(worker->asset_names, asset, call->spot->upstream);
    size_t place = 0;
    while (place < call->n_names && strcmp(call->names[place], name) != 0)
        place++;
    if (place == call->n_names)
        call->names[call->n_names++] = name;
    return place;
}

static enum al_err start_call(struct call *call)
{
    struct spot_prices *spot = call->spot;
    struct buf path = BUF_INIT(PATH_BYTES_MAX);
    for (size_t i = 0; i < call->n_assets; i++)
        call->place[i] = place_name(call, &call->assets[i]);
    upstream_prices_path(upstream_at(spot->upstream), call->names, call->n_names, &path);
    const struct upstream_call get = {.upstream = spot->upstream,
                                      .path = buf_str(&path),
                                      .check = check_answer,
                                      .on_done = on_answer,
                                      .ctx = call};
    enum al_err err =
        buf_ok(&path) ? upstreams_get(spot->worker->upstreams, spot->worker->settings, &get, NULL)
                      : err_set(AL_EFULL, "the names of %zu assets", call->n_assets);
    buf_deinit(&path);
    return err;
}

/* False when no call is due. */
static bool ask_next(struct spot_prices *spot, int64_t now_ns)
{
    struct asset assets[PRICES_BATCH_MAX];
    size_t n = prices_take(spot->prices, now_ns, assets);
    if (n == 0)
        return false;
    struct call *call = calloc(1, sizeof(*call));
    assert(call != NULL);
    call->spot = spot;
    call->n_assets = n;
    memcpy(call->assets, assets, n * sizeof(assets[0]));
    metric_add(METRIC_price_calls_total, 1, NULL, NULL);
    metric_add(METRIC_price_assets_asked_total, (double)n, NULL, NULL);
    if (start_call(call) != AL_OK) {
        take_answer(call, false, now_ns);
        free(call);
    }
    return true;
}

static void on_timer(uv_timer_t *timer)
{
    struct spot_prices *spot = timer->data;
    int64_t now_ns = upstreams_wall_ns();
    while (ask_next(spot, now_ns))
        ;
    tell_whom_it_concerns(spot, now_ns);
    set_timer(spot);
}

static void set_timer(struct spot_prices *spot)
{
    int64_t due_ns = prices_due_ns(spot->prices), wait_ns = due_ns - upstreams_wall_ns();
    if (due_ns == TIMESTAMP_NONE || uv_is_active((const uv_handle_t *)&spot->timer))
        return;
    uv_timer_start(&spot->timer, on_timer, wait_ns > 0 ? (uint64_t)(wait_ns / NS_PER_MS) + 1 : 0,
                   0);
}

/* ---- the door ---- */

void spot_prices_tell(
    struct spot_prices *spot, const struct asset *assets, size_t n, admin_result_fn done, void *ctx)
{
    const struct admin_result off = {.outcome = ADMIN_AWAY, .text = "PRICE_UPSTREAM is off"};
    const struct admin_result busy = {.outcome = ADMIN_BUSY, .text = "too many wait for prices"};
    assert(n >= 1 && n <= PRICES_BATCH_MAX);
    if (spot == NULL || spot->is_stopped || spot->n_waiters == WAITERS_MAX) {
        done(ctx, spot == NULL || spot->is_stopped ? &off : &busy);
        return;
    }
    int64_t now_ns = upstreams_wall_ns();
    struct waiter *waiter = calloc(1, sizeof(*waiter));
    assert(waiter != NULL);
    *waiter = (struct waiter){.n = n, .done = done, .ctx = ctx, .next = spot->waiters};
    memcpy(waiter->assets, assets, n * sizeof(assets[0]));
    for (size_t i = 0; i < n; i++) {
        struct price price = prices_ask(spot->prices, &assets[i], now_ns);
        metric_add(METRIC_price_answers_total, 1, price_state_name(price.state), NULL);
    }
    spot->waiters = waiter;
    spot->n_waiters++;
    tell_whom_it_concerns(spot, now_ns);
    set_timer(spot);
}

struct prices_counts spot_prices_counts(const struct spot_prices *spot)
{
    static const struct prices_counts none;
    return spot == NULL ? none : *prices_counts(spot->prices);
}

/* ---- its life ---- */

/* The words of PRICE_UPSTREAM are "off" and the upstreams that have prices. */
static bool upstream_of(const struct settings *settings, enum upstream_id *upstream)
{
    static const enum upstream_id words[] = {UPSTREAM_COUNT, UPSTREAM_binance, UPSTREAM_coingecko};
    *upstream = words[settings->price_upstream];
    return *upstream != UPSTREAM_COUNT;
}

bool spot_prices_are_wanted(const struct settings *settings)
{
    enum upstream_id upstream;
    return upstream_of(settings, &upstream);
}

static void warm(struct spot_prices *spot)
{
    const struct setting_list *list = &spot->worker->settings->trading_assets;
    struct asset asset;
    for (size_t i = 0; i < list->count; i++) {
        if (asset_parse(slice_of(list->items[i]), &asset))
            (void)prices_ask(spot->prices, &asset, upstreams_wall_ns());
    }
    set_timer(spot);
}

enum al_err spot_prices_create(struct worker *worker, struct spot_prices **out)
{
    const struct settings *s = worker->settings;
    enum upstream_id upstream;
    *out = NULL;
    if (!upstream_of(s, &upstream))
        return AL_OK;
    const struct prices_rule rule = {
        .fresh_ns = s->price_fresh_seconds * NS_PER_S,
        .stale_ns = s->price_stale_seconds * NS_PER_S,
        .window_ns = s->price_window_ms * NS_PER_MS,
        .retry_ns = s->price_retry_seconds * NS_PER_S,
        .batch_max = upstream_at(upstream)->prices_max < PRICES_BATCH_MAX
                         ? upstream_at(upstream)->prices_max
                         : PRICES_BATCH_MAX,
    };
    struct spot_prices *spot = calloc(1, sizeof(*spot));
    if (spot == NULL)
        return err_set(AL_ENOMEM, "prices");
    spot->worker = worker;
    spot->upstream = upstream;
    spot->reader = json_reader_create(UPSTREAM_BODY_MAX, JSON_DEPTH_MAX);
    enum al_err err = prices_create(&rule, &spot->prices);
    if (err != AL_OK || spot->reader == NULL) {
        spot_prices_destroy(spot);
        return err_set(AL_ENOMEM, "prices");
    }
    uv_timer_init(worker->loop, &spot->timer);
    spot->timer.data = spot;
    warm(spot);
    *out = spot;
    return AL_OK;
}

void spot_prices_stop(struct spot_prices *spot)
{
    if (spot == NULL || spot->is_stopped)
        return;
    spot->is_stopped = true;
    tell_whom_it_concerns(spot, upstreams_wall_ns());
    uv_close((uv_handle_t *)&spot->timer, NULL);
}

void spot_prices_destroy(struct spot_prices *spot)
{
    if (spot == NULL)
        return;
    prices_destroy(spot->prices);
    json_reader_destroy(spot->reader);
    free(spot);
}
