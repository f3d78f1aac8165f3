/* The exchange's JSON: trading signals in (contract section 4), order events and position updates out (3.1, 3.3). */
#include <math.h>
#include <string.h>

#include "exchange_i.h"

/* ---- signals ---- */

static enum al_err bad_field(const char *field, const char *wanted)
{
    return err_set(AL_EPARSE, "signal: %s: %s expected", field, wanted);
}

static enum al_err read_numbers(struct json_node *root, struct exchange_signal *signal)
{
    double amount;
    if (json_double(json_get(root, "amount"), &amount) != AL_OK || !(amount > 0) ||
        decimal_from_double(amount, &signal->amount) != AL_OK)
        return bad_field("amount", "a number above 0");
    if (json_double(json_get(root, "confidence"), &signal->confidence) != AL_OK ||
        signal->confidence < 0 || signal->confidence > 1)
        return bad_field("confidence", "a number in 0..1");
    if (json_double(json_get(json_get(root, "market_data_snapshot"), "price"), &signal->price) !=
        AL_OK)
        return bad_field("market_data_snapshot.price", "a number");
    return AL_OK;
}

static enum al_err read_names(struct json_node *root, struct exchange_signal *signal)
{
    if (uuid_parse(json_text(json_get(root, "signal_id")), &signal->signal_id) != AL_OK)
        return bad_field("signal_id", "a UUID");
    if (!side_parse(json_text(json_get(root, "signal_type")), &signal->side))
        return bad_field("signal_type", "buy or sell");
    if (!asset_parse(json_text(json_get(root, "asset")), &signal->asset))
        return bad_field("asset", "4 to 20 of A-Z0-9");
    if (!strategy_id_parse(json_text(json_get(root, "strategy_id")), &signal->strategy_id))
        return bad_field("strategy_id", "1 to 100 characters");
    struct json_node *version = json_get(root, "model_version");
    if (version != NULL && !model_version_id_parse(json_text(version), &signal->model_version))
        return bad_field("model_version", "null or v1, v2.1");
    if (!trace_id_parse(json_text(json_get(root, "trace_id")), &signal->trace_id))
        return bad_field("trace_id", "1 to 128 characters");
    return AL_OK;
}

static enum al_err read_members(struct json_node *root, struct exchange_signal *signal)
{
    if (!json_is_object(root))
        return bad_field("body", "one object");
    enum al_err err = read_names(root, signal);
    if (err == AL_OK)
        err = read_numbers(root, signal);
    if (err == AL_OK &&
        timestamp_parse(json_text(json_get(root, "timestamp")), &signal->ts_ns) != AL_OK)
        err = bad_field("timestamp", "an ISO 8601 time");
    if (err == AL_OK && !json_is_bool(json_get(root, "is_warmup")))
        err = bad_field("is_warmup", "true or false");
    if (err == AL_OK)
        signal->is_warmup = json_is_true(json_get(root, "is_warmup"));
    return err;
}

enum al_err exchange_read_signal(struct json_reader *reader,
                                 struct slice body,
                                 struct exchange_signal *signal)
{
    struct json_node *root = NULL;
    memset(signal, 0, sizeof *signal);
    enum al_err err = json_read(reader, body, &root);
    if (err != AL_OK)
        return err_add(AL_EPARSE, "signal");
    err = read_members(root, signal);
    json_put(root);
    return err;
}

/* ---- order events ---- */

static void put_uuid(struct json_writer *w, const char *key, struct uuid id)
{
    char text[UUID_TEXT_MAX];
    uuid_format(id, text);
    json_m_str(w, key, text);
}

static void put_decimal(struct json_writer *w, const char *key, struct decimal value)
{
    char text[DECIMAL_TEXT_MAX];
    decimal_format(value, text);
    json_m_str(w, key, text);
}

/* A double as a decimal string; null when it is none. */
static void put_number(struct json_writer *w, const char *key, double value)
{
    struct decimal exact;
    if (isfinite(value) && decimal_from_double(value, &exact) == AL_OK)
        put_decimal(w, key, exact);
    else
        json_m_str(w, key, NULL);
}

static struct decimal average_price(const struct exchange_order *order)
{
    struct decimal average = DECIMAL_ZERO;
    if (decimal_sign(order->filled) > 0 &&
        decimal_div(order->value, order->filled, &average) != AL_OK)
        average = DECIMAL_ZERO;
    return average;
}

static void put_order(struct json_writer *w,
                      const struct exchange_order *order,
                      enum order_event_type type,
                      bool is_dry_run,
                      int64_t ts_ns)
{
    bool has_fill = decimal_sign(order->filled) > 0;
    json_w_key(w, "order");
    json_w_object(w);
    put_uuid(w, "id", order->row_id);
    put_uuid(w, "order_id", order->order_id);
    put_uuid(w, "signal_id", order->signal.signal_id);
    json_m_str(w, "asset", order->signal.asset.text);
    json_m_str(w, "side", side_name(order->signal.side));
    json_m_str(w, "order_type", "market");
    put_decimal(w, "quantity", order->quantity);
    json_m_str(w, "price", NULL);
    json_m_str(w, "status", type == ORDER_EVENT_created ? "pending" : order_event_type_name(type));
    put_decimal(w, "filled_quantity", order->filled);
    if (has_fill)
        put_decimal(w, "average_price", average_price(order));
    else
        json_m_str(w, "average_price", NULL);
    put_decimal(w, "fees", order->fees);
    json_m_time(w, "created_at", order->created_ns);
    json_m_time(w, "updated_at", ts_ns);
    json_m_time(w, "executed_at", has_fill ? ts_ns : TIMESTAMP_NONE);
    json_m_bool(w, "is_dry_run", is_dry_run);
    json_w_end_object(w);
}

