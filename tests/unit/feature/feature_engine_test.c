#include "harness/check.h"

#include <stdio.h>

#include "alphaloop/feature/feature_catalog.h"
#include "alphaloop/feature/feature_engine.h"
#include "alphaloop/market/synthetic.h"
#include "harness/alloc.h"
#include "unit/feature/feature_world.h"

static const struct market_limits limits = {10 * NS_PER_S, 10 * NS_PER_S, 300 * NS_PER_S,
                                            300 * NS_PER_S};

#define WARM_S 10800 /* seconds after which every column of the full set is known */

struct desk { /* one asset, one feature set, everything fed as the program feeds it */
    struct feature_set set;
    struct market_state *market;
    struct feature_engine *engine;
    struct market_update update;
    int64_t now_ns;
    unsigned ignored; /* bits of market_kind that never arrive */
    size_t n_candles;
    struct candle candles[4000]; /* what would have been stored */
};

static struct desk *desk_open_at(const char *const *names, size_t n_names, int64_t timeframe_ns)
{
    struct slice slices[8];
    struct asset asset = {"BTCUSDT"};
    struct desk *desk = calloc(1, sizeof(*desk));
    for (size_t i = 0; i < n_names; i++)
        slices[i] = slice_of(names[i]);
    check_ok(feature_set_resolve(slices, n_names, timeframe_ns, &desk->set));
    check_ok(market_state_create(&asset, &desk->market));
    for (size_t i = 0; i < desk->set.n_timeframes; i++)
        check_ok(market_state_add_timeframe(desk->market, desk->set.timeframes_ns[i]));
    check_ok(feature_engine_create(&desk->set, &desk->engine));
    desk->now_ns = WORLD_START;
    return desk;
}

static struct desk *desk_open(const char *const *names, size_t n_names)
{
    return desk_open_at(names, n_names, NS_PER_MIN);
}

static struct desk *desk_of(const char *name)
{
    return desk_open(&name, 1);
}

static void desk_close(struct desk *desk)
{
    feature_engine_destroy(desk->engine);
    market_state_destroy(desk->market);
    free(desk);
}

static void desk_tell(void *ctx, const struct market_event *event)
{
    struct desk *desk = ctx;
    if ((desk->ignored & (1u << event->kind)) != 0)
        return;
    desk->now_ns = event->ts_event_ns > desk->now_ns ? event->ts_event_ns : desk->now_ns;
    if (market_state_on_event(desk->market, event, desk->now_ns, &desk->update))
        feature_engine_on_update(desk->engine, &desk->update);
    for (size_t i = 0; i < desk->update.n_candles && desk->n_candles < COUNT_OF(desk->candles); i++)
        desk->candles[desk->n_candles++] = desk->update.candles[i];
}

static enum reason desk_vector(struct desk *desk, float *out)
{
    struct position_features position = {true, 0.5, 1, 2};
    return feature_engine_vector(desk->engine, desk->market, &limits, &position, desk->now_ns, out);
}

static void both_tell(void *ctx, const struct market_event *event)
{
    struct desk **desks = ctx;
    desk_tell(desks[0], event);
    desk_tell(desks[1], event);
}

static void test_feature_engine_warms_up_then_knows_every_column(void **state)
{
    struct desk *desk = desk_of("full");
    struct world world;
    float x[FEATURES_MAX];
    (void)state;
    world_init(&world, 1);
    assert_int_equal(desk_vector(desk, x), REASON_features_warming_up);
    assert_true(isnan(x[0]));
    for (int i = 0; i < 600; i++)
        world_second(&world, desk_tell, desk);
    assert_int_equal(desk_vector(desk, x), REASON_features_warming_up);
    assert_true(feature_engine_progress(desk->engine, desk->now_ns) < 1);
    for (int i = 0; i < WARM_S; i++)
        world_second(&world, desk_tell, desk);
    assert_int_equal(desk_vector(desk, x), REASON_NONE);
    check_near(feature_engine_progress(desk->engine, desk->now_ns), 1, 0);
    for (size_t i = 0; i < desk->set.n_columns; i++) {
        if (isnan(x[i]))
            fail_msg("%s is missing", desk->set.columns[i].name);
    }
    desk_close(desk);
}

