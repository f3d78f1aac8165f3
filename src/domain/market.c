/* Reading market data. Gateways wrap the exchange's frames in different ways, so a message is first unwrapped: every level
 * on the way in may name the topic, the symbol, the time, the trace and whether it is a delta; the innermost word wins.
 * What is left is the payload, an object or an array, which one function a kind reads.
 */
#include "alphaloop/domain/market.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "field_i.h"

#define WRAPPERS_MAX 4

const char *market_kind_name(enum market_kind kind)
{
    static const char *const names[MARKET_KIND_COUNT] = {"ticker", "orderbook", "kline", "trades"};
    assert((unsigned)kind < MARKET_KIND_COUNT);
    return names[kind];
}

struct reading {
    struct json_node *payload; /* object or array */
    struct slice topic;        /* empty when none */
    struct slice type;         /* what names a snapshot or delta; empty when nothing does */
    struct json_node *symbol, *trace;
    struct market_event *event;
    struct order_event_refusal *refusal;
};

/* ---- time ---- */

/* A whole number of s, ms, us or ns since 1970; the ranges do not meet between 1973 and 5138. */
static bool time_from_whole(int64_t value, int64_t *ts_ns)
{
    static const struct {
        int64_t below, ns;
    } units[] = {
        {100000000000LL, NS_PER_S},
        {100000000000000LL, NS_PER_MS},
        {100000000000000000LL, NS_PER_US},
    };
    if (value <= 0)
        return false;
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (value < units[i].below)
            return !__builtin_mul_overflow(value, units[i].ns, ts_ns);
    }
    *ts_ns = value;
    return true;
}

static bool time_from_text(struct slice text, int64_t *ts_ns)
{
    struct decimal seconds;
    char digits[20] = {0};
    bool is_whole = text.len > 0 && text.len < sizeof digits;
    for (size_t i = 0; i < text.len && is_whole; i++)
        is_whole = text.ptr[i] >= '0' && text.ptr[i] <= '9';
    if (is_whole) {
        memcpy(digits, text.ptr, text.len);
        return time_from_whole(strtoll(digits, NULL, 10), ts_ns);
    }
    if (timestamp_parse(text, ts_ns) == AL_OK)
        return true;
    if (decimal_parse(text, &seconds) != AL_OK || decimal_sign(seconds) <= 0)
        return false;
    return decimal_cmp(seconds, decimal_from_int(9000000000LL)) < 0 &&
           (*ts_ns = (int64_t)(seconds.units * 10), true);
}

/* *ts_ns is only touched by a time after 1970. */
static bool read_time(struct json_node *node, int64_t *ts_ns)
{
    int64_t read_ns = 0;
    bool is_text = json_is_string(node) || json_is_number(node);
    if (!is_text || !time_from_text(json_text(node), &read_ns) || read_ns <= 0)
        return false;
    *ts_ns = read_ns;
    return true;
}

/* ---- unwrapping ---- */

static void note_text(struct json_node *level, const char *name, struct slice *out)
{
    struct json_node *node = json_get(level, name);
    if (json_is_string(node))
        *out = json_text(node);
}

static bool says_what_it_is(struct slice text)
{
    return (text.len >= 5 &&
            slice_is_nocase((struct slice){text.ptr + text.len - 5, 5}, "delta")) ||
           (text.len >= 8 &&
            slice_is_nocase((struct slice){text.ptr + text.len - 8, 8}, "snapshot"));
}

static void note_type(struct json_node *level, struct slice *out)
{
    static const char *const names[] = {"event_type", "type", NULL};
    for (size_t i = 0; names[i] != NULL; i++) {
        struct slice text = {"", 0};
        note_text(level, names[i], &text);
        if (says_what_it_is(text))
            *out = text;
    }
}

static void note_level(struct reading *r, struct json_node *level)
{
    static const char *const symbols[] = {"symbol", "s", NULL};
    static const char *const times[] = {"timestamp", "ts", "time", NULL};
    struct json_node *symbol = field_first(level, symbols, NULL);
    struct json_node *trace = json_get(level, "trace_id");
    note_text(level, "topic", &r->topic);
    note_type(level, &r->type);
    if (symbol != NULL)
        r->symbol = symbol;
    if (trace != NULL)
        r->trace = trace;
    for (size_t i = 0; times[i] != NULL; i++) {
        if (read_time(json_get(level, times[i]), &r->event->ts_event_ns))
            break;
    }
}

