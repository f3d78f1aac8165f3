/* Labels against hand-computed outcomes, and the cost model against the plain formulas. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/dataset/label.h"

/* cmocka 1.1.5 has only float comparisons. */
#define assert_near(a, b, epsilon) assert_true(fabs((double)(a) - (double)(b)) <= (epsilon))

#define T0 (1000 * NS_PER_S)

static const struct label_rule rule = {.sigma_h = 0.01,
                                       .barrier_up = 2.0,
                                       .barrier_down = 1.0,
                                       .horizon_ns = 10 * NS_PER_S,
                                       .gap_max_ns = 3 * NS_PER_S};

static struct price_path path_of(const double *mids, size_t n)
{
    struct price_path path;
    assert_int_equal(price_path_init(&path, NS_PER_S, 64), AL_OK);
    for (size_t i = 0; i < n; i++)
        price_path_append(&path, T0 + (int64_t)i * NS_PER_S, mids[i], 0.05);
    return path;
}

static struct label_entry entry_of(enum side side, double price)
{
    return (struct label_entry){.side = side, .price = price, .fee_rate = 0.001, .ts_ns = T0};
}

static void test_label_touches_upper(void **state)
{
    (void)state;
    const double mids[] = {100, 100.5, 101, 102.5, 90};
    struct price_path path = path_of(mids, 5);
    struct label label;
    struct label_entry entry = entry_of(SIDE_BUY, 100.0);
    assert_int_equal(label_triple_barrier(&path, &rule, &entry, &label), AL_OK);
    assert_int_equal(label.barrier, BARRIER_UPPER);
    assert_int_equal(label.t1_ns, T0 + 3 * NS_PER_S);
    assert_near(label.gross, 0.025, 1e-12);
    assert_near(label.cost, 0.002 + 0.0005, 1e-12);
    assert_near(label.net, 0.0225, 1e-12);
    price_path_deinit(&path);
}

static void test_label_short_side_mirrors(void **state)
{
    (void)state;
    const double mids[] = {100, 100.5, 101.2, 90};
    struct price_path path = path_of(mids, 4);
    struct label label;
    struct label_entry entry = entry_of(SIDE_SELL, 100.0);
    assert_int_equal(label_triple_barrier(&path, &rule, &entry, &label), AL_OK);
    assert_int_equal(label.barrier, BARRIER_LOWER);
    assert_near(label.gross, -0.012, 1e-12);
    price_path_deinit(&path);
}

static void test_label_vertical_uses_last_price_before_the_end(void **state)
{
    (void)state;
    const double mids[] = {100,   100.1, 100.2, 100.3, 100.4, 100.5,
                           100.4, 100.3, 100.2, 100.1, 100.6, 130};
    struct price_path path = path_of(mids, 12);
    struct label label;
    struct label_entry entry = entry_of(SIDE_BUY, 100.0);
    assert_int_equal(label_triple_barrier(&path, &rule, &entry, &label), AL_OK);
    assert_int_equal(label.barrier, BARRIER_VERTICAL);
    assert_int_equal(label.t1_ns, T0 + 10 * NS_PER_S);
    assert_near(label.gross, 0.006, 1e-12);
    price_path_deinit(&path);
}

static void test_label_waits_for_prices(void **state)
{
    (void)state;
    const double mids[] = {100, 100.1, 100.2};
    struct price_path path = path_of(mids, 3);
    struct label label;
    struct label_entry entry = entry_of(SIDE_BUY, 100.0);
    assert_int_equal(label_triple_barrier(&path, &rule, &entry, &label), AL_ESHORT);
    entry.ts_ns = T0 + 60 * NS_PER_S;
    assert_int_equal(label_triple_barrier(&path, &rule, &entry, &label), AL_ESHORT);
    price_path_deinit(&path);
}

static void test_label_refuses_a_hole(void **state)
{
    (void)state;
    const double mids[] = {100, 100.1};
    struct price_path path = path_of(mids, 2);
    price_path_append(&path, T0 + 6 * NS_PER_S, 100.2, 0.05);
    price_path_append(&path, T0 + 12 * NS_PER_S, 100.2, 0.05);
    struct label label;
    struct label_entry entry = entry_of(SIDE_BUY, 100.0);
    assert_int_equal(label_triple_barrier(&path, &rule, &entry, &label), AL_ENOTFOUND);
    price_path_deinit(&path);
}

static void test_label_refuses_a_path_that_starts_too_late(void **state)
{
    (void)state;
    const double mids[] = {100, 100.1, 103};
    struct price_path path = path_of(mids, 3);
    struct label label;
    struct label_entry entry = entry_of(SIDE_BUY, 100.0);
    entry.ts_ns = T0 - 1;
    assert_int_equal(label_triple_barrier(&path, &rule, &entry, &label), AL_ENOTFOUND);
    price_path_deinit(&path);
}

static void test_label_ignores_prices_before_the_entry(void **state)
{
    (void)state;
    const double mids[] = {100, 150, 100, 100.5, 102.1};
    struct price_path path = path_of(mids, 5);
    struct label label;
    struct label_entry entry = entry_of(SIDE_BUY, 100.0);
    entry.ts_ns = T0 + 2 * NS_PER_S;
    assert_int_equal(label_triple_barrier(&path, &rule, &entry, &label), AL_OK);
    assert_int_equal(label.t1_ns, T0 + 4 * NS_PER_S);
    price_path_deinit(&path);
}

