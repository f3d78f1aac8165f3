#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/observe/error_book.h"

static void drop(void *ctx, struct slice line)
{
    (void)ctx;
    (void)line;
}

static int setup(void **state)
{
    (void)state;
    error_book_reset();
    log_init("unit", LOG_INFO, drop, NULL);
    log_set_now(NS_PER_S);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    error_book_reset();
    log_set_now(0);
    return 0;
}

static void fail_at(int64_t second, const char *event, const char *trace_id)
{
    log_set_now(second * NS_PER_S);
    log_warn("pg", "connect", trace_id, EV(event), F_I64("attempt", second));
}

static void test_what_is_alike_is_one_group(void **state)
{
    (void)state;
    fail_at(1, "connect_failed", "a");
    fail_at(2, "connect_failed", "b");
    fail_at(3, "query_failed", NULL);
    assert_int_equal(error_book_count(), 2);
    const struct error_group *query = error_book_at(0), *connect = error_book_at(1);
    assert_string_equal(query->newest.event, "query_failed");
    assert_string_equal(query->newest.trace_id, "");
    assert_int_equal(connect->count, 2);
    assert_int_equal(connect->first_ns, 1 * NS_PER_S);
    assert_int_equal(connect->newest.at_ns, 2 * NS_PER_S);
    assert_string_equal(connect->newest.trace_id, "b");
    assert_non_null(strstr(connect->line, "\"attempt\":2"));
    assert_int_equal(connect->line[strlen(connect->line) - 1], '}');
}

static void test_room_and_step_set_groups_apart(void **state)
{
    (void)state;
    log_warn("pg", "connect", NULL, EV("failed"));
    log_warn("amqp", "connect", NULL, EV("failed"));
    log_warn("amqp", "publish", NULL, EV("failed"));
    log_error("amqp", "publish", NULL, EV("failed"));
    assert_int_equal(error_book_count(), 3);
    assert_int_equal(error_book_at(0)->count, 2);
    assert_int_equal(error_book_at(0)->newest.level, LOG_ERROR);
}

static void test_lines_before_are_breadcrumbs(void **state)
{
    (void)state;
    for (int64_t i = 1; i <= ERROR_CRUMBS_MAX + 3; i++) {
        log_set_now(i * NS_PER_S);
        log_info("app", "state", "t", EV("step"));
    }
    log_debug("app", "state", NULL, EV("noise"));
    fail_at(99, "failed", "t");
    const struct error_group *group = error_book_at(0);
    assert_int_equal(group->n_crumbs, ERROR_CRUMBS_MAX);
    for (int64_t i = 0; i < ERROR_CRUMBS_MAX; i++)
        assert_int_equal(group->crumbs[i].at_ns, (i + 4) * NS_PER_S);
    fail_at(100, "other", NULL);
    group = error_book_at(0);
    assert_string_equal(group->crumbs[ERROR_CRUMBS_MAX - 1].event, "failed");
}

static void test_a_line_that_is_not_written_is_noted(void **state)
{
    (void)state;
    log_set_level(LOG_ERROR);
    log_info("app", "state", NULL, EV("unheard"));
    fail_at(1, "failed", NULL);
    assert_int_equal(error_book_count(), 1);
    assert_int_equal(error_book_at(0)->n_crumbs, 0);
    log_set_level(LOG_INFO);
}

static void test_the_group_quiet_longest_makes_room(void **state)
{
    char name[32];
    (void)state;
    for (int i = 0; i < ERROR_GROUPS_MAX; i++) {
        snprintf(name, sizeof name, "failed_%d", i);
        fail_at(i + 1, name, NULL);
    }
    fail_at(500, "failed_0", NULL);
    fail_at(501, "one_more", NULL);
    assert_int_equal(error_book_count(), ERROR_GROUPS_MAX);
    assert_int_equal(error_book_n_forgotten(), 1);
    assert_string_equal(error_book_at(0)->newest.event, "one_more");
    assert_int_equal(error_book_at(1)->count, 2);
    assert_string_equal(error_book_at(ERROR_GROUPS_MAX - 1)->newest.event, "failed_2");
}

struct told {
    int n;
    char event[ERROR_NAME_MAX];
};

static void hear(void *ctx, const struct error_group *group)
{
    struct told *told = ctx;
    told->n++;
    snprintf(told->event, sizeof told->event, "%s", group->newest.event);
    log_warn("app", "errors", NULL, EV("heard"));
}

static void test_a_listener_is_told_and_may_log(void **state)
{
    struct told told = {0};
    (void)state;
    error_book_on_note(hear, &told);
    fail_at(1, "failed", NULL);
    fail_at(2, "failed", NULL);
    assert_int_equal(told.n, 2);
    assert_string_equal(told.event, "failed");
    assert_int_equal(error_book_count(), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_alike_is_one_group, setup, teardown),
        cmocka_unit_test_setup_teardown(test_room_and_step_set_groups_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lines_before_are_breadcrumbs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_line_that_is_not_written_is_noted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_group_quiet_longest_makes_room, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_listener_is_told_and_may_log, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
