/* Trainings of POST /api/train. A run is in one list from its request to its record; run_set_state() is the only writer of its
 * state and holds it to the moves of the header. What blocks (parsing megabytes, files) is done in the thread pool on the run's
 * own memory. */
#include "tabular_i.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/io/file.h"
#include "alphaloop/io/proc.h"
#include "alphaloop/observe/log.h"
#include "alphaloop/observe/metric.h"
#include "alphaloop/store/model_run_metrics.h"
#include "alphaloop/store/model_runs.h"
#include "alphaloop/store/models.h"
#include "alphaloop/tabular/train.h"

#include "worker_i.h"

#define BATCH_BYTES   (256U * 1024)
#define CHILD_NICE    10
#define RETRY_NS      NS_PER_S
#define CLASS_PREFIX  "alphaloop.tabular."
#define KINDS_MAX     64
#define WHY_LOST      "the program ended while this run was RUNNING"
#define WHY_STOPPED   "the program was stopped before the training ended"
#define DATABASE_AWAY "the database is away"

enum run_state {
    RUN_CHECKING,  /* pool: is the body what the kind wants; write the job */
    RUN_ACCEPTING, /* database: is there such a run, and is it free */
    RUN_WAITING,   /* for the child before it */
    RUN_FITTING,   /* child */
    RUN_READING,   /* pool: does the artefact verify */
    RUN_RECORDING, /* database, again and again until it takes it */
    RUN_GONE,
};

static const char *const state_names[] = {"checking", "accepting", "waiting", "fitting",
                                          "reading",  "recording", "gone"};

struct run {
    struct tabular_runs *runs;
    enum run_state state;
    const struct tabular_kind *kind;
    int64_t id;
    int64_t accepted_ns;
    admin_result_fn done; /* of the request; NULL once it was answered */
    void *ctx;

    uv_work_t work;
    enum al_err err;
    char error[512]; /* why it is refused or failed; "" while it goes well */
    char job_path[FILE_PATH_MAX], artefact_path[FILE_PATH_MAX];
    struct buf body, artefact;
    uint64_t seed;

    /* while it is accepted */
    enum admin_outcome outcome;
    int64_t model_id;
    bool has_row;

    struct proc *child;
    bool has_end;
    struct tabular_metrics metrics;
    struct pg_batch *batch;
    bool is_asked; /* the batch runs */
    int64_t not_before_ns;
};

struct tabular_runs {
    struct worker *worker;
    size_t n;
    struct run *items[TABULAR_RUNS_MAX]; /* oldest first */
    size_t n_works;                      /* under way in the pool */
    bool stopped, abandoned;
    bool is_reconciled, is_reconciling;
    struct pg_batch *batch; /* of the reconciliation */
};

enum al_err tabular_runs_create(struct worker *worker, struct tabular_runs **out)
{
    struct tabular_runs *runs = calloc(1, sizeof *runs);
    struct pg_batch *batch = pg_batch_create(BATCH_BYTES);
    if (runs == NULL || batch == NULL) {
        free(runs);
        pg_batch_destroy(batch);
        return err_set(AL_ENOMEM, "tabular runs");
    }
    runs->worker = worker;
    runs->batch = batch;
    *out = runs;
    return AL_OK;
}

static void run_destroy(struct run *run)
{
    pg_batch_destroy(run->batch);
    buf_deinit(&run->body);
    buf_deinit(&run->artefact);
    free(run);
}

void tabular_runs_destroy(struct tabular_runs *runs)
{
    if (runs == NULL)
        return;
    for (size_t i = 0; i < runs->n; i++)
        run_destroy(runs->items[i]);
    pg_batch_destroy(runs->batch);
    free(runs);
}

/* ---- states ---- */

static void run_set_state(struct run *run, enum run_state state)
{
    static const unsigned moves[] = {
        [RUN_CHECKING] = 1U << RUN_ACCEPTING | 1U << RUN_GONE,
        [RUN_ACCEPTING] = 1U << RUN_WAITING | 1U << RUN_GONE,
        [RUN_WAITING] = 1U << RUN_FITTING | 1U << RUN_RECORDING,
        [RUN_FITTING] = 1U << RUN_READING | 1U << RUN_RECORDING | 1U << RUN_GONE,
        [RUN_READING] = 1U << RUN_RECORDING | 1U << RUN_GONE,
        [RUN_RECORDING] = 1U << RUN_GONE,
    };
    assert((moves[run->state] >> state & 1) != 0);
    log_debug("app", "train", NULL, EV("tabular_run"), F_I64("model_run_id", run->id),
              F_STR("from", state_names[run->state]), F_STR("to", state_names[state]));
    run->state = state;
}