static void unwrap(struct reading *r, struct json_node *root)
{
    static const char *const wrappers[] = {"payload", "data", NULL};
    r->payload = root;
    for (int i = 0; i < WRAPPERS_MAX && json_is_object(r->payload); i++) {
        struct json_node *inner = field_first(r->payload, wrappers, NULL);
        note_level(r, r->payload);
        if (!json_is_object(inner) && !json_is_array(inner))
            return;
        r->payload = inner;
    }
    if (json_is_array(r->payload))
        note_level(r, json_at(r->payload, 0));
}

/* Part `index` of "kline.5.BTCUSDT"; the last one for SIZE_MAX. Empty when there is none. */
static struct slice topic_part(struct slice topic, size_t index)
{
    size_t start = 0;
    for (size_t i = 0, part = 0; i <= topic.len; i++) {
        if (i < topic.len && topic.ptr[i] != '.')
            continue;
        if (part == index || (index == SIZE_MAX && i == topic.len))
            return (struct slice){topic.ptr + start, i - start};
        part++;
        start = i + 1;
    }
    return (struct slice){"", 0};
}

static bool read_asset(struct reading *r)
{
    struct slice text =
        json_is_string(r->symbol) ? json_text(r->symbol) : topic_part(r->topic, SIZE_MAX);
    if (r->symbol != NULL && !json_is_string(r->symbol))
        text = (struct slice){"", 0};
    return asset_parse(text, &r->event->asset) ||
           refuse_field(r->refusal, REASON_field_invalid, "symbol",
                        "3 to 20 of A-Z0-9, here or at the end of topic", r->symbol);
}

/* The objects of the payload: itself, or each of its array. */
static size_t count_items(const struct reading *r)
{
    return json_is_array(r->payload) ? json_length(r->payload) : 1;
}

static struct json_node *first_item(const struct reading *r)
{
    return json_is_array(r->payload) ? json_at(r->payload, 0) : r->payload;
}

/* As often as there are items. */
static struct json_node *next_item(const struct reading *r, struct json_cursor *items)
{
    if (!json_is_array(r->payload))
        return r->payload;
    return json_walk(r->payload, items) ? items->value : NULL;
}

static struct json_cursor items_after(const struct reading *r, size_t n_skipped)
{
    struct json_cursor items = {0};
    while (n_skipped-- > 0)
        next_item(r, &items);
    return items;
}

/* ---- numbers ---- */

enum wanted { ABOVE_0, NOT_BELOW_0 };

static bool is_wanted(double value, enum wanted wanted)
{
    return wanted == ABOVE_0 ? value > 0 : value >= 0;
}

static bool refuse_number(struct reading *r,
                          const char *name,
                          enum wanted wanted,
                          struct json_node *node)
{
    const char *expected =
        wanted == ABOVE_0 ? "a finite number above 0" : "a finite number not below 0";
    return refuse_field(r->refusal, REASON_field_invalid, name, expected, node);
}

/* The first of `names` that is there. Absent: false, with the field named. */
static bool read_number(struct reading *r,
                        struct json_node *item,
                        const char *const *names,
                        enum wanted wanted,
                        double *out)
{
    const char *found = names[0];
    struct json_node *node = field_first(item, names, &found);
    return (field_number(node, out) && is_wanted(*out, wanted)) ||
           refuse_number(r, found, wanted, node);
}

/* Absent, or empty text: NaN. */
static bool read_optional(struct reading *r,
                          struct json_node *item,
                          const char *const *names,
                          enum wanted wanted,
                          double *out)
{
    struct json_node *node = field_first(item, names, NULL);
    *out = NAN;
    if (node == NULL || (json_is_string(node) && json_text(node).len == 0))
        return true;
    return read_number(r, item, names, wanted, out);
}

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

/* ---- ticker ---- */

