/* Binance spot, public market data.
 *
 *   GET /api/v3/klines?symbol=BTCUSDT&interval=1h&startTime=MS&endTime=MS&limit=1000
 *       [[open time ms, "open", "high", "low", "close", "volume", close time ms, ...], ...]   oldest first, from startTime on
 *   GET /api/v3/ticker/price?symbols=["BTCUSDT","ETHUSDT"]
 *       [{"symbol": "BTCUSDT", "price": "67000.01"}, ...]
 *
 * Both ends of the range are inclusive open times; volume is of the base currency. Refusals are HTTP 4xx.
 * Source: Binance Spot API documentation, Market Data endpoints. */
#include "upstream_i.h"

#include <string.h>

#define PAGE_MAX 1000

static const struct {
    int64_t interval_ns;
    const char *text;
} intervals[] = {
    {NS_PER_S, "1s"},       {NS_PER_MIN, "1m"},       {3 * NS_PER_MIN, "3m"},
    {5 * NS_PER_MIN, "5m"}, {15 * NS_PER_MIN, "15m"}, {30 * NS_PER_MIN, "30m"},
    {NS_PER_H, "1h"},       {2 * NS_PER_H, "2h"},     {4 * NS_PER_H, "4h"},
    {6 * NS_PER_H, "6h"},   {8 * NS_PER_H, "8h"},     {12 * NS_PER_H, "12h"},
    {NS_PER_DAY, "1d"},
};

static const char *interval_text(int64_t interval_ns)
{
    for (size_t i = 0; i < COUNT_OF(intervals); i++) {
        if (intervals[i].interval_ns == interval_ns)
            return intervals[i].text;
    }
    return NULL;
}

static size_t page_max(int64_t interval_ns)
{
    return interval_text(interval_ns) != NULL ? PAGE_MAX : 0;
}

static void path(const struct history_query *query, struct buf *out)
{
    buf_printf(out,
               "/api/v3/klines?symbol=%s&interval=%s&startTime=%lld&endTime=%lld"
               "&limit=%d",
               query->name, interval_text(query->interval_ns),
               (long long)(query->from_ns / NS_PER_MS), (long long)(query->to_ns / NS_PER_MS - 1),
               PAGE_MAX);
}

static enum al_err read_candles(const struct history_query *query,
                                struct json_node *answer,
                                struct history_page *page)
{
    struct json_cursor cursor = {0};
    struct candle candle;
    if (!json_is_array(answer))
        return err_set(AL_EPARSE, "not an array of candles");
    for (size_t i = 0; json_walk(answer, &cursor); i++) {
        enum al_err err = upstream_row(cursor.value, i, query->interval_ns, &candle);
        if (err == AL_OK)
            err = upstream_keep(query, i, &candle, page);
        if (err != AL_OK)
            return err;
    }
    return AL_OK;
}

static void prices_path(const char *const *names, size_t n, struct buf *out)
{
    buf_puts(out, "/api/v3/ticker/price?symbols=%5B");
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "%s%%22%s%%22", i == 0 ? "" : ",", names[i]);
    buf_puts(out, "%5D");
}

static enum al_err prices_read(const char *const *names,
                               size_t n,
                               struct json_node *answer,
                               struct upstream_price *prices)
{
    struct json_cursor cursor = {0};
    if (!json_is_array(answer))
        return err_set(AL_EPARSE, "not an array of prices");
    for (size_t i = 0; json_walk(answer, &cursor); i++) {
        struct slice symbol = json_text(json_get(cursor.value, "symbol"));
        double price;
        if (upstream_price_read(json_get(cursor.value, "price"), &price) != AL_OK)
            return err_set(AL_EPARSE, "[%zu].price: not a price above 0", i);
        for (size_t k = 0; k < n; k++) {
            if (slice_is(symbol, names[k]))
                prices[k].price = price;
        }
    }
    return AL_OK;
}

const struct upstream upstream_binance = {
    .name = "binance",
    .title = "Binance",
    .skips_gaps = true,
    .page_max = page_max,
    .path = path,
    .read = read_candles,
    .prices_max = UPSTREAM_BATCH_MAX,
    .prices_path = prices_path,
    .prices_read = prices_read,
};
