/* The search for parameters, on a market whose edge is known. */
#include "harness/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../src/train/fit_i.h"
#include "alphaloop/base/timestamp.h"
#include "harness/learnable_samples.h"

#define N 900

static struct learnable_samples market;
static struct train_job job;
static struct train_rows rows;
static struct train_result result;

/* What a worker would keep of a run. */
static struct log {
    size_t n, n_told, n_cancel_after; /* trials kept; told; 0: never */
    struct train_trial trials[TRIAL_NUMBER_MAX], last;
    struct sha256 key;
    size_t n_resumed;
    int64_t now_ns, tick_ns;
} kept;

static void on_trial(void *ctx, const struct train_trial *trial)
{
    struct log *log = ctx;
    log->n_told++;
    log->last = *trial;
    if (trial->verdict == TRIAL_COMPLETED || trial->verdict == TRIAL_PRUNED) {
        check_i64(trial->number, (int64_t)log->n);
        log->trials[log->n++] = *trial;
    }
}

/* Through JSON, as a file would have it. */
static void pass_through_json(const struct train_trial *trial, struct train_trial *out)
{
    struct train_line line = {.kind = TRAIN_LINE_TRIAL, .trial = *trial}, back;
    struct buf text = BUF_INIT(2 * TRIAL_BYTES_MAX);
    train_line_write(&line, &text);
    assert_true(buf_ok(&text) && text.len < TRIAL_BYTES_MAX);
    check_ok(train_line_read((struct slice){text.ptr, text.len - 1}, &back));
    check_i64(back.kind, TRAIN_LINE_TRIAL);
    *out = back.trial;
    buf_deinit(&text);
}

static size_t resume(void *ctx, const struct sha256 *key, struct train_trial *trials, size_t n_max)
{
    struct log *log = ctx;
    bool is_same = sha256_eq(key, &log->key);
    size_t n = is_same ? (log->n < n_max ? log->n : n_max) : 0;
    log->key = *key;
    log->n = log->n_resumed = n;
    for (size_t i = 0; i < n; i++)
        pass_through_json(&log->trials[i], &trials[i]);
    return n;
}

static bool is_cancelled(void *ctx)
{
    const struct log *log = ctx;
    return log->n_cancel_after > 0 && log->n >= log->n_cancel_after;
}

static int64_t now_ns(void *ctx)
{
    struct log *log = ctx;
    return log->now_ns += log->tick_ns;
}

static const struct train_hooks hooks = {.is_cancelled = is_cancelled,
                                         .on_trial = on_trial,
                                         .resume = resume,
                                         .now_ns = now_ns,
                                         .ctx = &kept};

static void begin(uint64_t seed, uint32_t n_trials)
{
    learnable_samples_init(&market, N, 1, seed);
    learnable_samples_job(&market, &job);
    learnable_samples_rows(&market, &rows);
    job.search.trials = n_trials;
    job.canaries = false;
    kept = (struct log){.now_ns = NS_PER_S, .tick_ns = 1};
}

static void end(void)
{
    train_result_deinit(&result);
    train_rows_deinit(&rows);
}

static void run(void)
{
    train_result_deinit(&result);
    check_ok(train_run(&job, &market.set, &rows, NULL, &hooks, &result));
}

static void test_as_many_trials_as_asked_for(void **state)
{
    size_t n_pruned = 0;
    double best = INFINITY;
    (void)state;
    begin(1, 14);
    run();
    check_i64((int64_t)kept.n, 14);
    check_i64((int64_t)kept.n_told, 15); /* the chosen one again */
    check_i64(kept.last.verdict, TRIAL_CHOSEN);
    for (size_t i = 0; i < kept.n; i++) {
        const struct train_trial *trial = &kept.trials[i];
        n_pruned += trial->verdict == TRIAL_PRUNED;
        assert_true(trial->n_folds == 3 || trial->verdict == TRIAL_PRUNED);
        if (trial->verdict == TRIAL_COMPLETED)
            best = fmin(best, trial->loss);
        check_ok(model_params_check(model_kind_find(slice_of(trial->kind)), &trial->params));
    }
    printf("14 trials, %zu given up; own parameters %.5f, best %.5f\n", n_pruned,
           kept.trials[0].loss, best);
    assert_true(n_pruned > 0 && n_pruned < 10);
    check_same_double(kept.last.loss, best);
    check_same_double(kept.last.loss, kept.trials[kept.last.number].loss);
    assert_memory_equal(&result.manifest->params, &kept.last.params, sizeof kept.last.params);
    end();
}

/* Trial 0 are the job's own; a search can only be better out of fold. */
static void test_without_a_search_there_is_one_trial(void **state)
{
    (void)state;
    begin(1, 1);
    run();
    check_i64((int64_t)kept.n_told, 1);
    check_i64(kept.last.verdict, TRIAL_CHOSEN);
    check_i64((int64_t)kept.last.seed, (int64_t)job.seed);
    assert_memory_equal(&kept.last.params, &job.params, sizeof job.params);
    check_i64((int64_t)kept.last.n_folds, 3);
    assert_true(isfinite(kept.last.folds[0].validation_loss) && kept.last.folds[0].n_rounds > 0);
    check_has(buf_str(&result.report), "\"search\":{\"method\":\"none\",\"trials\":1,");
    end();
}