static void test_feature_engine_same_events_give_the_same_bits(void **state)
{
    struct desk *a = desk_of("full"), *b = desk_of("full"), *both[] = {a, b};
    struct world world;
    float x[FEATURES_MAX], y[FEATURES_MAX];
    size_t n_ready = 0;
    (void)state;
    world_init(&world, 2);
    for (int i = 0; i < WARM_S; i++) {
        world_second(&world, both_tell, both);
        enum reason reason = desk_vector(a, x);
        assert_int_equal(reason, desk_vector(b, y));
        n_ready += reason == REASON_NONE ? 1 : 0;
        assert_memory_equal(x, y, a->set.n_columns * sizeof(float));
    }
    assert_true(n_ready > 400);
    desk_close(a);
    desk_close(b);
}

/* The future, ruined or not, does not reach back: a late message is ignored by state and engine alike. */
static void test_feature_engine_late_events_never_change_a_vector(void **state)
{
    struct desk *desk = desk_of("full");
    struct world world;
    float before[FEATURES_MAX], after[FEATURES_MAX];
    (void)state;
    world_init(&world, 3);
    for (int i = 0; i < WARM_S; i++)
        world_second(&world, desk_tell, desk);
    assert_int_equal(desk_vector(desk, before), REASON_NONE);
    int64_t late_ns = desk->now_ns - 2 * NS_PER_MIN;
    desk_tell(desk, world_book(late_ns, 1, 2, 3, 4));
    desk_tell(desk, world_ticker(late_ns, 1, 2, 1, 5));
    desk_tell(desk, world_trade(late_ns, 1, 100, SIDE_SELL));
    desk_tell(desk,
              world_kline(late_ns - late_ns % NS_PER_MIN - NS_PER_MIN, NS_PER_MIN, 1, 1, true));
    assert_int_equal(desk_vector(desk, after), REASON_NONE);
    assert_memory_equal(before, after, desk->set.n_columns * sizeof(float));
    desk_close(desk);
}

/* A column at five times the timeframe is the one a strategy of that timeframe sees, bit for bit. */
static void test_feature_engine_multiples_are_their_timeframe(void **state)
{
    const char *candles = "candles";
    struct desk *multi = desk_of("multi"), *slow = desk_open_at(&candles, 1, 5 * NS_PER_MIN);
    struct desk *both[] = {multi, slow};
    struct world world;
    float x[FEATURES_MAX], y[FEATURES_MAX];
    size_t n_compared = 0;
    (void)state;
    world_init(&world, 13);
    for (int i = 0; i < 40000; i++)
        world_second(&world, both_tell, both);
    assert_int_equal(desk_vector(multi, x), REASON_NONE);
    assert_int_equal(desk_vector(slow, y), REASON_NONE);
    for (size_t i = 0; i < slow->set.n_columns; i++) {
        char name[FEATURE_NAME_MAX + 4];
        snprintf(name, sizeof(name), "%s@5x", slow->set.columns[i].name);
        size_t at = feature_set_find(&multi->set, slice_of(name));
        if (at == SIZE_MAX)
            continue;
        assert_memory_equal(&x[at], &y[i], sizeof(float));
        n_compared++;
    }
    assert_true(n_compared >= 20);
    desk_close(multi);
    desk_close(slow);
}

struct poisoned {
    struct desk *desk;
    int64_t after_ns;
};

static void ruin(void *ctx, const struct market_event *event)
{
    struct poisoned *poisoned = ctx;
    struct market_event ruined = *event;
    if (event->ts_event_ns > poisoned->after_ns)
        memset((char *)&ruined.ticker, 0xff,
               sizeof(ruined) - offsetof(struct market_event, ticker));
    if (ruined.kind == MARKET_BOOK && event->ts_event_ns > poisoned->after_ns)
        ruined.book.n_bids = ruined.book.n_asks = 2;
    if (ruined.kind == MARKET_KLINE && event->ts_event_ns > poisoned->after_ns) {
        ruined.kline.n_earlier = 0;
        ruined.kline.confirmed = true;
    }
    desk_tell(poisoned->desk, &ruined);
}

