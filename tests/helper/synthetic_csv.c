/* A synthetic market as a file: synthetic_csv KIND SEED EDGE HOURS HALF_SPREAD_BPS > FILE. KIND is quotes, trades or candles
 * (of a minute); one asset, one step a second. EDGE is a number, or says when the market changes its mind: 3,-3@8,3@16.5 is an edge
 * of 3 that turns round after 8 hours and back after 16.5. Whoever reads the file knows what there is to be learned from it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/market/synthetic.h"

static void print_quote(const struct market_event *event)
{
    printf("%lld,%.8f,%.8f,%.8f,%.8f\n", event->ts_event_ns / NS_PER_MS, event->book.bids[0].price,
           event->book.asks[0].price, event->book.bids[0].qty, event->book.asks[0].qty);
}

static void print_trades(const struct market_event *event)
{
    for (size_t i = 0; i < event->trades.n_trades; i++) {
        const struct trade *trade = &event->trades.trades[i];
        printf("%lld,%.8f,%.8f,%s\n", trade->ts_event_ns / NS_PER_MS, trade->price, trade->qty,
               side_name(trade->side));
    }
}

static void print_candle(const struct market_event *event)
{
    const struct candle *c = &event->kline.candle;
    printf("%lld,%.8f,%.8f,%.8f,%.8f,%.8f\n", c->ts_open_ns / NS_PER_MS, c->open, c->high, c->low,
           c->close, c->volume);
}

static const struct kind {
    const char *name, *header;
    enum market_kind of;
    void (*print)(const struct market_event *event);
} kinds[] = {
    {"quotes", "ts_ms,bid,ask,bid_qty,ask_qty", MARKET_BOOK, print_quote},
    {"trades", "ts_ms,price,qty,side", MARKET_TRADES, print_trades},
    {"candles", "ts_ms,open,high,low,close,volume", MARKET_KLINE, print_candle},
};

static void on_event(void *ctx, const struct market_event *event)
{
    const struct kind *kind = ctx;
    if (event->kind == kind->of)
        kind->print(event);
}

/* The next change of EDGE's text, at its hour; false: there is none. */
static bool next_change(char **text, double *edge, double *hour)
{
    if (**text != ',')
        return false;
    *edge = strtod(*text + 1, text);
    if (**text != '@')
        return false;
    *hour = strtod(*text + 1, text);
    return true;
}

int main(int argc, char **argv)
{
    struct synthetic_options options;
    struct synthetic *market;
    size_t k = 0;
    if (argc != 6)
        return 2;
    while (k < COUNT_OF(kinds) && strcmp(kinds[k].name, argv[1]) != 0)
        k++;
    if (k == COUNT_OF(kinds))
        return 2;
    synthetic_options_default(&options);
    options.n_assets = 1;
    options.seed = strtoull(argv[2], NULL, 10);
    char *changes;
    options.edge = strtod(argv[3], &changes);
    options.half_spread_bps = strtod(argv[5], NULL);
    if (synthetic_create(&options, &market) != AL_OK)
        return 1;
    puts(kinds[k].header);
    double edge = 0, hour = 0, end_s = strtod(argv[4], NULL) * 3600;
    bool changes_again = next_change(&changes, &edge, &hour);
    for (double at_s = 0; at_s < end_s; at_s++) {
        while (changes_again && at_s >= 3600 * hour) {
            synthetic_set_edge(market, edge);
            changes_again = next_change(&changes, &edge, &hour);
        }
        synthetic_step(market, on_event, (void *)(uintptr_t)&kinds[k]);
    }
    synthetic_destroy(market);
    return 0;
}
