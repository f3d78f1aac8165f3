/* Reading order events. The fields that make an execution are read by one function each, listed in `strict_fields` in the
 * contract's order; the first that refuses decides. Context is read afterwards and can only be dropped.
 *
 * The two shapes differ in where a field lives and in three names (struct shape); nothing else knows which one it is.
 */
#include "alphaloop/domain/order_event.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "field_i.h"

static const char *const type_names[ORDER_EVENT_TYPE_COUNT] = {
#define ORDER_EVENT(name, ends_order) #name,
#include "alphaloop/tbl/order_events.def"
#undef ORDER_EVENT
};

const char *order_event_type_name(enum order_event_type type)
{
    assert((unsigned)type < ORDER_EVENT_TYPE_COUNT);
    return type_names[type];
}

const char *const time_source_names[TIME_SOURCE_COUNT] = {
    [TIME_EXECUTED_AT] = "executed_at",
    [TIME_UPDATED_AT] = "updated_at",
    [TIME_EVENT] = "timestamp",
    [TIME_RECEIPT] = "receipt",
};

struct shape {
    const char *prefix; /* of the paths of what lives in the order */
    const char *quantity, *price, *fees;
};
static const struct shape nested_shape = {"order.", "filled_quantity", "average_price", "fees"};
static const struct shape flat_shape = {"", "execution_quantity", "execution_price",
                                        "execution_fees"};

struct reading {
    const struct shape *shape;
    struct json_node *root, *order; /* the same in the flat shape */
    struct order_event *event;
    struct order_event_refusal *refusal;
};

/* ---- strict fields ---- */

static bool refuse_order_field(struct reading *r,
                               enum reason reason,
                               const char *name,
                               const char *expected)
{
    char path[64];
    snprintf(path, sizeof path, "%s%s", r->shape->prefix, name);
    return refuse_field(r->refusal, reason, path, expected, json_get(r->order, name));
}

/* The text of a member; an empty slice when it is not a string, which no reader accepts. */
static struct slice text_of(struct json_node *object, const char *name)
{
    struct json_node *node = json_get(object, name);
    return json_is_string(node) ? json_text(node) : (struct slice){"", 0};
}

static bool read_event_id(struct reading *r)
{
    struct json_node *node = json_get(r->root, "event_id");
    if (node == NULL && r->event->flat)
        return true; /* derived when everything else is known */
    if (uuid_parse(text_of(r->root, "event_id"), &r->event->event_id) != AL_OK)
        return refuse_field(r->refusal, REASON_field_invalid, "event_id", "a UUID as text", node);
    return true;
}

static bool read_type(struct reading *r)
{
    struct json_node *node = json_get(r->root, "event_type");
    struct slice text = text_of(r->root, "event_type");
    if (node == NULL && r->event->flat) {
        r->event->type = ORDER_EVENT_filled;
        return true;
    }
    for (unsigned i = 0; i < ORDER_EVENT_TYPE_COUNT; i++) {
        if (slice_is_nocase(text, type_names[i])) {
            r->event->type = (enum order_event_type)i;
            return true;
        }
    }
    enum reason reason = json_is_string(node) ? REASON_unknown_event_type : REASON_field_invalid;
    return refuse_field(
        r->refusal, reason, "event_type",
        "filled, partially_filled, cancelled, rejected, created, modified or pending", node);
}

static bool read_order_id(struct reading *r)
{
    return order_id_parse(text_of(r->order, "order_id"), &r->event->order_id) ||
           refuse_order_field(r, REASON_field_invalid, "order_id",
                              "1 to 128 bytes of text without control characters");
}

static bool read_signal_id(struct reading *r)
{
    return uuid_parse(text_of(r->order, "signal_id"), &r->event->signal_id) == AL_OK ||
           refuse_order_field(r, REASON_field_invalid, "signal_id", "a UUID as text");
}

static bool read_asset(struct reading *r)
{
    return asset_parse(text_of(r->order, "asset"), &r->event->asset) ||
           refuse_order_field(r, REASON_field_invalid, "asset", "3 to 20 of A-Z0-9");
}

static bool read_side(struct reading *r)
{
    return side_parse(text_of(r->order, "side"), &r->event->side) ||
           refuse_order_field(r, REASON_field_invalid, "side", "buy or sell");
}

static bool read_decimal(struct reading *r, const char *name, struct decimal *out)
{
    struct json_node *node = json_get(r->order, name);
    if (!json_is_string(node) && !json_is_number(node))
        return refuse_order_field(r, REASON_field_invalid, name,
                                  "a decimal number, as text or number");
    switch (decimal_parse(json_text(node), out)) {
    case AL_OK:
        return true;
    case AL_ERANGE:
        return refuse_order_field(r, REASON_field_invalid, name, "at most 12 integer digits");
    default:
        return refuse_order_field(r, REASON_field_invalid, name,
                                  "a finite decimal number without blanks");
    }
}

