/* Lines of a journal: what is written is read again; what is no line is refused. Recording: whole lines, in order. */
#include "../src/app/journal_i.h"
#include "harness/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct read {
    struct json_reader *reader;
    struct json_node *doc;
    struct buf hold;
    struct journal_line line;
};

static enum al_err read_line(struct read *r, const char *text)
{
    r->reader = json_reader_create(JOURNAL_LINE_MAX, JSON_DEPTH_MAX);
    assert_non_null(r->reader);
    return journal_line_read(r->reader, slice_of(text), &r->doc, &r->hold, &r->line);
}

static void done(struct read *r)
{
    json_put(r->doc);
    buf_deinit(&r->hold);
    json_reader_destroy(r->reader);
}

static void test_line_survives(void **state)
{
    const char bytes[] = {0, 1, (char)0xff, 'a'};
    struct buf out = BUF_INIT(JOURNAL_LINE_MAX);
    struct journal_line line = {.call = JOURNAL_market,
                                .now_ns = INT64_MAX,
                                .wall_ns = -1,
                                .number = INT64_MIN,
                                .n_texts = 3,
                                .n_bytes = 2};
    struct read r;
    (void)state;
    line.texts[0] = SLICE("{\"a\":\"\\u0001 \\\"\"}\n");
    line.texts[1] = SLICE("");
    line.texts[2] = SLICE("caf\xc3\xa9");
    line.bytes[0] = (struct slice){bytes, sizeof(bytes)};
    journal_line_write(&line, &out);
    assert_true(buf_ok(&out));
    check_ok(read_line(&r, buf_str(&out)));
    check_i64(r.line.call, JOURNAL_market);
    check_i64(r.line.now_ns, INT64_MAX);
    check_i64(r.line.wall_ns, -1);
    assert_true(r.line.number == INT64_MIN);
    check_i64((int64_t)r.line.n_texts, 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(slice_eq(r.line.texts[i], line.texts[i]));
    check_i64((int64_t)r.line.n_bytes, 2);
    assert_true(slice_eq(r.line.bytes[0], line.bytes[0]));
    check_i64((int64_t)r.line.bytes[1].len, 0);
    done(&r);
    buf_deinit(&out);
}

static void test_every_call_has_its_name(void **state)
{
    (void)state;
    for (enum journal_call call = 0; call < JOURNAL_CALL_COUNT; call++) {
        struct buf out = BUF_INIT(1024);
        struct journal_line line = {
            .call = call, .now_ns = TIMESTAMP_NONE, .wall_ns = TIMESTAMP_NONE};
        struct read r;
        journal_line_write(&line, &out);
        check_has(buf_str(&out), journal_call_name(call));
        check_ok(read_line(&r, buf_str(&out)));
        check_i64(r.line.call, call);
        assert_true(r.line.now_ns == TIMESTAMP_NONE && r.line.number == 0);
        done(&r);
        buf_deinit(&out);
    }
}

static void test_what_is_no_line_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        "{\"call\":\"nonsense\"}",
        "{\"call\":\"tick\",\"now\":12}",
        "{\"call\":\"tick\",\"now\":\"1x\"}",
        "{\"call\":\"tick\",\"now\":\"\"}",
        "{\"call\":\"order\",\"bytes\":[\"0\"]}",
        "{\"call\":\"order\",\"bytes\":[\"0g\"]}",
        "{\"call\":\"order\",\"bytes\":\"00\"}",
        "{\"call\":\"order\",\"bytes\":[1]}",
        "{\"call\":\"order\",\"bytes\":[\"\",\"\",\"\",\"\",\"\"]}",
        "{\"call\":\"market\",\"texts\":[null]}",
        "{\"call\":\"market\",\"texts\":{}}",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct read r;
        check_err(read_line(&r, texts[i]), AL_EPARSE);
        done(&r);
    }
}

static struct journal_start some_start(void)
{
    struct journal_start start = {.version = "0.1.0", .seed = UINT64_MAX};
    start.shape.bytes[0] = 1;
    start.settings.bytes[1] = 2;
    start.strategies.bytes[31] = 3;
    return start;
}

static void test_start_survives(void **state)
{
    struct buf out = BUF_INIT(4096);
    struct journal_start start = some_start(), again;
    struct read r;
    (void)state;
    journal_start_line(&start, &out);
    check_ok(read_line(&r, buf_str(&out)));
    check_ok(journal_start_read(&r.line, &again));
    check_str(again.version, "0.1.0");
    assert_true(again.seed == UINT64_MAX);
    assert_true(sha256_eq(&again.shape, &start.shape) &&
                sha256_eq(&again.settings, &start.settings) &&
                sha256_eq(&again.strategies, &start.strategies));
    r.line.number = JOURNAL_FORMAT + 1;
    check_err(journal_start_read(&r.line, &again), AL_EVERSION);
    done(&r);
    buf_deinit(&out);
}