static bool read_ticker(struct reading *r)
{
    struct json_node *item = first_item(r);
    struct ticker_update *ticker = &r->event->ticker;
    if (!json_is_object(item))
        return refuse_field(r->refusal, REASON_field_invalid, "payload", "an object", item);
    return read_optional(r, item, NAMES("lastPrice", "price", "c"), ABOVE_0, &ticker->last_price) &&
           read_optional(r, item, NAMES("volume24h", "volume_24h", "v"), NOT_BELOW_0,
                         &ticker->volume_24h) &&
           read_optional(r, item, NAMES("bid1Price"), ABOVE_0, &ticker->bid_price) &&
           read_optional(r, item, NAMES("ask1Price"), ABOVE_0, &ticker->ask_price) &&
           read_optional(r, item, NAMES("bid1Size"), NOT_BELOW_0, &ticker->bid_qty) &&
           read_optional(r, item, NAMES("ask1Size"), NOT_BELOW_0, &ticker->ask_qty);
}

/* ---- order book ---- */

static bool read_level(struct json_node *node, struct book_level *level)
{
    bool is_pair = json_is_array(node);
    struct json_node *price = is_pair ? json_at(node, 0) : json_get(node, "price");
    struct json_node *qty = is_pair ? json_at(node, 1) : json_get(node, "size");
    return field_number(price, &level->price) && level->price > 0 &&
           field_number(qty, &level->qty) && level->qty >= 0;
}

/* Levels past BOOK_DEPTH_MAX are left out: exchanges send the best first. */
static bool read_levels(struct reading *r,
                        const char *const *names,
                        struct book_level *levels,
                        size_t *n_levels)
{
    const char *found = names[0];
    struct json_node *list = field_first(first_item(r), names, &found);
    *n_levels = 0;
    if (list != NULL && !json_is_array(list))
        return refuse_field(r->refusal, REASON_field_invalid, found, "an array of levels", list);
    for (struct json_cursor level = {0}; *n_levels < BOOK_DEPTH_MAX && json_walk(list, &level);
         ++*n_levels) {
        if (!read_level(level.value, &levels[*n_levels])) {
            char path[64];
            snprintf(path, sizeof path, "%s[%zu]", found, *n_levels);
            return refuse_field(r->refusal, REASON_field_invalid, path,
                                "price above 0 and size not below 0", level.value);
        }
    }
    return true;
}

static bool has_zero(const struct book_level *levels, size_t n_levels)
{
    for (size_t i = 0; i < n_levels; i++) {
        if (levels[i].qty == 0)
            return true;
    }
    return false;
}

/* See the door: what a book is when nobody says so. */
static bool guess_delta(const struct reading *r)
{
    const struct market_event *event = r->event;
    struct json_node *update = json_get(first_item(r), "u");
    struct slice depth_text = topic_part(r->topic, 1);
    struct decimal depth;
    int64_t update_id;
    if (event->book.n_bids == 0 || event->book.n_asks == 0 ||
        has_zero(event->book.bids, event->book.n_bids) ||
        has_zero(event->book.asks, event->book.n_asks))
        return true;
    if (json_i64(update, &update_id) != AL_OK || update_id == 1 ||
        decimal_parse(depth_text, &depth) != AL_OK)
        return false;
    size_t n_widest =
        event->book.n_bids > event->book.n_asks ? event->book.n_bids : event->book.n_asks;
    return n_widest < BOOK_DEPTH_MAX && decimal_cmp(decimal_from_int((int64_t)n_widest), depth) < 0;
}

static bool read_book(struct reading *r)
{
    struct market_event *event = r->event;
    if (!json_is_object(first_item(r)))
        return refuse_field(r->refusal, REASON_field_invalid, "payload", "an object",
                            first_item(r));
    if (!read_levels(r, NAMES("bids", "b"), event->book.bids, &event->book.n_bids) ||
        !read_levels(r, NAMES("asks", "a"), event->book.asks, &event->book.n_asks))
        return false;
    if (field_first(first_item(r), NAMES("bids", "b", "asks", "a"), NULL) == NULL)
        return refuse_field(r->refusal, REASON_field_missing, "bids", "bids or asks", NULL);
    struct slice tail = {r->type.ptr + (r->type.len > 5 ? r->type.len - 5 : 0),
                         r->type.len > 5 ? 5 : r->type.len};
    event->book.is_delta = r->type.len > 0 ? slice_is_nocase(tail, "delta") : guess_delta(r);
    return true;
}