static void run_answer(struct run *run, enum admin_outcome outcome, const char *text)
{
    const struct admin_result result = {.outcome = outcome, .text = text};
    if (run->done != NULL)
        run->done(run->ctx, &result);
    run->done = NULL;
}

/* The files go, also those of a child that was killed. */
static void remove_files(const struct run *run)
{
    if (run->job_path[0] != '\0' &&
        (file_remove(run->job_path) != AL_OK || file_remove(run->artefact_path) != AL_OK))
        log_warn("app", "train", NULL, EV("tabular_files_left"), F_STR("why", err_text()));
}

static void run_end(struct run *run)
{
    struct tabular_runs *runs = run->runs;
    size_t at = 0;
    while (runs->items[at] != run)
        at++;
    memmove(runs->items + at, runs->items + at + 1, (--runs->n - at) * sizeof(struct run *));
    run_set_state(run, RUN_GONE);
    remove_files(run);
    run_destroy(run);
}

/* ---- recording ---- */

static double heldout_score(const struct run *run)
{
    const char *wanted = run->kind->task == TABULAR_REGRESSION ? "heldout_r2" : "heldout_accuracy";
    for (size_t i = 0; i < run->metrics.n; i++) {
        if (strcmp(run->metrics.items[i].name, wanted) == 0)
            return strtod(run->metrics.items[i].value, NULL);
    }
    return NAN;
}

static void tell_recorded(const struct run *run)
{
    bool went_well = run->error[0] == '\0';
    double seconds = (double)(worker_wall_ns(run->runs->worker) - run->accepted_ns) / 1e9;
    metric_add(METRIC_tabular_runs_total, 1, run->kind->name, went_well ? "success" : "failed");
    metric_observe(METRIC_tabular_training_seconds, seconds, run->kind->name, NULL);
    if (went_well && isfinite(heldout_score(run)))
        metric_set(METRIC_tabular_heldout_score, heldout_score(run), run->kind->name, NULL);
    log_at(went_well ? LOG_INFO : LOG_ERROR, "app", "train", NULL, EV("tabular_run_ended"),
           F_I64("model_run_id", run->id), F_STR("model_name", run->kind->name),
           F_STR("status", went_well ? "SUCCESS" : "FAILED"), F_STR("why", run->error),
           F_F64("seconds", seconds), F_I64("artefact_bytes", (int64_t)run->artefact.len));
}

static void run_record(struct run *run);

/* Only what may succeed when tried again is. A success the database refuses is recorded as a failure, once. */
static void on_recorded(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct run *run = ctx;
    run->is_asked = false;
    if (err != AL_OK && !run->runs->abandoned &&
        (err == AL_ECONN || (failure != NULL && failure->retry))) {
        run->not_before_ns = worker_wall_ns(run->runs->worker) + RETRY_NS;
        return;
    }
    if (err != AL_OK && !run->runs->abandoned && run->error[0] == '\0') {
        snprintf(run->error, sizeof run->error, "the artefact could not be stored: %.300s",
                 failure != NULL ? failure->message : err_text());
        run_record(run);
        return;
    }
    if (err != AL_OK)
        log_error("app", "train", NULL, EV("tabular_run_not_recorded"),
                  F_I64("model_run_id", run->id),
                  F_STR("why", failure != NULL ? failure->message : ""));
    tell_recorded(run);
    run_end(run);
}

static void fill_record(struct run *run)
{
    struct model_run_metric rows[TABULAR_METRICS_MAX];
    pg_batch_reset(run->batch);
    if (run->error[0] == '\0')
        model_runs_succeed(run->batch, run->id, buf_slice(&run->artefact));
    else
        model_runs_fail(run->batch, run->id);
    for (size_t i = 0; i < run->metrics.n; i++)
        rows[i] = (struct model_run_metric){slice_of(run->metrics.items[i].name),
                                            slice_of(run->metrics.items[i].value)};
    model_run_metrics_delete(run->batch, run->id); /* of a commit whose answer was lost */
    model_run_metrics_insert(run->batch, run->id, rows, run->metrics.n);
    if (run->error[0] != '\0') {
        struct tabular_metrics why = {.n = 0};
        tabular_metrics_add_text(&why, "error", run->error);
        rows[0] = (struct model_run_metric){SLICE("error"), slice_of(why.items[0].value)};
        model_run_metrics_insert(run->batch, run->id, rows, 1);
    }
}

