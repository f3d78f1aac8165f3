#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alphaloop/base/json.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/observe/log.h"
#include "alphaloop/observe/metric.h"

static char last[8192];
static int n_lines;

static void keep(void *ctx, struct slice line)
{
    (void)ctx;
    assert_true(line.len < sizeof last);
    memcpy(last, line.ptr, line.len);
    last[line.len] = '\0';
    n_lines++;
}

static int setup(void **state)
{
    (void)state;
    metric_reset_all();
    n_lines = 0;
    log_init("unit", LOG_INFO, keep, NULL);
    log_set_now(NS_PER_S);
    return 0;
}

static void assert_is_json(const char *line)
{
    struct json_reader *reader = json_reader_create(JSON_BYTES_MAX, 4);
    struct json_node *node;
    assert_int_equal(json_read(reader, slice_of(line), &node), AL_OK);
    assert_true(json_is_object(node));
    json_put(node);
    json_reader_destroy(reader);
}

static void test_line_has_its_fields_in_order(void **state)
{
    (void)state;
    log_info("amqp", "connect", "t1", EV("connected"), F_STR("host", "h\""), F_I64("port", 5672),
             F_F64("s", 0.5), F_F64("nan", NAN), F_BOOL("tls", false), F_STR("none", NULL));
    assert_string_equal(last, "{\"ts\":\"1970-01-01T00:00:01.000000Z\",\"level\":\"info\","
                              "\"service\":\"unit\",\"room\":\"amqp\","
                              "\"step\":\"connect\",\"event\":\"connected\",\"host\":\"h\\\"\","
                              "\"port\":5672,\"s\":0.5,\"nan\":null,"
                              "\"tls\":false,\"none\":null,\"trace_id\":\"t1\"}\n");
}

static void test_lines_below_the_level_are_dropped(void **state)
{
    (void)state;
    log_debug("a", "b", NULL, EV("x"));
    assert_int_equal(n_lines, 0);
    log_set_level(LOG_DEBUG);
    log_debug("a", "b", NULL, EV("x"));
    assert_int_equal(n_lines, 1);
}

static void test_lines_are_counted_by_level(void **state)
{
    (void)state;
    log_warn("a", "b", NULL, EV("x"));
    log_warn("a", "b", NULL, EV("x"));
    assert_true(metric_value(METRIC_log_lines_total, "warn", NULL) == 2);
}

static void test_long_lines_are_cut_and_stay_json(void **state)
{
    static char long_text[9000];
    (void)state;
    memset(long_text, 'a', sizeof long_text - 1);
    memcpy(long_text + 1023, "\xc3\xa9", 2);
    log_error("a", "b", "trace", EV("x"), F_STR("k1", long_text), F_STR("k2", long_text),
              F_STR("k3", long_text), F_STR("k4", long_text), F_STR("k5", long_text));
    assert_true(strlen(last) <= 4096);
    assert_is_json(last);
    assert_non_null(strstr(last, "\"trace_id\":\"trace\""));
    assert_non_null(strstr(last, "\"cut\":true"));
    assert_null(strstr(last, "k5"));
}

static void test_level_names_in_any_case(void **state)
{
    enum log_level level;
    (void)state;
    assert_true(log_level_parse(SLICE("warning"), &level));
    assert_int_equal(level, LOG_WARN);
    assert_true(log_level_parse(SLICE("Critical"), &level));
    assert_int_equal(level, LOG_ERROR);
    assert_false(log_level_parse(SLICE("loud"), &level));
}

static void *log_a_line(void *arg)
{
    log_info("a", "b", NULL, EV("x"));
    return arg;
}

/* Two threads would write one buffer: better no program than a heap that is not sound. */
static void test_another_thread_may_not_log(void **state)
{
    (void)state;
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        pthread_t thread;
        signal(SIGABRT, SIG_DFL);
        (void)freopen("/dev/null", "w", stderr);
        if (pthread_create(&thread, NULL, log_a_line, NULL) == 0)
            pthread_join(thread, NULL);
        _exit(0);
    }
    int status;
    assert_true(waitpid(child, &status, 0) == child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_line_has_its_fields_in_order, setup),
        cmocka_unit_test_setup(test_lines_below_the_level_are_dropped, setup),
        cmocka_unit_test_setup(test_lines_are_counted_by_level, setup),
        cmocka_unit_test_setup(test_long_lines_are_cut_and_stay_json, setup),
        cmocka_unit_test_setup(test_level_names_in_any_case, setup),
        cmocka_unit_test_setup(test_another_thread_may_not_log, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
