#include "harness/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/feature/feature_catalog.h"

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct feature_set));
    return *state == NULL;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static enum al_err resolve(struct feature_set *set, const char *name)
{
    struct slice names[] = {slice_of(name)};
    return feature_set_resolve(names, 1, NS_PER_MIN, set);
}

static void test_feature_set_every_named_set_resolves(void **state)
{
    struct feature_set *set = *state;
    for (size_t i = 0; i < feature_set_row_count(); i++) {
        check_ok(resolve(set, feature_set_row_at(i)->name));
        assert_true(set->n_columns >= 8);
    }
}

static void test_feature_set_full_holds_every_row_in_order(void **state)
{
    struct feature_set *set = *state;
    check_ok(resolve(set, "full"));
    assert_int_equal(set->n_columns, feature_row_count());
    for (size_t i = 0; i < set->n_columns; i++)
        check_str(set->columns[i].name, feature_row_at(i)->name);
}

static void test_feature_set_candles_need_nothing_else(void **state)
{
    struct feature_set *set = *state;
    check_ok(resolve(set, "candles"));
    for (size_t i = 0; i < set->n_columns; i++) {
        enum indicator_feed feed = set->columns[i].indicator->feed;
        assert_true(feed == FEED_CANDLE || feed == FEED_CLOCK);
    }
}

static void test_feature_set_reads_options_and_timeframe(void **state)
{
    struct feature_set *set = *state;
    check_ok(resolve(set, "ema_cross( slow = 30 , fast=10 )@300"));
    check_near(set->columns[0].options[0], 10, 0);
    check_near(set->columns[0].options[1], 30, 0);
    check_i64(set->columns[0].timeframe_ns, 300 * NS_PER_S);
    check_ok(resolve(set, "rsi()"));
    check_near(set->columns[0].options[0], 14, 0);
    check_i64(set->columns[0].timeframe_ns, NS_PER_MIN);
}

static void test_feature_set_refuses_bad_names(void **state)
{
    static const struct {
        const char *name;
        enum al_err err;
    } bad[] = {
        {"", AL_EINVAL},
        {"nonsense", AL_ENOTFOUND},
        {"rsi", AL_ENOTFOUND},
        {"rsi(period=21", AL_EPARSE},
        {"rsi(period)", AL_EPARSE},
        {"rsi(period=x)", AL_EPARSE},
        {"rsi(period=0x10)", AL_EPARSE},
        {"rsi(period=nan)", AL_EPARSE},
        {"rsi(length=3)", AL_ENOTFOUND},
        {"rsi(period=1)", AL_EINVAL},
        {"rsi(period=2.5)", AL_EINVAL},
        {"ema_cross(fast=20,slow=10)", AL_EINVAL},
        {"rsi_14@0", AL_EPARSE},
        {"rsi_14@1.5", AL_EPARSE},
        {"rsi_14@604801", AL_EPARSE},
        {"rsi_14@", AL_EPARSE},
        {"spread_bps@60", AL_EINVAL},
        {"rsi_14_and_sixty_characters_more_than_any_name_of_a_column_may_have", AL_EINVAL},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        enum al_err err = resolve(*state, bad[i].name);
        if (err != bad[i].err)
            fail_msg("'%s': %s, expected %s", bad[i].name, al_err_name(err),
                     al_err_name(bad[i].err));
        assert_non_null(strstr(err_text(), "feature '"));
    }
}

static void test_feature_set_refuses_the_same_column_twice(void **state)
{
    struct slice twice[] = {SLICE("rsi_14"), SLICE("rsi(period=14)")};
    check_err(feature_set_resolve(twice, 2, NS_PER_MIN, *state), AL_EEXIST);
    struct slice other[] = {SLICE("rsi_14"), SLICE("rsi_14@300")};
    check_ok(feature_set_resolve(other, 2, NS_PER_MIN, *state));
    assert_int_equal(((struct feature_set *)*state)->n_timeframes, 2);
}

static void test_feature_set_refuses_no_columns_and_bad_timeframes(void **state)
{
    struct slice name = SLICE("rsi_14");
    check_err(feature_set_resolve(NULL, 0, NS_PER_MIN, *state), AL_EINVAL);
    check_err(feature_set_resolve(&name, 1, 0, *state), AL_EINVAL);
    check_err(feature_set_resolve(&name, 1, NS_PER_MIN + 1, *state), AL_EINVAL);
}

