/* Any bytes are an upstream's answer: what is kept is candles in order, of the range, finished; a page moves on. The first byte
 * chooses the upstream and its door. */
#include <assert.h>
#include <math.h>

#include "alphaloop/history/upstream.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void check_candles(const struct history_query *query, const struct history_page *page)
{
    int64_t last_ns = query->from_ns - 1;
    for (size_t i = 0; i < page->n; i++) {
        const struct candle *c = &page->candles[i];
        assert(c->ts_open_ns > last_ns && c->ts_open_ns < query->to_ns);
        assert(c->ts_open_ns % query->interval_ns == 0);
        assert(c->ts_open_ns + c->interval_ns <= query->now_ns);
        assert(c->low > 0 && c->low <= c->open && c->low <= c->close);
        assert(c->high >= c->open && c->high >= c->close && isfinite(c->high));
        assert(c->volume >= 0 && isfinite(c->volume));
        last_ns = c->ts_open_ns;
    }
    assert(page->next_ns > query->from_ns && page->next_ns <= query->to_ns);
}

static void fuzz_prices(struct json_reader *reader,
                        const struct upstream *upstream,
                        struct slice body)
{
    static const char *const names[] = {"bitcoin", "BTCUSDT", "x"};
    struct upstream_price prices[3];
    if (upstream->prices_max == 0 ||
        upstream_prices_read(upstream, reader, names, 3, body, prices) != AL_OK)
        return;
    for (int i = 0; i < 3; i++)
        assert(isnan(prices[i].price) || prices[i].price > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static struct json_reader *reader;
    static struct history_page page;
    const int64_t t0_ns = 1710000000LL * NS_PER_S;
    if (reader == NULL)
        reader = json_reader_create(UPSTREAM_BODY_MAX, 16);
    if (n_bytes == 0)
        return 0;
    const struct upstream *upstream = upstream_at(bytes[0] % UPSTREAM_COUNT);
    struct slice body = {(const char *)bytes + 1, n_bytes - 1};
    struct history_query query = {"BTCUSDT", NS_PER_H, t0_ns, t0_ns + 1500 * NS_PER_H,
                                  t0_ns + 20 * NS_PER_H};
    if (bytes[0] >= 128)
        fuzz_prices(reader, upstream, body);
    else if (upstream_read(upstream, reader, &query, body, &page) == AL_OK)
        check_candles(&query, &page);
    return 0;
}
