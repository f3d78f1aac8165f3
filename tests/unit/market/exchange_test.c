/* The simulated exchange: the life of orders, what positions are worth, and that it repeats itself exactly. */
#include "harness/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/buf.h"
#include "alphaloop/domain/order_state.h"
#include "alphaloop/domain/position.h"
#include "alphaloop/market/exchange.h"
#include "harness/fake_clock.h"

#define T0 FAKE_CLOCK_START_NS

struct heard {
    size_t n_orders, n_positions;
    struct buf order_types; /* "created filled " */
    struct buf all;         /* every body */
    char last_order[16384], last_position[4096];
};

static char *text_of(struct json_node *node, char *out, size_t size)
{
    struct slice text = json_text(node);
    snprintf(out, size, "%.*s", (int)text.len, text.ptr);
    return out;
}

static void hear(void *ctx, const struct exchange_message *message)
{
    struct heard *heard = ctx;
    buf_append(&heard->all, message->body.ptr, message->body.len);
    if (message->kind == EXCHANGE_POSITION) {
        heard->n_positions++;
        snprintf(heard->last_position, sizeof heard->last_position, "%.*s", (int)message->body.len,
                 message->body.ptr);
        return;
    }
    heard->n_orders++;
    snprintf(heard->last_order, sizeof heard->last_order, "%.*s", (int)message->body.len,
             message->body.ptr);
    struct json_reader *reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    struct json_node *root;
    char type[32];
    check_ok(json_read(reader, message->body, &root));
    buf_printf(&heard->order_types, "%s ",
               text_of(json_get(root, "event_type"), type, sizeof type));
    json_put(root);
    json_reader_destroy(reader);
}

static struct heard heard_init(void)
{
    return (struct heard){.order_types = BUF_INIT(1 << 20), .all = BUF_INIT(64 << 20)};
}

static void heard_deinit(struct heard *heard)
{
    buf_deinit(&heard->order_types);
    buf_deinit(&heard->all);
}

static struct exchange_options plain(void)
{
    struct exchange_options options;
    exchange_options_default(&options);
    options.reject_probability = options.partial_probability = options.slippage_bps = 0;
    return options;
}

static struct exchange *create(const struct exchange_options *options)
{
    struct exchange *exchange;
    check_ok(exchange_create(options, &exchange));
    return exchange;
}

static void set_price(struct exchange *exchange, double bid, double ask)
{
    static struct market_event event;
    event.kind = MARKET_TICKER;
    strcpy(event.asset.text, "BTCUSDT");
    event.ticker = (struct ticker_update){(bid + ask) / 2, 1000, bid, ask, 1, 1};
    exchange_market(exchange, &event);
}

static const char *signal_text(int id, const char *side, double amount)
{
    static char text[1024];
    snprintf(
        text, sizeof text,
        "{\"signal_id\":\"00000000-0000-7000-8000-%012d\",\"signal_type\":\"%s\",\"asset\":"
        "\"BTCUSDT\",\"amount\":%.2f,"
        "\"confidence\":0.6,\"timestamp\":\"2026-01-01T00:00:00Z\",\"strategy_id\":\"momentum_v1\","
        "\"model_version\":null,\"is_warmup\":true,\"market_data_snapshot\":{\"price\":100.0,"
        "\"spread\":1,"
        "\"volume_24h\":1,\"volatility\":0.1},\"trace_id\":\"trace-%d\"}",
        id, side, amount, id);
    return text;
}

static enum al_err send(struct exchange *x,
                        int id,
                        const char *side,
                        double amount,
                        int64_t now_ns,
                        struct heard *heard)
{
    return exchange_signal(x, slice_of(signal_text(id, side, amount)), now_ns, hear, heard);
}

static void test_exchange_fills_at_the_far_side_after_a_latency(void **state)
{
    (void)state;
    struct exchange_options options = plain();
    struct exchange *x = create(&options);
    struct heard heard = heard_init();
    set_price(x, 99, 101);
    check_ok(send(x, 1, "buy", 1000, T0, &heard));
    check_str(buf_str(&heard.order_types), "created ");
    int64_t due_ns = exchange_run(x, T0, hear, &heard);
    assert_true(due_ns >= T0 + 30 * NS_PER_MS);
    assert_int_equal(heard.n_orders, 1);
    set_price(x, 109, 111); /* the market moved in between: that is the price */
    exchange_run(x, due_ns, hear, &heard);
    check_str(buf_str(&heard.order_types), "created filled ");
    check_has(heard.last_order, "\"filled_quantity\":\"10.00000000\"");
    check_has(heard.last_order, "\"average_price\":\"111.00000000\"");
    check_has(heard.last_order, "\"fees\":\"0.11100000\"");
    check_has(heard.last_order, "\"remaining_quantity\":\"0.00000000\"");
    check_has(heard.last_order, "\"trace_id\":\"trace-1\"");
    check_has(heard.last_position, "\"size\":\"10.00000000\"");
    check_has(heard.last_position, "\"unrealized_pnl\":\"-10.00000000\"");
    heard_deinit(&heard);
    exchange_destroy(x);
}