static bool read_quantity(struct reading *r)
{
    const char *name = r->shape->quantity;
    if (!read_decimal(r, name, &r->event->filled_quantity))
        return false;
    int sign = decimal_sign(r->event->filled_quantity);
    bool is_fill =
        r->event->type == ORDER_EVENT_filled || r->event->type == ORDER_EVENT_partially_filled;
    if (sign < 0)
        return refuse_order_field(r, REASON_field_invalid, name, "a quantity not below 0");
    if (sign == 0 && is_fill)
        return refuse_order_field(r, REASON_fill_without_quantity, name,
                                  "a quantity above 0 in a fill");
    return true;
}

/* Without a filled quantity a price means nothing: a bad one is context. */
static bool read_unused_price(struct reading *r)
{
    struct json_node *node = json_get(r->order, r->shape->price);
    struct decimal ignored;
    bool is_text = json_is_string(node) || json_is_number(node);
    if (node != NULL && (!is_text || decimal_parse(json_text(node), &ignored) != AL_OK))
        r->event->n_context_dropped++;
    r->event->average_price = DECIMAL_ZERO;
    return true;
}

static bool read_price(struct reading *r)
{
    const char *name = r->shape->price;
    if (decimal_sign(r->event->filled_quantity) == 0)
        return read_unused_price(r);
    if (json_get(r->order, name) == NULL)
        return refuse_order_field(r, REASON_fill_without_price, name,
                                  "the price of the filled quantity");
    if (!read_decimal(r, name, &r->event->average_price))
        return false;
    int sign = decimal_sign(r->event->average_price);
    if (sign < 0)
        return refuse_order_field(r, REASON_field_invalid, name, "a price above 0");
    return sign > 0 || refuse_order_field(r, REASON_fill_without_price, name, "a price above 0");
}

static bool read_fees(struct reading *r)
{
    r->event->fees = DECIMAL_ZERO;
    return json_get(r->order, r->shape->fees) == NULL ||
           read_decimal(r, r->shape->fees, &r->event->fees);
}

/* A time that may be missing or bad: then the next source is asked. */
static bool context_time(struct reading *r,
                         struct json_node *object,
                         const char *name,
                         int64_t *out)
{
    struct json_node *node = json_get(object, name);
    int64_t ts_ns;
    if (node == NULL)
        return false;
    if (!json_is_string(node) || timestamp_parse(json_text(node), &ts_ns) != AL_OK ||
        ts_ns > r->event->ts_recv_ns + FUTURE_MAX_NS) {
        r->event->n_context_dropped++;
        return false;
    }
    *out = ts_ns;
    return true;
}

static bool read_executed_at(struct reading *r)
{
    struct order_event *event = r->event;
    if (json_get(r->order, "executed_at") != NULL) {
        event->executed_at_source = TIME_EXECUTED_AT;
        if (timestamp_parse(text_of(r->order, "executed_at"), &event->executed_at_ns) != AL_OK)
            return refuse_order_field(r, REASON_field_invalid, "executed_at",
                                      "a time like 2026-01-31T09:30:00.123456Z");
        return event->executed_at_ns <= event->ts_recv_ns + FUTURE_MAX_NS ||
               refuse_order_field(r, REASON_time_in_future, "executed_at",
                                  "a time at most 300 s ahead");
    }
    if (context_time(r, r->order, "updated_at", &event->executed_at_ns)) {
        event->executed_at_source = TIME_UPDATED_AT;
    } else if (context_time(r, r->root, "timestamp", &event->executed_at_ns)) {
        event->executed_at_source = TIME_EVENT;
    } else {
        event->executed_at_ns = event->ts_recv_ns;
        event->executed_at_source = TIME_RECEIPT;
    }
    return true;
}

/* A repeat of the same content gives the same id, whatever its layout, trace or time of receipt. Order ids hold no
 * control characters, so the line feeds keep the parts apart. */
static bool derive_event_id(struct reading *r)
{
    const struct order_event *event = r->event;
    char signal_id[UUID_TEXT_MAX], quantity[DECIMAL_TEXT_MAX], price[DECIMAL_TEXT_MAX],
        fees[DECIMAL_TEXT_MAX];
    struct buf content = BUF_INIT(1024);
    if (!event->flat || json_get(r->root, "event_id") != NULL)
        return true;
    uuid_format(event->signal_id, signal_id);
    decimal_format(event->filled_quantity, quantity);
    decimal_format(event->average_price, price);
    decimal_format(event->fees, fees);
    int64_t at_ns =
        event->executed_at_source == TIME_RECEIPT ? TIMESTAMP_NONE : event->executed_at_ns;
    buf_printf(&content, "order_event\n%s\n%s\n%s\n%s\n%s\n%s\n%s\n%s\n%lld",
               type_names[event->type], event->order_id.text, signal_id, event->asset.text,
               side_name(event->side), quantity, price, fees, (long long)at_ns);
    assert(buf_ok(&content));
    r->event->event_id = uuid_derive(buf_slice(&content));
    buf_deinit(&content);
    return true;
}

