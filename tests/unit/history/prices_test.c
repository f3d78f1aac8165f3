#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/history/prices.h"

#define S  NS_PER_S
#define T0 (1000 * S)

static const struct prices_rule rule = {
    .fresh_ns = 10 * S, .stale_ns = 50 * S, .window_ns = S / 10, .retry_ns = 5 * S, .batch_max = 3};

static struct asset named(const char *text)
{
    struct asset asset;
    assert_true(asset_parse(slice_of(text), &asset));
    return asset;
}

static struct asset numbered(size_t i)
{
    char text[16];
    snprintf(text, sizeof text, "ASSET%zu", i);
    return named(text);
}

static int setup(void **state)
{
    struct prices *prices;
    assert_int_equal(prices_create(&rule, &prices), AL_OK);
    *state = prices;
    return 0;
}

static int teardown(void **state)
{
    prices_destroy(*state);
    return 0;
}

static void assert_state(struct price price, enum price_state state, double value)
{
    assert_int_equal(price.state, state);
    if (isnan(value))
        assert_true(isnan(price.price));
    else
        assert_float_equal(price.price, value, 0);
}

static void test_what_nobody_knows_is_awaited_and_asked_for_once(void **state)
{
    struct prices *p = *state;
    struct asset btc = named("BTCUSDT"), out[PRICES_BATCH_MAX];
    assert_int_equal(prices_due_ns(p), TIMESTAMP_NONE);
    assert_state(prices_ask(p, &btc, T0), PRICE_AWAITED, NAN);
    assert_state(prices_ask(p, &btc, T0 + 1), PRICE_AWAITED, NAN);
    assert_int_equal(prices_due_ns(p), T0 + S / 10);
    assert_int_equal(prices_take(p, T0 + S / 10 - 1, out), 0);
    assert_int_equal(prices_take(p, T0 + S / 10, out), 1);
    assert_true(asset_eq(&out[0], &btc));
    assert_int_equal(prices_due_ns(p), TIMESTAMP_NONE);
    assert_state(prices_ask(p, &btc, T0 + S), PRICE_AWAITED, NAN);
    assert_int_equal(prices_due_ns(p), TIMESTAMP_NONE);
}

static void test_it_is_fresh_then_stale_then_gone(void **state)
{
    struct prices *p = *state;
    struct asset btc = named("BTCUSDT"), out[PRICES_BATCH_MAX];
    (void)prices_ask(p, &btc, T0);
    (void)prices_take(p, T0 + S, out);
    prices_put(p, &btc, 50000, T0 - S, T0);
    assert_state(prices_ask(p, &btc, T0 + 10 * S - 1), PRICE_FRESH, 50000);
    assert_int_equal(prices_due_ns(p), TIMESTAMP_NONE);
    struct price stale = prices_ask(p, &btc, T0 + 10 * S);
    assert_state(stale, PRICE_STALE, 50000);
    assert_int_equal(stale.ts_ns, T0 - S);
    assert_int_equal(stale.got_ns, T0);
    assert_int_equal(prices_due_ns(p), T0 + 10 * S + S / 10);
    assert_state(prices_look(p, &btc, T0 + 60 * S), PRICE_AWAITED, NAN);
    assert_int_equal(prices_take(p, T0 + 60 * S, out), 1);
    prices_put(p, &btc, 51000, TIMESTAMP_NONE, T0 + 60 * S);
    assert_state(prices_ask(p, &btc, T0 + 61 * S), PRICE_FRESH, 51000);
    assert_state(prices_look(p, &btc, T0 + 120 * S), PRICE_AWAITED, NAN);
}

static void test_several_assets_go_in_one_call(void **state)
{
    struct prices *p = *state;
    struct asset out[PRICES_BATCH_MAX];
    for (size_t i = 0; i < 2; i++) {
        struct asset asset = numbered(i);
        (void)prices_ask(p, &asset, T0 + (int64_t)i);
    }
    assert_int_equal(prices_due_ns(p), T0 + S / 10);
    for (size_t i = 2; i < 5; i++) {
        struct asset asset = numbered(i);
        (void)prices_ask(p, &asset, T0 + (int64_t)i);
    }
    assert_int_equal(prices_due_ns(p), T0 + 4); /* the window was full with the third */
    assert_int_equal(prices_take(p, T0 + 4, out), 3);
    assert_int_equal(prices_take(p, T0 + 4, out), 2);
    assert_int_equal(prices_take(p, T0 + 4, out), 0);
    assert_int_equal(prices_counts(p)->n_assets, 5);
    assert_int_equal(prices_counts(p)->n_calls, 2);
}