static void test_exchange_round_trip_pays_fees_and_spread(void **state)
{
    (void)state;
    struct exchange_options options = plain();
    struct exchange *x = create(&options);
    struct heard heard = heard_init();
    struct exchange_stats stats;
    set_price(x, 99, 101);
    check_ok(send(x, 1, "sell", 1000, T0, &heard));
    exchange_run(x, T0 + NS_PER_MIN, hear, &heard);
    check_has(heard.last_position, "\"size\":\"-10.00000000\"");
    check_ok(send(x, 2, "buy", 1000, T0 + NS_PER_MIN, &heard));
    exchange_run(x, T0 + 2 * NS_PER_MIN, hear, &heard);
    check_has(heard.last_position, "\"size\":\"0.00000000\"");
    exchange_stats(x, &stats);
    check_near(stats.realized_pnl, 10 * (99 - 101) - 0.099 - 0.101, 1e-9);
    check_near(stats.fees, 0.2, 1e-9);
    check_same_double(stats.equity, stats.realized_pnl);
    assert_int_equal(exchange_run(x, T0 + NS_PER_H, hear, &heard), INT64_MAX);
    heard_deinit(&heard);
    exchange_destroy(x);
}

static void test_exchange_turning_a_position_reopens_it_at_the_new_price(void **state)
{
    (void)state;
    struct exchange_options options = plain();
    options.fee_bps = 0;
    struct exchange *x = create(&options);
    struct heard heard = heard_init();
    set_price(x, 99.99, 100.01);
    check_ok(send(x, 1, "buy", 1000, T0, &heard));
    exchange_run(x, T0 + NS_PER_MIN, hear, &heard);
    set_price(x, 119.99, 120.01);
    check_ok(send(x, 2, "sell", 2400, T0 + NS_PER_MIN, &heard));
    exchange_run(x, T0 + 2 * NS_PER_MIN, hear, &heard);
    check_has(heard.last_position, "\"size\":\"-10.00000000\"");
    check_has(heard.last_position, "\"average_entry_price\":\"119.99000000\"");
    check_has(heard.last_position, "\"realized_pnl\":\"199.80000000\"");
    heard_deinit(&heard);
    exchange_destroy(x);
}

static void test_exchange_partial_fills_are_cumulative(void **state)
{
    (void)state;
    struct exchange_options options = plain();
    options.partial_probability = 1;
    options.cancel_probability = 0;
    struct exchange *x = create(&options);
    struct heard heard = heard_init();
    set_price(x, 99, 101);
    check_ok(send(x, 1, "buy", 1000, T0, &heard));
    exchange_run(x, T0 + NS_PER_MIN, hear, &heard);
    check_has(buf_str(&heard.order_types), "created partially_filled ");
    check_has(buf_str(&heard.order_types), "filled ");
    check_has(heard.last_order, "\"event_type\":\"filled\"");
    check_has(heard.last_order, "\"filled_quantity\":\"10.00000000\"");
    check_has(heard.last_order, "\"fees\":\"0.10100000\"");
    heard_deinit(&heard);
    exchange_destroy(x);
}

static void test_exchange_cancel_after_partial_keeps_the_fill(void **state)
{
    (void)state;
    struct exchange_options options = plain();
    options.partial_probability = options.cancel_probability = 1;
    struct exchange *x = create(&options);
    struct heard heard = heard_init();
    struct exchange_stats stats;
    set_price(x, 99, 101);
    check_ok(send(x, 1, "buy", 1000, T0, &heard));
    exchange_run(x, T0 + NS_PER_MIN, hear, &heard);
    check_has(heard.last_order, "\"event_type\":\"cancelled\"");
    check_has(heard.last_order, "\"average_price\":\"101.00000000\"");
    exchange_stats(x, &stats);
    assert_int_equal(stats.n_cancelled, 1);
    assert_int_equal(stats.n_filled, 0);
    assert_true(stats.volume > 0 && stats.volume < 1000);
    heard_deinit(&heard);
    exchange_destroy(x);
}

