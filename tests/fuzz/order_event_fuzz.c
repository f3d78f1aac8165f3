/* Any bytes as an order event: what is accepted keeps the promises of its door and can be applied to an order; what is
 * refused says why. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "alphaloop/domain/order_state.h"

#define RECEIVED_NS (1769853600LL * NS_PER_S)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void check_event(const struct order_event *event)
{
    struct asset asset;
    bool is_fill = event->type == ORDER_EVENT_filled || event->type == ORDER_EVENT_partially_filled;
    assert(asset_parse(slice_of(event->asset.text), &asset) && asset_eq(&asset, &event->asset));
    assert(event->side == SIDE_BUY || event->side == SIDE_SELL);
    assert(event->order_id.text[0] != '\0');
    assert(decimal_sign(event->filled_quantity) >= (is_fill ? 1 : 0));
    assert(decimal_sign(event->average_price) ==
           (decimal_sign(event->filled_quantity) > 0 ? 1 : 0));
    assert(event->executed_at_ns <= RECEIVED_NS + 300 * NS_PER_S);
}

static void check_state(const struct order_event *event)
{
    struct order_state state = {.exists = false};
    struct execution execution;
    bool conflict;
    if (order_state_apply(&state, event, &execution, &conflict)) {
        assert(decimal_cmp(execution.quantity, event->filled_quantity) == 0);
        assert(decimal_sign(execution.price) > 0);
    }
    assert(!conflict);
    assert(!order_state_apply(&state, event, &execution, &conflict));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct json_reader *reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    struct order_event event;
    struct order_event_refusal refusal;
    struct json_node *doc;
    struct slice body = {(const char *)bytes, n_bytes};
    if (order_event_parse(reader, body, SLICE("trace"), RECEIVED_NS, &event, &doc, &refusal)) {
        check_event(&event);
        check_state(&event);
        json_put(doc);
    } else {
        assert(refusal.reason != REASON_NONE && refusal.detail[0] != '\0' && doc == NULL);
    }
    json_reader_destroy(reader);
    return 0;
}