/* Sixteen seconds of prices, a part every two; the price of an instant is the newest one by then. */
static void test_span_returns_add_up_to_the_move(void **state)
{
    (void)state;
    double mids[17], sum = 0;
    for (size_t i = 0; i < 17; i++)
        mids[i] = 100 + 3 * sin((double)i);
    struct price_path path = path_of(mids, 17);
    float returns[SPAN_PIECES];
    label_span_returns(&path, T0 + NS_PER_S / 2, T0 + 16 * NS_PER_S + NS_PER_S / 2, returns);
    for (size_t k = 0; k < SPAN_PIECES; k++) {
        assert_near(returns[k], log(mids[2 * k + 2] / mids[2 * k]), 1e-7);
        sum += (double)returns[k];
    }
    assert_near(sum, log(mids[16] / mids[0]), 1e-6);
    label_span_returns(&path, T0 - 1, T0 + 16 * NS_PER_S, returns);
    for (size_t k = 0; k < SPAN_PIECES; k++)
        assert_true(isnan(returns[k]));
    price_path_deinit(&path);
}

static void test_path_is_a_ring_without_rewriting_the_past(void **state)
{
    (void)state;
    struct price_path path;
    assert_int_equal(price_path_init(&path, NS_PER_S, 4), AL_OK);
    for (int i = 0; i < 10; i++)
        assert_true(price_path_append(&path, i * NS_PER_S, 100 + i, 0));
    assert_false(price_path_append(&path, 9 * NS_PER_S + 5, 200, 0));
    assert_false(price_path_append(&path, 3 * NS_PER_S, 999, 0));
    assert_int_equal(path.count, 4);
    assert_near(price_path_at(&path, 0)->mid, 106, 0);
    assert_near(price_path_at(&path, 3)->mid, 200, 0);
    assert_int_equal(price_path_after(&path, 7 * NS_PER_S), 2);
    assert_int_equal(price_path_after(&path, 100 * NS_PER_S), 4);
    price_path_deinit(&path);
}

static void test_cost_model_means_and_fitness(void **state)
{
    (void)state;
    struct cost_model model;
    cost_model_init(&model);
    double slippage_sum = 0, fee_sum = 0;
    for (int i = 0; i < COST_MODEL_FILLS_MIN; i++) {
        assert_false(cost_model_is_fit(&model));
        double slippage = 0.0002 + 0.0001 * (i % 3);
        cost_model_update(&model, slippage, 0.0001 * (1 + i % 2), 2e6);
        slippage_sum += slippage;
        fee_sum += 0.0001 * (1 + i % 2);
    }
    assert_true(cost_model_is_fit(&model));
    assert_near(model.slippage, slippage_sum / COST_MODEL_FILLS_MIN, 2e-6);
    assert_near(model.fee_rate, fee_sum / COST_MODEL_FILLS_MIN, 2e-6);
    struct label_entry entry = cost_model_entry(&model, SIDE_SELL, 100.0, T0);
    assert_near(entry.price, 100.0 * (1 - model.slippage), 1e-12);
    assert_int_equal(entry.ts_ns, T0 + 2000000);
}

static void test_cost_model_notices_that_costs_moved(void **state)
{
    (void)state;
    struct cost_model model;
    cost_model_init(&model);
    for (int i = 0; i < 400; i++)
        cost_model_update(&model, 0.0002 + 0.00001 * (i % 3), 0.0001, 0);
    assert_true(cost_model_is_fit(&model));
    for (int i = 0; i < 100; i++)
        cost_model_update(&model, 0.0010, 0.0001, 0);
    assert_false(cost_model_is_fit(&model));
}

/* The mean with the weights 0.999^age, summed as it stands; before 50 orders nothing is known. */
static void test_cost_model_says_what_orders_get(void **state)
{
    (void)state;
    struct cost_model model, restored;
    double sum = 0, weight = 0, equal = 0;
    enum { N = 120 };
    cost_model_init(&model);
    cost_model_init(&restored);
    for (int i = 0; i < N; i++) {
        double fraction = i % 4 == 0 ? 0 : i % 4 == 1 ? 0.3 : 1;
        if (i < 50)
            assert_true(cost_model_fill_fraction(&model) == 1);
        cost_model_on_orders(&model, 1, fraction);
        sum += fraction * pow(0.999, N - 1 - i);
        weight += pow(0.999, N - 1 - i);
        equal += fraction / N;
    }
    assert_near(cost_model_fill_fraction(&model), sum / weight, 1e-12);
    assert_near(model.order_weight, weight, 1e-9);
    cost_model_on_orders(&restored, N, equal);
    assert_near(cost_model_fill_fraction(&restored), equal, 1e-12);
    assert_near(restored.order_weight, weight, 1e-9);
    cost_model_on_orders(&restored, 1, 0);
    assert_near(cost_model_fill_fraction(&restored), equal * (1 - 1 / restored.order_weight),
                1e-12);
    cost_model_on_orders(&restored, 0, 1);
    assert_int_equal(restored.n_orders, N + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_label_touches_upper),
        cmocka_unit_test(test_label_short_side_mirrors),
        cmocka_unit_test(test_label_vertical_uses_last_price_before_the_end),
        cmocka_unit_test(test_label_waits_for_prices),
        cmocka_unit_test(test_label_refuses_a_hole),
        cmocka_unit_test(test_label_refuses_a_path_that_starts_too_late),
        cmocka_unit_test(test_label_ignores_prices_before_the_entry),
        cmocka_unit_test(test_span_returns_add_up_to_the_move),
        cmocka_unit_test(test_path_is_a_ring_without_rewriting_the_past),
        cmocka_unit_test(test_cost_model_means_and_fitness),
        cmocka_unit_test(test_cost_model_notices_that_costs_moved),
        cmocka_unit_test(test_cost_model_says_what_orders_get),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
