/* CoinGecko: prices over all markets in US dollars, not one exchange's candles.
 *
 *   GET /api/v3/coins/bitcoin/market_chart/range?vs_currency=usd&from=S&to=S
 *       {"prices": [[ms, 67000.1], ...], "market_caps": [...], "total_volumes": [...]}           oldest first
 *   GET /api/v3/simple/price?ids=bitcoin,ethereum&vs_currencies=usd&include_last_updated_at=true
 *       {"bitcoin": {"usd": 67000.1, "last_updated_at": 1711356300}, ...}
 *
 * Ranges of up to 90 days are answered hour by hour, longer ones day by day, at about the full hour or at midnight, so there
 * is one price a bar: it becomes the close of the bar that ends there, and open, high and low are the same. The
 * price nearest to the end counts if it is within a twelfth of the interval (5 minutes of an hour) of it, on either side; a
 * bar without one stays missing. total_volumes is the turnover of the last 24 hours over all markets, which is no bar's
 * volume: volume is 0, which means unknown here.
 * Source: CoinGecko API documentation, /coins/{id}/market_chart/range and /simple/price. */
#include "upstream_i.h"

#include <math.h>

#define NEAR 12 /* a part of the interval */

static size_t page_max(int64_t interval_ns)
{
    return interval_ns == NS_PER_H ? 89 * 24 : interval_ns == NS_PER_DAY ? 365 : 0;
}

static void path(const struct history_query *query, struct buf *out)
{
    int64_t near_ns = query->interval_ns / NEAR;
    buf_printf(out, "/api/v3/coins/%s/market_chart/range?vs_currency=usd&from=%lld&to=%lld",
               query->name, (long long)((query->from_ns + query->interval_ns - near_ns) / NS_PER_S),
               (long long)((query->to_ns + near_ns) / NS_PER_S));
}

struct point {
    int64_t ts_ns;
    double price;
};

static enum al_err read_point(struct json_node *pair, size_t index, struct point *out)
{
    double ms;
    if (json_length(pair) != 2 || json_double(json_at(pair, 0), &ms) != AL_OK ||
        !(ms >= 0 && ms < 9e15 / 1e3))
        return err_set(AL_EPARSE, "prices[%zu]: not a time in milliseconds and a price", index);
    out->ts_ns = (int64_t)ms * NS_PER_MS;
    if (upstream_price_read(json_at(pair, 1), &out->price) != AL_OK)
        return err_set(AL_EPARSE, "prices[%zu][1]: not a price above 0", index);
    return AL_OK;
}

static int64_t distance_ns(const struct point *point, int64_t ts_ns)
{
    return point->ts_ns < ts_ns ? ts_ns - point->ts_ns : point->ts_ns - ts_ns;
}

/* The bar end that a point is at, TIMESTAMP_NONE when it is at none. */
static int64_t end_near_ns(const struct point *point, int64_t interval_ns)
{
    int64_t end_ns = (point->ts_ns + interval_ns / 2) / interval_ns * interval_ns;
    return distance_ns(point, end_ns) <= interval_ns / NEAR ? end_ns : TIMESTAMP_NONE;
}

static enum al_err keep_point(const struct history_query *query,
                              size_t index,
                              const struct point *point,
                              int64_t end_ns,
                              struct history_page *page)
{
    const struct candle candle = {.ts_open_ns = end_ns - query->interval_ns,
                                  .interval_ns = query->interval_ns,
                                  .open = point->price,
                                  .high = point->price,
                                  .low = point->price,
                                  .close = point->price};
    return upstream_keep(query, index, &candle, page);
}

/* A bar is kept once a point of a later one shows that no nearer point can come. */
static enum al_err read_candles(const struct history_query *query,
                                struct json_node *answer,
                                struct history_page *page)
{
    struct json_node *prices = json_get(answer, "prices");
    struct json_cursor cursor = {0};
    struct point best = {0, 0}, point;
    int64_t best_end_ns = TIMESTAMP_NONE, last_ns = -1;
    enum al_err err = AL_OK;
    size_t i = 0;
    if (!json_is_array(prices))
        return err_set(AL_EPARSE, "prices: not an array");
    for (; err == AL_OK && json_walk(prices, &cursor); i++) {
        err = read_point(cursor.value, i, &point);
        if (err != AL_OK)
            break;
        if (point.ts_ns < last_ns)
            return err_set(AL_EPARSE, "prices[%zu]: earlier than the one before", i);
        last_ns = point.ts_ns;
        int64_t end_ns = end_near_ns(&point, query->interval_ns);
        if (end_ns == TIMESTAMP_NONE ||
            (end_ns == best_end_ns && distance_ns(&point, end_ns) >= distance_ns(&best, end_ns)))
            continue;
        if (best_end_ns != TIMESTAMP_NONE && end_ns != best_end_ns)
            err = keep_point(query, i - 1, &best, best_end_ns, page);
        best = point;
        best_end_ns = end_ns;
    }
    if (err == AL_OK && best_end_ns != TIMESTAMP_NONE)
        err = keep_point(query, i - 1, &best, best_end_ns, page);
    return err;
}

static void prices_path(const char *const *names, size_t n, struct buf *out)
{
    buf_puts(out, "/api/v3/simple/price?ids=");
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "%s%s", i == 0 ? "" : ",", names[i]);
    buf_puts(out, "&vs_currencies=usd&include_last_updated_at=true");
}

static enum al_err prices_read(const char *const *names,
                               size_t n,
                               struct json_node *answer,
                               struct upstream_price *prices)
{
    if (!json_is_object(answer))
        return err_set(AL_EPARSE, "not an object of prices");
    for (size_t i = 0; i < n; i++) {
        struct json_node *coin = json_get(answer, names[i]);
        int64_t updated_s;
        if (json_get(coin, "usd") == NULL)
            continue; /* a coin it does not know is not in its answer */
        if (upstream_price_read(json_get(coin, "usd"), &prices[i].price) != AL_OK)
            return err_set(AL_EPARSE, "%s.usd: not a price above 0", names[i]);
        if (json_i64(json_get(coin, "last_updated_at"), &updated_s) == AL_OK && updated_s >= 0 &&
            updated_s < INT64_MAX / NS_PER_S)
            prices[i].ts_ns = updated_s * NS_PER_S;
    }
    return AL_OK;
}

const struct upstream upstream_coingecko = {
    .name = "coingecko",
    .title = "CoinGecko",
    .is_close_only = true,
    .page_max = page_max,
    .path = path,
    .read = read_candles,
    .prices_max = UPSTREAM_BATCH_MAX,
    .prices_path = prices_path,
    .prices_read = prices_read,
};