static void test_exchange_rejection_fills_nothing(void **state)
{
    (void)state;
    struct exchange_options options = plain();
    options.reject_probability = 1;
    struct exchange *x = create(&options);
    struct heard heard = heard_init();
    set_price(x, 99, 101);
    check_ok(send(x, 1, "buy", 1000, T0, &heard));
    exchange_run(x, T0 + NS_PER_MIN, hear, &heard);
    check_str(buf_str(&heard.order_types), "created rejected ");
    check_has(heard.last_order, "\"rejection_reason\":");
    check_has(heard.last_order, "\"average_price\":null");
    check_has(heard.last_order, "\"executed_at\":null");
    assert_int_equal(heard.n_positions, 0);
    heard_deinit(&heard);
    exchange_destroy(x);
}

static void test_exchange_a_repeated_signal_makes_no_second_order(void **state)
{
    (void)state;
    struct exchange_options options = plain();
    struct exchange *x = create(&options);
    struct heard heard = heard_init();
    set_price(x, 99, 101);
    check_ok(send(x, 1, "buy", 1000, T0, &heard));
    check_err(send(x, 1, "buy", 1000, T0, &heard), AL_EEXIST);
    assert_int_equal(heard.n_orders, 1);
    heard_deinit(&heard);
    exchange_destroy(x);
}

static void test_exchange_refuses_what_is_no_signal_and_names_the_field(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *field;
    } changes[] = {
        {"\"signal_id\":\"0", "\"signal_id\":\"x", "signal_id"},
        {"\"buy\"", "\"hold\"", "signal_type"},
        {"\"BTCUSDT\"", "\"b!\"", "asset"},
        {"1000.00", "-5", "amount"},
        {"\"confidence\":0.6", "\"confidence\":1.6", "confidence"},
        {"2026-01-01T00:00:00Z", "yesterday", "timestamp"},
        {"\"is_warmup\":true", "\"is_warmup\":1", "is_warmup"},
        {"\"price\":100.0", "\"price\":\"x\"", "price"},
        {"{\"signal_id\"", "[\"signal_id\"", "signal"},
    };
    struct exchange_options options = plain();
    struct exchange *x = create(&options);
    struct heard heard = heard_init();
    set_price(x, 99, 101);
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        char bad[2048];
        const char *good = signal_text((int)i + 1, "buy", 1000),
                   *at = strstr(good, changes[i].from);
        snprintf(bad, sizeof bad, "%.*s%s%s", (int)(at - good), good, changes[i].to,
                 at + strlen(changes[i].from));
        check_err(exchange_signal(x, slice_of(bad), T0, hear, &heard), AL_EPARSE);
        check_has(err_text(), changes[i].field);
    }
    assert_int_equal(heard.n_orders, 0);
    heard_deinit(&heard);
    exchange_destroy(x);
}

static void test_exchange_needs_a_price_first(void **state)
{
    (void)state;
    struct exchange_options options = plain();
    struct exchange *x = create(&options);
    struct heard heard = heard_init();
    check_err(send(x, 1, "buy", 1000, T0, &heard), AL_ESTATE);
    heard_deinit(&heard);
    exchange_destroy(x);
}

static void test_exchange_reports_open_positions_periodically(void **state)
{
    (void)state;
    struct exchange_options options = plain();
    struct exchange *x = create(&options);
    struct heard heard = heard_init();
    set_price(x, 99, 101);
    check_ok(send(x, 1, "buy", 1000, T0, &heard));
    for (int64_t now = T0; now <= T0 + 5 * NS_PER_MIN; now += NS_PER_S)
        exchange_run(x, now, hear, &heard);
    assert_in_range(heard.n_positions, 9, 11);
    size_t before = heard.n_positions;
    exchange_run(x, T0 + NS_PER_DAY, hear, &heard); /* a gap is one report */
    assert_int_equal(heard.n_positions, before + 1);
    heard_deinit(&heard);
    exchange_destroy(x);
}

static void play(uint64_t seed, struct heard *heard)
{
    struct exchange_options options;
    exchange_options_default(&options);
    options.seed = seed;
    struct exchange *x = create(&options);
    for (int i = 0; i < 400; i++) {
        int64_t now = T0 + i * NS_PER_S;
        set_price(x, 99 + i % 7, 101 + i % 7);
        exchange_run(x, now, hear, heard);
        check_ok(send(x, i + 1, i % 3 ? "buy" : "sell", 100 + i, now, heard));
    }
    exchange_run(x, T0 + NS_PER_H, hear, heard);
    exchange_destroy(x);
}