static void test_what_failed_is_left_alone_for_a_while(void **state)
{
    struct prices *p = *state;
    struct asset btc = named("BTCUSDT"), out[PRICES_BATCH_MAX];
    (void)prices_ask(p, &btc, T0);
    (void)prices_take(p, T0 + S, out);
    prices_failed(p, &btc, T0 + S);
    assert_state(prices_ask(p, &btc, T0 + 6 * S - 1), PRICE_FAILED, NAN);
    assert_int_equal(prices_due_ns(p), TIMESTAMP_NONE);
    assert_state(prices_ask(p, &btc, T0 + 6 * S), PRICE_AWAITED, NAN);
    assert_int_equal(prices_due_ns(p), T0 + 6 * S + S / 10);
}

static void test_a_failure_takes_nothing_away(void **state)
{
    struct prices *p = *state;
    struct asset btc = named("BTCUSDT"), out[PRICES_BATCH_MAX];
    (void)prices_ask(p, &btc, T0);
    (void)prices_take(p, T0 + S, out);
    prices_put(p, &btc, 50000, TIMESTAMP_NONE, T0);
    (void)prices_ask(p, &btc, T0 + 20 * S);
    assert_int_equal(prices_take(p, T0 + 21 * S, out), 1);
    prices_failed(p, &btc, T0 + 21 * S);
    assert_state(prices_ask(p, &btc, T0 + 22 * S), PRICE_STALE, 50000);
    assert_int_equal(prices_due_ns(p), TIMESTAMP_NONE);
}

static void test_the_asset_asked_for_least_lately_makes_room(void **state)
{
    struct prices *p = *state;
    struct asset out[PRICES_BATCH_MAX], first = numbered(0), last = numbered(PRICES_ASSETS_MAX);
    for (size_t i = 0; i < PRICES_ASSETS_MAX; i++) {
        struct asset asset = numbered(i);
        (void)prices_ask(p, &asset, T0 + (int64_t)i);
    }
    /* all of them wait: nobody can make room */
    assert_state(prices_ask(p, &last, T0 + S), PRICE_FAILED, NAN);
    while (prices_take(p, T0 + S, out) > 0)
        ;
    for (size_t i = 0; i < PRICES_ASSETS_MAX; i++) {
        struct asset asset = numbered(i);
        prices_put(p, &asset, 1 + (double)i, TIMESTAMP_NONE, T0 + S);
    }
    assert_state(prices_ask(p, &last, T0 + 2 * S), PRICE_AWAITED, NAN);
    assert_state(prices_look(p, &first, T0 + 2 * S), PRICE_FAILED, NAN); /* forgotten */
    struct asset second = numbered(1);
    assert_state(prices_look(p, &second, T0 + 2 * S), PRICE_FRESH, 2);
    prices_put(p, &first, 5, TIMESTAMP_NONE, T0 + 2 * S); /* an answer for nobody */
    assert_state(prices_look(p, &first, T0 + 2 * S), PRICE_FAILED, NAN);
}

static void test_answers_are_counted_by_their_state(void **state)
{
    struct prices *p = *state;
    struct asset btc = named("BTCUSDT"), out[PRICES_BATCH_MAX];
    (void)prices_ask(p, &btc, T0);
    (void)prices_take(p, T0 + S, out);
    prices_put(p, &btc, 1, TIMESTAMP_NONE, T0);
    (void)prices_ask(p, &btc, T0 + S);
    (void)prices_ask(p, &btc, T0 + 2 * S);
    (void)prices_ask(p, &btc, T0 + 20 * S);
    (void)prices_look(p, &btc, T0 + 20 * S);
    const struct prices_counts *counts = prices_counts(p);
    assert_int_equal(counts->states[PRICE_AWAITED], 1);
    assert_int_equal(counts->states[PRICE_FRESH], 2);
    assert_int_equal(counts->states[PRICE_STALE], 1);
    assert_int_equal(counts->states[PRICE_FAILED], 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_what_nobody_knows_is_awaited_and_asked_for_once),
        TEST(test_it_is_fresh_then_stale_then_gone),
        TEST(test_several_assets_go_in_one_call),
        TEST(test_what_failed_is_left_alone_for_a_while),
        TEST(test_a_failure_takes_nothing_away),
        TEST(test_the_asset_asked_for_least_lately_makes_room),
        TEST(test_answers_are_counted_by_their_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
