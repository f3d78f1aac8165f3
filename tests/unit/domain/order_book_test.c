/* The kept book: snapshots, deltas, bounds; and against a plain model on random messages. */
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/domain/order_book.h"
#include "harness/check.h"

static struct order_book book;
static struct market_event event;

static int begin(void **state)
{
    (void)state;
    order_book_init(&book);
    memset(&event, 0, sizeof event);
    event.kind = MARKET_BOOK;
    event.ts_event_ns = 5;
    return 0;
}

static void bid(double price, double qty)
{
    event.book.bids[event.book.n_bids++] = (struct book_level){price, qty};
}

static void ask(double price, double qty)
{
    event.book.asks[event.book.n_asks++] = (struct book_level){price, qty};
}

static void send(bool is_delta)
{
    event.book.is_delta = is_delta;
    order_book_apply(&book, &event);
    event.book.n_bids = event.book.n_asks = 0;
}

static void test_order_book_starts_empty_and_unseen(void **state)
{
    (void)state;
    check_i64(book.ts_event_ns, TIMESTAMP_NONE);
    assert_false(book.has_snapshot);
    assert_false(order_book_is_crossed(&book));
}

static void test_order_book_snapshot_is_sorted_best_first(void **state)
{
    (void)state;
    bid(9, 1), bid(10, 2), ask(12, 3), ask(11, 4);
    send(false);
    check_near(book.bids[0].price, 10, 0);
    check_near(book.asks[0].price, 11, 0);
    assert_true(book.has_snapshot);
    check_i64(book.ts_event_ns, 5);
}

static void test_order_book_snapshot_replaces_everything(void **state)
{
    (void)state;
    bid(9, 1), ask(11, 1);
    send(false);
    bid(8, 1), ask(12, 1);
    send(false);
    check_i64((int64_t)book.n_bids, 1);
    check_near(book.bids[0].price, 8, 0);
}

static void test_order_book_delta_sets_inserts_and_deletes(void **state)
{
    (void)state;
    bid(9, 1), bid(8, 1), ask(11, 1);
    send(false);
    bid(9, 5), bid(8, 0), bid(7, 2), bid(6, 0), ask(10, 1);
    send(true);
    check_i64((int64_t)book.n_bids, 2);
    check_near(book.bids[0].qty, 5, 0);
    check_near(book.bids[1].price, 7, 0);
    check_near(book.asks[0].price, 10, 0);
}

static void test_order_book_delta_alone_is_no_book(void **state)
{
    (void)state;
    bid(9, 1), ask(11, 1);
    send(true);
    assert_false(book.has_snapshot);
}

static void test_order_book_crossed_when_bid_meets_ask(void **state)
{
    (void)state;
    bid(10, 1), ask(10, 1);
    send(false);
    assert_true(order_book_is_crossed(&book));
    ask(10, 0), ask(10.5, 1);
    send(true);
    assert_false(order_book_is_crossed(&book));
}

static void test_order_book_depth_sums_the_top(void **state)
{
    (void)state;
    double bids, asks;
    bid(10, 1), bid(9, 2), bid(8, 4), ask(11, 8);
    send(false);
    order_book_depth(&book, 2, &bids, &asks);
    check_near(bids, 3, 0);
    check_near(asks, 8, 0);
}

static void test_order_book_full_side_keeps_the_best(void **state)
{
    (void)state;
    for (int i = 0; i < BOOK_DEPTH_MAX; i++)
        bid(1000 - i, 1);
    ask(2000, 1);
    send(false);
    bid(1001, 7), bid(1, 7);
    send(true);
    check_i64((int64_t)book.n_bids, BOOK_DEPTH_MAX);
    check_near(book.bids[0].price, 1001, 0);
    check_near(book.bids[BOOK_DEPTH_MAX - 1].price, 1000 - BOOK_DEPTH_MAX + 2, 0);
}

/* Against a book that is an array by price: below the bound both must show the same. */
static void test_order_book_equals_a_plain_model(void **state)
{
    (void)state;
    enum { PRICES = 60 };
    double model[2][PRICES + 1] = {{0}};
    struct rng rng;
    rng_seed(&rng, 7);
    for (int round = 0; round < 3000; round++) {
        bool is_delta = rng_below(&rng, 50) != 0;
        if (!is_delta)
            memset(model, 0, sizeof model);
        for (uint64_t n = rng_below(&rng, 6); n > 0; n--) {
            int price = 1 + (int)rng_below(&rng, PRICES), side = (int)rng_below(&rng, 2);
            double qty = (double)rng_below(&rng, 4);
            side == 0 ? bid(price, qty) : ask(price, qty);
            model[side][price] = qty;
        }
        send(is_delta);
        size_t n_bids = 0, n_asks = 0;
        for (int price = PRICES; price >= 1; price--) {
            if (model[0][price] > 0)
                check_near(book.bids[n_bids++].price, price, 0);
        }
        for (int price = 1; price <= PRICES; price++) {
            if (model[1][price] > 0)
                check_near(book.asks[n_asks++].qty, model[1][price], 0);
        }
        check_i64((int64_t)book.n_bids, (int64_t)n_bids);
        check_i64((int64_t)book.n_asks, (int64_t)n_asks);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_order_book_starts_empty_and_unseen, begin),
        cmocka_unit_test_setup(test_order_book_snapshot_is_sorted_best_first, begin),
        cmocka_unit_test_setup(test_order_book_snapshot_replaces_everything, begin),
        cmocka_unit_test_setup(test_order_book_delta_sets_inserts_and_deletes, begin),
        cmocka_unit_test_setup(test_order_book_delta_alone_is_no_book, begin),
        cmocka_unit_test_setup(test_order_book_crossed_when_bid_meets_ask, begin),
        cmocka_unit_test_setup(test_order_book_depth_sums_the_top, begin),
        cmocka_unit_test_setup(test_order_book_full_side_keeps_the_best, begin),
        cmocka_unit_test_setup(test_order_book_equals_a_plain_model, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