static void test_exchange_same_seed_same_bytes(void **state)
{
    (void)state;
    struct heard a = heard_init(), b = heard_init(), c = heard_init();
    play(1, &a);
    play(1, &b);
    play(2, &c);
    assert_true(buf_ok(&a.all));
    check_str(buf_str(&a.all), buf_str(&b.all));
    assert_string_not_equal(buf_str(&a.all), buf_str(&c.all));
    heard_deinit(&a);
    heard_deinit(&b);
    heard_deinit(&c);
}

/* The worker's own readers take every message, and the executions they find add up to what was filled. */
struct ledger {
    struct order_state states[500];
    size_t n_states;
    double volume, fees;
};

static struct order_state *state_of(struct ledger *ledger, const struct order_id *order_id)
{
    for (size_t i = 0; i < ledger->n_states; i++) {
        if (strcmp(ledger->states[i].order_id.text, order_id->text) == 0)
            return &ledger->states[i];
    }
    assert_true(ledger->n_states < COUNT_OF(ledger->states));
    return &ledger->states[ledger->n_states++];
}

static void book_event(struct ledger *ledger, const struct order_event *event)
{
    struct execution execution;
    bool conflict;
    if (!order_state_apply(state_of(ledger, &event->order_id), event, &execution, &conflict))
        return;
    assert_false(conflict);
    ledger->volume += decimal_to_double(execution.quantity) * decimal_to_double(execution.price);
    ledger->fees += decimal_to_double(execution.fees);
}

static void read_back(void *ctx, const struct exchange_message *message)
{
    struct json_reader *reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    struct order_event_refusal refusal;
    if (message->kind == EXCHANGE_ORDER_EVENT) {
        struct order_event event;
        struct json_node *doc;
        if (!order_event_parse(reader, message->body, slice_of(""), message->ts_ns, &event, &doc,
                               &refusal))
            fail_msg("%s: %s", refusal.field, refusal.detail);
        assert_int_equal(event.n_context_dropped, 0);
        check_str(event.trace_id.text, message->trace_id);
        book_event(ctx, &event);
        json_put(doc);
    } else {
        struct position_update update;
        if (!position_update_parse(reader, message->body, slice_of(""), message->ts_ns, &update,
                                   &refusal))
            fail_msg("%s: %s", refusal.field, refusal.detail);
    }
    json_reader_destroy(reader);
}

static void test_exchange_messages_are_what_the_worker_reads(void **state)
{
    (void)state;
    static struct ledger ledger;
    struct exchange_options options;
    struct exchange_stats stats;
    exchange_options_default(&options);
    struct exchange *x = create(&options);
    for (int i = 0; i < 400; i++) {
        int64_t now = T0 + i * NS_PER_S;
        set_price(x, 99 + i % 7, 101 + i % 7);
        exchange_run(x, now, read_back, &ledger);
        check_ok(exchange_signal(x, slice_of(signal_text(i + 1, i % 2 ? "buy" : "sell", 500)), now,
                                 read_back, &ledger));
    }
    exchange_run(x, T0 + NS_PER_H, read_back, &ledger);
    exchange_stats(x, &stats);
    check_near(ledger.volume, stats.volume, 0.01);
    check_near(ledger.fees, stats.fees, 1e-5);
    exchange_destroy(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exchange_fills_at_the_far_side_after_a_latency),
        cmocka_unit_test(test_exchange_round_trip_pays_fees_and_spread),
        cmocka_unit_test(test_exchange_turning_a_position_reopens_it_at_the_new_price),
        cmocka_unit_test(test_exchange_partial_fills_are_cumulative),
        cmocka_unit_test(test_exchange_cancel_after_partial_keeps_the_fill),
        cmocka_unit_test(test_exchange_rejection_fills_nothing),
        cmocka_unit_test(test_exchange_a_repeated_signal_makes_no_second_order),
        cmocka_unit_test(test_exchange_refuses_what_is_no_signal_and_names_the_field),
        cmocka_unit_test(test_exchange_needs_a_price_first),
        cmocka_unit_test(test_exchange_reports_open_positions_periodically),
        cmocka_unit_test(test_exchange_same_seed_same_bytes),
        cmocka_unit_test(test_exchange_messages_are_what_the_worker_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
