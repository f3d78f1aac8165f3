#include "harness/check.h"

#include "alphaloop/base/rng.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/history/gaps.h"

#define H NS_PER_H

static void test_neighbours_have_no_gap(void **state)
{
    struct gap_finder finder;
    struct gap gap;
    (void)state;
    gap_finder_init(&finder, H);
    check_i64(finder.first_ns, TIMESTAMP_NONE);
    for (int64_t i = 5; i < 9; i++)
        assert_false(gap_finder_add(&finder, i * H, &gap));
    assert_int_equal(finder.n_bars, 4);
    assert_int_equal(finder.n_gaps, 0);
    assert_int_equal(finder.longest.n_missing, 0);
    check_i64(finder.first_ns, 5 * H);
    check_i64(finder.last_ns, 8 * H);
}

static void test_a_gap_says_what_is_missing(void **state)
{
    struct gap_finder finder;
    struct gap gap;
    (void)state;
    gap_finder_init(&finder, H);
    assert_false(gap_finder_add(&finder, 0, &gap));
    assert_true(gap_finder_add(&finder, 4 * H, &gap));
    check_i64(gap.from_ns, H);
    check_i64(gap.to_ns, 4 * H);
    assert_int_equal(gap.n_missing, 3);
    assert_true(gap_finder_add(&finder, 6 * H, &gap));
    assert_true(gap_finder_add(&finder, 10 * H, &gap));
    assert_int_equal(finder.n_gaps, 3);
    assert_int_equal(finder.n_missing, 7);
    check_i64(finder.longest.from_ns, H); /* the first of two that are equally long */
}

static void test_bars_off_the_grid_are_only_whole_ones_apart(void **state)
{
    struct gap_finder finder;
    struct gap gap;
    (void)state;
    gap_finder_init(&finder, H);
    assert_false(gap_finder_add(&finder, 0, &gap));
    assert_false(gap_finder_add(&finder, H / 2, &gap));
    assert_false(gap_finder_add(&finder, H / 2 + 2 * H - 1, &gap));
    assert_true(gap_finder_add(&finder, H / 2 + 4 * H - 1, &gap));
    assert_int_equal(gap.n_missing, 1);
}

/* The same by asking of every hour whether it is there. */
static void test_gaps_are_those_of_a_count_hour_by_hour(void **state)
{
    struct rng rng;
    (void)state;
    rng_seed(&rng, 7);
    for (int round = 0; round < 50; round++) {
        bool is_there[200];
        uint64_t n_missing = 0, n_gaps = 0;
        size_t last = 0;
        struct gap_finder finder;
        struct gap gap;
        gap_finder_init(&finder, H);
        for (size_t i = 0; i < COUNT_OF(is_there); i++) {
            is_there[i] = i == 0 || rng_below(&rng, 3) != 0;
            if (is_there[i]) {
                (void)gap_finder_add(&finder, (int64_t)i * H, &gap);
                last = i;
            }
        }
        for (size_t i = 1; i < last; i++) {
            n_missing += !is_there[i];
            n_gaps += !is_there[i] && is_there[i - 1];
        }
        assert_int_equal(finder.n_missing, n_missing);
        assert_int_equal(finder.n_gaps, n_gaps);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_neighbours_have_no_gap),
        cmocka_unit_test(test_a_gap_says_what_is_missing),
        cmocka_unit_test(test_bars_off_the_grid_are_only_whole_ones_apart),
        cmocka_unit_test(test_gaps_are_those_of_a_count_hour_by_hour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
