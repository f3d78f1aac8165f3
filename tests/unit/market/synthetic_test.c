/* The synthetic market: what it promises about its edge, its events and its repeatability. */
#include "harness/check.h"

#include <string.h>

#include "alphaloop/base/hash.h"
#include "alphaloop/market/synthetic.h"

static struct synthetic *create(double edge, uint64_t seed)
{
    struct synthetic_options options;
    struct synthetic *market;
    synthetic_options_default(&options);
    options.edge = edge;
    options.seed = seed;
    check_ok(synthetic_create(&options, &market));
    return market;
}

static struct synthetic_best best_of(double edge, uint64_t seed)
{
    struct synthetic_options options;
    struct synthetic_best best;
    synthetic_options_default(&options);
    options.edge = edge;
    options.seed = seed;
    check_ok(synthetic_best(&options, 60 * NS_PER_S, 3.0, 20000, &best));
    return best;
}

/* Fees of 1 bp and half a spread of 0.5 bp, both ways: 3 bp a round trip. */
static void test_synthetic_edge_is_weak_but_worth_its_costs(void **state)
{
    (void)state;
    struct synthetic_best best = best_of(1.0, 7);
    print_message("edge 1: best achievable AUC %.4f, hit rate %.4f, net %.2f bp a trade (formula "
                  "%.2f, s.e. %.2f)\n",
                  best.auc, best.hit_rate, best.net_bps, best.expected_bps, best.net_bps_se);
    assert_true(best.auc > 0.62 && best.auc < 0.68);
    assert_true(best.net_bps > 3.0 && best.net_bps < 6.0);
    check_near(best.net_bps, best.expected_bps, 4 * best.net_bps_se);
}

static void test_synthetic_without_edge_has_nothing_to_find(void **state)
{
    (void)state;
    struct synthetic_best best = best_of(0.0, 7);
    print_message("edge 0: AUC %.4f, net %.2f bp a trade\n", best.auc, best.net_bps);
    check_near(best.auc, 0.5, 0.02);
    check_near(best.net_bps, -3.0, 4 * best.net_bps_se);
    check_near(best.expected_bps, -3.0, 1e-9);
}

static void ignore(void *ctx, const struct market_event *event)
{
    (void)ctx;
    (void)event;
}

/* Outcomes must have the mean and the spread that synthetic_truth() says: standardized residuals with mean 0, sd 1. */
static void test_synthetic_truth_is_true(void **state)
{
    (void)state;
    struct synthetic *market = create(2.0, 3);
    struct synthetic_truth before, after;
    double sum = 0, sum_sq = 0;
    int n = 5000;
    for (int i = 0; i < n; i++) {
        synthetic_truth(market, 0, 60 * NS_PER_S, &before);
        for (int step = 0; step < 60; step++)
            synthetic_step(market, ignore, NULL);
        synthetic_truth(market, 0, 60 * NS_PER_S, &after);
        double z = (log(after.mid / before.mid) - before.expected_return) / before.return_sd;
        sum += z;
        sum_sq += z * z;
    }
    check_near(sum / n, 0, 4 / sqrt(n));
    check_near(sqrt(sum_sq / n), 1, 0.05);
    synthetic_destroy(market);
}

struct seen {
    int64_t last_ns, last_candle_ns;
    size_t n_events, n_candles, n_books, n_tickers, n_trades;
    double tilt_alpha, n_tilt; /* sum of imbalance * alpha */
    struct sha256 hash;
    const struct synthetic *market;
};

static void check_book(struct seen *seen, const struct market_event *event)
{
    double bids = 0, asks = 0;
    assert_int_equal(event->book.n_bids, SYNTHETIC_BOOK_LEVELS);
    assert_true(event->book.bids[0].price < event->book.asks[0].price);
    for (size_t i = 0; i < SYNTHETIC_BOOK_LEVELS; i++) {
        assert_true(event->book.bids[i].qty > 0 && event->book.asks[i].qty > 0 &&
                    event->book.bids[i].price > 0);
        assert_true(i == 0 || event->book.bids[i].price < event->book.bids[i - 1].price);
        assert_true(i == 0 || event->book.asks[i].price > event->book.asks[i - 1].price);
        bids += event->book.bids[i].qty;
        asks += event->book.asks[i].qty;
    }
    struct synthetic_truth truth;
    if (strcmp(event->asset.text, "BTCUSDT") == 0) {
        synthetic_truth(seen->market, 0, 60 * NS_PER_S, &truth);
        seen->tilt_alpha += (bids - asks) / (bids + asks) * truth.alpha;
        seen->n_tilt++;
    }
    seen->n_books++;
}

static void check_candle(struct seen *seen, const struct candle *c)
{
    assert_true(c->high >= fmax(c->open, c->close) && c->low <= fmin(c->open, c->close) &&
                c->low > 0);
    assert_true(c->volume >= 0);
    check_i64(c->interval_ns, NS_PER_MIN);
    check_i64(c->ts_open_ns + c->interval_ns, seen->last_ns);
    seen->n_candles++;
}