static void test_a_resumed_search_ends_like_one_that_never_stopped(void **state)
{
    static struct log whole;
    struct buf model = BUF_INIT(MODEL_BYTES_MAX);
    (void)state;
    begin(2, 10);
    run();
    whole = kept;
    buf_append(&model, result.model.ptr, result.model.len);

    kept = (struct log){.n_cancel_after = 4, .now_ns = NS_PER_S, .tick_ns = 1};
    train_result_deinit(&result);
    check_err(train_run(&job, &market.set, &rows, NULL, &hooks, &result), AL_ECANCELED);
    check_i64((int64_t)kept.n, 4);
    check_i64(kept.last.verdict, TRIAL_CANCELLED);

    kept.n_cancel_after = 0;
    kept.n_told = 0;
    snprintf(job.version.text, sizeof job.version.text, "v2"); /* another run of the same rows */
    run();
    check_i64((int64_t)kept.n_resumed, 4);
    check_i64((int64_t)kept.n_told, 7);
    check_i64((int64_t)kept.n, 10);
    for (size_t i = 0; i < 10; i++) {
        assert_memory_equal(&kept.trials[i].params, &whole.trials[i].params,
                            sizeof kept.trials[i].params);
        check_same_double(kept.trials[i].loss, whole.trials[i].loss);
        check_i64(kept.trials[i].verdict, whole.trials[i].verdict);
    }
    check_i64(kept.last.number, whole.last.number);
    assert_true(slice_eq(buf_slice(&result.model), buf_slice(&model)));
    check_has(buf_str(&result.report), "\"resumed\":4");
    buf_deinit(&model);
    end();
}

static void test_other_rows_are_another_search(void **state)
{
    (void)state;
    begin(2, 5);
    run();
    rows.rows[100].net_return = -rows.rows[100].net_return;
    run();
    check_i64((int64_t)kept.n_resumed, 0);
    run(); /* and these are known by now */
    check_i64((int64_t)kept.n_resumed, 5);
    end();
}

static void test_the_search_does_not_see_the_untouched_block(void **state)
{
    static struct log first;
    (void)state;
    begin(3, 8);
    run();
    first = kept;
    for (size_t i = 0; i < rows.n_rows; i++) {
        if (rows.rows[i].t0_ns >= result.manifest->data.holdout_from_ns)
            rows.rows[i].net_return = -rows.rows[i].net_return;
    }
    kept = (struct log){.now_ns = NS_PER_S, .tick_ns = 1};
    run();
    for (size_t i = 0; i < 8; i++)
        check_same_double(kept.trials[i].loss, first.trials[i].loss);
    check_i64(kept.last.number, first.last.number);
    end();
}

/* The clock goes on by a second whenever it is asked; the search has twelve. */
static void test_time_ends_a_search(void **state)
{
    (void)state;
    begin(4, 50);
    kept.tick_ns = NS_PER_S;
    job.search.seconds = 12;
    run();
    printf("%zu trials in the time there was\n", kept.n);
    assert_true(kept.n >= 1 && kept.n < 12);
    assert_non_null(result.manifest);
    end();
}

static void test_the_report_says_what_the_choice_is_worth(void **state)
{
    (void)state;
    begin(5, 12);
    run();
    const char *report = buf_str(&result.report);
    check_has(report, "\"search\":{\"method\":\"tpe\",\"trials\":12,");
    check_has(report, "\"trial_verdict\":\"chosen\"");
    check_has(report, "\"pbo\":0.");
    check_has(report, "\"sharpe_variance\":0.");
    end();
}

#define TEACHERS "\"tries\":\"parameters\",\"window_scale\":1,\"return_attribution\":true,"

static void test_trials_that_are_odd_are_refused(void **state)
{
    static const char *const texts[] = {
        "{\"trial\":-1}",
        "{\"trial\":0,\"kind\":\"nothing\"}",
        "{\"trial\":0,\"kind\":\"xgboost\",\"seed\":1}",
        "{\"trial\":0,\"kind\":\"xgboost\",\"seed\":\"1\",\"parameters\":{\"eta\":9}}",
        "{\"trial\":0,\"kind\":\"xgboost\",\"seed\":\"1\",\"parameters\":{},\"tries\":\"luck\","
        "\"window_scale\":1,\"return_attribution\":true}",
        "{\"trial\":0,\"kind\":\"xgboost\",\"seed\":\"1\",\"parameters\":{},\"tries\":\"teachers\","
        "\"window_scale\":0,\"return_attribution\":true}",
        "{\"trial\":0,\"kind\":\"xgboost\",\"seed\":\"1\",\"parameters\":{},\"tries\":\"teachers\","
        "\"window_scale\":1,\"return_attribution\":1}",
        "{\"trial\":0,\"kind\":\"xgboost\",\"seed\":\"1\",\"parameters\":{}," TEACHERS
        "\"trial_verdict\":\"?\"}",
        "{\"trial\":0,\"kind\":\"xgboost\",\"seed\":\"1\",\"parameters\":{}," TEACHERS
        "\"trial_verdict\":\"chosen\","
        "\"folds\":{},\"periods\":[]}",
        "{\"trial\":0,\"kind\":\"xgboost\",\"seed\":\"1\",\"parameters\":{}," TEACHERS
        "\"trial_verdict\":\"chosen\","
        "\"folds\":[],\"periods\":[null]}",
    };
    struct train_line line;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_true(train_line_read(slice_of(texts[i]), &line) != AL_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_many_trials_as_asked_for),
        cmocka_unit_test(test_without_a_search_there_is_one_trial),
        cmocka_unit_test(test_a_resumed_search_ends_like_one_that_never_stopped),
        cmocka_unit_test(test_other_rows_are_another_search),
        cmocka_unit_test(test_the_search_does_not_see_the_untouched_block),
        cmocka_unit_test(test_time_ends_a_search),
        cmocka_unit_test(test_the_report_says_what_the_choice_is_worth),
        cmocka_unit_test(test_trials_that_are_odd_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
