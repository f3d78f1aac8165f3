/* Any bytes as a signal to the simulated exchange: what is accepted keeps the promises of its door, and the order it makes
 * lives to its end in JSON that can be read; what is refused says why. */
#include <assert.h>
#include <stdint.h>

#include "../../src/market/exchange_i.h"
#include "alphaloop/base/json.h"

#define NOW_NS (1769853600LL * NS_PER_S)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void check_message(void *ctx, const struct exchange_message *message)
{
    struct json_node *root;
    enum al_err err = json_read(ctx, message->body, &root);
    assert(err == AL_OK && json_is_object(root) && message->trace_id != NULL);
    json_put(root);
}

static void check_signal(struct json_reader *reader, struct slice body, struct asset *asset)
{
    struct exchange_signal signal;
    if (exchange_read_signal(reader, body, &signal) != AL_OK) {
        assert(err_text()[0] != '\0');
        return;
    }
    assert(signal.confidence >= 0 && signal.confidence <= 1);
    assert(decimal_sign(signal.amount) >= 0 && signal.side != SIDE_NONE && signal.ts_ns >= 0);
    assert(signal.trace_id.text[0] != '\0' && signal.strategy_id.text[0] != '\0');
    *asset = signal.asset;
}

static void live(struct json_reader *reader, struct slice body, const struct asset *asset)
{
    struct exchange_options options;
    struct exchange *exchange;
    struct market_event price = {
        .kind = MARKET_TICKER,
        .asset = *asset,
        .ts_event_ns = NOW_NS,
        .ticker = {.bid_price = 99.5, .ask_price = 100.5, .last_price = 100, .volume_24h = 1000},
    };
    exchange_options_default(&options);
    enum al_err err = exchange_create(&options, &exchange);
    assert(err == AL_OK);
    exchange_market(exchange, &price);
    err = exchange_signal(exchange, body, NOW_NS, check_message, reader);
    if (err == AL_OK) {
        err = exchange_signal(exchange, body, NOW_NS, check_message, reader);
        assert(err == AL_EEXIST);
    }
    exchange_run(exchange, NOW_NS + 60 * NS_PER_S, check_message, reader);
    exchange_destroy(exchange);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    const struct slice body = {(const char *)bytes, n_bytes};
    struct json_reader *reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    struct asset asset = {.text = "BTCUSDT"};
    check_signal(reader, body, &asset);
    live(reader, body, &asset);
    json_reader_destroy(reader);
    return 0;
}