static void see(void *ctx, const struct market_event *event)
{
    struct seen *seen = ctx;
    assert_true(event->ts_event_ns >= seen->last_ns);
    seen->last_ns = event->ts_event_ns;
    seen->n_events++;
    if (event->kind == MARKET_BOOK)
        check_book(seen, event);
    if (event->kind == MARKET_KLINE) {
        assert_int_equal(event->kline.n_earlier, 0);
        check_candle(seen, &event->kline.candle);
    }
    seen->n_tickers += event->kind == MARKET_TICKER;
    seen->n_trades += event->kind == MARKET_TRADES;
    struct {
        struct sha256 before;
        double values[4];
    } link = {.before = seen->hash};
    if (event->kind == MARKET_BOOK)
        memcpy(link.values, event->book.bids, sizeof link.values);
    if (event->kind == MARKET_TRADES)
        memcpy(link.values, &event->trades.trades[0].price, sizeof(double));
    sha256_of(&link, sizeof link, &seen->hash);
}

static struct seen play(double edge, uint64_t seed, int n_steps)
{
    struct seen seen = {0};
    struct synthetic *market = create(edge, seed);
    seen.market = market;
    for (int i = 0; i < n_steps; i++)
        synthetic_step(market, see, &seen);
    synthetic_destroy(market);
    return seen;
}

static void test_synthetic_events_are_in_order_and_well_formed(void **state)
{
    (void)state;
    struct seen seen = play(1.0, 5, 1800);
    assert_int_equal(seen.n_books, 2 * 1800);
    assert_int_equal(seen.n_tickers, 2 * 1800);
    assert_int_equal(seen.n_candles, 2 * 30);
    assert_true(seen.n_trades > 1800);
}

static void test_synthetic_book_leans_the_way_of_alpha_with_and_without_edge(void **state)
{
    (void)state;
    for (int edge = 0; edge <= 1; edge++) {
        struct seen seen = play(edge, 5, 20000);
        assert_true(seen.tilt_alpha / seen.n_tilt > 0.1);
    }
}

/* What anybody can see: the imbalance of the book, smoothed over about 15 s, against the mid's move over the next 60 s. */
#define LOOK_STEPS 60
#define LOOKS      6000

struct look {
    double imbalance, mid;
};

static void look(void *ctx, const struct market_event *event)
{
    struct look *look = ctx;
    if (event->kind != MARKET_BOOK || strcmp(event->asset.text, "BTCUSDT") != 0)
        return;
    double bids = 0, asks = 0;
    for (size_t i = 0; i < SYNTHETIC_BOOK_LEVELS; i++) {
        bids += event->book.bids[i].qty;
        asks += event->book.asks[i].qty;
    }
    look->imbalance += ((bids - asks) / (bids + asks) - look->imbalance) / 15;
    look->mid = (event->book.bids[0].price + event->book.asks[0].price) / 2;
}

/* Share of (up, down) pairs that the smoothed imbalance puts in the right order. */
static double visible_auc(double edge)
{
    static double x[LOOKS];
    static bool up[LOOKS];
    struct synthetic *market = create(edge, 11);
    struct look seen = {0};
    for (int i = 0; i < LOOKS; i++) {
        double mid = seen.mid;
        x[i] = seen.imbalance;
        for (int step = 0; step < LOOK_STEPS; step++)
            synthetic_step(market, look, &seen);
        up[i] = seen.mid > mid;
    }
    synthetic_destroy(market);
    double n_right = 0, n_pairs = 0;
    for (int i = 1; i < LOOKS; i++) {
        for (int j = 1; j < LOOKS; j++) {
            if (up[i] && !up[j]) {
                n_right += x[i] > x[j] ? 1 : x[i] == x[j] ? 0.5 : 0;
                n_pairs++;
            }
        }
    }
    return n_right / n_pairs;
}

static void test_synthetic_edge_can_be_seen_in_the_book(void **state)
{
    (void)state;
    double with = visible_auc(1.0), without = visible_auc(0.0);
    print_message("smoothed imbalance alone: AUC %.4f with edge, %.4f without\n", with, without);
    assert_true(with > 0.60);
    check_near(without, 0.5, 0.025);
}

static void test_synthetic_same_seed_same_events(void **state)
{
    (void)state;
    struct seen a = play(1.0, 5, 500), b = play(1.0, 5, 500), c = play(1.0, 6, 500);
    assert_memory_equal(&a.hash, &b.hash, sizeof a.hash);
    assert_memory_not_equal(&a.hash, &c.hash, sizeof a.hash);
}

static void test_synthetic_names_the_bad_option(void **state)
{
    (void)state;
    struct synthetic_options good, bad;
    struct synthetic *market;
    synthetic_options_default(&good);
    bad = good;
    bad.edge = (double)NAN;
    check_err(synthetic_create(&bad, &market), AL_EINVAL);
    check_has(err_text(), "edge");
    bad = good;
    bad.step_ns = 7 * NS_PER_S;
    check_err(synthetic_create(&bad, &market), AL_EINVAL);
    check_has(err_text(), "step_ns");
    bad = good;
    bad.n_assets = SYNTHETIC_ASSETS_MAX + 1;
    check_err(synthetic_create(&bad, &market), AL_EINVAL);
    assert_null(market);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_synthetic_edge_is_weak_but_worth_its_costs),
        cmocka_unit_test(test_synthetic_without_edge_has_nothing_to_find),
        cmocka_unit_test(test_synthetic_truth_is_true),
        cmocka_unit_test(test_synthetic_events_are_in_order_and_well_formed),
        cmocka_unit_test(test_synthetic_book_leans_the_way_of_alpha_with_and_without_edge),
        cmocka_unit_test(test_synthetic_edge_can_be_seen_in_the_book),
        cmocka_unit_test(test_synthetic_same_seed_same_events),
        cmocka_unit_test(test_synthetic_names_the_bad_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