static void test_feature_set_bounds_its_columns(void **state)
{
    static char texts[FEATURES_MAX + 1][FEATURE_NAME_MAX];
    struct slice names[FEATURES_MAX + 1];
    for (size_t i = 0; i <= FEATURES_MAX; i++) {
        snprintf(texts[i], sizeof(texts[i]), "log_return(lag=%zu)", i + 1);
        names[i] = slice_of(texts[i]);
    }
    check_ok(feature_set_resolve(names, FEATURES_MAX, NS_PER_MIN, *state));
    check_err(feature_set_resolve(names, FEATURES_MAX + 1, NS_PER_MIN, *state), AL_EFULL);
}

static void hash_of(struct feature_set *set,
                    const char *a,
                    const char *b,
                    int64_t timeframe_ns,
                    struct sha256 *hash)
{
    struct slice names[] = {slice_of(a), slice_of(b)};
    check_ok(feature_set_resolve(names, 2, timeframe_ns, set));
    *hash = set->schema_hash;
}

static void test_feature_set_hash_tells_every_difference(void **state)
{
    struct sha256 hashes[5], again;
    hash_of(*state, "rsi_14", "candle_body", NS_PER_MIN, &hashes[0]);
    hash_of(*state, "candle_body", "rsi_14", NS_PER_MIN, &hashes[1]);
    hash_of(*state, "rsi_14", "candle_body", 2 * NS_PER_MIN, &hashes[2]);
    hash_of(*state, "rsi(period=14)", "candle_body", NS_PER_MIN, &hashes[3]);
    hash_of(*state, "rsi(period=15)", "candle_body", NS_PER_MIN, &hashes[4]);
    for (size_t i = 0; i < 5; i++) {
        for (size_t k = i + 1; k < 5; k++)
            assert_memory_not_equal(&hashes[i], &hashes[k], sizeof(again));
    }
    hash_of(*state, "rsi_14", "candle_body", NS_PER_MIN, &again);
    assert_memory_equal(&hashes[0], &again, sizeof(again));
}

/* A stored model holds this hash: when it changes, every model in the world is refused. */
static void test_feature_set_hash_is_pinned(void **state)
{
    struct sha256 hash;
    char text[SHA256_TEXT_MAX];
    hash_of(*state, "rsi_14", "spread_bps", NS_PER_MIN, &hash);
    sha256_format(&hash, text);
    check_str(text, "a645bf17877a9e4e66b8159c652bc5178dba838b2b0e6b9ce8f8b0f48aedd317");
}

static void test_feature_orient_mirrors_directional_columns(void **state)
{
    struct slice names[] = {SLICE("return_1"), SLICE("rsi_14"), SLICE("spread_bps"),
                            SLICE("donchian_position_20")};
    float x[] = {0.25f, 70, 3, NAN}, buy[4], sell[4];
    check_ok(feature_set_resolve(names, 4, NS_PER_MIN, *state));
    feature_orient(*state, x, SIDE_BUY, buy);
    assert_memory_equal(x, buy, sizeof(x));
    feature_orient(*state, x, SIDE_SELL, sell);
    assert_true(sell[0] == -0.25f && sell[1] == 30 && sell[2] == 3 && isnan(sell[3]));
    feature_orient(*state, sell, SIDE_SELL, sell);
    assert_memory_equal(x, sell, 3 * sizeof(float));
}

static void test_feature_set_wants_enough_candles(void **state)
{
    struct slice names[] = {SLICE("return_15"), SLICE("rsi_14@300"), SLICE("spread_bps")};
    check_ok(feature_set_resolve(names, 3, NS_PER_MIN, *state));
    assert_int_equal(feature_set_candles_wanted(*state, NS_PER_MIN), 16);
    assert_in_range(feature_set_candles_wanted(*state, 300 * NS_PER_S), 200, 400);
    assert_int_equal(feature_set_candles_wanted(*state, NS_PER_H), 0);
}

static void test_feature_set_find(void **state)
{
    check_ok(resolve(*state, "standard"));
    const struct feature_set *set = *state;
    assert_int_equal(feature_set_find(set, slice_of(set->columns[3].name)), 3);
    assert_true(feature_set_find(set, SLICE("nonsense")) == SIZE_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_feature_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(set_every_named_set_resolves),
        TEST(set_full_holds_every_row_in_order),
        TEST(set_candles_need_nothing_else),
        TEST(set_reads_options_and_timeframe),
        TEST(set_refuses_bad_names),
        TEST(set_refuses_the_same_column_twice),
        TEST(set_refuses_no_columns_and_bad_timeframes),
        TEST(set_bounds_its_columns),
        TEST(set_hash_tells_every_difference),
        TEST(set_hash_is_pinned),
        TEST(orient_mirrors_directional_columns),
        TEST(set_wants_enough_candles),
        TEST(set_find),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
