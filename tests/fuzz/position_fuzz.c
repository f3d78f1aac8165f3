/* Any bytes as a position update. */
#include <assert.h>
#include <math.h>
#include <stdint.h>

#include "alphaloop/domain/position.h"

#define RECEIVED_NS (1769853600LL * NS_PER_S)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct json_reader *reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    struct position_update update;
    struct order_event_refusal refusal;
    if (position_update_parse(reader, (struct slice){(const char *)bytes, n_bytes}, SLICE(""),
                              RECEIVED_NS, &update, &refusal)) {
        assert(update.position_id[0] != '\0' && update.asset.text[0] != '\0');
        assert(!isinf(update.unrealized_pnl) && !isinf(update.realized_pnl) &&
               !isinf(update.unrealized_pnl_pct));
        assert(isnan(update.average_entry_price) || update.average_entry_price > 0);
        assert(update.ts_event_ns >= 0 && update.ts_event_ns <= RECEIVED_NS + 300 * NS_PER_S);
    } else {
        assert(refusal.reason != REASON_NONE && refusal.detail[0] != '\0');
    }
    json_reader_destroy(reader);
    return 0;
}
