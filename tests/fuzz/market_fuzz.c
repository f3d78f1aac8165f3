/* Any bytes as market data of any kind (told by the first byte); what is accepted is finite, above 0 where it must be, and
 * can be applied to a book. */
#include <assert.h>
#include <math.h>
#include <stdint.h>

#include "alphaloop/domain/order_book.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static struct market_event event;
static struct order_book book;

static void check_candle(const struct candle *candle)
{
    assert(candle->interval_ns > 0 && candle->low > 0 && candle->low <= candle->high &&
           isfinite(candle->high));
    assert(candle->open <= candle->high && candle->close >= candle->low && candle->volume >= 0);
}

static void check_book(void)
{
    for (size_t i = 0; i < event.book.n_bids; i++)
        assert(event.book.bids[i].price > 0 && event.book.bids[i].qty >= 0 &&
               isfinite(event.book.bids[i].price));
    order_book_init(&book);
    order_book_apply(&book, &event);
    order_book_apply(&book, &event);
    for (size_t i = 1; i < book.n_bids; i++)
        assert(book.bids[i - 1].price > book.bids[i].price && book.bids[i].qty > 0);
    for (size_t i = 1; i < book.n_asks; i++)
        assert(book.asks[i - 1].price < book.asks[i].price && book.asks[i].qty > 0);
}

static void check_event(void)
{
    switch (event.kind) {
    case MARKET_TICKER:
        assert(isnan(event.ticker.last_price) ||
               (event.ticker.last_price > 0 && isfinite(event.ticker.last_price)));
        break;
    case MARKET_BOOK:
        check_book();
        break;
    case MARKET_KLINE:
        check_candle(&event.kline.candle);
        for (size_t i = 0; i < event.kline.n_earlier; i++)
            check_candle(&event.kline.earlier[i].candle);
        break;
    default:
        assert(event.trades.n_trades > 0);
        for (size_t i = 0; i < event.trades.n_trades; i++)
            assert(event.trades.trades[i].price > 0 && event.trades.trades[i].ts_event_ns > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct order_event_refusal refusal;
    if (n_bytes == 0)
        return 0;
    struct json_reader *reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    struct slice body = {(const char *)bytes + 1, n_bytes - 1};
    enum market_kind kind = (enum market_kind)(bytes[0] % MARKET_KIND_COUNT);
    if (market_event_parse(reader, kind, body, 1769853600LL * NS_PER_S, &event, &refusal)) {
        assert(event.asset.text[0] != '\0' && event.ts_event_ns > 0);
        check_event();
    } else {
        assert(refusal.reason != REASON_NONE && refusal.detail[0] != '\0');
    }
    json_reader_destroy(reader);
    return 0;
}
