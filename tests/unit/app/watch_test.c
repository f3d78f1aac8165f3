#include "harness/check.h"

#include <string.h>

#include "../../../src/app/watch_i.h"

static const char status_text[] =
    "{\"service\":\"model-service\",\"version\":\"0.1.0\",\"status\":\"degraded\",\"mode\":"
    "\"warmup\","
    "\"uptime_seconds\":3725.5,\"publishing\":false,\"database\":{\"ok\":true,\"state\":"
    "\"connected\",\"detail\":null},"
    "\"consume_connection\":{\"ok\":true,\"state\":\"connected\"},\"loop_lag_p99_seconds\":0.0012,"
    "\"pnl\":-3.5,"
    "\"consumers\":[{\"queue\":\"a\",\"state\":\"active\"},{\"queue\":\"ws-gateway.ticker\","
    "\"state\":\"missing\"}],"
    "\"strategies\":[{\"strategy_id\":\"momentum_v1\",\"mode\":\"warmup\",\"active_version\":null,"
    "\"samples\":{\"samples\":800,\"n_eff\":500,\"needed\":1000},"
    "\"training\":{\"stage\":\"fitting\",\"trigger\":\"samples\",\"progress\":0.5},"
    "\"last_verdict\":{\"text\":\"refused\\u001b[31m: no "
    "edge\",\"at\":null},\"last_training\":{\"outcome\":\"failed\",\"version\":null,\"detail\":"
    "\"No space left on device\"},\"signals\":12,\"pnl\":1.25}]}";

struct shown {
    struct watch_status status;
    struct watch_market market;
    struct buf screen, line;
};

static void show(struct shown *shown, const char *text, size_t width)
{
    struct json_reader *reader = json_reader_create(65536, 16);
    struct json_node *root;
    check_ok(json_read(reader, slice_of(text), &root));
    watch_read_status(root, &shown->status);
    shown->screen = shown->line = BUF_INIT(65536);
    watch_draw(&shown->status, &shown->market, width, &shown->screen);
    watch_line(&shown->status, &shown->line);
    json_put(root);
    json_reader_destroy(reader);
}

static void forget(struct shown *shown)
{
    buf_deinit(&shown->screen);
    buf_deinit(&shown->line);
}

static void test_watch_draws_bars_and_numbers(void **state)
{
    (void)state;
    struct shown shown = {0};
    show(&shown, status_text, 200);
    const char *screen = buf_str(&shown.screen);
    check_has(screen, "up 1:02:05  degraded, not publishing  mode warmup");
    check_has(screen, "loop lag p99 1.2 ms");
    check_has(
        screen,
        "[###############---------------] 500 of 1000 effective (800 rows) to the first model");
    check_has(screen, "[###############---------------]  50 % fitting (samples)");
    check_has(screen, "  last training failed: No space left on device");
    check_has(screen, "problem        queue ws-gateway.ticker missing");
    check_has(screen, "won -  PnL +1.25");
    forget(&shown);
}

static void test_watch_gives_the_terminal_no_orders(void **state)
{
    (void)state;
    struct shown shown = {0};
    show(&shown, status_text, 200);
    assert_null(strchr(buf_str(&shown.screen), '\033'));
    check_has(buf_str(&shown.screen), "last verdict refused?[31m: no edge");
    forget(&shown);
}

static void test_watch_cuts_lines_to_the_width(void **state)
{
    (void)state;
    struct shown shown = {0};
    show(&shown, status_text, 40);
    for (const char *line = buf_str(&shown.screen); *line != '\0'; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 40);
    forget(&shown);
}

static void test_watch_line_ignores_what_always_changes(void **state)
{
    (void)state;
    struct shown shown = {0}, later = {0};
    char text[sizeof status_text];
    memcpy(text, status_text, sizeof text);
    memcpy(strstr(text, "3725.5"), "3726.5", 6);
    memcpy(strstr(text, "\"n_eff\":500"), "\"n_eff\":501", 11);
    show(&shown, status_text, 80);
    show(&later, text, 80);
    check_str(buf_str(&shown.line), buf_str(&later.line));
    check_has(buf_str(&shown.line), "momentum_v1 warmup samples 50 %, training fitting 50 %");
    forget(&later);
    memcpy(strstr(text, "\"n_eff\":501"), "\"n_eff\":601", 11);
    show(&later, text, 80);
    assert_string_not_equal(buf_str(&shown.line), buf_str(&later.line));
    forget(&later);
    forget(&shown);
}

static void test_watch_bears_an_answer_of_another_shape(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "{}", "[]", "5", "{\"strategies\":5,\"database\":[],\"pnl\":\"x\"}",
        "{\"strategies\":[null,5,{\"samples\":[],\"training\":{\"progress\":1e300}}]}"};
    for (size_t i = 0; i < COUNT_OF(odd); i++) {
        struct shown shown = {0};
        show(&shown, odd[i], 80);
        assert_true(shown.screen.len > 0 && shown.line.len > 0);
        forget(&shown);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_watch_draws_bars_and_numbers),
        cmocka_unit_test(test_watch_gives_the_terminal_no_orders),
        cmocka_unit_test(test_watch_cuts_lines_to_the_width),
        cmocka_unit_test(test_watch_line_ignores_what_always_changes),
        cmocka_unit_test(test_watch_bears_an_answer_of_another_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
