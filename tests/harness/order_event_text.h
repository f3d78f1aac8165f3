/* One parse of an order event as text: "ok key=value key=value ..." or "refused <reason> <field>", for vectors and for the
 * independent second opinion in Python. Values hold no blanks: bytes that would are shown as %XX. */
#ifndef ALPHALOOP_TESTS_HARNESS_ORDER_EVENT_TEXT_H
#define ALPHALOOP_TESTS_HARNESS_ORDER_EVENT_TEXT_H

#include <math.h>
#include <stdio.h>

#include "alphaloop/domain/order_event.h"

static inline void text_escaped(struct buf *out, const char *key, struct slice value)
{
    buf_printf(out, " %s=", key);
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if (c <= 0x20 || c >= 0x7f || c == '%')
            buf_printf(out, "%%%02x", c);
        else
            buf_putc(out, (char)c);
    }
}

static inline void text_decimal(struct buf *out, const char *key, struct decimal value)
{
    char text[DECIMAL_TEXT_MAX];
    decimal_format(value, text);
    buf_printf(out, " %s=%s", key, text);
}

static inline void text_number(struct buf *out, const char *key, double value)
{
    if (isnan(value))
        buf_printf(out, " %s=-", key);
    else
        buf_printf(out, " %s=%.17g", key, value);
}

static inline void text_event(struct buf *out, const struct order_event *e)
{
    char id[UUID_TEXT_MAX];
    buf_puts(out, "ok");
    uuid_format(e->event_id, id);
    buf_printf(out, " event_id=%s type=%s flat=%d", id, order_event_type_name(e->type), e->flat);
    uuid_format(e->signal_id, id);
    text_escaped(out, "order_id", slice_of(e->order_id.text));
    buf_printf(out, " signal_id=%s asset=%s side=%s", id, e->asset.text, side_name(e->side));
    text_decimal(out, "quantity", e->filled_quantity);
    text_decimal(out, "price", e->average_price);
    text_decimal(out, "fees", e->fees);
    buf_printf(out, " executed_at=%lld source=%s dry_run=%d", (long long)e->executed_at_ns,
               time_source_names[e->executed_at_source], e->is_dry_run);
    text_escaped(out, "trace", slice_of(e->trace_id.text));
    text_escaped(out, "strategy", slice_of(e->claimed_strategy_id.text));
    text_number(out, "signal_price", e->claimed_signal_price);
    buf_printf(out, " signal_at=%lld",
               e->claimed_signal_ts_ns == TIMESTAMP_NONE ? -1LL
                                                         : (long long)e->claimed_signal_ts_ns);
    text_number(out, "market_price", e->market.price);
    text_number(out, "spread", e->market.spread);
    text_number(out, "volume_24h", e->market.volume_24h);
    text_number(out, "volatility", e->market.volatility);
    text_escaped(out, "rejection", e->rejection_reason);
    buf_printf(out, " performance=%d dropped=%u", e->performance != NULL, e->n_context_dropped);
}

/* Parse and describe. */
static inline void order_event_text(struct json_reader *reader,
                                    struct slice body,
                                    struct slice header_trace,
                                    int64_t ts_recv_ns,
                                    struct buf *out)
{
    struct order_event event;
    struct order_event_refusal refusal;
    struct json_node *doc;
    if (order_event_parse(reader, body, header_trace, ts_recv_ns, &event, &doc, &refusal)) {
        text_event(out, &event);
        buf_puts(out, " ");
        json_put(doc);
    } else {
        buf_printf(out, "refused %s %s", reason_name(refusal.reason),
                   refusal.field[0] != '\0' ? refusal.field : "-");
    }
}

#endif