/* ---- recording ---- */

static size_t count_lines(const char *path, char *last, size_t last_size)
{
    static char line[65536];
    size_t n = 0;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        assert_true(line[strlen(line) - 1] == '\n');
        (void)chars_set(last, last_size, line);
        n++;
    }
    fclose(file);
    return n;
}

static void record(const char *path, uint64_t bytes_max, int64_t n_ticks)
{
    uv_loop_t loop;
    struct journal *journal;
    struct journal_start start = some_start();
    uv_loop_init(&loop);
    check_ok(journal_open(&loop, path, bytes_max, &start, &journal));
    for (int64_t i = 1; i <= n_ticks; i++) {
        journal_add_tick(journal, i);
        if (i % 100 == 0) {
            journal_run(journal);
            uv_run(&loop, UV_RUN_NOWAIT);
        }
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    journal_close(journal);
    check_i64(uv_loop_close(&loop), 0);
}

static void test_recording_keeps_every_line(void **state)
{
    char dir[] = "/tmp/journal.XXXXXX", path[64], old[64], last[256];
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/j", dir);
    snprintf(old, sizeof(old), "%s/j.1", dir);
    record(path, UINT64_MAX, 5000);
    check_i64((int64_t)count_lines(path, last, sizeof(last)), 5002);
    check_has(last, "the worker stopped");
    record(path, 2000, 5000); /* its bound ends it */
    check_i64((int64_t)count_lines(old, last, sizeof(last)), 5002);
    assert_true(count_lines(path, last, sizeof(last)) < 200);
    check_has(last, "JOURNAL_MAX_MB");
    unlink(path);
    unlink(old);
    rmdir(dir);
}

static void test_nothing_is_recorded_without_a_path(void **state)
{
    struct journal *journal;
    struct journal_start start = some_start();
    (void)state;
    check_ok(journal_open(NULL, "", 1, &start, &journal));
    assert_null(journal);
    journal_add_tick(journal, 1);
    journal_run(journal);
    journal_close(journal);
}

static const char *frequency; /* WARMUP_SIGNAL_FREQUENCY */

static const char *env_get(void *ctx, const char *name, const char **origin)
{
    (void)ctx;
    *origin = "test";
    return strcmp(name, "WARMUP_SIGNAL_FREQUENCY") == 0 ? frequency : NULL;
}

static void settings_with(const char *value, struct settings *out)
{
    const struct settings_source source = {.get = env_get};
    frequency = value;
    check_ok(settings_read(&source, 0, out, NULL));
}

/* What a reload says makes of the settings and strategies of before those of after; a changed line is noticed. */
static void test_a_reload_is_taken_over(void **state)
{
    struct settings *before = calloc(1, sizeof(*before)), *after = calloc(1, sizeof(*after));
    struct strategy_config *old = calloc(2, sizeof(*old)), *now = calloc(2, sizeof(*now));
    struct journal_settings told;
    struct journal_line line = {.call = JOURNAL_reload, .n_texts = 1, .n_bytes = 2};
    (void)state;
    settings_with("20", before);
    settings_with("60", after);
    now[1].epsilon = 0.25;
    journal_settings_of(after, &told);
    check_has(buf_str(&told.text), "WARMUP_SIGNAL_FREQUENCY=60\n");
    line.texts[0] = buf_slice(&told.text);
    line.bytes[0] = (struct slice){(const char *)&told.hash, sizeof(told.hash)};
    line.bytes[1] = (struct slice){(const char *)now, 2 * sizeof(*now)};
    assert_int_equal(journal_reload_read(&line, before, old, 1), AL_EPARSE);
    check_i64(before->warmup_signal_frequency, 20);
    check_ok(journal_reload_read(&line, before, old, 2));
    check_i64(before->warmup_signal_frequency, 60);
    check_near(old[1].epsilon, 0.25, 0);
    settings_with("20", before);
    strstr(told.text.ptr, "FREQUENCY=60")[10] = '7';
    assert_int_equal(journal_reload_read(&line, before, old, 2), AL_EVERIFY);
    buf_deinit(&told.text);
    free(before);
    free(after);
    free(old);
    free(now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_survives),
        cmocka_unit_test(test_every_call_has_its_name),
        cmocka_unit_test(test_a_reload_is_taken_over),
        cmocka_unit_test(test_what_is_no_line_is_refused),
        cmocka_unit_test(test_start_survives),
        cmocka_unit_test(test_recording_keeps_every_line),
        cmocka_unit_test(test_nothing_is_recorded_without_a_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
