/* Bybit spot, public market data, API version 5.
 *
 *   GET /v5/market/kline?category=spot&symbol=BTCUSDT&interval=60&start=MS&end=MS&limit=1000
 *       {"retCode": 0, "retMsg": "OK", "result": {"list": [["open time ms", "open", "high", "low", "close", "volume",
 *        "turnover"], ...]}}                                                         newest first, up to the end
 *
 * Both ends are inclusive open times; volume is of the base currency. A refusal is HTTP 200 with another retCode.
 * Prices of several chosen assets at once cannot be asked for.
 * Source: Bybit API documentation, V5, Get Kline. */
#include "upstream_i.h"

#include <inttypes.h>

#define PAGE_MAX       1000
#define TOO_MANY       10006
#define TOO_MANY_BY_IP 10018

static const struct {
    int64_t interval_ns;
    const char *text;
} intervals[] = {
    {NS_PER_MIN, "1"},       {3 * NS_PER_MIN, "3"},  {5 * NS_PER_MIN, "5"}, {15 * NS_PER_MIN, "15"},
    {30 * NS_PER_MIN, "30"}, {NS_PER_H, "60"},       {2 * NS_PER_H, "120"}, {4 * NS_PER_H, "240"},
    {6 * NS_PER_H, "360"},   {12 * NS_PER_H, "720"}, {NS_PER_DAY, "D"},
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
               "/v5/market/kline?category=spot&symbol=%s&interval=%s&start=%lld&end=%lld"
               "&limit=%d",
               query->name, interval_text(query->interval_ns),
               (long long)(query->from_ns / NS_PER_MS), (long long)(query->to_ns / NS_PER_MS - 1),
               PAGE_MAX);
}

static enum al_err check_code(struct json_node *answer)
{
    int64_t code;
    if (json_i64(json_get(answer, "retCode"), &code) != AL_OK)
        return err_set(AL_EPARSE, "retCode: not a whole number");
    if (code == 0)
        return AL_OK;
    struct slice why = json_text(json_get(answer, "retMsg"));
    return err_set(code == TOO_MANY || code == TOO_MANY_BY_IP ? AL_EFULL : AL_EINVAL,
                   "retCode %" PRId64 ": %.*s", code, (int)(why.len < 200 ? why.len : 200),
                   why.ptr);
}

static enum al_err read_candles(const struct history_query *query,
                                struct json_node *answer,
                                struct history_page *page)
{
    struct json_node *list = json_get(json_get(answer, "result"), "list");
    struct candle candle;
    enum al_err err = check_code(answer);
    if (err != AL_OK)
        return err;
    if (!json_is_array(list))
        return err_set(AL_EPARSE, "result.list: not an array of candles");
    if (json_length(list) > UPSTREAM_PAGE_MAX)
        return err_set(AL_EPARSE, "result.list: more than %d candles", UPSTREAM_PAGE_MAX);
    struct json_node *rows[UPSTREAM_PAGE_MAX];
    struct json_cursor cursor = {0};
    size_t n = 0;
    while (json_walk(list, &cursor))
        rows[n++] = cursor.value;
    for (size_t i = n; i-- > 0;) {
        err = upstream_row(rows[i], i, query->interval_ns, &candle);
        if (err == AL_OK)
            err = upstream_keep(query, i, &candle, page);
        if (err != AL_OK)
            return err_add(err, "result.list");
    }
    return AL_OK;
}

const struct upstream upstream_bybit = {
    .name = "bybit",
    .title = "Bybit",
    .page_max = page_max,
    .path = path,
    .read = read_candles,
};
