/* The gateway's JSON. Numbers travel as strings, as the exchange behind the real gateway sends them. */
#include "alphaloop/market/gateway.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "alphaloop/base/uuid.h"

static const struct topic {
    const char *queue, *event_type, *prefix;
} topics[MARKET_KIND_COUNT] = {
    [MARKET_TICKER] = {"ws-gateway.ticker", "ticker", "tickers"},
    [MARKET_BOOK] = {"ws-gateway.orderbook", "orderbook", "orderbook.50"},
    [MARKET_KLINE] = {"ws-gateway.kline", "kline", "kline"},
    [MARKET_TRADES] = {"ws-gateway.trades", "trades", "publicTrade"},
};

const char *gateway_queue(enum market_kind kind)
{
    return topics[kind].queue;
}

/* At most 8 decimals without trailing zeros: what exchanges print. */
static void write_number(struct json_writer *w, double value)
{
    char text[64];
    size_t len = (size_t)snprintf(text, sizeof text, "%.8f", value);
    while (text[len - 1] == '0')
        len--;
    if (text[len - 1] == '.')
        len--;
    json_w_string(w, (struct slice){text, len});
}

static void write_member(struct json_writer *w, const char *key, double value)
{
    if (isnan(value)) /* absent from this event */
        return;
    json_w_key(w, key);
    write_number(w, value);
}

static void write_ticker(struct json_writer *w, const struct market_event *event)
{
    const struct ticker_update *t = &event->ticker;
    write_member(w, "lastPrice", t->last_price);
    write_member(w, "volume24h", t->volume_24h);
    write_member(w, "bid1Price", t->bid_price);
    write_member(w, "bid1Size", t->bid_qty);
    write_member(w, "ask1Price", t->ask_price);
    write_member(w, "ask1Size", t->ask_qty);
}

static void write_levels(struct json_writer *w,
                         const char *key,
                         const struct book_level *levels,
                         size_t n_levels)
{
    json_w_key(w, key);
    json_w_array(w);
    for (size_t i = 0; i < n_levels; i++) {
        json_w_array(w);
        write_number(w, levels[i].price);
        write_number(w, levels[i].qty);
        json_w_end_array(w);
    }
    json_w_end_array(w);
}

static void write_book(struct json_writer *w, const struct market_event *event)
{
    json_m_str(w, "type", event->book.is_delta ? "delta" : "snapshot");
    write_levels(w, "b", event->book.bids, event->book.n_bids);
    write_levels(w, "a", event->book.asks, event->book.n_asks);
}

/* "1", "5", "60": minutes; "D": a day. Shorter ones are "30s". */
static void interval_text(int64_t interval_ns, char out[24])
{
    if (interval_ns == NS_PER_DAY)
        snprintf(out, 24, "D");
    else if (interval_ns % NS_PER_MIN == 0)
        snprintf(out, 24, "%lld", (long long)(interval_ns / NS_PER_MIN));
    else
        snprintf(out, 24, "%llds", (long long)(interval_ns / NS_PER_S));
}

static void write_kline(struct json_writer *w, const struct market_event *event)
{
    const struct candle *c = &event->kline.candle;
    char interval[24];
    interval_text(c->interval_ns, interval);
    json_m_i64(w, "start", c->ts_open_ns / NS_PER_MS);
    json_m_str(w, "interval", interval);
    write_member(w, "open", c->open);
    write_member(w, "high", c->high);
    write_member(w, "low", c->low);
    write_member(w, "close", c->close);
    write_member(w, "volume", c->volume);
    json_m_bool(w, "confirm", event->kline.confirmed);
}

static void write_trades(struct json_writer *w, const struct market_event *event)
{
    for (size_t i = 0; i < event->trades.n_trades; i++) {
        const struct trade *trade = &event->trades.trades[i];
        json_w_object(w);
        json_m_i64(w, "T", trade->ts_event_ns / NS_PER_MS);
        json_m_str(w, "s", event->asset.text);
        json_m_str(w, "S",
                   trade->side == SIDE_BUY    ? "Buy"
                   : trade->side == SIDE_SELL ? "Sell"
                                              : "");
        write_member(w, "p", trade->price);
        write_member(w, "v", trade->qty);
        json_w_end_object(w);
    }
}

static void write_payload(struct json_writer *w, const struct market_event *event)
{
    static void (*const writers[MARKET_KIND_COUNT])(struct json_writer *,
                                                    const struct market_event *) = {
        [MARKET_TICKER] = write_ticker, [MARKET_BOOK] = write_book, [MARKET_KLINE] = write_kline};
    if (event->kind == MARKET_TRADES) {
        json_w_array(w);
        write_trades(w, event);
        json_w_end_array(w);
        return;
    }
    json_w_object(w);
    json_m_str(w, "symbol", event->asset.text);
    writers[event->kind](w, event);
    json_w_end_object(w);
}

/* "tickers.X", "orderbook.50.X", "kline.1.X", "publicTrade.X". */
static void write_topic(struct json_writer *w, const struct market_event *event)
{
    char topic[80], interval[24] = "";
    if (event->kind == MARKET_KLINE)
        interval_text(event->kline.candle.interval_ns, interval);
    snprintf(topic, sizeof topic, "%s%s%s.%s", topics[event->kind].prefix,
             interval[0] != '\0' ? "." : "", interval, event->asset.text);
    json_m_str(w, "topic", topic);
}

static struct uuid event_id_of(const struct market_event *event, uint64_t sequence)
{
    char text[96];
    int len =
        snprintf(text, sizeof text, "%s/%s/%" PRIu64 "/%" PRId64, topics[event->kind].event_type,
                 event->asset.text, sequence, event->ts_event_ns);
    return uuid_derive((struct slice){text, (size_t)len});
}

void gateway_write(const struct market_event *event, uint64_t sequence, struct buf *out)
{
    struct json_writer w;
    char id[UUID_TEXT_MAX];
    uuid_format(event_id_of(event, sequence), id);
    json_w_init(&w, out);
    json_w_object(&w);
    json_m_str(&w, "event_id", id);
    json_m_str(&w, "event_type", topics[event->kind].event_type);
    write_topic(&w, event);
    json_m_time(&w, "timestamp", event->ts_event_ns);
    json_m_time(&w, "received_at", event->ts_recv_ns);
    json_w_key(&w, "payload");
    write_payload(&w, event);
    json_m_str(&w, "trace_id", event->trace_id.text[0] != '\0' ? event->trace_id.text : id);
    json_w_end_object(&w);
}
