#include "harness/check.h"

#include "alphaloop/base/rng.h"
#include "alphaloop/io/fetch_breaker.h"
#include "alphaloop/observe/metric.h"

static struct breaker breaker;

static int setup(void **state)
{
    (void)state;
    metric_reset_all();
    breaker_init(&breaker, "somebody", 3, 100, 350);
    return 0;
}

/* One call at now_ns: 1 it was let through, 0 it was not. */
static int call(int64_t now_ns, enum breaker_verdict verdict)
{
    struct breaker_ticket ticket;
    if (!breaker_ask(&breaker, now_ns, &ticket))
        return 0;
    breaker_tell(&breaker, ticket, verdict, now_ns);
    return 1;
}

static void open_it(int64_t now_ns)
{
    for (int i = 0; i < 3; i++)
        check_i64(call(now_ns, BREAKER_BAD), 1);
    check_i64(breaker.state, BREAKER_OPEN);
}

static void test_only_failures_in_a_row_open_it(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        check_i64(call(1, BREAKER_BAD), 1);
        check_i64(call(1, BREAKER_BAD), 1);
        check_i64(call(1, BREAKER_GOOD), 1);
    }
    check_i64(breaker.state, BREAKER_CLOSED);
    open_it(5);
    check_i64(call(104, BREAKER_GOOD), 0);
    check_near(metric_value(METRIC_upstream_breaker_state, "somebody", NULL), BREAKER_OPEN, 0);
    check_near(metric_value(METRIC_upstream_breaker_moves_total, "somebody", "open"), 1, 0);
}

static void test_one_probe_closes_it(void **state)
{
    struct breaker_ticket probe, other;
    (void)state;
    open_it(0);
    assert_true(breaker_ask(&breaker, 100, &probe));
    check_i64(breaker.state, BREAKER_HALF_OPEN);
    assert_false(breaker_ask(&breaker, 101, &other));
    breaker_tell(&breaker, probe, BREAKER_GOOD, 102);
    check_i64(breaker.state, BREAKER_CLOSED);
    check_i64(breaker.n_failures, 0);
    open_it(200);
    check_i64(breaker.until_ns, 300); /* the first wait again */
}

static void test_bad_probes_double_the_wait(void **state)
{
    (void)state;
    open_it(0);
    check_i64(call(100, BREAKER_BAD), 1);
    check_i64(breaker.state, BREAKER_OPEN);
    check_i64(breaker.until_ns, 300);
    check_i64(call(299, BREAKER_BAD), 0);
    check_i64(call(300, BREAKER_BAD), 1);
    check_i64(breaker.until_ns, 650); /* 350 is the longest */
    check_i64(call(650, BREAKER_BAD), 1);
    check_i64(breaker.until_ns, 1000);
}

static void test_a_cancelled_probe_lets_another_try(void **state)
{
    (void)state;
    open_it(0);
    check_i64(call(100, BREAKER_UNKNOWN), 1);
    check_i64(breaker.state, BREAKER_HALF_OPEN);
    check_i64(call(100, BREAKER_GOOD), 1);
    check_i64(breaker.state, BREAKER_CLOSED);
}

static void test_calls_of_another_time_say_nothing(void **state)
{
    struct breaker_ticket early, late, probe;
    (void)state;
    assert_true(breaker_ask(&breaker, 0, &early));
    assert_true(breaker_ask(&breaker, 0, &late));
    open_it(0);
    breaker_tell(&breaker, early, BREAKER_GOOD, 50);
    check_i64(breaker.state, BREAKER_OPEN);
    assert_true(breaker_ask(&breaker, 100, &probe));
    breaker_tell(&breaker, late, BREAKER_GOOD, 101);
    check_i64(breaker.state, BREAKER_HALF_OPEN);
    breaker_tell(&breaker, probe, BREAKER_BAD, 102);
    check_i64(breaker.state, BREAKER_OPEN);
}

/* Against a plain rule written another way: in random order of calls, never two probes at once, never a call while open,
 * always a call once the wait is over. */
static void test_random_calls_keep_the_rules(void **state)
{
    struct rng rng;
    struct breaker_ticket tickets[8];
    size_t n_tickets = 0;
    (void)state;
    rng_seed(&rng, 7);
    for (int64_t now_ns = 0; now_ns < 20000; now_ns++) {
        enum breaker_state before = breaker.state;
        bool waited = now_ns >= breaker.until_ns, probing = breaker.probing;
        if (n_tickets < 8 && rng_below(&rng, 2) == 0) {
            bool let = breaker_ask(&breaker, now_ns, &tickets[n_tickets]);
            bool expected = before == BREAKER_CLOSED || (before == BREAKER_OPEN && waited) ||
                            (before == BREAKER_HALF_OPEN && !probing);
            assert_true(let == expected);
            n_tickets += let;
        } else if (n_tickets > 0) {
            size_t i = rng_below(&rng, n_tickets);
            struct breaker_ticket ticket = tickets[i];
            tickets[i] = tickets[--n_tickets];
            breaker_tell(&breaker, ticket, rng_below(&rng, 3) == 0 ? BREAKER_GOOD : BREAKER_BAD,
                         now_ns);
        }
    }
    assert_true(metric_value(METRIC_upstream_breaker_moves_total, "somebody", "closed") > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_only_failures_in_a_row_open_it, setup),
        cmocka_unit_test_setup(test_one_probe_closes_it, setup),
        cmocka_unit_test_setup(test_bad_probes_double_the_wait, setup),
        cmocka_unit_test_setup(test_a_cancelled_probe_lets_another_try, setup),
        cmocka_unit_test_setup(test_calls_of_another_time_say_nothing, setup),
        cmocka_unit_test_setup(test_random_calls_keep_the_rules, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