static void run_record(struct run *run)
{
    struct pg_client *writer = run->runs->worker->writer;
    const struct pg_job job = {.on_done = on_recorded, .ctx = run};
    if (run->runs->abandoned || run->is_asked || !pg_client_is_ready(writer))
        return;
    if (run->batch == NULL || run->error[0] == '\0') {
        pg_batch_destroy(run->batch);
        run->batch = pg_batch_create(BATCH_BYTES + run->artefact.len);
    }
    if (run->batch == NULL)
        return; /* tried again */
    fill_record(run);
    run->is_asked = pg_client_run(writer, run->batch, &job) == AL_OK;
}

static void add_seconds(struct run *run)
{
    double seconds = (double)(worker_wall_ns(run->runs->worker) - run->accepted_ns) / 1e9;
    tabular_metrics_add(&run->metrics, "training_seconds", seconds);
}

/* It is over: well, when `error` is "". */
static void run_over(struct run *run, const char *error)
{
    if (error != run->error)
        (void)chars_set(run->error, sizeof run->error, error);
    add_seconds(run);
    run_set_state(run, RUN_RECORDING);
    run_record(run);
    tabular_runs_run(run->runs);
}

/* ---- the child ---- */

static void read_artefact(uv_work_t *work)
{
    struct run *run = work->data;
    struct tabular_model *model = NULL;
    run->err = file_read(run->artefact_path, TABULAR_MODEL_BYTES_MAX, &run->artefact);
    if (run->err == AL_OK)
        run->err = tabular_model_load(buf_slice(&run->artefact), &model);
    if (run->err != AL_OK)
        (void)chars_set(run->error, sizeof run->error, err_text());
    tabular_model_destroy(model);
}

static void on_artefact_read(uv_work_t *work, int status)
{
    struct run *run = work->data;
    run->runs->n_works--;
    if (run->runs->abandoned)
        run_end(run);
    else
        run_over(run, status != 0 ? WHY_STOPPED : run->error);
}

static void on_line(void *ctx, struct proc *proc, struct slice line)
{
    struct run *run = ctx;
    (void)proc;
    run->has_end = tabular_end_read(line, &run->metrics, run->error) == AL_OK;
}

static void explain_end(const struct run *run,
                        const struct proc_end *end,
                        char *out,
                        size_t out_size)
{
    if (end->cause == PROC_TIMED_OUT)
        snprintf(out, out_size, "the training took longer than TABULAR_TRAINING_MAX_SECONDS (%u s)",
                 run->runs->worker->settings->tabular_training_max_seconds);
    else if (end->cause == PROC_KILLED)
        snprintf(out, out_size,
                 "the training process was killed by signal %d (out of memory, or a crash)",
                 end->term_signal);
    else if (end->cause == PROC_STOPPED)
        snprintf(out, out_size, WHY_STOPPED);
    else
        snprintf(out, out_size, "the training process exited with code %d and no result",
                 end->exit_code);
}

static void on_end(void *ctx, struct proc *proc, const struct proc_end *end)
{
    struct run *run = ctx;
    struct tabular_runs *runs = run->runs;
    (void)proc;
    run->child = NULL;
    if (runs->abandoned) {
        run_end(run);
        return;
    }
    if (!run->has_end)
        explain_end(run, end, run->error, sizeof run->error);
    if (run->error[0] != '\0') {
        run_over(run, run->error);
        return;
    }
    run_set_state(run, RUN_READING);
    run->work.data = run;
    if (uv_queue_work(runs->worker->loop, &run->work, read_artefact, on_artefact_read) == 0)
        runs->n_works++;
    else
        run_over(run, "the thread pool refused the work");
}

static void run_start(struct run *run)
{
    const struct settings *settings = run->runs->worker->settings;
    const char *const args[] = {"train", "--tabular", run->job_path, NULL};
    const struct proc_options options = {
        .args = args,
        .nice = CHILD_NICE,
        .memory_bytes_max = (uint64_t)settings->training_memory_max_mb << 20,
        .deadline_ms = 1000ULL * settings->tabular_training_max_seconds,
        .on_line = on_line,
        .on_end = on_end,
        .ctx = run,
    };
    if (proc_start(run->runs->worker->loop, &options, &run->child) == AL_OK)
        run_set_state(run, RUN_FITTING);
    else
        run_over(run, err_text());
}

/* ---- accepting ---- */