/* ---- kline ---- */

int64_t candle_interval_parse(struct slice text)
{
    static const struct {
        char unit;
        int64_t ns;
    } units[] = {
        {'s', NS_PER_S},   {'m', NS_PER_MIN}, {'h', NS_PER_H},       {'H', NS_PER_H},
        {'d', NS_PER_DAY}, {'D', NS_PER_DAY}, {'w', 7 * NS_PER_DAY}, {'W', 7 * NS_PER_DAY},
    };
    int64_t count = 0, unit_ns = NS_PER_MIN;
    size_t at = 0;
    for (; at < text.len && at < 6 && text.ptr[at] >= '0' && text.ptr[at] <= '9'; at++)
        count = count * 10 + (text.ptr[at] - '0');
    if (at == 0)
        count = 1;
    if (at == text.len)
        return at == 0 ? 0 : count * unit_ns;
    unit_ns = 0;
    for (size_t i = 0; i < COUNT_OF(units) && at + 1 == text.len; i++) {
        if (text.ptr[at] == units[i].unit)
            unit_ns = units[i].ns;
    }
    return count <= 366 || unit_ns <= NS_PER_MIN ? count * unit_ns : 0;
}

void candle_interval_format(int64_t interval_ns, char out[CANDLE_INTERVAL_TEXT_MAX])
{
    static const struct {
        char letter;
        int64_t ns;
    } units[] = {{'d', NS_PER_DAY}, {'h', NS_PER_H}, {'m', NS_PER_MIN}, {'s', NS_PER_S}};
    size_t i = 0;
    while (i + 1 < COUNT_OF(units) && interval_ns % units[i].ns != 0)
        i++;
    snprintf(out, CANDLE_INTERVAL_TEXT_MAX, "%lld%c", (long long)(interval_ns / units[i].ns),
             units[i].letter);
}

static bool read_interval(struct reading *r, struct json_node *item, int64_t *out)
{
    struct json_node *node = json_get(item, "interval");
    struct slice text = node == NULL ? topic_part(r->topic, 1) : json_text(node);
    *out = candle_interval_parse(text);
    return *out > 0 || refuse_field(r->refusal, REASON_field_invalid, "interval",
                                    "minutes, or like 1m, 4h, D", node);
}

static bool read_candle(struct reading *r, struct json_node *item, struct kline *out)
{
    struct candle *candle = &out->candle;
    struct json_node *start = field_first(item, NAMES("start", "t"), NULL);
    if (!json_is_object(item))
        return refuse_field(r->refusal, REASON_field_invalid, "payload", "an object", item);
    if (!read_time(start, &candle->ts_open_ns))
        return refuse_field(r->refusal, REASON_field_invalid, "start", "a time", start);
    out->confirmed = json_is_true(json_get(item, "confirm"));
    if (!read_number(r, item, NAMES("open", "o"), ABOVE_0, &candle->open) ||
        !read_number(r, item, NAMES("high", "h"), ABOVE_0, &candle->high) ||
        !read_number(r, item, NAMES("low", "l"), ABOVE_0, &candle->low) ||
        !read_number(r, item, NAMES("close", "c"), ABOVE_0, &candle->close) ||
        !read_number(r, item, NAMES("volume", "v"), NOT_BELOW_0, &candle->volume))
        return false;
    if (fmax(candle->open, candle->close) > candle->high ||
        fmin(candle->open, candle->close) < candle->low)
        return refuse_field(r->refusal, REASON_field_invalid, "high",
                            "high and low around open and close",
                            field_first(item, NAMES("high", "h"), NULL));
    return read_interval(r, item, &candle->interval_ns);
}