/* All vectors up to t are the same whether what follows is a market or garbage. */
static void test_feature_engine_does_not_look_ahead(void **state)
{
    struct desk *clean = desk_of("full"), *ruined = desk_of("full");
    struct world a, b;
    struct poisoned poisoned = {ruined, WORLD_START + (WARM_S + 600) * NS_PER_S};
    float x[FEATURES_MAX], y[FEATURES_MAX];
    size_t n_ready = 0;
    (void)state;
    world_init(&a, 4);
    world_init(&b, 4);
    for (int i = 0; i < WARM_S + 700; i++) {
        world_second(&a, desk_tell, clean);
        world_second(&b, ruin, &poisoned);
        if (a.ts_ns + 3 > poisoned.after_ns)
            continue;
        enum reason reason = desk_vector(clean, x);
        assert_int_equal(reason, desk_vector(ruined, y));
        n_ready += reason == REASON_NONE ? 1 : 0;
        assert_memory_equal(x, y, clean->set.n_columns * sizeof(float));
    }
    assert_true(n_ready > 400);
    desk_close(clean);
    desk_close(ruined);
}

static void test_feature_engine_absent_feed_is_missing_not_blocking(void **state)
{
    struct desk *desk = desk_of("fast");
    struct world world;
    float x[FEATURES_MAX];
    (void)state;
    world_init(&world, 5);
    desk->ignored = 1u << MARKET_TRADES;
    for (int i = 0; i < 1500; i++)
        world_second(&world, desk_tell, desk);
    assert_int_equal(desk_vector(desk, x), REASON_NONE);
    assert_true(isnan(x[feature_set_find(&desk->set, SLICE("trade_imbalance_60s"))]));
    assert_true(!isnan(x[feature_set_find(&desk->set, SLICE("book_imbalance_1"))]));
    desk->ignored = 0;
    for (int i = 0; i < 20; i++)
        world_second(&world, desk_tell, desk);
    assert_int_equal(desk_vector(desk, x), REASON_features_warming_up);
    desk_close(desk);
}

static void test_feature_engine_stale_book_is_missing(void **state)
{
    struct desk *desk = desk_of("fast");
    struct world world;
    float x[FEATURES_MAX];
    (void)state;
    world_init(&world, 6);
    for (int i = 0; i < 1500; i++)
        world_second(&world, desk_tell, desk);
    desk->ignored = 1u << MARKET_BOOK;
    for (int i = 0; i < 11; i++)
        world_second(&world, desk_tell, desk);
    assert_int_equal(desk_vector(desk, x), REASON_NONE);
    assert_true(isnan(x[feature_set_find(&desk->set, SLICE("book_imbalance_1"))]));
    assert_true(!isnan(x[feature_set_find(&desk->set, SLICE("mid_return_60s"))]));
    desk_close(desk);
}

static void test_feature_engine_refuses_when_candles_have_stopped(void **state)
{
    struct desk *desk = desk_of("candles");
    struct world world;
    float x[FEATURES_MAX];
    (void)state;
    world_init(&world, 7);
    for (int i = 0; i < 2500; i++)
        world_second(&world, desk_tell, desk);
    assert_int_equal(desk_vector(desk, x), REASON_NONE);
    desk->now_ns += limits.candle_ns + 3 * NS_PER_MIN;
    assert_int_equal(desk_vector(desk, x), REASON_market_data_stale);
    assert_true(isnan(x[0]));
    desk_close(desk);
}

static void test_feature_engine_unknown_position_is_missing(void **state)
{
    const char *names[] = {"position_size", "hour_sine"};
    struct desk *desk = desk_open(names, 2);
    float x[2];
    (void)state;
    assert_int_equal(
        feature_engine_vector(desk->engine, desk->market, &limits, NULL, desk->now_ns, x),
        REASON_NONE);
    assert_true(isnan(x[0]) && !isnan(x[1]));
    desk_close(desk);
}

static void test_feature_engine_allocates_nothing_after_create(void **state)
{
    struct desk *desk = desk_of("full");
    struct world world;
    float x[FEATURES_MAX];
    (void)state;
    world_init(&world, 8);
    alloc_never_fails();
    for (int i = 0; i < WARM_S; i++) {
        world_second(&world, desk_tell, desk);
        (void)desk_vector(desk, x);
    }
    assert_int_equal(alloc_count(), 0);
    assert_int_equal(desk_vector(desk, x), REASON_NONE);
    assert_true(feature_engine_bytes(desk->engine) < 64 * 1024);
    desk_close(desk);
}

static void replay_candles(struct desk *into, const struct desk *from)
{
    size_t wanted = feature_set_candles_wanted(&into->set, NS_PER_MIN);
    size_t first = from->n_candles > wanted ? from->n_candles - wanted : 0;
    for (size_t i = first; i < from->n_candles; i++) {
        assert_true(market_state_on_stored_candle(into->market, &from->candles[i], &into->update));
        feature_engine_on_update(into->engine, &into->update);
    }
}