static bool (*const strict_fields[])(struct reading *r) = {
    read_event_id, read_type,  read_order_id, read_signal_id,   read_asset,      read_side,
    read_quantity, read_price, read_fees,     read_executed_at, derive_event_id,
};

/* ---- context ---- */

/* A number not below `min`, or NaN; bad ones are counted. */
static double context_number(
    struct reading *r, struct json_node *object, const char *name, double min, bool open)
{
    struct json_node *node = json_get(object, name);
    double value;
    if (node == NULL)
        return NAN;
    if (field_number(node, &value) && (open ? value > min : value >= min))
        return value;
    r->event->n_context_dropped++;
    return NAN;
}

/* An object, or NULL; something else is counted. */
static struct json_node *context_object(struct reading *r, const char *name)
{
    struct json_node *node = json_get(r->root, name);
    if (node == NULL || json_is_object(node))
        return node;
    r->event->n_context_dropped++;
    return NULL;
}

static void read_market_conditions(struct reading *r)
{
    struct json_node *market = context_object(r, "market_conditions");
    r->event->market.price = context_number(r, market, "price", 0, true);
    r->event->market.spread = context_number(r, market, "spread", 0, false);
    r->event->market.volume_24h = context_number(r, market, "volume_24h", 0, false);
    r->event->market.volatility = context_number(r, market, "volatility", 0, false);
}

static void read_claims(struct reading *r)
{
    struct order_event *event = r->event;
    struct json_node *signal = event->flat ? r->root : context_object(r, "signal");
    struct json_node *strategy = json_get(signal, "strategy_id");
    if (strategy != NULL &&
        !strategy_id_parse(text_of(signal, "strategy_id"), &event->claimed_strategy_id))
        event->n_context_dropped++;
    event->claimed_signal_price =
        context_number(r, signal, event->flat ? "signal_price" : "price", 0, true);
    event->claimed_signal_ts_ns = TIMESTAMP_NONE;
    context_time(r, signal, event->flat ? "signal_timestamp" : "timestamp",
                 &event->claimed_signal_ts_ns);
}

static void read_dry_run(struct reading *r)
{
    struct json_node *node = json_get(r->order, "is_dry_run");
    r->event->is_dry_run = json_is_true(node);
    if (node != NULL && !json_is_bool(node))
        r->event->n_context_dropped++;
}

static void read_context(struct reading *r, struct slice header_trace)
{
    struct order_event *event = r->event;
    struct json_node *rejection = json_get(r->root, "rejection_reason");
    event->n_context_dropped +=
        field_trace(json_get(r->root, "trace_id"), header_trace, &event->trace_id);
    read_market_conditions(r);
    read_claims(r);
    read_dry_run(r);
    event->performance = context_object(r, "performance");
    context_object(r, "execution_details");
    context_object(r, "modification");
    event->rejection_reason = text_of(r->root, "rejection_reason");
    if (rejection != NULL && !json_is_string(rejection))
        event->n_context_dropped++;
}

/* ---- the whole ---- */

static bool find_shape(struct reading *r)
{
    struct json_node *order = json_get(r->root, "order");
    bool has_flat_parts =
        json_get(r->root, "order_id") != NULL || json_get(r->root, "execution_quantity") != NULL;
    bool is_nested = order != NULL || (json_get(r->root, "event_type") != NULL && !has_flat_parts);
    r->event->flat = !is_nested;
    r->shape = is_nested ? &nested_shape : &flat_shape;
    r->order = is_nested ? order : r->root;
    return true;
}

/* The order itself comes after event_id and event_type, as in the contract. */
static bool read_strict(struct reading *r)
{
    for (size_t i = 0; i < COUNT_OF(strict_fields); i++) {
        if (strict_fields[i] == read_order_id && !json_is_object(r->order))
            return refuse_field(r->refusal, REASON_field_invalid, "order", "an object", r->order);
        if (!strict_fields[i](r))
            return false;
    }
    return true;
}

bool order_event_parse(struct json_reader *reader,
                       struct slice body,
                       struct slice header_trace,
                       int64_t ts_recv_ns,
                       struct order_event *event,
                       struct json_node **doc,
                       struct order_event_refusal *refusal)
{
    struct reading r = {.event = event, .refusal = refusal};
    memset(event, 0, sizeof *event);
    memset(refusal, 0, sizeof *refusal);
    *doc = NULL;
    event->ts_recv_ns = ts_recv_ns;
    if (!document_read(reader, body, &r.root, refusal))
        return false;
    bool done = json_is_object(r.root);
    if (!done)
        refuse_field(refusal, REASON_not_json, "", "one JSON object", r.root);
    if (!done || !find_shape(&r) || !read_strict(&r)) {
        json_put(r.root);
        return false;
    }
    read_context(&r, header_trace);
    *doc = r.root;
    return true;
}
