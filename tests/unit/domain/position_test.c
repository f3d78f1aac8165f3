/* Position updates (contract 3.3). */
#include <string.h>

#include "alphaloop/domain/position.h"
#include "harness/check.h"

#define RECEIVED_NS (1769853600LL * NS_PER_S)

static struct json_reader *reader;
static struct position_update update;
static struct order_event_refusal refusal;

static int create_reader(void **state)
{
    (void)state;
    reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    return 0;
}

static int destroy_reader(void **state)
{
    (void)state;
    json_reader_destroy(reader);
    return 0;
}

static void parse(const char *body)
{
    if (!position_update_parse(reader, slice_of(body), SLICE("header-trace"), RECEIVED_NS, &update,
                               &refusal))
        fail_msg("%s: %s", refusal.field, refusal.detail);
}

static void refuse(const char *body, const char *field)
{
    assert_false(
        position_update_parse(reader, slice_of(body), SLICE(""), RECEIVED_NS, &update, &refusal));
    check_str(refusal.field, field);
}

static void check_size(const char *expected)
{
    char text[DECIMAL_TEXT_MAX];
    decimal_format_trim(update.size, text);
    check_str(text, expected);
}

static void test_position_with_every_field(void **state)
{
    (void)state;
    parse("{\"event_type\":\"position_updated\",\"position_id\":\"p-1\",\"asset\":\"BTCUSDT\","
          "\"size\":\"-0.50000000\","
          "\"unrealized_pnl\":\"-12.5\",\"realized_pnl\":3,\"mode\":\"one-way\",\"unrealized_pnl_"
          "pct\":\"-1.25\","
          "\"average_entry_price\":\"42000\",\"time_held_minutes\":17,\"trace_id\":\"t\","
          "\"timestamp\":\"2026-01-31T09:59:50\"}");
    check_str(update.position_id, "p-1");
    check_str(update.asset.text, "BTCUSDT");
    check_size("-0.5");
    check_near(update.unrealized_pnl, -12.5, 0);
    check_near(update.realized_pnl, 3, 0);
    check_near(update.unrealized_pnl_pct, -1.25, 0);
    check_near(update.average_entry_price, 42000, 0);
    check_near(update.time_held_minutes, 17, 0);
    check_str(update.mode, "one-way");
    check_str(update.trace_id.text, "t");
    check_i64(update.ts_event_ns, 1769853590LL * NS_PER_S);
}

static void test_position_asset_has_three_names(void **state)
{
    (void)state;
    parse("{\"position_id\":\"p\",\"symbol\":\"ethusdt\",\"size\":1}");
    check_str(update.asset.text, "ETHUSDT");
    parse("{\"position_id\":\"p\",\"asset\":null,\"trading_pair\":\"SOLUSDT\",\"size\":\"0E-8\"}");
    check_str(update.asset.text, "SOLUSDT");
    check_size("0");
}

static void test_position_context_may_be_absent_or_bad(void **state)
{
    (void)state;
    parse("{\"position_id\":\"p\",\"asset\":\"BTCUSDT\",\"size\":\"1\",\"unrealized_pnl\":\"x\","
          "\"average_entry_price\":0,"
          "\"time_held_minutes\":-1,\"mode\":5,\"timestamp\":\"2031-01-01T00:00:00Z\",\"trace_id\":"
          "7}");
    check_near(update.unrealized_pnl, NAN, 0);
    check_near(update.unrealized_pnl_pct, NAN, 0);
    check_near(update.average_entry_price, NAN, 0);
    check_near(update.time_held_minutes, NAN, 0);
    check_str(update.mode, "");
    check_str(update.trace_id.text, "header-trace");
    check_i64(update.ts_event_ns, RECEIVED_NS);
}

static void test_position_profit_in_per_cent_is_worked_out_when_absent(void **state)
{
    (void)state;
    parse("{\"position_id\":\"p\",\"asset\":\"BTCUSDT\",\"size\":\"-2\",\"unrealized_pnl\":\"-5\","
          "\"average_entry_price\":100}");
    check_near(update.unrealized_pnl_pct, -2.5, 1e-12);
    parse("{\"position_id\":\"p\",\"asset\":\"BTCUSDT\",\"size\":0,\"unrealized_pnl\":\"-5\","
          "\"average_entry_price\":100}");
    check_near(update.unrealized_pnl_pct, NAN, 0);
}

static void test_position_refuses_what_it_cannot_do_without(void **state)
{
    (void)state;
    refuse("{\"asset\":\"BTCUSDT\",\"size\":1}", "position_id");
    refuse("{\"position_id\":\"\",\"asset\":\"BTCUSDT\",\"size\":1}", "position_id");
    refuse("{\"position_id\":\"p\",\"size\":1}", "asset");
    refuse("{\"position_id\":\"p\",\"symbol\":\"B-T\",\"size\":1}", "symbol");
    refuse("{\"position_id\":\"p\",\"asset\":\"BTCUSDT\"}", "size");
    refuse("{\"position_id\":\"p\",\"asset\":\"BTCUSDT\",\"size\":true}", "size");
    refuse("{\"position_id\":\"p\",\"asset\":\"BTCUSDT\",\"size\":\" 1\"}", "size");
    refuse("{\"position_id\":\"p\",\"asset\":\"BTCUSDT\",\"size\":\"1e13\"}", "size");
    refuse("[]", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_position_with_every_field),
        cmocka_unit_test(test_position_asset_has_three_names),
        cmocka_unit_test(test_position_context_may_be_absent_or_bad),
        cmocka_unit_test(test_position_profit_in_per_cent_is_worked_out_when_absent),
        cmocka_unit_test(test_position_refuses_what_it_cannot_do_without),
    };
    return cmocka_run_group_tests(tests, create_reader, destroy_reader);
}
