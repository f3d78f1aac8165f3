/* Markouts against the prices themselves, looked up one by one. */
#include "harness/check.h"

#include "alphaloop/base/rng.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/dataset/markout.h"

#define T0       (1000 * NS_PER_S)
#define N_PRICES 4000
#define STEP_NS  (150 * NS_PER_MS)
#define GAP_NS   (2 * NS_PER_S)
#define BAR_NS   (100 * NS_PER_MS)

static double prices[N_PRICES];

static struct price_path walk(uint64_t seed)
{
    struct price_path path;
    struct rng rng;
    double mid = 100;
    rng_seed(&rng, seed);
    check_ok(price_path_init(&path, BAR_NS, N_PRICES));
    for (size_t i = 0; i < N_PRICES; i++) {
        mid *= exp(1e-4 * rng_normal(&rng));
        prices[i] = mid;
        price_path_append(&path, T0 + (int64_t)i * STEP_NS, mid, 0.01);
    }
    return path;
}

/* The last of the prices that is not later. */
static double price_at(int64_t ts_ns)
{
    double last = NAN;
    for (size_t i = 0; i < N_PRICES && T0 + (int64_t)i * STEP_NS <= ts_ns; i++)
        last = prices[i];
    return last;
}

static void test_markouts_are_moves_from_the_fill(void **state)
{
    static const int64_t lags_s[] = {1, 10, 60, 300};
    struct price_path path = walk(1);
    (void)state;
    for (int64_t k = 0; k < 50; k++) {
        int64_t fill_ns = T0 + k * 3 * NS_PER_S + 17;
        double out[MARKOUT_COUNT], price = price_at(fill_ns) * 1.0005;
        enum side side = k % 2 == 0 ? SIDE_BUY : SIDE_SELL;
        markouts_of(&path, side, price, fill_ns, GAP_NS, out);
        for (size_t i = 0; i < MARKOUT_COUNT; i++) {
            double move = (price_at(fill_ns + lags_s[i] * NS_PER_S) - price) / price;
            check_near(out[i], side == SIDE_BUY ? move : -move, 1e-12);
        }
    }
    price_path_deinit(&path);
}

static void test_markouts_are_unknown_without_prices(void **state)
{
    struct price_path path;
    double out[MARKOUT_COUNT];
    (void)state;
    check_ok(price_path_init(&path, BAR_NS, 64));
    markouts_of(&path, SIDE_BUY, 100, T0, GAP_NS, out);
    for (size_t i = 0; i < MARKOUT_COUNT; i++)
        check_near(out[i], NAN, 0);
    price_path_append(&path, T0, 100, 0);
    price_path_append(&path, T0 + NS_PER_S, 101, 0);
    price_path_append(&path, T0 + 20 * NS_PER_S, 102,
                      0); /* 10 s lie in the hole, 60 s after the end */
    markouts_of(&path, SIDE_BUY, 100, T0, GAP_NS, out);
    check_near(out[0], 0.01, 1e-12);
    for (size_t i = 1; i < MARKOUT_COUNT; i++)
        check_near(out[i], NAN, 0);
    markouts_of(&path, SIDE_BUY, 100, T0 - 60 * NS_PER_S, GAP_NS, out); /* before the first price */
    check_near(out[0], NAN, 0);
    check_near(out[2], 0, 1e-12);
    price_path_deinit(&path);
}

/* The definition: weights 0.999^age, all values kept; a fill every 4 s on average at a lag of 10 s. */
static void test_the_mean_forgets_slowly_and_t_is_its_own(void **state)
{
    enum { N = 400 };
    struct markout_mean mean = {0};
    struct rng rng;
    double values[N], news[N], weight = 0, sum = 0, squares = 0, worth = 0;
    int64_t at_ns = T0;
    (void)state;
    rng_seed(&rng, 3);
    for (int i = 0; i < N; i++) {
        int64_t step_ns = (int64_t)(rng_below(&rng, 80) * 100) * NS_PER_MS;
        at_ns += step_ns;
        news[i] = i == 0 ? 1 : fmin(1, (double)step_ns / 10e9);
        values[i] = -1e-4 + 1e-3 * rng_normal(&rng);
        markout_mean_update(&mean, values[i], at_ns, 10 * NS_PER_S);
        markout_mean_update(&mean, NAN, at_ns + NS_PER_S, 10 * NS_PER_S);
        assert_true(i > 30 || isnan(markout_mean_t(&mean)));
    }
    for (int i = 0; i < N; i++) {
        weight += pow(0.999, N - 1 - i);
        worth += pow(0.999, N - 1 - i) * news[i];
        sum += pow(0.999, N - 1 - i) * values[i];
    }
    for (int i = 0; i < N; i++)
        squares += pow(0.999, N - 1 - i) * pow(values[i] - sum / weight, 2);
    check_i64((int64_t)mean.n, N);
    check_near(mean.mean, sum / weight, 1e-12);
    check_near(markout_mean_t(&mean), sum / weight / sqrt(squares / (weight - 1) / worth), 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_markouts_are_moves_from_the_fill),
        cmocka_unit_test(test_markouts_are_unknown_without_prices),
        cmocka_unit_test(test_the_mean_forgets_slowly_and_t_is_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
