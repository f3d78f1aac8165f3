#include "harness/check.h"

#include <stdio.h>
#include <string.h>

#include "alphaloop/settings/asset_names.h"

static struct json_reader *reader;
static struct asset_names names;
static struct buf problems = {.max = 1 << 16};

static int setup(void **state)
{
    (void)state;
    reader = json_reader_create(ASSET_NAMES_FILE_BYTES_MAX, 8);
    return reader != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    json_reader_destroy(reader);
    buf_deinit(&problems);
    return 0;
}

static enum al_err parse(const char *text)
{
    buf_reset(&problems);
    return asset_names_parse(reader, slice_of(text), &names, &problems);
}

static const char *name_of(const char *asset_text, enum asset_name_column column)
{
    static struct asset asset;
    assert_true(asset_parse(slice_of(asset_text), &asset));
    return asset_name(&names, &asset, column);
}

static const char *named(const char *text, enum asset_name_column column)
{
    static struct asset asset;
    return asset_by_name(&names, slice_of(text), column, &asset) ? asset.text : "nobody";
}

static const char some[] =
    "{\"BTCUSDT\": {\"symbol\": \"BTC\", \"binance\": \"BTCUSDT\", \"coingecko\": \"bitcoin\"},"
    " \"BTCUSDC\": {\"symbol\": \"BTC\", \"coingecko\": \"bitcoin\"}, \"ETHUSDT\": {}}";

static void test_a_name_is_what_its_column_says(void **state)
{
    (void)state;
    check_ok(parse(some));
    check_i64((int64_t)names.n, 3);
    check_str(name_of("BTCUSDT", ASSET_NAME_symbol), "BTC");
    check_str(name_of("BTCUSDT", ASSET_NAME_coingecko), "bitcoin");
    check_str(name_of("BTCUSDT", ASSET_NAME_bybit), "BTCUSDT");
    check_str(name_of("ETHUSDT", ASSET_NAME_symbol), "ETHUSDT");
    check_str(name_of("XYZUSDT", ASSET_NAME_coingecko), "XYZUSDT");
}

static void test_a_name_leads_back_to_the_first_asset(void **state)
{
    (void)state;
    check_ok(parse(some));
    check_str(named("bitcoin", ASSET_NAME_coingecko), "BTCUSDT");
    check_str(named("Bitcoin", ASSET_NAME_coingecko), "BTCUSDT");
    check_str(named("btc", ASSET_NAME_symbol), "BTCUSDT");
    check_str(named("ethusdt", ASSET_NAME_symbol), "ETHUSDT");
    check_str(named("XYZUSDT", ASSET_NAME_coingecko), "XYZUSDT");
    check_str(named("BTCUSDT", ASSET_NAME_symbol), "nobody"); /* it is called BTC there */
    check_str(named("no such thing", ASSET_NAME_symbol), "nobody");
    check_str(named("", ASSET_NAME_symbol), "nobody");
}

static void test_nothing_is_named_without_a_file(void **state)
{
    (void)state;
    check_ok(parse(""));
    check_i64((int64_t)names.n, 0);
    check_str(name_of("BTCUSDT", ASSET_NAME_coingecko), "BTCUSDT");
}

static void test_every_problem_names_its_field(void **state)
{
    (void)state;
    check_err(parse("{\"BTCUSDT\": {\"coingecko\": 7, \"kraken\": \"X\"}, \"btc\": {}, "
                    "\"ETHUSDT\": [], \"SOLUSDT\": {\"symbol\": \"a/b\"}, \"SOLUSDT\": {}}"),
              AL_EINVAL);
    assert_non_null(strstr(buf_str(&problems), "BTCUSDT.coingecko: not a text"));
    assert_non_null(strstr(buf_str(&problems), "BTCUSDT.kraken: unknown field"));
    assert_non_null(strstr(buf_str(&problems), "btc: not an asset"));
    assert_non_null(strstr(buf_str(&problems), "ETHUSDT: not an object"));
    assert_non_null(strstr(buf_str(&problems), "SOLUSDT.symbol: not a text"));
    assert_non_null(strstr(buf_str(&problems), "SOLUSDT: is there twice"));
    check_str(err_text(), "6 fields are wrong");
    check_err(parse("[]"), AL_EINVAL);
    check_err(parse("{"), AL_EPARSE);
}

static void test_there_is_a_bound(void **state)
{
    struct buf text = BUF_INIT(ASSET_NAMES_FILE_BYTES_MAX);
    (void)state;
    buf_putc(&text, '{');
    for (int i = 0; i <= ASSET_NAMES_MAX; i++)
        buf_printf(&text, "%s\"A%03dUSDT\": {}", i == 0 ? "" : ",", i);
    buf_putc(&text, '}');
    check_err(parse(buf_str(&text)), AL_EINVAL);
    check_str(buf_str(&problems), "A256USDT: more than 256 assets\n");
    buf_deinit(&text);
}

static void test_the_file_that_ships_is_right(void **state)
{
    char text[8192] = "";
    (void)state;
    FILE *file = fopen("config/assets.json", "r");
    assert_non_null(file);
    size_t n = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    assert_true(n > 0);
    check_ok(parse(text));
    check_str(named("ethereum", ASSET_NAME_coingecko), "ETHUSDT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_name_is_what_its_column_says),
        cmocka_unit_test(test_a_name_leads_back_to_the_first_asset),
        cmocka_unit_test(test_nothing_is_named_without_a_file),
        cmocka_unit_test(test_every_problem_names_its_field),
        cmocka_unit_test(test_there_is_a_bound),
        cmocka_unit_test(test_the_file_that_ships_is_right),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