static void check_equal_vectors(const struct desk *desk,
                                const float *x,
                                const float *y,
                                float tolerance)
{
    for (size_t i = 0; i < desk->set.n_columns; i++) {
        if (isnan(x[i]) != isnan(y[i]) || fabsf(x[i] - y[i]) > tolerance * (1 + fabsf(x[i])))
            fail_msg("%s: %.9g without a restart, %.9g with one", desk->set.columns[i].name,
                     (double)x[i], (double)y[i]);
    }
}

/* Candle columns come back from stored candles at once, and as if nothing had happened. */
static void test_feature_engine_recovers_candle_columns(void **state)
{
    struct desk *never = desk_of("candles"), *restarted = desk_of("candles"),
                *both[] = {never, restarted};
    struct world world;
    float x[FEATURES_MAX], y[FEATURES_MAX];
    (void)state;
    world_init(&world, 9);
    for (int i = 0; i < 40000; i++)
        world_second(&world, desk_tell, never);
    replay_candles(restarted, never);
    world_second(&world, both_tell, both);
    assert_int_equal(desk_vector(never, x), REASON_NONE);
    assert_int_equal(desk_vector(restarted, y), REASON_NONE);
    check_equal_vectors(never, x, y, 1e-6f);
    for (int i = 0; i < 600; i++)
        world_second(&world, both_tell, both);
    assert_int_equal(desk_vector(never, x), REASON_NONE);
    assert_int_equal(desk_vector(restarted, y), REASON_NONE);
    check_equal_vectors(never, x, y, 1e-6f);
    desk_close(never);
    desk_close(restarted);
}

/* With all candles there ever were, a restart does not even show in the last bit. */
static void test_feature_engine_recovers_bit_for_bit_from_the_beginning(void **state)
{
    struct desk *never = desk_of("candles"), *restarted = desk_of("candles");
    struct world world;
    float x[FEATURES_MAX], y[FEATURES_MAX];
    (void)state;
    world_init(&world, 10);
    for (int i = 0; i < 6000; i++)
        world_second(&world, desk_tell, never);
    for (size_t i = 0; i < never->n_candles; i++) {
        assert_true(market_state_on_stored_candle(restarted->market, &never->candles[i],
                                                  &restarted->update));
        feature_engine_on_update(restarted->engine, &restarted->update);
    }
    restarted->now_ns = never->now_ns;
    assert_int_equal(desk_vector(never, x), REASON_NONE);
    assert_int_equal(desk_vector(restarted, y), REASON_NONE);
    assert_memory_equal(x, y, never->set.n_columns * sizeof(float));
    desk_close(never);
    desk_close(restarted);
}

/* Second-scale columns come from the live stream alone: until it has filled them again the engine says so. */
static void test_feature_engine_warms_fast_columns_up_again(void **state)
{
    struct desk *never = desk_of("standard"), *restarted = desk_of("standard"),
                *both[] = {never, restarted};
    struct world world;
    float x[FEATURES_MAX], y[FEATURES_MAX];
    (void)state;
    world_init(&world, 11);
    for (int i = 0; i < 40000; i++)
        world_second(&world, desk_tell, never);
    replay_candles(restarted, never);
    for (int i = 0; i < 280; i++) {
        world_second(&world, both_tell, both);
        assert_int_equal(desk_vector(restarted, y), REASON_features_warming_up);
    }
    for (int i = 0; i < 12000; i++)
        world_second(&world, both_tell, both);
    assert_int_equal(desk_vector(never, x), REASON_NONE);
    assert_int_equal(desk_vector(restarted, y), REASON_NONE);
    check_equal_vectors(never, x, y, 1e-5f);
    desk_close(never);
    desk_close(restarted);
}

