/* Short names and the table of reasons. */
#include <string.h>

#include "alphaloop/domain/names.h"
#include "alphaloop/domain/reason.h"
#include "harness/check.h"

static void test_asset_is_upper_cased_and_padded(void **state)
{
    (void)state;
    struct asset asset, zero = {{0}};
    memset(&asset, 'x', sizeof asset);
    assert_true(asset_parse(slice_of("btcUSDT"), &asset));
    memcpy(zero.text, "BTCUSDT", 7);
    assert_memory_equal(&asset, &zero, sizeof asset);
}

static void test_asset_refused_is_not_touched(void **state)
{
    (void)state;
    struct asset asset = {"KEPT"};
    assert_false(asset_parse(slice_of("BTC-USD"), &asset));
    assert_false(asset_parse(slice_of(""), &asset));
    check_str(asset.text, "KEPT");
}

static void test_strategy_id_is_1_to_100_plain_bytes(void **state)
{
    (void)state;
    struct strategy_id id;
    char text[102];
    memset(text, 'a', sizeof text);
    assert_true(strategy_id_parse((struct slice){text, 100}, &id));
    assert_false(strategy_id_parse((struct slice){text, 101}, &id));
    assert_false(strategy_id_parse(slice_of(""), &id));
    assert_true(strategy_id_parse(slice_of("Mean-rev_2.1"), &id));
    assert_false(strategy_id_parse(slice_of("../x"), &id));
    assert_false(strategy_id_parse(slice_of("a b"), &id));
}

static void test_order_id_is_1_to_128_bytes_without_control_characters(void **state)
{
    (void)state;
    struct order_id id;
    char text[130];
    memset(text, 'a', sizeof text);
    assert_true(order_id_parse((struct slice){text, 128}, &id));
    assert_false(order_id_parse((struct slice){text, 129}, &id));
    assert_false(order_id_parse(SLICE("a\0b"), &id));
    assert_false(order_id_parse(SLICE("a\x7f"), &id));
    assert_true(order_id_parse(SLICE("ord\xc3\xa9r 1"), &id));
}

static void test_model_version_is_v_digits_and_one_dotted_part(void **state)
{
    static const char *const good[] = {"v1", "v12", "v2.1", "v10.20"};
    static const char *const bad[] = {"",    "v",      "1",   "V1",  "v1.",
                                      "v.1", "v1.2.3", "v1a", "v1 ", "v1.x"};
    struct model_version_id id;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_true(model_version_id_parse(slice_of(good[i]), &id));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(model_version_id_parse(slice_of(bad[i]), &id));
}

static void test_asset_splits_at_its_quote_currency(void **state)
{
    (void)state;
    struct asset asset;
    char base[ASSET_TEXT_MAX], quote[ASSET_TEXT_MAX];
    assert_true(asset_parse(slice_of("BTCUSDT"), &asset) && asset_split(&asset, base, quote));
    check_str(base, "BTC");
    check_str(quote, "USDT");
    assert_true(asset_parse(slice_of("ETHBTC"), &asset) && asset_split(&asset, base, quote));
    check_str(quote, "BTC");
    assert_true(asset_parse(slice_of("XYZ"), &asset));
    assert_false(asset_split(&asset, base, quote));
    assert_true(asset_parse(slice_of("USDT"), &asset));
    assert_false(asset_split(&asset, base, quote));
}

static void test_side_has_a_sign_and_an_opposite(void **state)
{
    (void)state;
    enum side side = SIDE_NONE;
    assert_true(side_parse(slice_of("bUy"), &side));
    assert_int_equal(side, SIDE_BUY);
    assert_false(side_parse(slice_of("buy "), &side));
    assert_false(side_parse(slice_of(""), &side));
    assert_int_equal(side_sign(SIDE_SELL), -1);
    assert_int_equal(side_sign(SIDE_NONE), 0);
    assert_int_equal(side_opposite(SIDE_SELL), SIDE_BUY);
    check_str(side_name(SIDE_SELL), "sell");
}

static void test_reason_names_are_unique_and_found_again(void **state)
{
    (void)state;
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        enum reason found = REASON_COUNT;
        assert_true(reason_from_name(slice_of(reason_name((enum reason)i)), &found));
        assert_int_equal(found, i);
        assert_true(strlen(reason_text((enum reason)i)) > 0);
    }
    enum reason found = REASON_NONE;
    assert_false(reason_from_name(SLICE("no such reason"), &found));
}

static bool parses_as_traceparent(const char *text)
{
    char out[TRACEPARENT_TEXT_MAX];
    bool parsed = traceparent_parse(slice_of(text), out);
    assert_string_equal(out, parsed ? text : "");
    return parsed;
}

static void test_traceparent_is_w3c_or_nothing(void **state)
{
    static const char good[TRACEPARENT_TEXT_MAX] =
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    (void)state;
    assert_true(parses_as_traceparent(good));
    assert_string_equal(traceparent_trace_id(good).text, "0af7651916cd43dd8448eb211c80319c");
    assert_false(parses_as_traceparent(""));
    assert_false(parses_as_traceparent("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
    assert_false(parses_as_traceparent("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01"));
    assert_false(parses_as_traceparent("00-00000000000000000000000000000000-b7ad6b7169203331-01"));
    assert_false(parses_as_traceparent("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"));
    assert_false(parses_as_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1"));
    assert_false(parses_as_traceparent("00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asset_is_upper_cased_and_padded),
        cmocka_unit_test(test_asset_refused_is_not_touched),
        cmocka_unit_test(test_strategy_id_is_1_to_100_plain_bytes),
        cmocka_unit_test(test_order_id_is_1_to_128_bytes_without_control_characters),
        cmocka_unit_test(test_model_version_is_v_digits_and_one_dotted_part),
        cmocka_unit_test(test_asset_splits_at_its_quote_currency),
        cmocka_unit_test(test_side_has_a_sign_and_an_opposite),
        cmocka_unit_test(test_reason_names_are_unique_and_found_again),
        cmocka_unit_test(test_traceparent_is_w3c_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
