#include "harness/check.h"

#include "alphaloop/base/rng.h"
#include "alphaloop/history/bar_maker.h"

#define MIN NS_PER_MIN
#define S   NS_PER_S

static void check_candle(const struct candle *candle, const struct candle *want)
{
    check_i64(candle->ts_open_ns, want->ts_open_ns);
    check_i64(candle->interval_ns, want->interval_ns);
    check_same_double(candle->open, want->open);
    check_same_double(candle->high, want->high);
    check_same_double(candle->low, want->low);
    check_same_double(candle->close, want->close);
    check_near(candle->volume, want->volume, 1e-9);
}

static void test_a_bar_is_given_out_after_its_grace(void **state)
{
    struct bar_maker maker;
    struct bars_out out;
    (void)state;
    bar_maker_init(&maker, MIN, 5 * S, TIMESTAMP_NONE);
    assert_true(bar_maker_on_trade(&maker, 1 * S, 10, 1, &out));
    assert_true(bar_maker_on_trade(&maker, 20 * S, 14, 2, &out));
    assert_true(bar_maker_on_trade(&maker, 59 * S, 9, 4, &out));
    assert_true(bar_maker_on_trade(&maker, 64 * S, 30, 1, &out));
    assert_int_equal(out.n_candles, 0);
    assert_true(bar_maker_on_trade(&maker, 65 * S, 31, 1, &out));
    assert_int_equal(out.n_candles, 1);
    check_candle(&out.candles[0], &(struct candle){0, MIN, 10, 14, 9, 9, 7});
    bar_maker_on_time(&maker, 124 * S, &out);
    assert_int_equal(out.n_candles, 0);
    bar_maker_on_time(&maker, 125 * S, &out);
    assert_int_equal(out.n_candles, 1);
    check_candle(&out.candles[0], &(struct candle){MIN, MIN, 30, 31, 30, 31, 2});
    bar_maker_on_time(&maker, 500 * S, &out);
    assert_int_equal(out.n_candles, 0); /* nothing traded: no bar */
}

static void test_a_late_trade_takes_its_place(void **state)
{
    struct bar_maker maker;
    struct bars_out out;
    (void)state;
    bar_maker_init(&maker, MIN, 5 * S, TIMESTAMP_NONE);
    assert_true(bar_maker_on_trade(&maker, 62 * S, 20, 1, &out)); /* the next bar first */
    assert_true(bar_maker_on_trade(&maker, 30 * S, 10, 1, &out));
    assert_true(bar_maker_on_trade(&maker, 10 * S, 7, 1, &out));
    assert_true(bar_maker_on_trade(&maker, 20 * S, 99, 1, &out));
    bar_maker_on_time(&maker, 65 * S, &out);
    assert_int_equal(out.n_candles, 1);
    check_candle(&out.candles[0], &(struct candle){0, MIN, 7, 99, 7, 10, 3});
    assert_false(bar_maker_on_trade(&maker, 59 * S, 1, 1, &out)); /* too late */
    assert_int_equal(maker.n_late, 1);
    bar_maker_on_time(&maker, 200 * S, &out);
    check_candle(&out.candles[0], &(struct candle){MIN, MIN, 20, 20, 20, 20, 1});
}

static void test_a_bar_of_which_only_a_part_was_heard_is_not_given_out(void **state)
{
    struct bar_maker maker;
    struct bars_out out;
    (void)state;
    bar_maker_init(&maker, MIN, 0, MIN + 1);
    assert_true(bar_maker_on_trade(&maker, MIN + 1, 10, 1, &out));
    assert_true(bar_maker_on_trade(&maker, 2 * MIN, 11, 1, &out));
    assert_int_equal(out.n_candles, 0);
    assert_int_equal(maker.n_partial, 1);
    assert_true(bar_maker_on_trade(&maker, 3 * MIN, 12, 1, &out));
    assert_int_equal(out.n_candles, 1);
    bar_maker_init(&maker, MIN, 0, MIN);
    assert_true(bar_maker_on_trade(&maker, MIN, 10, 1, &out));
    bar_maker_on_time(&maker, 2 * MIN, &out);
    assert_int_equal(out.n_candles, 1); /* heard from its first instant on */
}

