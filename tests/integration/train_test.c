/* Role `train` as the worker starts it: a process of its own, rows from a real database, a folder as its result. Also what may
 * happen to such a process: killed, hung, out of memory, its parent gone. Whatever happens, a version is there whole or not at
 * all. ALPHALOOP is the program, POSTGRES_* the database. */
#include "harness/check.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alphaloop/app/model_store.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/io/proc.h"
#include "alphaloop/store/migrate.h"
#include "alphaloop/store/samples.h"
#include "harness/database.h"
#include "harness/learnable_samples.h"

#define N_DECISIONS 3000
#define BATCH_ROWS  1000

static const char schema[] = "train_test";
static char root[64];
static struct learnable_samples market;
static struct train_job job;

/* ---- rows into the database ---- */

struct filler {
    struct pg_sync *sync;
    struct pg_batch *batch;
    struct sample *samples;
    size_t n;
};

static void flush(struct filler *f)
{
    samples_insert(f->batch, f->samples, f->n);
    database_batch(f->sync, f->batch, NULL, NULL);
    f->n = 0;
}

static void fill(void *ctx, const struct sample *sample)
{
    struct filler *f = ctx;
    f->samples[f->n++] = *sample;
    if (f->n == BATCH_ROWS)
        flush(f);
}

static void fill_database(const char *strategy_id, double edge, uint64_t seed)
{
    struct filler f = {.sync = database_open(schema, false),
                       .batch = pg_batch_create(64U << 20),
                       .samples = calloc(BATCH_ROWS, sizeof *f.samples)};
    learnable_samples_init(&market, N_DECISIONS, edge, seed);
    snprintf(market.strategy_id.text, sizeof market.strategy_id.text, "%s", strategy_id);
    learnable_samples_walk(&market, fill, &f);
    flush(&f);
    pg_batch_destroy(f.batch);
    pg_sync_close(f.sync);
    free(f.samples);
}

/* ---- a child ---- */

struct child {
    uv_loop_t loop;
    struct proc *proc;
    struct proc_end end;
    struct train_line last; /* its end line */
    size_t n_progress, n_ends, n_trials;
    size_t n_trials_wanted; /* then it is stopped; 0: never */
    bool in_rounds;
    void (*when_training)(
        struct child *child); /* called once, after the first line from within the folds */
};

static void on_line(void *ctx, struct proc *proc, struct slice text)
{
    struct child *child = ctx;
    struct train_line line;
    check_ok(train_line_read(text, &line));
    if (line.kind == TRAIN_LINE_END) {
        child->last = line;
        child->n_ends++;
        return;
    }
    if (line.kind == TRAIN_LINE_TRIAL) {
        if (++child->n_trials == child->n_trials_wanted)
            proc_stop(proc);
        return;
    }
    child->n_progress++;
    if (line.stage == TRAIN_STAGE_FOLD && !child->in_rounds) {
        child->in_rounds = true;
        if (child->when_training != NULL)
            child->when_training(child);
    }
}

static void on_end(void *ctx, struct proc *proc, const struct proc_end *end)
{
    struct child *child = ctx;
    (void)proc;
    child->end = *end;
}

static void write_job(char path[FILE_PATH_MAX])
{
    struct buf text = BUF_INIT(TRAIN_JOB_BYTES_MAX);
    train_job_write(&job, &text);
    check_ok(file_join(root, "job.json", path));
    check_ok(file_write_whole(path, buf_slice(&text)));
    buf_deinit(&text);
}

static void run(struct child *child, struct proc_options options)
{
    char path[FILE_PATH_MAX];
    write_job(path);
    const char *const args[] = {"train", "--job", path, NULL};
    options.file = getenv("ALPHALOOP");
    options.args = args;
    options.on_line = on_line;
    options.on_end = on_end;
    options.ctx = child;
    uv_loop_init(&child->loop);
    check_ok(proc_start(&child->loop, &options, &child->proc));
    uv_run(&child->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&child->loop), 0);
}

static void prepare(const char *strategy_id, const char *version)
{
    learnable_samples_init(&market, N_DECISIONS, 1, 1);
    snprintf(market.strategy_id.text, sizeof market.strategy_id.text, "%s", strategy_id);
    learnable_samples_job(&market, &job);
    memset(&job.version, 0, sizeof job.version);
    snprintf(job.version.text, sizeof job.version.text, "%s", version);
    check_ok(model_store_path(root, &job.version, job.output));
}

