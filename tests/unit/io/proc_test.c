/* Children are /bin/sh: what is tested is the bounds, not what runs inside them. */
#include "harness/check.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/io/proc.h"

struct watched {
    uv_loop_t loop;
    struct buf lines; /* joined by '|' */
    size_t n_lines, n_ends, longest;
    struct proc_end end;
    bool stop_at_line;
};

static void on_line(void *ctx, struct proc *proc, struct slice line)
{
    struct watched *w = ctx;
    w->n_lines++;
    w->longest = line.len > w->longest ? line.len : w->longest;
    if (line.len < 100) {
        buf_append(&w->lines, line.ptr, line.len);
        buf_putc(&w->lines, '|');
    }
    if (w->stop_at_line)
        proc_stop(proc);
}

static void on_end(void *ctx, struct proc *proc, const struct proc_end *end)
{
    struct watched *w = ctx;
    (void)proc;
    w->n_ends++;
    w->end = *end;
}

static void run(struct watched *w, const char *script, struct proc_options options)
{
    const char *const args[] = {"-c", script, NULL};
    struct proc *proc;
    bool stop_at_line = w->stop_at_line;
    *w = (struct watched){.lines = BUF_INIT(10000), .stop_at_line = stop_at_line};
    uv_loop_init(&w->loop);
    options.file = "/bin/sh";
    options.args = args;
    options.on_line = on_line;
    options.on_end = on_end;
    options.ctx = w;
    check_ok(proc_start(&w->loop, &options, &proc));
    assert_true(proc_pid(proc) > 0);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    check_i64((int64_t)w->n_ends, 1);
}

static void check_lines(struct watched *w, const char *expected)
{
    check_str(buf_str(&w->lines), expected);
    buf_deinit(&w->lines);
}

static void test_lines_and_exit_code_arrive(void **state)
{
    struct watched w = {0};
    (void)state;
    run(&w, "echo one; echo; printf 'two\\nthree'; exit 7", (struct proc_options){0});
    check_lines(&w, "one|two|three|");
    check_i64(w.end.cause, PROC_EXITED);
    check_i64(w.end.exit_code, 7);
}

static void test_a_crash_is_told_from_an_exit(void **state)
{
    struct watched w = {0};
    (void)state;
    run(&w, "echo before; kill -SEGV $$", (struct proc_options){0});
    check_lines(&w, "before|");
    check_i64(w.end.cause, PROC_KILLED);
    check_i64(w.end.term_signal, SIGSEGV);
}

static void test_stop_is_a_request_first(void **state)
{
    struct watched w = {.stop_at_line = true};
    (void)state;
    run(&w, "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.01; done",
        (struct proc_options){0});
    check_lines(&w, "ready|bye|");
    check_i64(w.end.cause, PROC_STOPPED);
    check_i64(w.end.exit_code, 3);
}

static void test_stop_is_an_order_after_the_grace_time(void **state)
{
    struct watched w = {.stop_at_line = true};
    (void)state;
    run(&w, "trap '' TERM; echo ready; while :; do sleep 0.01; done",
        (struct proc_options){.grace_ms = 50});
    check_lines(&w, "ready|");
    check_i64(w.end.cause, PROC_STOPPED);
    check_i64(w.end.term_signal, SIGKILL);
}

static void test_the_deadline_stops_a_hung_child(void **state)
{
    struct watched w = {0};
    (void)state;
    run(&w, "exec sleep 1000", (struct proc_options){.deadline_ms = 50});
    check_lines(&w, "");
    check_i64(w.end.cause, PROC_TIMED_OUT);
    check_i64(w.end.term_signal, SIGTERM);
}

static void test_end_of_input_reaches_the_child_when_it_is_stopped(void **state)
{
    struct watched w = {.stop_at_line = true};
    (void)state;
    run(&w, "trap '' TERM; echo ready; cat; echo end", (struct proc_options){.grace_ms = 20000});
    check_lines(&w, "ready|end|");
    check_i64(w.end.exit_code, 0);
}

static void test_lines_without_end_are_dropped(void **state)
{
    struct watched w = {0};
    (void)state;
    run(&w,
        "head -c 300000 /dev/zero | tr '\\0' x; echo; echo after; head -c 60000 /dev/zero | tr "
        "'\\0' y; echo",
        (struct proc_options){0});
    check_i64((int64_t)w.end.n_lines_dropped, 1);
    check_i64((int64_t)w.n_lines, 2);
    check_i64((int64_t)w.longest, 60000);
    check_lines(&w, "after|");
}

static void test_a_grandchild_that_keeps_the_pipe_does_not_hold_us(void **state)
{
    struct watched w = {0};
    (void)state;
    run(&w, "sleep 3 2>/dev/null & echo gone", (struct proc_options){0});
    check_lines(&w, "gone|");
    check_i64(w.end.exit_code, 0);
}

static void test_memory_and_niceness_are_set_from_outside(void **state)
{
    struct watched w = {0};
    (void)state;
    /* The bounds come right after the start, so the child looks until it sees them. */
    run(&w,
        "while [ \"$(nice)\" = 0 ] || [ \"$(ulimit -v)\" = unlimited ]; do :; done; nice; ulimit "
        "-v",
        (struct proc_options){
            .nice = 10, .memory_bytes_max = UINT64_C(1) << 30, .deadline_ms = 20000});
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    buf_deinit(&w.lines);
#else
    check_lines(&w, "10|1048576|");
#endif
}

static void test_a_program_that_is_not_there_is_said(void **state)
{
    struct watched w = {.lines = BUF_INIT(100)};
    struct proc *proc;
    struct proc_options options = {
        .file = "/no/such/program", .on_line = on_line, .on_end = on_end, .ctx = &w};
    (void)state;
    uv_loop_init(&w.loop);
    check_err(proc_start(&w.loop, &options, &proc), AL_EIO);
    check_has(err_text(), "/no/such/program");
    uv_run(&w.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w.loop), 0);
    check_i64((int64_t)w.n_ends, 0);
}

static void test_proc_gives_what_the_environment_lacks(void **state)
{
    struct watched w = {0};
    (void)state;
    unsetenv("PROC_TEST_NAME");
    run(&w, "echo $PROC_TEST_NAME; test -n \"$PATH\" && echo path",
        (struct proc_options){.env_default = "PROC_TEST_NAME=given"});
    check_lines(&w, "given|path|");
    setenv("PROC_TEST_NAME", "ours", 1);
    run(&w, "echo $PROC_TEST_NAME", (struct proc_options){.env_default = "PROC_TEST_NAME=given"});
    check_lines(&w, "ours|");
    unsetenv("PROC_TEST_NAME");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proc_gives_what_the_environment_lacks),
        cmocka_unit_test(test_lines_and_exit_code_arrive),
        cmocka_unit_test(test_a_crash_is_told_from_an_exit),
        cmocka_unit_test(test_stop_is_a_request_first),
        cmocka_unit_test(test_stop_is_an_order_after_the_grace_time),
        cmocka_unit_test(test_the_deadline_stops_a_hung_child),
        cmocka_unit_test(test_end_of_input_reaches_the_child_when_it_is_stopped),
        cmocka_unit_test(test_lines_without_end_are_dropped),
        cmocka_unit_test(test_a_grandchild_that_keeps_the_pipe_does_not_hold_us),
        cmocka_unit_test(test_memory_and_niceness_are_set_from_outside),
        cmocka_unit_test(test_a_program_that_is_not_there_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