static void refuse(struct run *run, enum admin_outcome outcome, const char *text)
{
    run_answer(run, outcome, text);
    run_end(run);
}

static void on_state(void *ctx, size_t index, const struct pg_result *result)
{
    struct run *run = ctx;
    struct model_run_state state;
    if (pg_result_n_rows(result) == 0)
        return;
    if (index == 0) {
        run->model_id = pg_result_i64(result, 0, 0);
    } else if (model_runs_read_state(result, 0, &state) == AL_OK) {
        run->has_row = true;
        if (state.model_id != run->model_id)
            snprintf(run->error, sizeof run->error, "model run %lld is of another model",
                     (long long)run->id);
        else if (strcmp(state.status, "RUNNING") == 0)
            run->outcome = ADMIN_CONFLICT;
    }
}

static enum pg_next on_states(void *ctx, struct pg_batch *batch)
{
    struct run *run = ctx;
    if (run->model_id == 0)
        snprintf(run->error, sizeof run->error,
                 "model '%s' is unregistered: the table models has no such row", run->kind->name);
    if (run->outcome == ADMIN_CONFLICT)
        snprintf(run->error, sizeof run->error, "model run %lld is RUNNING already",
                 (long long)run->id);
    if (run->error[0] != '\0')
        return PG_ROLLBACK;
    model_runs_start(batch, run->id, run->model_id);
    if (!run->has_row)
        model_runs_number(batch, run->id);
    model_run_metrics_delete(batch, run->id);
    run->outcome = ADMIN_DONE;
    return PG_COMMIT;
}

static void on_accepted(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct run *run = ctx;
    if (err == AL_ECANCELED) {
        refuse(run, run->outcome, run->error);
    } else if (err == AL_ECONN) {
        refuse(run, ADMIN_AWAY, DATABASE_AWAY);
    } else if (err != AL_OK) {
        log_error("app", "train", NULL, EV("tabular_run_refused"), F_I64("model_run_id", run->id),
                  F_STR("why", failure->message));
        refuse(run, ADMIN_FAILED, "the database refused the run; the log says why");
    } else {
        run->accepted_ns = worker_wall_ns(run->runs->worker);
        run_set_state(run, RUN_WAITING);
        run_answer(run, ADMIN_DONE, "");
        tabular_runs_run(run->runs);
    }
}

/* A result of the second step has an index of its own: only the first two of the first are looked at. */
static void on_result(void *ctx, size_t index, const struct pg_result *result)
{
    struct run *run = ctx;
    if (run->outcome != ADMIN_DONE && index < 2)
        on_state(ctx, index, result);
}

static void run_accept(struct run *run)
{
    const struct pg_job job = {
        .on_result = on_result, .on_step = on_states, .on_done = on_accepted, .ctx = run};
    run_set_state(run, RUN_ACCEPTING);
    run->outcome = ADMIN_REFUSED;
    run->batch = pg_batch_create(BATCH_BYTES);
    if (run->batch == NULL) {
        refuse(run, ADMIN_FAILED, "out of memory");
        return;
    }
    models_find(run->batch, slice_of(run->kind->name));
    model_runs_lock(run->batch, run->id);
    if (pg_client_run(run->runs->worker->writer, run->batch, &job) != AL_OK)
        refuse(run, ADMIN_AWAY, DATABASE_AWAY);
}

/* ---- checking ---- */

static enum al_err write_job(const struct run *run)
{
    struct tabular_job job = {.kind = run->kind, .seed = run->seed, .body = buf_slice(&run->body)};
    struct buf text = BUF_INIT(run->body.len + 8192);
    (void)chars_set(job.artefact, sizeof job.artefact, run->artefact_path);
    tabular_job_write(&job, &text);
    enum al_err err = buf_ok(&text) ? file_write_whole(run->job_path, buf_slice(&text))
                                    : err_set(AL_ENOMEM, "a job");
    buf_deinit(&text);
    return err;
}

static void check(uv_work_t *work)
{
    struct run *run = work->data;
    struct tabular_request request;
    run->err = tabular_request_read(run->kind, buf_slice(&run->body), &request);
    tabular_request_deinit(&request);
    if (run->err == AL_OK && write_job(run) != AL_OK)
        run->err = AL_EIO;
    if (run->err != AL_OK)
        (void)chars_set(run->error, sizeof run->error, err_text());
    buf_deinit(&run->body);
}