/* Minutes of rounds, each of them short. */
static void prepare_long(const char *version)
{
    prepare("edge", version);
    job.params.values[0] = job.params.values[1] = 4000;
    job.params.values[2] = 0.001;
    job.n_folds = 10;
}

static void check_nothing_is_left(void)
{
    struct file_names names;
    check_ok(file_list(root, 100, &names));
    for (size_t i = 0; i < names.count; i++) {
        if (strcmp(names.names[i], "job.json") != 0 && names.names[i][0] != '.')
            fail_msg("%s is left", names.names[i]);
    }
    file_names_deinit(&names);
}

/* ---- what a run gives ---- */

static void test_a_child_finds_the_edge_and_leaves_a_whole_folder(void **state)
{
    struct child child = {0};
    struct scorer *scorer = NULL;
    (void)state;
    prepare("edge", "v1");
    run(&child, (struct proc_options){
                    .nice = 10, .memory_bytes_max = UINT64_C(4) << 30, .deadline_ms = 300000});
    check_i64(child.end.cause, PROC_EXITED);
    check_i64(child.end.exit_code, 0);
    check_i64((int64_t)child.n_ends, 1);
    check_i64(child.last.verdict, TRAIN_PROMOTE);
    check_i64((int64_t)child.last.n_rows, 2 * N_DECISIONS);
    assert_true(child.n_progress > 0);
    check_ok(
        model_store_load(job.output, &child.last.manifest_hash, &market.set.schema_hash, &scorer));
    assert_true(scorer_uses_walker(scorer));
    assert_true(manifest_metric_value(scorer_manifest(scorer), "roc_auc") > 0.6);
    scorer_destroy(scorer);
}

static void read_model(const char *version, struct buf *out)
{
    char path[FILE_PATH_MAX], name[64];
    snprintf(name, sizeof name, "%s/%s", version, MODEL_FILE_NAME);
    check_ok(file_join(root, name, path));
    check_ok(file_read(path, MODEL_BYTES_MAX, out));
}

static void test_the_same_job_gives_the_same_bytes(void **state)
{
    struct buf a = BUF_INIT(MODEL_BYTES_MAX), b = BUF_INIT(MODEL_BYTES_MAX);
    (void)state;
    for (int i = 1; i <= 2; i++) {
        struct child child = {0};
        prepare("edge", i == 1 ? "v1" : "v2");
        run(&child, (struct proc_options){0});
        check_i64(child.end.exit_code, 0);
    }
    read_model("v1", &a);
    read_model("v2", &b);
    assert_true(a.len > 0 && slice_eq(buf_slice(&a), buf_slice(&b)));
    buf_deinit(&a);
    buf_deinit(&b);
}

/* The second run is another version, and goes on where the first was stopped. */
static void test_a_stopped_search_goes_on(void **state)
{
    struct child stopped = {.n_trials_wanted = 3}, resumed = {0};
    struct buf report = BUF_INIT(8U << 20);
    char path[FILE_PATH_MAX];
    (void)state;
    prepare("edge", "v10");
    job.search.trials = 6;
    run(&stopped, (struct proc_options){.grace_ms = 60000});
    check_i64(stopped.last.verdict, TRAIN_CANCELLED);
    check_ok(file_join(root, ".search-edge", path));
    assert_true(file_exists(path));

    prepare("edge", "v11");
    job.search.trials = 6;
    run(&resumed, (struct proc_options){0});
    check_i64(resumed.end.exit_code, 0);
    assert_true(resumed.n_trials <= 4); /* 3 and the chosen one; fewer when the stop was slow */
    assert_false(file_exists(path));
    check_ok(file_join(root, "v11/" REPORT_FILE_NAME, path));
    check_ok(file_read(path, 8U << 20, &report));
    check_has(buf_str(&report), "\"trials\":6,");
    assert_null(strstr(buf_str(&report), "\"resumed\":0,"));
    buf_deinit(&report);
}

static void test_without_an_edge_the_gate_refuses(void **state)
{
    struct child child = {0};
    struct scorer *scorer = NULL;
    (void)state;
    prepare("noise", "v3");
    run(&child, (struct proc_options){0});
    check_i64(child.end.exit_code, 0);
    check_i64(child.last.verdict, TRAIN_REFUSE);
    check_has(child.last.reason, "refused");
    check_ok(model_store_load(job.output, &child.last.manifest_hash, NULL, &scorer));
    assert_false(scorer_manifest(scorer)->gate.promote);
    scorer_destroy(scorer);
}