static bool read_kline(struct reading *r)
{
    struct market_event *event = r->event;
    struct kline newest = {0};
    size_t n_items = count_items(r);
    size_t first = n_items > MARKET_EARLIER_MAX + 1 ? n_items - MARKET_EARLIER_MAX - 1 : 0;
    if (n_items == 0)
        return refuse_field(r->refusal, REASON_field_missing, "payload", "at least one candle",
                            NULL);
    struct json_cursor items = items_after(r, first);
    for (size_t i = first; i + 1 < n_items; i++) {
        if (!read_candle(r, next_item(r, &items), &event->kline.earlier[event->kline.n_earlier++]))
            return false;
    }
    if (!read_candle(r, next_item(r, &items), &newest))
        return false;
    event->kline.candle = newest.candle;
    event->kline.confirmed = newest.confirmed;
    return true;
}

/* ---- trades ---- */

static bool read_trade(struct reading *r, struct json_node *item, struct trade *trade)
{
    struct json_node *time = field_first(item, NAMES("T", "timestamp", "ts", "time"), NULL);
    struct json_node *side = field_first(item, NAMES("S", "side"), NULL);
    if (!json_is_object(item))
        return refuse_field(r->refusal, REASON_field_invalid, "payload", "an object", item);
    trade->ts_event_ns = r->event->ts_event_ns;
    if (time != NULL && !read_time(time, &trade->ts_event_ns))
        return refuse_field(r->refusal, REASON_field_invalid, "T", "a time in ms", time);
    trade->side = SIDE_NONE;
    if (json_is_string(side) && !side_parse(json_text(side), &trade->side))
        trade->side = SIDE_NONE;
    return read_number(r, item, NAMES("p", "price"), ABOVE_0, &trade->price) &&
           read_number(r, item, NAMES("v", "size", "qty", "quantity"), NOT_BELOW_0, &trade->qty);
}

/* The newest MARKET_TRADES_MAX; a message happened when its last trade did. */
static bool read_trades(struct reading *r)
{
    struct market_event *event = r->event;
    size_t n_items = count_items(r);
    int64_t newest_ns = TIMESTAMP_NONE;
    if (n_items == 0)
        return refuse_field(r->refusal, REASON_field_missing, "payload", "at least one trade",
                            NULL);
    event->trades.n_dropped = n_items > MARKET_TRADES_MAX ? n_items - MARKET_TRADES_MAX : 0;
    struct json_cursor items = items_after(r, event->trades.n_dropped);
    for (size_t i = event->trades.n_dropped; i < n_items; i++) {
        struct trade *trade = &event->trades.trades[event->trades.n_trades];
        if (!read_trade(r, next_item(r, &items), trade))
            return false;
        event->trades.n_trades++;
        newest_ns = trade->ts_event_ns > newest_ns ? trade->ts_event_ns : newest_ns;
    }
    event->ts_event_ns = newest_ns;
    return true;
}

/* ---- the whole ---- */

static bool (*const readers[MARKET_KIND_COUNT])(struct reading *r) = {
    [MARKET_TICKER] = read_ticker,
    [MARKET_BOOK] = read_book,
    [MARKET_KLINE] = read_kline,
    [MARKET_TRADES] = read_trades,
};

bool market_event_parse(struct json_reader *reader,
                        enum market_kind kind,
                        struct slice body,
                        int64_t ts_recv_ns,
                        struct market_event *event,
                        struct order_event_refusal *refusal)
{
    struct reading r = {.topic = {"", 0}, .type = {"", 0}, .event = event, .refusal = refusal};
    struct json_node *root;
    memset(event, 0, sizeof *event);
    memset(refusal, 0, sizeof *refusal);
    event->kind = kind;
    event->ts_event_ns = ts_recv_ns;
    event->ts_recv_ns = ts_recv_ns;
    if (!document_read(reader, body, &root, refusal))
        return false;
    bool done = json_is_object(root) || json_is_array(root);
    if (!done)
        refuse_field(refusal, REASON_not_json, "", "one JSON object", root);
    else
        unwrap(&r, root);
    done = done && read_asset(&r) && readers[kind](&r);
    if (done)
        field_trace(r.trace, (struct slice){"", 0}, &event->trace_id);
    json_put(root);
    return done;
}