static void test_what_is_no_trade_changes_nothing(void **state)
{
    static const struct {
        int64_t ts_ns;
        double price, qty;
    } rows[] = {{-1, 1, 1},  {INT64_MAX, 1, 1}, {S, 0, 1},  {S, -1, 1},
                {S, NAN, 1}, {S, INFINITY, 1},  {S, 1, -1}, {S, 1, INFINITY}};
    struct bar_maker maker;
    struct bars_out out;
    (void)state;
    bar_maker_init(&maker, MIN, 0, TIMESTAMP_NONE);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_false(bar_maker_on_trade(&maker, rows[i].ts_ns, rows[i].price, rows[i].qty, &out));
    bar_maker_on_time(&maker, 10 * MIN, &out);
    assert_int_equal(out.n_candles, 0);
    assert_int_equal(maker.n_late, 0);
}

static void test_prices_make_bars_without_a_volume(void **state)
{
    struct bar_maker maker;
    struct bars_out out;
    (void)state;
    bar_maker_init(&maker, MIN, 0, TIMESTAMP_NONE);
    assert_true(bar_maker_on_trade(&maker, 0, 10, (double)NAN, &out));
    assert_true(bar_maker_on_trade(&maker, S, 12, (double)NAN, &out));
    bar_maker_on_time(&maker, MIN, &out);
    assert_int_equal(out.n_candles, 1);
    check_near(out.candles[0].close, 12, 0);
    assert_true(isnan(out.candles[0].volume));
}

/* ---- against a second implementation, which knows all trades and looks at each bar alone ---- */

#define N_TRADES 400

struct point {
    int64_t ts_ns;
    double price, qty;
};

static bool naive_bar(const struct point *points, size_t n, int64_t open_ns, struct candle *out)
{
    int64_t first_ns = INT64_MAX, last_ns = -1;
    *out = (struct candle){open_ns, MIN, 0, 0, 0, 0, 0};
    for (size_t i = 0; i < n; i++) {
        const struct point *p = &points[i];
        if (p->ts_ns < open_ns || p->ts_ns >= open_ns + MIN)
            continue;
        out->high = last_ns < 0 || p->price > out->high ? p->price : out->high;
        out->low = last_ns < 0 || p->price < out->low ? p->price : out->low;
        if (p->ts_ns < first_ns)
            out->open = p->price;
        if (p->ts_ns >= last_ns)
            out->close = p->price;
        first_ns = p->ts_ns < first_ns ? p->ts_ns : first_ns;
        last_ns = p->ts_ns > last_ns ? p->ts_ns : last_ns;
        out->volume += p->qty;
    }
    return last_ns >= 0;
}

static void check_bars(const struct bars_out *out, const struct point *points, int64_t *next_ns)
{
    for (size_t i = 0; i < out->n_candles; i++) {
        struct candle want;
        while (!naive_bar(points, N_TRADES, *next_ns, &want))
            *next_ns += MIN;
        check_candle(&out->candles[i], &want);
        *next_ns += MIN;
    }
}

static void test_bars_are_those_of_trades_sorted_beforehand(void **state)
{
    static struct point points[N_TRADES];
    struct rng rng;
    (void)state;
    rng_seed(&rng, 11);
    for (int round = 0; round < 20; round++) {
        struct bar_maker maker;
        struct bars_out out;
        int64_t now_ns = 0, next_ns = 0;
        bar_maker_init(&maker, MIN, 10 * S, TIMESTAMP_NONE);
        for (size_t i = 0; i < N_TRADES; i++) { /* no more than 10 s late */
            now_ns += (int64_t)rng_below(&rng, i % 50 == 0 ? 200 * S : 6 * S);
            int64_t late_ns = (int64_t)rng_below(&rng, 10) * S;
            points[i] = (struct point){now_ns > late_ns ? now_ns - late_ns : now_ns,
                                       1 + (double)rng_below(&rng, 1000), (double)(i % 7)};
        }
        for (size_t i = 0; i < N_TRADES; i++) {
            assert_true(
                bar_maker_on_trade(&maker, points[i].ts_ns, points[i].price, points[i].qty, &out));
            check_bars(&out, points, &next_ns);
        }
        bar_maker_on_time(&maker, now_ns + 2 * MIN, &out);
        check_bars(&out, points, &next_ns);
        struct candle none;
        for (; next_ns <= now_ns; next_ns += MIN)
            assert_false(naive_bar(points, N_TRADES, next_ns, &none)); /* none was left out */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_bar_is_given_out_after_its_grace),
        cmocka_unit_test(test_a_late_trade_takes_its_place),
        cmocka_unit_test(test_a_bar_of_which_only_a_part_was_heard_is_not_given_out),
        cmocka_unit_test(test_what_is_no_trade_changes_nothing),
        cmocka_unit_test(test_prices_make_bars_without_a_volume),
        cmocka_unit_test(test_bars_are_those_of_trades_sorted_beforehand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