static void test_an_existing_version_is_not_replaced(void **state)
{
    struct child child = {0};
    (void)state;
    prepare("edge", "v1");
    check_ok(file_make_dir(job.output));
    run(&child, (struct proc_options){0});
    check_i64(child.last.verdict, TRAIN_FAILED);
    check_has(child.last.reason, "exists");
    check_ok(file_remove(job.output));
}

static void test_no_rows_are_too_few(void **state)
{
    struct child child = {0};
    (void)state;
    prepare("nobody", "v1");
    run(&child, (struct proc_options){0});
    check_i64(child.end.exit_code, 0);
    check_i64(child.last.verdict, TRAIN_TOO_FEW);
    check_nothing_is_left();
}

static void test_a_database_that_is_away_is_said(void **state)
{
    struct child child = {0};
    char port[16];
    (void)state;
    prepare("edge", "v1");
    snprintf(port, sizeof port, "%s", getenv("POSTGRES_PORT"));
    setenv("POSTGRES_PORT", "1", 1);
    run(&child, (struct proc_options){0});
    setenv("POSTGRES_PORT", port, 1);
    check_i64(child.end.exit_code, 1);
    check_i64(child.last.verdict, TRAIN_FAILED);
    check_nothing_is_left();
}

/* ---- what may happen to it ---- */

static void kill_it(struct child *child)
{
    kill(proc_pid(child->proc), SIGKILL);
}

static void test_a_killed_child_leaves_nothing(void **state)
{
    struct child child = {.when_training = kill_it};
    (void)state;
    prepare_long("v1");
    run(&child, (struct proc_options){0});
    check_i64(child.end.cause, PROC_KILLED);
    check_i64(child.end.term_signal, SIGKILL);
    check_i64((int64_t)child.n_ends, 0);
    check_nothing_is_left();
}

static void freeze_it(struct child *child)
{
    kill(proc_pid(child->proc), SIGSTOP);
}

static void test_a_hung_child_is_ended_at_the_deadline(void **state)
{
    struct child child = {.when_training = freeze_it};
    (void)state;
    prepare_long("v1");
    run(&child, (struct proc_options){.deadline_ms = 4000, .grace_ms = 100});
    check_i64(child.end.cause, PROC_TIMED_OUT);
    check_i64(child.end.term_signal, SIGKILL);
    check_nothing_is_left();
}

static void test_its_own_deadline_ends_it_too(void **state)
{
    struct child child = {0};
    (void)state;
    prepare_long("v1");
    job.deadline_seconds = 1;
    run(&child, (struct proc_options){0});
    check_i64(child.end.cause, PROC_EXITED);
    check_i64(child.last.verdict, TRAIN_FAILED);
    check_has(child.last.reason, "MODEL_TRAINING_MAX_DURATION_SECONDS");
    check_nothing_is_left();
}

static void stop_it(struct child *child)
{
    proc_stop(child->proc);
}

static void test_a_stopped_child_says_goodbye(void **state)
{
    struct child child = {.when_training = stop_it};
    (void)state;
    prepare_long("v1");
    run(&child, (struct proc_options){.grace_ms = 60000});
    check_i64(child.end.cause, PROC_STOPPED);
    check_i64(child.end.exit_code, 1);
    check_i64(child.last.verdict, TRAIN_CANCELLED);
    check_nothing_is_left();
}

/* What the library cannot have it answers with a fault or an abort; both are a failed training. */
static void test_a_child_out_of_memory_leaves_nothing(void **state)
{
    struct child child = {0};
    (void)state;
#if defined(__SANITIZE_ADDRESS__)
    skip();
#endif
    prepare_long("v1");
    run(&child, (struct proc_options){.memory_bytes_max = 100U << 20, .deadline_ms = 60000});
    assert_true(child.end.cause == PROC_KILLED || child.end.cause == PROC_EXITED);
    assert_true(child.end.term_signal != 0 || child.end.exit_code != 0);
    assert_true(child.n_ends == 0 || child.last.verdict == TRAIN_FAILED);
    printf("out of memory: %s %d, %s\n", proc_cause_name(child.end.cause), child.end.term_signal,
           child.last.reason);
    check_nothing_is_left();
}

