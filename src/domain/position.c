#include "alphaloop/domain/position.h"

#include <math.h>
#include <string.h>

#include "field_i.h"

#define POSITION_SIZE_TEXT "a signed decimal number of at most 12 integer digits"

struct reading {
    struct json_node *root;
    struct position_update *update;
    struct order_event_refusal *refusal;
};

/* Text of 1 to `size` - 1 bytes without control characters, zero-padded. */
static bool keep_text(struct json_node *node, char *out, size_t size)
{
    struct slice text = json_is_string(node) ? json_text(node) : (struct slice){"", 0};
    if (text.len == 0 || text.len >= size)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return false;
    }
    memcpy(out, text.ptr, text.len);
    return true;
}

static bool read_position_id(struct reading *r)
{
    struct json_node *node = json_get(r->root, "position_id");
    return keep_text(node, r->update->position_id, sizeof r->update->position_id) ||
           refuse_field(r->refusal, REASON_field_invalid, "position_id", "1 to 63 bytes of text",
                        node);
}

static bool read_asset(struct reading *r)
{
    static const char *const names[] = {"asset", "symbol", "trading_pair", NULL};
    const char *found = names[0];
    struct json_node *node = field_first(r->root, names, &found);
    return (json_is_string(node) && asset_parse(json_text(node), &r->update->asset)) ||
           refuse_field(r->refusal, REASON_field_invalid, found, "3 to 20 of A-Z0-9", node);
}

static bool read_size(struct reading *r)
{
    struct json_node *node = json_get(r->root, "size");
    bool is_text = json_is_string(node) || json_is_number(node);
    return (is_text && decimal_parse(json_text(node), &r->update->size) == AL_OK) ||
           refuse_field(r->refusal, REASON_field_invalid, "size", POSITION_SIZE_TEXT, node);
}

/* Context: NaN when absent, bad, or not above `above`. */
static double context_number(struct reading *r, const char *name, double above)
{
    double value;
    return field_number(json_get(r->root, name), &value) && value > above ? value : NAN;
}

/* What the manager left out but its other figures tell. */
static double work_out_pnl_pct(const struct position_update *update)
{
    double entry_value = fabs(decimal_to_double(update->size)) * update->average_entry_price;
    double pct = 100 * update->unrealized_pnl / entry_value;
    return entry_value > 0 && isfinite(pct) ? pct : NAN;
}

static void read_context(struct reading *r, struct slice header_trace)
{
    struct position_update *update = r->update;
    struct json_node *time = json_get(r->root, "timestamp");
    int64_t ts_ns;
    update->unrealized_pnl = context_number(r, "unrealized_pnl", -INFINITY);
    update->realized_pnl = context_number(r, "realized_pnl", -INFINITY);
    update->unrealized_pnl_pct = context_number(r, "unrealized_pnl_pct", -INFINITY);
    update->average_entry_price = context_number(r, "average_entry_price", 0);
    if (isnan(update->unrealized_pnl_pct))
        update->unrealized_pnl_pct = work_out_pnl_pct(update);
    update->time_held_minutes = context_number(r, "time_held_minutes", -1e-9);
    if (!keep_text(json_get(r->root, "mode"), update->mode, sizeof update->mode))
        memset(update->mode, 0, sizeof update->mode);
    field_trace(json_get(r->root, "trace_id"), header_trace, &update->trace_id);
    update->ts_event_ns = update->ts_recv_ns;
    if (json_is_string(time) && timestamp_parse(json_text(time), &ts_ns) == AL_OK &&
        ts_ns <= update->ts_recv_ns + FUTURE_MAX_NS)
        update->ts_event_ns = ts_ns;
}

bool position_update_parse(struct json_reader *reader,
                           struct slice body,
                           struct slice header_trace,
                           int64_t ts_recv_ns,
                           struct position_update *update,
                           struct order_event_refusal *refusal)
{
    struct reading r = {.update = update, .refusal = refusal};
    memset(update, 0, sizeof *update);
    memset(refusal, 0, sizeof *refusal);
    update->ts_recv_ns = ts_recv_ns;
    if (!document_read(reader, body, &r.root, refusal))
        return false;
    bool done = json_is_object(r.root);
    if (!done)
        refuse_field(refusal, REASON_not_json, "", "one JSON object", r.root);
    done = done && read_position_id(&r) && read_asset(&r) && read_size(&r);
    if (done)
        read_context(&r, header_trace);
    json_put(r.root);
    return done;
}
