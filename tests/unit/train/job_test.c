#include "harness/check.h"

#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/train/job.h"

static struct train_job job, back;

static void example(void)
{
    train_job_default(&job);
    strcpy(job.strategy_id.text, "momentum_v1");
    strcpy(job.version.text, "v3");
    strcpy(job.features[0], "return_1");
    strcpy(job.features[1], "rsi(period=21)@300");
    strcpy(job.output, "/models/v3");
    strcpy(job.incumbent, "/models/v2");
    job.n_features = 2;
    job.seed = UINT64_MAX - 1;
    job.cut_ns = 1767225600123456789;
    job.window_ns = 30 * NS_PER_DAY;
    job.deadline_seconds = 1800;
    job.params.values[2] = 0.1234567890123;
    sha256_of("x", 1, &job.schema_hash);
}

static void test_a_job_reads_back_the_same(void **state)
{
    struct buf a = BUF_INIT(TRAIN_JOB_BYTES_MAX), b = BUF_INIT(TRAIN_JOB_BYTES_MAX);
    (void)state;
    example();
    train_job_write(&job, &a);
    check_ok(train_job_read(buf_slice(&a), &back));
    train_job_write(&back, &b);
    check_str(buf_str(&a), buf_str(&b));
    assert_memory_equal(&job, &back, sizeof job);
    buf_deinit(&a);
    buf_deinit(&b);
}

static void test_a_wrong_field_is_named(void **state)
{
    static const struct {
        const char *from, *to, *field;
    } cases[] = {
        {"\"strategy_id\":\"", "\"strategy_id\":\"/", "strategy_id"},
        {"\"version\":\"v", "\"version\":\"x", "version"},
        {"\"kind\":\"xgboost", "\"kind\":\"xgboots", "kind"},
        {"\"eta\":0", "\"eta\":7", "eta"},
        {"\"seed\":\"1", "\"seed\":\"x", "seed"},
        {"\"cut_ns\":1767225600123456789", "\"cut_ns\":\"1767225600123456789\"", "cut_ns"},
        {"\"folds\":5", "\"folds\":1", "folds"},
        {"\"holdout_fraction\":0.2", "\"holdout_fraction\":0.9", "holdout_fraction"},
        {"\"search_trials\":1", "\"search_trials\":0", "search_trials"},
        {"\"search_method\":\"tpe\"", "\"search_method\":\"luck\"", "search_method"},
        {"\"gate_rule\":\"evidence\"", "\"gate_rule\":\"luck\"", "gate_rule"},
        {"\"gate_attempt\":1", "\"gate_attempt\":0", "gate_attempt"},
        {"\"output\":\"/models/v3\"", "\"output\":\"\"", "output"},
        {"\"features\":[\"return_1\",\"rsi(period=21)@300\"]", "\"features\":[]", "features"},
    };
    struct buf text = BUF_INIT(TRAIN_JOB_BYTES_MAX);
    (void)state;
    example();
    train_job_write(&job, &text);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf changed = BUF_INIT(TRAIN_JOB_BYTES_MAX);
        const char *at = strstr(buf_str(&text), cases[i].from);
        if (at == NULL)
            fail_msg("the job has no %s", cases[i].from);
        buf_append(&changed, text.ptr, (size_t)(at - text.ptr));
        buf_puts(&changed, cases[i].to);
        buf_puts(&changed, at + strlen(cases[i].from));
        assert_true(train_job_read(buf_slice(&changed), &back) != AL_OK);
        check_has(err_text(), cases[i].field);
        buf_deinit(&changed);
    }
    buf_deinit(&text);
}

static void check_line(const struct train_line *line)
{
    struct buf a = BUF_INIT(4096), b = BUF_INIT(4096);
    struct train_line read;
    train_line_write(line, &a);
    assert_true(memchr(a.ptr, '\n', a.len) == a.ptr + a.len - 1);
    check_ok(train_line_read((struct slice){a.ptr, a.len - 1}, &read));
    train_line_write(&read, &b);
    check_str(buf_str(&a), buf_str(&b));
    check_i64(read.kind, line->kind);
    buf_deinit(&a);
    buf_deinit(&b);
}

static void test_lines_read_back_the_same(void **state)
{
    struct train_line line = {.kind = TRAIN_LINE_PROGRESS, .n_rows = 12};
    (void)state;
    for (int i = 0; i < TRAIN_STAGE_COUNT; i++) {
        line.stage = (enum train_stage)i;
        line.fraction = i / 7.0;
        check_line(&line);
    }
    line = (struct train_line){
        .kind = TRAIN_LINE_END, .n_eff = 1234.5, .seconds = 2.5, .n_rows = 4000};
    memset(line.reason, 'x', sizeof line.reason - 1);
    for (int i = 0; i < TRAIN_VERDICT_COUNT; i++) {
        line.verdict = (enum train_verdict)i;
        check_line(&line);
    }
}

static void test_odd_lines_are_refused(void **state)
{
    static const char *const lines[] = {"",
                                        "x",
                                        "[]",
                                        "{}",
                                        "{\"stage\":\"load\"}",
                                        "{\"stage\":\"load\",\"fraction\":2,\"rows\":1}",
                                        "{\"stage\":\"sleep\",\"fraction\":0.5,\"rows\":1}",
                                        "{\"verdict\":\"promote\"}",
                                        "{\"stage\":\"load\",\"fraction\":0.5,\"rows\":-1}"};
    struct train_line line;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        check_err(train_line_read(slice_of(lines[i]), &line), AL_EPARSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_job_reads_back_the_same),
        cmocka_unit_test(test_a_wrong_field_is_named),
        cmocka_unit_test(test_lines_read_back_the_same),
        cmocka_unit_test(test_odd_lines_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
