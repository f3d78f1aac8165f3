/* One indicator, any options and any inputs that pass the door: it answers within its range or with NaN, it answers the
 * same twice, and inputs that do not pass the door (NaN, negative, huge) at least do no harm. */
#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "alphaloop/feature/candle_merger.h"
#include "alphaloop/feature/indicator.h"
#include "fuzz/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static double any_double(struct source *source)
{
    double value;
    take(source, &value, sizeof(value));
    return value;
}

static double price(struct source *source, bool wild)
{
    double value = any_double(source);
    return wild ? value : isfinite(value) ? fmin(fmax(fabs(value), 1e-15), 1e15) : 1;
}

static double quantity(struct source *source, bool wild)
{
    double value = any_double(source);
    return wild ? value : isfinite(value) ? fmin(fabs(value), 1e18) : NAN;
}

static struct candle any_candle(struct source *source, int64_t ts_ns, bool wild)
{
    double a = price(source, wild), b = price(source, wild), c = price(source, wild);
    double low = wild ? b : fmin(a, fmin(b, c)), high = wild ? c : fmax(a, fmax(b, c));
    return (struct candle){ts_ns, NS_PER_MIN, a, high, low, c, quantity(source, wild)};
}

static struct trade any_trade(struct source *source, int64_t ts_ns, bool wild)
{
    double qty = quantity(source, wild);
    return (struct trade){ts_ns, price(source, wild), !wild && !(qty > 0) ? 1 : qty,
                          (enum side)(any_byte(source) % 3)};
}

static struct market_quote any_quote(struct source *source, int64_t ts_ns, bool wild)
{
    double a = price(source, wild), b = price(source, wild);
    double bid = wild ? a : fmin(a, b), ask = wild ? b : fmax(a, b) * (1 + 1e-9);
    return (struct market_quote){
        ts_ns, bid, ask, (bid + ask) / 2, quantity(source, wild), quantity(source, wild)};
}

static void push(struct indicator_run *run,
                 enum indicator_feed feed,
                 struct source *source,
                 int64_t ts_ns,
                 bool wild,
                 struct market_quote *newest)
{
    struct candle candle;
    struct trade trade;
    *newest = any_quote(source, ts_ns, false);
    if (feed == FEED_CANDLE) {
        candle = any_candle(source, ts_ns, wild);
        indicator_run_candles(run, &candle, 1);
    } else if (feed == FEED_TRADE) {
        trade = any_trade(source, ts_ns, wild);
        indicator_run_trades(run, &trade, 1);
    } else if (feed == FEED_QUOTE) {
        *newest = any_quote(source, ts_ns, wild);
        indicator_run_quotes(run, newest, 1);
    }
}

static void any_book(struct source *source, struct order_book *book)
{
    double top = price(source, false);
    order_book_init(book);
    book->has_snapshot = true;
    book->n_bids = 1 + any_byte(source) % 20u;
    book->n_asks = 1 + any_byte(source) % 20u;
    for (size_t i = 0; i < book->n_bids; i++)
        book->bids[i] = (struct book_level){top / (1.0 + 0.001 * (double)(i + 1)),
                                            fmin(1 + any_byte(source), 1e18)};
    for (size_t i = 0; i < book->n_asks; i++)
        book->asks[i] = (struct book_level){top * (1.0 + 0.001 * (double)i), 1 + any_byte(source)};
}

static void check(const struct indicator *indicator, double value)
{
    assert(isnan(value) || (value >= indicator->min && value <= indicator->max));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static struct order_book book;
    struct source source = {bytes, n_bytes};
    const struct indicator *indicator = indicator_at(any_byte(&source) % indicator_count());
    struct indicator_run *run;
    double options[INDICATOR_OPTIONS_MAX] = {0};
    bool wild = any_byte(&source) % 4 == 0;
    for (size_t i = 0; i < indicator_n_options(indicator); i++) {
        const struct indicator_option *option = &indicator->options[i];
        double wanted = option->min + (option->value - option->min) * any_byte(&source) / 100.0;
        options[i] = option->is_integer ? floor(wanted) : wanted;
    }
    if (indicator_run_create(indicator, options, &run) != AL_OK)
        return 0;
    any_book(&source, &book);
    struct position_features position = {any_byte(&source) % 2 == 0, any_double(&source),
                                         any_double(&source), any_byte(&source)};
    int64_t ts_ns = INT64_C(1700000000) * NS_PER_S;
    double sigma = any_byte(&source) % 5 == 0 ? NAN : fabs(price(&source, false));
    for (size_t n = 0; source.n_left > 0 && n < 5000; n++) {
        struct market_quote quote;
        ts_ns += (int64_t)any_byte(&source) * NS_PER_S;
        push(run, indicator->feed, &source, ts_ns, wild, &quote);
        struct feature_moment moment = {ts_ns, sigma, n % 5 == 4 ? NULL : &quote, &book, &position};
        double value = indicator_run_value(run, &moment), again = indicator_run_value(run, &moment);
        assert(memcmp(&value, &again, sizeof(value)) == 0 || (isnan(value) && isnan(again)));
        check(indicator, value);
    }
    indicator_run_destroy(run);
    return 0;
}