static void test_feature_engine_sees_pressure_within_seconds(void **state)
{
    struct desk *desk = desk_of("fast");
    struct world world;
    float before[FEATURES_MAX], after[FEATURES_MAX];
    static const char *const names[] = {
        "trade_imbalance_10s", "trade_flow_10s",        "book_imbalance_1",   "top_imbalance_10s",
        "mid_return_5s",       "mid_mean_distance_30s", "microprice_offset_5"};
    (void)state;
    world_init(&world, 12);
    for (int i = 0; i < 1500; i++)
        world_second(&world, desk_tell, desk);
    assert_int_equal(desk_vector(desk, before), REASON_NONE);
    for (int i = 0; i < 8; i++) {
        int64_t ts_ns = world.ts_ns + (i + 1) * NS_PER_S;
        double bid = world.mid * (1 + 0.0003 * i);
        desk_tell(desk, world_book(ts_ns, bid, bid + 0.02, 9, 1));
        desk_tell(desk, world_trade(ts_ns, bid + 0.02, 5, SIDE_BUY));
    }
    assert_int_equal(desk_vector(desk, after), REASON_NONE);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        size_t column = feature_set_find(&desk->set, slice_of(names[i]));
        if (!(after[column] > before[column] && after[column] > 0.2f))
            fail_msg("%s went from %g to %g", names[i], (double)before[column],
                     (double)after[column]);
    }
    desk_close(desk);
}

static double correlation(const double *x, const double *y, size_t n)
{
    double sx = 0, sy = 0, sxx = 0, syy = 0, sxy = 0, count = (double)n;
    for (size_t i = 0; i < n; i++) {
        sx += x[i], sy += y[i];
        sxx += x[i] * x[i], syy += y[i] * y[i], sxy += x[i] * y[i];
    }
    return (sxy - sx * sy / count) / sqrt((sxx - sx * sx / count) * (syy - sy * sy / count));
}

/* The latent edge of the simulated market shows in book, trade signs and short momentum, at the scale of seconds. */
static void test_feature_engine_sees_the_simulated_edge(void **state)
{
    enum { POINTS = 2000 };
    static double alpha[POINTS], seen[3][POINTS];
    static const struct {
        const char *name;
        double at_least;
    } wanted[] = {{"top_imbalance_10s", 0.7},
                  {"trade_count_imbalance_30s", 0.65},
                  {"mid_mean_distance_60s", 0.25}};
    struct desk *desk = desk_of("fast");
    struct synthetic_options options;
    struct synthetic *market;
    float x[FEATURES_MAX];
    (void)state;
    synthetic_options_default(&options);
    options.n_assets = 1;
    check_ok(synthetic_create(&options, &market));
    for (int i = 0; i < 1200; i++)
        synthetic_step(market, desk_tell, desk);
    for (size_t n = 0; n < POINTS; n++) {
        struct synthetic_truth truth;
        for (int i = 0; i < 10; i++)
            synthetic_step(market, desk_tell, desk);
        assert_int_equal(desk_vector(desk, x), REASON_NONE);
        synthetic_truth(market, 0, NS_PER_MIN, &truth);
        alpha[n] = truth.alpha;
        for (size_t k = 0; k < COUNT_OF(wanted); k++)
            seen[k][n] = (double)x[feature_set_find(&desk->set, slice_of(wanted[k].name))];
    }
    for (size_t k = 0; k < COUNT_OF(wanted); k++) {
        double found = correlation(alpha, seen[k], POINTS);
        if (!(found >= wanted[k].at_least))
            fail_msg("%s: correlation with the edge %.3f, at least %.2f expected", wanted[k].name,
                     found, wanted[k].at_least);
    }
    synthetic_destroy(market);
    desk_close(desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_feature_engine_warms_up_then_knows_every_column),
        cmocka_unit_test(test_feature_engine_same_events_give_the_same_bits),
        cmocka_unit_test(test_feature_engine_multiples_are_their_timeframe),
        cmocka_unit_test(test_feature_engine_late_events_never_change_a_vector),
        cmocka_unit_test(test_feature_engine_does_not_look_ahead),
        cmocka_unit_test(test_feature_engine_absent_feed_is_missing_not_blocking),
        cmocka_unit_test(test_feature_engine_stale_book_is_missing),
        cmocka_unit_test(test_feature_engine_refuses_when_candles_have_stopped),
        cmocka_unit_test(test_feature_engine_unknown_position_is_missing),
        cmocka_unit_test(test_feature_engine_allocates_nothing_after_create),
        cmocka_unit_test(test_feature_engine_recovers_candle_columns),
        cmocka_unit_test(test_feature_engine_recovers_bit_for_bit_from_the_beginning),
        cmocka_unit_test(test_feature_engine_warms_fast_columns_up_again),
        cmocka_unit_test(test_feature_engine_sees_pressure_within_seconds),
        cmocka_unit_test(test_feature_engine_sees_the_simulated_edge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