static void put_execution_details(struct json_writer *w,
                                  const struct exchange_order *order,
                                  int64_t ts_ns)
{
    struct decimal remaining = DECIMAL_ZERO;
    if (decimal_sub(order->quantity, order->filled, &remaining) != AL_OK)
        remaining = DECIMAL_ZERO;
    json_w_key(w, "execution_details");
    json_w_object(w);
    json_m_double(w, "execution_latency_seconds",
                  (double)(ts_ns - order->created_ns) / (double)NS_PER_S);
    json_m_double(w, "fill_percentage",
                  100 * decimal_to_double(order->filled) / decimal_to_double(order->quantity));
    put_decimal(w, "remaining_quantity", remaining);
    json_w_end_object(w);
}

static void put_market_conditions(struct json_writer *w,
                                  const struct exchange_asset *asset,
                                  int64_t ts_ns)
{
    json_w_key(w, "market_conditions");
    json_w_object(w);
    put_number(w, "price", (asset->bid + asset->ask) / 2);
    json_m_time(w, "timestamp", ts_ns);
    put_number(w, "spread", asset->ask - asset->bid);
    put_number(w, "volume_24h", asset->volume_24h);
    put_number(w, "volatility", asset->volatility);
    json_w_end_object(w);
}

static void put_signal(struct json_writer *w, const struct exchange_signal *signal)
{
    json_w_key(w, "signal");
    json_w_object(w);
    put_uuid(w, "signal_id", signal->signal_id);
    json_m_str(w, "signal_type", side_name(signal->side));
    json_m_str(w, "asset", signal->asset.text);
    put_decimal(w, "amount", signal->amount);
    json_m_double(w, "confidence", signal->confidence);
    json_m_str(w, "strategy_id", signal->strategy_id.text);
    json_m_str(w, "model_version",
               signal->model_version.text[0] != '\0' ? signal->model_version.text : NULL);
    json_m_bool(w, "is_warmup", signal->is_warmup);
    put_number(w, "price", signal->price);
    json_m_time(w, "timestamp", signal->ts_ns);
    json_w_end_object(w);
}

void exchange_write_order(const struct exchange_order *order,
                          enum order_event_type type,
                          struct uuid event_id,
                          const struct exchange_asset *asset,
                          bool is_dry_run,
                          int64_t ts_ns,
                          struct buf *out)
{
    struct json_writer w;
    json_w_init(&w, out);
    json_w_object(&w);
    put_uuid(&w, "event_id", event_id);
    json_m_str(&w, "event_type", order_event_type_name(type));
    json_m_time(&w, "timestamp", ts_ns);
    json_m_str(&w, "trace_id", order->signal.trace_id.text);
    put_order(&w, order, type, is_dry_run, ts_ns);
    put_execution_details(&w, order, ts_ns);
    if (type == ORDER_EVENT_rejected)
        json_m_str(&w, "rejection_reason", "the simulated exchange refused the order");
    put_market_conditions(&w, asset, ts_ns);
    put_signal(&w, &order->signal);
    json_w_end_object(&w);
}

/* ---- position updates ---- */

double exchange_unrealized(const struct exchange_asset *asset)
{
    return decimal_to_double(asset->size) * ((asset->bid + asset->ask) / 2 - asset->entry);
}

void exchange_write_position(const struct exchange_asset *asset,
                             bool is_dry_run,
                             int64_t ts_ns,
                             struct buf *out)
{
    struct json_writer w;
    bool is_open = decimal_sign(asset->size) != 0;
    double unrealized = is_open ? exchange_unrealized(asset) : 0;
    double cost = fabs(decimal_to_double(asset->size)) * asset->entry;
    json_w_init(&w, out);
    json_w_object(&w);
    json_m_str(&w, "event_type", "position_updated");
    put_uuid(&w, "position_id", asset->position_id);
    json_m_str(&w, "asset", asset->name.text);
    put_decimal(&w, "size", asset->size);
    put_number(&w, "unrealized_pnl", unrealized);
    put_number(&w, "realized_pnl", asset->realized);
    json_m_str(&w, "mode", is_dry_run ? "dry-run" : "one-way");
    put_number(&w, "unrealized_pnl_pct", cost > 0 ? 100 * unrealized / cost : 0);
    put_number(&w, "average_entry_price", is_open ? asset->entry : (double)NAN);
    json_m_double(&w, "time_held_minutes", (double)(ts_ns - asset->opened_ns) / (double)NS_PER_MIN);
    json_m_str(&w, "trace_id", asset->last_trace.text);
    json_m_time(&w, "timestamp", ts_ns);
    json_w_end_object(&w);
}