static void on_checked(uv_work_t *work, int status)
{
    struct run *run = work->data;
    run->runs->n_works--;
    if (status != 0 || run->runs->stopped)
        refuse(run, ADMIN_AWAY, "the program is stopping");
    else if (run->err == AL_EIO || run->err == AL_ENOMEM)
        refuse(run, ADMIN_FAILED, run->error);
    else if (run->err != AL_OK)
        refuse(run, ADMIN_REFUSED, run->error);
    else
        run_accept(run);
}

static void set_paths(struct run *run)
{
    const char *dir = run->runs->worker->settings->model_storage_path;
    char name[64];
    snprintf(name, sizeof name, "%stabular-%lld.json", FILE_TEMP_PREFIX, (long long)run->id);
    enum al_err err = file_join(dir, name, run->job_path);
    snprintf(name, sizeof name, "%stabular-%lld.model", FILE_TEMP_PREFIX, (long long)run->id);
    if (err == AL_OK)
        err = file_join(dir, name, run->artefact_path);
    assert(err == AL_OK); /* the setting is far shorter than a path may be */
}

static struct run *run_create(struct tabular_runs *runs, int64_t id, struct slice body)
{
    struct run *run = calloc(1, sizeof *run);
    if (run == NULL)
        return NULL;
    run->runs = runs;
    run->id = id;
    run->seed = (uint64_t)id; /* the same run on the same rows gives the same model */
    run->work.data = run;
    run->body = BUF_INIT(TABULAR_BODY_BYTES_MAX);
    run->artefact = BUF_INIT(TABULAR_MODEL_BYTES_MAX);
    buf_append(&run->body, body.ptr, body.len);
    set_paths(run);
    return run;
}

static void answer(admin_result_fn done, void *ctx, enum admin_outcome outcome, const char *text)
{
    const struct admin_result result = {.outcome = outcome, .text = text};
    done(ctx, &result);
}

static bool is_known(const struct tabular_runs *runs, int64_t id)
{
    for (size_t i = 0; i < runs->n; i++) {
        if (runs->items[i]->id == id)
            return true;
    }
    return false;
}

/* Why a request is not even looked at; NULL when it is. */
static const char *why_not(const struct tabular_runs *runs,
                           const struct tabular_kind *kind,
                           int64_t id,
                           enum admin_outcome *outcome)
{
    *outcome = ADMIN_AWAY;
    if (runs->stopped || runs->worker->state != WORKER_RUNNING)
        return "the program is starting or stopping";
    if (!runs->is_reconciled || !pg_client_is_ready(runs->worker->writer))
        return DATABASE_AWAY;
    *outcome = ADMIN_REFUSED;
    if (kind == NULL)
        return "there is no such model: GET /api/models lists those there are";
    *outcome = ADMIN_CONFLICT;
    if (is_known(runs, id))
        return "this model run is RUNNING already";
    *outcome = ADMIN_BUSY;
    return runs->n == TABULAR_RUNS_MAX ? "too many trainings wait" : NULL;
}

void tabular_runs_train(struct tabular_runs *runs,
                        struct slice model_name,
                        int64_t run_id,
                        struct slice body,
                        admin_result_fn done,
                        void *ctx)
{
    const struct tabular_kind *kind = tabular_kind_find(model_name);
    enum admin_outcome outcome;
    const char *text = why_not(runs, kind, run_id, &outcome);
    struct run *run = text == NULL ? run_create(runs, run_id, body) : NULL;
    if (run == NULL) {
        answer(done, ctx, text != NULL ? outcome : ADMIN_FAILED,
               text != NULL ? text : "out of memory");
        return;
    }
    run->kind = kind;
    run->done = done;
    run->ctx = ctx;
    runs->items[runs->n++] = run;
    if (uv_queue_work(runs->worker->loop, &run->work, check, on_checked) == 0)
        runs->n_works++;
    else
        refuse(run, ADMIN_FAILED, "the thread pool refused the work");
}

/* ---- reconciling ---- */

static size_t kind_names(const char *names[KINDS_MAX])
{
    size_t n = tabular_kind_count();
    assert(n <= KINDS_MAX);
    for (size_t i = 0; i < n; i++)
        names[i] = tabular_kind_at(i)->name;
    return n;
}

static void register_kinds(struct pg_batch *batch, size_t n)
{
    static char classes[KINDS_MAX][128];
    struct model_row rows[KINDS_MAX];
    for (size_t i = 0; i < n; i++) {
        const struct tabular_kind *kind = tabular_kind_at(i);
        snprintf(classes[i], sizeof classes[i], CLASS_PREFIX "%s", kind->name);
        rows[i] = (struct model_row){kind->name, tabular_task_name(kind->task), kind->description,
                                     classes[i]};
    }
    models_register(batch, rows, n);
}

