#include "harness/check.h"

#include <math.h>
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

/* The candle columns of `standard` once more at 5 and 15 times whatever the strategy's timeframe is, nothing else. */
static void test_feature_set_multi_is_standard_at_three_timeframes(void **state)
{
    static struct feature_set standard;
    struct feature_set *multi = *state;
    struct slice names[] = {SLICE("standard")}, both[] = {SLICE("multi")};
    size_t n_candle = 0;
    check_ok(feature_set_resolve(names, 1, 2 * NS_PER_MIN, &standard));
    check_ok(feature_set_resolve(both, 1, 2 * NS_PER_MIN, multi));
    for (size_t i = 0; i < standard.n_columns; i++) {
        check_str(multi->columns[i].name, standard.columns[i].name);
        n_candle += standard.columns[i].indicator->feed == FEED_CANDLE;
    }
    assert_int_equal(multi->n_columns, standard.n_columns + 2 * n_candle);
    assert_int_equal(multi->n_timeframes, 3);
    size_t at = feature_set_find(multi, SLICE("rsi_14@15x"));
    assert_true(at != SIZE_MAX);
    check_i64(multi->columns[at].timeframe_ns, 30 * NS_PER_MIN);
    assert_true(feature_set_find(multi, SLICE("spread_bps@5x")) == SIZE_MAX);
}

static void test_feature_set_reads_multiples_of_the_timeframe(void **state)
{
    struct slice twice[] = {SLICE("rsi_14@5x"), SLICE("rsi_14@300")};
    struct feature_set *set = *state;
    check_ok(resolve(set, "ema_cross(fast=3)@10080x"));
    check_i64(set->columns[0].timeframe_ns, 7 * NS_PER_DAY);
    check_ok(feature_set_resolve(twice, 1, NS_PER_H, set));
    check_i64(set->columns[0].timeframe_ns, 5 * NS_PER_H);
    check_err(feature_set_resolve(twice, 2, NS_PER_MIN, set), AL_EEXIST);
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
        {"rsi_14@x", AL_EPARSE},
        {"rsi_14@0x", AL_EPARSE},
        {"rsi_14@1.5x", AL_EPARSE},
        {"rsi_14@5xx", AL_EPARSE},
        {"rsi_14@10081x", AL_EPARSE},
        {"spread_bps@5x", AL_EINVAL},
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

/* And so are the sets that strategies in use have named. Adding a column to one of them is a decision, not an accident. */
static void test_feature_set_hashes_of_the_named_sets_are_pinned(void **state)
{
    static const char *const pinned[][2] = {
        {"standard", "bb1e790b3841f845d9ea57263057344879340d9b7553b7297ac708294c7571fd"},
        {"candles", "133ce17bbe216f27dccc37dca126266359ad8d761fc41f7b945d207d28edab53"},
        {"fast", "6fff6734a4a7c777436dab69409223fb2a6c5d61fd366ec48f3c1d6047e2febc"},
    };
    for (size_t i = 0; i < COUNT_OF(pinned); i++) {
        char text[SHA256_TEXT_MAX];
        check_ok(resolve(*state, pinned[i][0]));
        sha256_format(&((struct feature_set *)*state)->schema_hash, text);
        check_str(text, pinned[i][1]);
    }
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

/* Distances to the upper and the lower band change places: what lies ahead of a sell is the lower one. */
static void test_feature_orient_swaps_one_sided_columns(void **state)
{
    struct slice names[] = {SLICE("donchian_upper_20"), SLICE("spread_bps"),
                            SLICE("donchian_lower_20"), SLICE("plus_di_14"), SLICE("minus_di_14")};
    const float x[] = {1, 2, NAN, 4, 5}, wanted[] = {NAN, 2, 1, 5, 4};
    float out[5], same[5];
    check_ok(feature_set_resolve(names, 5, NS_PER_MIN, *state));
    feature_orient(*state, x, SIDE_BUY, out);
    assert_memory_equal(x, out, sizeof(x));
    memcpy(same, x, sizeof(x));
    feature_orient(*state, x, SIDE_SELL, out);
    feature_orient(*state, same, SIDE_SELL, same);
    assert_memory_equal(out, same, sizeof(out));
    for (size_t i = 0; i < 5; i++)
        assert_true(out[i] == wanted[i] || (isnan(out[i]) && isnan(wanted[i])));
}

static void test_feature_set_one_sided_columns_come_in_pairs(void **state)
{
    struct slice alone[] = {SLICE("keltner_upper_20"), SLICE("rsi_14")};
    struct slice apart[] = {SLICE("keltner_upper_20"), SLICE("keltner_lower_20@300")};
    struct slice other[] = {SLICE("keltner_upper_20"),
                            SLICE("keltner_band(side=-1,period=20,range=9)")};
    struct slice pair[] = {SLICE("keltner_band(side=-1,period=20,range=10)@5x"),
                           SLICE("keltner_upper_20@300")};
    check_err(feature_set_resolve(alone, 2, NS_PER_MIN, *state), AL_EINVAL);
    assert_non_null(strstr(err_text(), "keltner_upper_20"));
    check_err(feature_set_resolve(apart, 2, NS_PER_MIN, *state), AL_EINVAL);
    check_err(feature_set_resolve(other, 2, NS_PER_MIN, *state), AL_EINVAL);
    check_ok(feature_set_resolve(pair, 2, NS_PER_MIN, *state));
    check_err(resolve(*state, "keltner_band(side=0)"), AL_EINVAL);
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
        TEST(set_multi_is_standard_at_three_timeframes),
        TEST(set_reads_multiples_of_the_timeframe),
        TEST(set_refuses_bad_names),
        TEST(set_refuses_the_same_column_twice),
        TEST(set_refuses_no_columns_and_bad_timeframes),
        TEST(set_bounds_its_columns),
        TEST(set_hash_tells_every_difference),
        TEST(set_hash_is_pinned),
        TEST(set_hashes_of_the_named_sets_are_pinned),
        TEST(orient_mirrors_directional_columns),
        TEST(orient_swaps_one_sided_columns),
        TEST(set_one_sided_columns_come_in_pairs),
        TEST(set_wants_enough_candles),
        TEST(set_find),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