/* A parent that is gone cannot send a signal; the end of the pipe says it. */
static void test_a_child_without_a_parent_ends(void **state)
{
    char path[FILE_PATH_MAX];
    int input[2], status;
    (void)state;
    prepare_long("v1");
    write_job(path);
    assert_int_equal(pipe(input), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(input[0], STDIN_FILENO);
        close(input[0]);
        close(input[1]);
        freopen("/dev/null", "w", stdout);
        execl(getenv("ALPHALOOP"), "alphaloop", "train", "--job", path, (char *)NULL);
        _exit(99);
    }
    close(input[0]);
    close(input[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    check_i64(WEXITSTATUS(status), 1);
    check_nothing_is_left();
}

/* ---- a person's run ---- */

static const char config[] =
    "{\"features\":[\"return_1\",\"return_5\",\"return_10\",\"rsi_14\",\"spread_bps\"],\"timeframe_"
    "seconds\":60,"
    "\"model\":{\"parameters\":{\"rounds\":60,\"patience\":10,\"eta\":0.15}}}";

static void test_a_person_trains_and_the_version_is_registered(void **state)
{
    struct pg_sync *sync = database_open(schema, false);
    char path[FILE_PATH_MAX], command[2 * FILE_PATH_MAX];
    (void)state;
    check_ok(file_join(root, ".edge.json", path));
    check_ok(file_make_dir(root));
    snprintf(path, sizeof path, "%s/.config", root);
    check_ok(file_make_dir(path));
    snprintf(path, sizeof path, "%s/.config/edge.json", root);
    check_ok(file_write_whole(path, slice_of(config)));
    snprintf(command, sizeof command,
             "TRADING_STRATEGIES=edge STRATEGY_CONFIG_DIR=%s/.config MODEL_STORAGE_PATH=%s %s "
             "train --strategy edge "
             ">%s/.out 2>&1",
             root, root, getenv("ALPHALOOP"), root);
    int status = system(command);
    snprintf(path, sizeof path, "%s/.out", root);
    struct buf out = BUF_INIT(1U << 20);
    check_ok(file_read(path, 100000, &out));
    if (status != 0)
        fail_msg("%s", buf_str(&out));
    check_has(buf_str(&out), "candidate");
    buf_deinit(&out);
    check_str(
        database_text(
            sync,
            "SELECT count(*)::text FROM model_versions WHERE strategy_id = 'edge' AND state = "
            "'candidate' AND attempt = 1 AND NOT is_active"),
        "1");
    check_str(database_text(sync, "SELECT (count(*) > 15)::text FROM model_quality_metrics"),
              "true");
    check_str(database_text(sync, "SELECT trigger || ' ' || state || ' ' || (version IS NOT NULL)"
                                  " FROM training_runs WHERE strategy_id = 'edge'"),
              "person succeeded true");
    pg_sync_close(sync);
}

static void test_a_person_is_told_what_is_wrong(void **state)
{
    char command[2 * FILE_PATH_MAX];
    (void)state;
    snprintf(command, sizeof command, "%s train --strategy nobody >/dev/null 2>&1",
             getenv("ALPHALOOP"));
    assert_int_equal(WEXITSTATUS(system(command)), 2);
    snprintf(command, sizeof command, "%s train >/dev/null 2>&1", getenv("ALPHALOOP"));
    assert_int_equal(WEXITSTATUS(system(command)), 2);
}

/* ---- around every test ---- */

static int setup(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/alphaloop-train-XXXXXX");
    return mkdtemp(root) == NULL;
}

static int teardown(void **state)
{
    char command[100];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static int group_setup(void **state)
{
    struct pg_sync *sync = database_open(schema, true);
    struct pg_options options = database_options(schema);
    struct migrate_report report;
    (void)state;
    pg_sync_close(sync);
    setenv("POSTGRES_SCHEMA", schema, 1);
    check_ok(migrate_run(&options, MIGRATE_APPLY, &report));
    fill_database("edge", 1, 1);
    fill_database("noise", 0, 2);
    return getenv("ALPHALOOP") == NULL;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_child_finds_the_edge_and_leaves_a_whole_folder),
        TEST(test_the_same_job_gives_the_same_bytes),
        TEST(test_a_stopped_search_goes_on),
        TEST(test_without_an_edge_the_gate_refuses),
        TEST(test_an_existing_version_is_not_replaced),
        TEST(test_no_rows_are_too_few),
        TEST(test_a_database_that_is_away_is_said),
        TEST(test_a_killed_child_leaves_nothing),
        TEST(test_a_hung_child_is_ended_at_the_deadline),
        TEST(test_its_own_deadline_ends_it_too),
        TEST(test_a_stopped_child_says_goodbye),
        TEST(test_a_child_out_of_memory_leaves_nothing),
        TEST(test_a_child_without_a_parent_ends),
        TEST(test_a_person_trains_and_the_version_is_registered),
        TEST(test_a_person_is_told_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, group_setup, NULL);
}