static void tell_unregistered(const struct pg_result *result, size_t row)
{
    struct model_listed listed;
    char name[TABULAR_TEXT_MAX];
    if (models_read_listed(result, row, &listed) != AL_OK || listed.is_registered)
        return;
    snprintf(name, sizeof name, "%.*s", (int)listed.name.len, listed.name.ptr);
    log_warn("app", "train", NULL, EV("tabular_model_unregistered"), F_STR("model_name", name));
}

static void on_reconcile_result(void *ctx, size_t index, const struct pg_result *result)
{
    const struct tabular_runs *runs = ctx;
    size_t first = runs->worker->settings->tabular_register_kinds ? 1 : 0;
    for (size_t i = 0; index == first && i < pg_result_n_rows(result); i++)
        tell_unregistered(result, i);
    for (size_t i = 0; index == first + 1 && i < pg_result_n_rows(result); i++)
        log_warn("app", "train", NULL, EV("tabular_run_lost"),
                 F_I64("model_run_id", pg_result_i64(result, i, 0)), F_STR("why", WHY_LOST));
}

static void on_reconciled(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct tabular_runs *runs = ctx;
    runs->is_reconciling = false;
    runs->is_reconciled = err == AL_OK;
    if (err == AL_OK)
        log_info("app", "train", NULL, EV("tabular_models_reconciled"));
    if (err != AL_OK && err != AL_ECONN)
        log_error("app", "train", NULL, EV("tabular_models_not_reconciled"),
                  F_STR("why", failure->message));
}

/* Register, list, fail what was lost, and say what can be run. */
static void reconcile(struct tabular_runs *runs)
{
    const char *names[KINDS_MAX];
    size_t n = kind_names(names);
    const struct pg_job job = {
        .on_result = on_reconcile_result, .on_done = on_reconciled, .ctx = runs};
    pg_batch_reset(runs->batch);
    if (runs->worker->settings->tabular_register_kinds)
        register_kinds(runs->batch, n);
    models_list(runs->batch, names, n);
    model_runs_fail_running(runs->batch, names, n, WHY_LOST);
    models_set_pipeline_ok(runs->batch, names, n);
    runs->is_reconciling = pg_client_run(runs->worker->writer, runs->batch, &job) == AL_OK;
}

/* ---- once in a while ---- */

static bool is_fitting(const struct tabular_runs *runs)
{
    for (size_t i = 0; i < runs->n; i++) {
        if (runs->items[i]->state == RUN_FITTING || runs->items[i]->state == RUN_READING)
            return true;
    }
    return false;
}

static struct run *find_waiting(const struct tabular_runs *runs)
{
    for (size_t i = 0; i < runs->n; i++) {
        if (runs->items[i]->state == RUN_WAITING)
            return runs->items[i];
    }
    return NULL;
}

static void record_again(struct tabular_runs *runs)
{
    int64_t now_ns = worker_wall_ns(runs->worker);
    for (size_t i = 0; i < runs->n; i++) {
        struct run *run = runs->items[i];
        if (run->state == RUN_RECORDING && !run->is_asked && now_ns >= run->not_before_ns)
            run_record(run);
    }
}

void tabular_runs_run(struct tabular_runs *runs)
{
    struct run *waiting = find_waiting(runs);
    if (runs->abandoned)
        return;
    if (!runs->is_reconciled && !runs->is_reconciling && pg_client_is_ready(runs->worker->writer))
        reconcile(runs);
    record_again(runs);
    if (waiting != NULL && runs->stopped)
        run_over(waiting, WHY_STOPPED);
    else if (waiting != NULL && !is_fitting(runs))
        run_start(waiting);
}

void tabular_runs_stop(struct tabular_runs *runs)
{
    runs->stopped = true;
    for (size_t i = 0; i < runs->n; i++) {
        if (runs->items[i]->child != NULL)
            proc_stop(runs->items[i]->child);
    }
    tabular_runs_run(runs);
}

void tabular_runs_abandon(struct tabular_runs *runs)
{
    runs->stopped = runs->abandoned = true;
    for (size_t i = 0; i < runs->n; i++) {
        if (runs->items[i]->child != NULL)
            proc_stop(runs->items[i]->child);
    }
}

bool tabular_runs_are_idle(const struct tabular_runs *runs)
{
    return runs->n == 0 && !runs->is_reconciling;
}
