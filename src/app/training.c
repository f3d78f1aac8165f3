/* One run at a time. The states are the header's; training_set_state() is the only writer and logs each change. A run that
 * was superseded ends as `cancelled` and its successor starts in the same turn of the loop. */
#include "training_i.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/app/model_store.h"
#include "alphaloop/base/backoff.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/feature/feature_set.h"
#include "alphaloop/io/file.h"
#include "alphaloop/io/proc.h"
#include "alphaloop/observe/log.h"
#include "alphaloop/observe/metric.h"
#include "alphaloop/store/model_quality_metrics.h"
#include "alphaloop/store/model_versions.h"
#include "alphaloop/store/training_runs.h"
#include "alphaloop/store/training_schedule.h"
#include "alphaloop/train/job.h"

#include "activation_i.h"
#include "events_i.h"
#include "journal_i.h"
#include "rollout_i.h"
#include "training_job_i.h"
#include "training_trials_i.h"
#include "worker_i.h"

#define BATCH_BYTES_MAX (4U << 20) /* trials above all */
#define RETRY_MIN_MS    5000
#define RETRY_MAX_MS    (RETRY_MIN_MS << 9) /* three quarters of an hour */

enum training_phase {
    PHASE_IDLE,
    PHASE_NUMBERING,
    PHASE_FITTING,
    PHASE_VERIFYING,
    PHASE_REGISTERING
};

static const char *const phase_names[] = {"idle", "numbering", "fitting", "verifying",
                                          "registering"};

/* What is known of a strategy's trainings. */
struct history {
    struct strategy_id strategy_id;
    struct admin_training last;
    char verdict[ADMIN_TEXT_MAX];
    int64_t verdict_at_ns;
    double n_eff;           /* as the last run counted it; NaN before */
    const char *waiting;    /* trigger of a request that waits; NULL when none */
    int64_t backoff_ms;     /* after the last failed run; 0 once one did not fail */
    uint64_t not_before_ms; /* of the loop's clock: until then only a person may start one */
};

struct training {
    struct worker *worker;
    struct history histories[STRATEGIES_MAX];
    size_t n_histories;
    enum training_phase phase;
    bool stopped;        /* nothing new is started */
    bool abandoned;      /* broker and database are closing: what ends now is only cleared away */
    bool keeps_schedule; /* the times of the schedule are in the database, or on their way */

    /* the current run */
    struct history *of;
    struct admin_training current;
    struct uuid run_id;
    bool cancelled;
    uint64_t number, attempt;
    struct train_job *job;
    char job_path[FILE_PATH_MAX];
    struct proc *child;
    struct trial_log trials;
    struct train_line end;
    bool ended_well; /* an end line came */
    struct pg_batch *batch, *schedule_batch;
    uv_work_t work;
    struct manifest *manifest; /* of the new version, once verified */
    struct training_integrity integrity;
    struct sha256 schema_hash;
    enum al_err err;
    char error[ADMIN_TEXT_MAX];
    struct rng rng;
};

static void run_next(struct training *t);

enum al_err training_create(struct worker *worker, struct training **out)
{
    struct training *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return err_set(AL_ENOMEM, "training");
    t->worker = worker;
    t->work.data = t;
    t->job = calloc(1, sizeof(*t->job));
    t->manifest = calloc(1, sizeof(*t->manifest));
    t->batch = pg_batch_create(BATCH_BYTES_MAX);
    t->schedule_batch = pg_batch_create(BATCH_BYTES_MAX);
    rng_seed(&t->rng, worker->seed ^ 0x747261696eULL);
    for (size_t i = 0; i < worker->n_strategies; i++)
        t->histories[t->n_histories++] =
            (struct history){.strategy_id = worker->strategies[i].strategy_id,
                             .verdict_at_ns = TIMESTAMP_NONE,
                             .n_eff = NAN};
    if (t->job == NULL || t->manifest == NULL || t->batch == NULL || t->schedule_batch == NULL) {
        training_destroy(t);
        return err_set(AL_ENOMEM, "training");
    }
    *out = t;
    return AL_OK;
}

void training_destroy(struct training *t)
{
    if (t == NULL)
        return;
    assert(t->child == NULL);
    trial_log_deinit(&t->trials);
    pg_batch_destroy(t->batch);
    pg_batch_destroy(t->schedule_batch);
    free(t->manifest);
    free(t->job);
    free(t);
}

static struct history *history_of(struct training *t, const struct strategy_id *strategy_id)
{
    for (size_t i = 0; i < t->n_histories; i++) {
        if (strategy_id_eq(&t->histories[i].strategy_id, strategy_id))
            return &t->histories[i];
    }
    return NULL;
}

static const struct strategy_config *config_of(const struct training *t)
{
    for (size_t i = 0; i < t->worker->n_strategies; i++) {
        if (strategy_id_eq(&t->worker->strategies[i].strategy_id, &t->of->strategy_id))
            return &t->worker->strategies[i];
    }
    abort(); /* a run has a strategy */
}

static void training_set_state(struct training *t, enum training_phase phase)
{
    log_debug("app", "train", NULL, EV("training_phase"), F_STR("from", phase_names[t->phase]),
              F_STR("to", phase_names[phase]));
    t->phase = phase;
    if (phase != PHASE_IDLE)
        (void)chars_set(t->current.stage, sizeof(t->current.stage), phase_names[phase]);
}

/* ---- the end of a run, whatever it was ---- */

/* The one time of its end, whoever is told first: the database or those who look. */
static void set_finished(struct training *t)
{
    if (t->current.finished_at_ns == TIMESTAMP_NONE)
        t->current.finished_at_ns = worker_wall_ns(t->worker);
}

static struct training_run_row run_row(struct training *t, enum training_state state)
{
    if (state != TRAINING_RUNNING)
        set_finished(t);
    struct training_run_row row = {
        .id = t->run_id,
        .strategy_id = t->of->strategy_id,
        .state = state,
        .started_at_ns = t->current.started_at_ns,
        .finished_at_ns = t->current.finished_at_ns,
        .n_samples = t->current.n_rows > 0 ? t->current.n_rows : 0,
        .n_effective = t->of->n_eff,
        .detail = slice_of(t->current.detail),
    };
    (void)chars_set(row.trigger, sizeof(row.trigger), t->current.trigger);
    memcpy(row.version.text, t->current.version, sizeof(row.version.text));
    return row;
}

static struct strategy_view view_of(const struct training *t, const struct strategy_id *strategy_id)
{
    struct strategy_view view = {0};
    const struct pipeline *pipeline = t->worker->pipeline;
    for (size_t i = 0; i < pipeline_n_strategies(pipeline); i++) {
        pipeline_strategy_view(pipeline, i, worker_now_ns(t->worker), &view);
        if (strategy_id_eq(&view.strategy_id, strategy_id))
            break;
    }
    return view;
}

static void ask_schedule(struct training *t, uint64_t n_needed)
{
    struct strategy_view view = view_of(t, &t->of->strategy_id);
    struct training_schedule_row row = {
        .strategy_id = t->of->strategy_id,
        .last_training_ns = view.last_training_ns,
        .next_training_ns = view.next_training_ns,
        .n_samples_at_last = view.n_samples,
        .n_samples_needed = n_needed,
    };
    training_schedule_upsert(t->batch, &row);
}

static uint64_t next_needed(const struct training *t)
{
    return training_next_needed(t->worker->settings, config_of(t), t->ended_well ? &t->end : NULL);
}

static void tell_finished(struct training *t)
{
    bool failed = strcmp(t->current.outcome, "failed") == 0;
    struct json_writer *w =
        events_begin(t->worker->events, failed ? "training.failed" : "training.finished",
                     t->of->strategy_id.text);
    json_m_str(w, "outcome", t->current.outcome);
    json_m_str(w, "version", t->current.version[0] != '\0' ? t->current.version : NULL);
    json_m_i64(w, "n_samples", t->current.n_rows);
    json_m_str(w, "detail", t->current.detail);
    events_send(t->worker->events);
}

/* What made one run fail, a full disk say, is likely still there: the next waits, each time longer. Returns how long. */
static int64_t back_off(struct training *t)
{
    struct history *of = t->of;
    if (strcmp(t->current.outcome, "failed") != 0) {
        of->backoff_ms = strcmp(t->current.outcome, "cancelled") == 0 ? of->backoff_ms : 0;
        return 0;
    }
    of->backoff_ms = backoff_next(of->backoff_ms, RETRY_MIN_MS, RETRY_MAX_MS);
    of->not_before_ms = uv_now(t->worker->loop) + (uint64_t)of->backoff_ms;
    return of->backoff_ms;
}

static bool is_by_hand(const char *trigger)
{
    return trigger != NULL && strcmp(trigger, "manual") == 0;
}

static bool may_start(const struct training *t, const struct history *of)
{
    return of->waiting != NULL &&
           (is_by_hand(of->waiting) || uv_now(t->worker->loop) >= of->not_before_ms);
}

static void run_over(struct training *t, const char *outcome)
{
    if (t->abandoned)
        return;
    (void)chars_set(t->current.outcome, sizeof(t->current.outcome), outcome);
    (void)chars_set(t->current.stage, sizeof(t->current.stage),
                    strcmp(outcome, "failed") == 0 ? "failed" : "done");
    set_finished(t);
    t->current.progress = 1;
    metric_add(METRIC_trainings_total, 1, outcome, NULL);
    log_at(strcmp(outcome, "failed") == 0 ? LOG_ERROR : LOG_INFO, "app", "train", NULL,
           EV("training_ended"), F_STR("strategy_id", t->of->strategy_id.text),
           F_STR("outcome", outcome), F_STR("version", t->current.version),
           F_STR("detail", t->current.detail), F_F64("n_eff", t->of->n_eff),
           F_I64("n_rows", t->current.n_rows), F_I64("wait_s", back_off(t) / 1000));
    tell_finished(t);
    bool had_result =
        t->ended_well && t->end.verdict != TRAIN_FAILED && t->end.verdict != TRAIN_CANCELLED;
    uint64_t n_needed = next_needed(t);
    int64_t now_ns = worker_now_ns(t->worker);
    journal_add_training_end(t->worker->journal, &t->of->strategy_id, had_result, n_needed, now_ns);
    learn_on_training_end(t->worker->pipeline, &t->of->strategy_id, had_result, n_needed, now_ns);
    t->of->last = t->current;
    t->current.exists = false;
    t->of = NULL;
    training_set_state(t, PHASE_IDLE);
    run_next(t);
}

static void on_closed_run(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct training *t = ctx;
    (void)failure;
    if (err != AL_OK)
        log_warn("app", "train", NULL, EV("training_not_recorded"),
                 F_STR("why", "the database is away"));
    run_over(t, t->current.outcome);
}

/* Record a run that produced no version, then go on. The record is a convenience: the run is over either way. */
static void close_run(struct training *t, const char *outcome, enum training_state state)
{
    (void)chars_set(t->current.outcome, sizeof(t->current.outcome), outcome);
    t->current.version[0] = '\0';
    struct training_run_row row = run_row(t, state);
    pg_batch_reset(t->batch);
    training_runs_update(t->batch, &row);
    trial_log_insert(&t->trials, t->batch, t->run_id, &t->of->strategy_id);
    ask_schedule(t, next_needed(t));
    training_set_state(t, PHASE_REGISTERING);
    struct pg_job job = {.on_done = on_closed_run, .ctx = t};
    if (pg_client_run(t->worker->writer, t->batch, &job) != AL_OK)
        run_over(t, outcome);
}

static void fail_run(struct training *t, const char *why)
{
    (void)chars_set(t->current.detail, sizeof(t->current.detail), why);
    close_run(t, "failed", TRAINING_FAILED);
}

/* ---- registering ---- */

static void keep_verdict(struct training *t)
{
    snprintf(t->of->verdict, sizeof(t->of->verdict), "%s: %.220s", t->current.version,
             t->end.reason);
    t->of->verdict_at_ns = worker_wall_ns(t->worker);
}

static void on_activated(void *ctx, const struct admin_result *result)
{
    struct training *t = ctx;
    if (result->outcome != ADMIN_DONE)
        snprintf(t->current.detail, sizeof(t->current.detail), "activation: %.230s", result->text);
    run_over(t, result->outcome == ADMIN_DONE ? "activated" : "failed");
}

static void on_shadowed(void *ctx, const struct admin_result *result)
{
    struct training *t = ctx;
    if (result->outcome != ADMIN_DONE)
        snprintf(t->current.detail, sizeof(t->current.detail), "shadow: %.230s", result->text);
    run_over(t, result->outcome == ADMIN_DONE ? "candidate" : "failed");
}

static void tell_rejected(struct training *t)
{
    struct json_writer *w =
        events_begin(t->worker->events, "model.rejected", t->of->strategy_id.text);
    json_m_str(w, "version", t->current.version);
    json_m_str(w, "reason", t->end.reason);
    json_w_key(w, "verdict");
    training_write_verdict(w, &t->manifest->gate, &t->integrity);
    events_send(t->worker->events);
}

static void on_registered(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct training *t = ctx;
    if (err != AL_OK) {
        snprintf(t->current.detail, sizeof(t->current.detail), "register: %.230s",
                 failure != NULL ? failure->message : err_text());
        run_over(t, "failed");
        return;
    }
    keep_verdict(t);
    if (t->end.verdict != TRAIN_PROMOTE) {
        tell_rejected(t);
        run_over(t, "rejected");
        return;
    }
    struct model_version_id version = t->job->version;
    if (rollout_is_staged(t->worker->pipeline, &t->of->strategy_id, worker_now_ns(t->worker)))
        activation_shadow(t->worker, &t->of->strategy_id, &version, (uint32_t)t->attempt,
                          on_shadowed, t);
    else
        activation_start(t->worker, &t->of->strategy_id, &version, "gate", on_activated, t);
}

static void register_version(struct training *t)
{
    bool promoted = t->end.verdict == TRAIN_PROMOTE;
    struct training_run_row run;
    struct training_registration registration = {
        .manifest = t->manifest,
        .integrity = &t->integrity,
        .manifest_hash = t->end.manifest_hash,
        .attempt = (uint32_t)t->attempt,
        .wall_ns = worker_wall_ns(t->worker),
    };
    (void)chars_set(t->current.detail, sizeof(t->current.detail), t->end.reason);
    run = run_row(t, promoted ? TRAINING_SUCCEEDED : TRAINING_REFUSED);
    pg_batch_reset(t->batch);
    training_register(t->batch, &registration, &t->rng);
    training_runs_update(t->batch, &run);
    trial_log_insert(&t->trials, t->batch, t->run_id, &t->of->strategy_id);
    ask_schedule(t, next_needed(t));
    training_set_state(t, PHASE_REGISTERING);
    struct pg_job job = {.on_done = on_registered, .ctx = t};
    if (pg_client_run(t->worker->writer, t->batch, &job) != AL_OK)
        run_over(t, "failed");
}

/* ---- verifying what the child left ---- */

static void verify(uv_work_t *work)
{
    struct training *t = work->data;
    struct scorer *scorer = NULL;
    t->err = model_store_load(t->job->output, &t->end.manifest_hash, &t->schema_hash, &scorer);
    if (t->err == AL_OK)
        training_check(scorer, SCORING_BUDGET_US, t->manifest, &t->end, &t->integrity);
    else
        (void)chars_set(t->error, sizeof(t->error), err_text());
    scorer_destroy(scorer);
}

static void on_verified(uv_work_t *work, int status)
{
    struct training *t = work->data;
    if (t->abandoned)
        return;
    if (status != 0 || t->err != AL_OK)
        fail_run(t, status != 0 ? "the program is stopping" : t->error);
    else
        register_version(t);
}

/* ---- the child ---- */

static void on_line(void *ctx, struct proc *proc, struct slice text)
{
    struct training *t = ctx;
    struct train_line line;
    (void)proc;
    if (train_line_read(text, &line) != AL_OK) {
        log_debug("app", "train", NULL, EV("child_line_unreadable"), F_STR("why", err_text()));
        return;
    }
    if (line.kind == TRAIN_LINE_TRIAL) {
        trial_log_add(&t->trials, &line.trial);
        return;
    }
    if (line.n_rows > 0)
        t->current.n_rows = (int64_t)line.n_rows;
    if (line.kind == TRAIN_LINE_PROGRESS) {
        t->current.progress = line.fraction;
        (void)chars_set(t->current.stage, sizeof(t->current.stage), train_stage_name(line.stage));
        return;
    }
    t->end = line;
    t->ended_well = true;
    t->of->n_eff = line.n_eff;
}

static void on_end(void *ctx, struct proc *proc, const struct proc_end *end)
{
    struct training *t = ctx;
    (void)proc;
    t->child = NULL;
    if (t->abandoned) {
        t->phase = PHASE_IDLE;
        return;
    }
    enum al_err removed = file_remove(t->job_path);
    (void)removed;
    if (t->cancelled || (t->ended_well && t->end.verdict == TRAIN_CANCELLED)) {
        close_run(t, "cancelled", TRAINING_CANCELLED);
    } else if (!t->ended_well) {
        char why[ADMIN_TEXT_MAX];
        training_explain_end(end, why, sizeof(why));
        fail_run(t, why);
    } else if (t->end.verdict == TRAIN_TOO_FEW) {
        (void)chars_set(t->current.detail, sizeof(t->current.detail), t->end.reason);
        close_run(t, "rejected", TRAINING_REFUSED);
    } else if (t->end.verdict == TRAIN_FAILED) {
        fail_run(t, t->end.reason);
    } else {
        training_set_state(t, PHASE_VERIFYING);
        if (uv_queue_work(t->worker->loop, &t->work, verify, on_verified) != 0)
            fail_run(t, "the thread pool refused the work");
    }
}

static enum al_err fill_job(struct training *t)
{
    const struct training_target target = {
        .number = t->number,
        .attempt = (uint32_t)t->attempt,
        .trigger = t->current.trigger,
        .seed = t->worker->seed + t->number,
        .cut_ns = worker_now_ns(t->worker),
        .active = pipeline_active_version(t->worker->pipeline, &t->of->strategy_id),
    };
    enum al_err err = training_fill_job(
        t->worker->settings, config_of(t),
        pipeline_feature_set(t->worker->pipeline, &t->of->strategy_id), &target, t->job);
    t->schema_hash = t->job->schema_hash;
    return err;
}

static enum al_err spawn(struct training *t)
{
    const struct training_child child = {.settings = t->worker->settings,
                                         .env_file = t->worker->env_file,
                                         .job_path = t->job_path,
                                         .on_line = on_line,
                                         .on_end = on_end,
                                         .ctx = t};
    return training_spawn(t->worker->loop, &child, &t->child);
}

static void tell_started(struct training *t)
{
    log_info("app", "train", NULL, EV("training_started"),
             F_STR("strategy_id", t->of->strategy_id.text), F_STR("version", t->job->version.text),
             F_STR("trigger", t->current.trigger), F_I64("attempt", t->attempt));
    struct json_writer *w =
        events_begin(t->worker->events, "training.started", t->of->strategy_id.text);
    json_m_str(w, "version", t->job->version.text);
    json_m_str(w, "trigger", t->current.trigger);
    events_send(t->worker->events);
}

static void on_numbered(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct training *t = ctx;
    if (err != AL_OK) {
        snprintf(t->current.detail, sizeof(t->current.detail), "number the version: %.230s",
                 failure != NULL ? failure->message : err_text());
        run_over(t, "failed");
        return;
    }
    if (t->cancelled) {
        close_run(t, "cancelled", TRAINING_CANCELLED);
        return;
    }
    err = fill_job(t);
    (void)chars_set(t->current.version, sizeof(t->current.version), t->job->version.text);
    if (err == AL_OK)
        err = training_write_job(t->worker->settings, t->job, t->job_path);
    if (err == AL_OK)
        err = spawn(t);
    if (err != AL_OK) {
        fail_run(t, err_text());
        return;
    }
    training_set_state(t, PHASE_FITTING);
    tell_started(t);
}

static void on_number(void *ctx, size_t index, const struct pg_result *result)
{
    struct training *t = ctx;
    if (index == 0)
        t->number = (uint64_t)pg_result_i64(result, 0, 0);
    else if (index == 1)
        t->attempt = (uint64_t)pg_result_i64(result, 0, 0) + 1;
}

static void run_start(struct training *t, struct history *of)
{
    int64_t wall_ns = worker_wall_ns(t->worker);
    t->of = of;
    t->cancelled = t->ended_well = false;
    trial_log_clear(&t->trials);
    t->run_id = uuid_v7(wall_ns, &t->rng);
    t->current = (struct admin_training){
        .exists = true, .started_at_ns = wall_ns, .finished_at_ns = TIMESTAMP_NONE, .n_rows = -1};
    uuid_format(t->run_id, t->current.run_id);
    (void)chars_set(t->current.trigger, sizeof(t->current.trigger), of->waiting);
    of->waiting = NULL;
    int64_t now_ns = worker_now_ns(t->worker);
    journal_add_of(t->worker->journal, JOURNAL_training_start, &of->strategy_id, now_ns, 0);
    learn_on_training_start(t->worker->pipeline, &of->strategy_id, now_ns);
    struct training_run_row row = run_row(t, TRAINING_RUNNING);
    pg_batch_reset(t->batch);
    model_versions_next(t->batch);
    model_versions_count_attempts(t->batch, &of->strategy_id);
    training_runs_insert(t->batch, &row);
    training_set_state(t, PHASE_NUMBERING);
    struct pg_job job = {.on_result = on_number, .on_done = on_numbered, .ctx = t};
    if (pg_client_run(t->worker->writer, t->batch, &job) != AL_OK) {
        snprintf(t->current.detail, sizeof(t->current.detail), "the database is away");
        run_over(t, "failed");
    }
}

static void run_next(struct training *t)
{
    for (size_t i = 0; i < t->n_histories && t->phase == PHASE_IDLE && !t->stopped; i++) {
        if (may_start(t, &t->histories[i]) && pg_client_is_ready(t->worker->writer))
            run_start(t, &t->histories[i]);
    }
}

/* ---- asking ---- */

/* A run that is still being numbered hears of it when it has its number. */
static void cancel_run(struct training *t)
{
    t->cancelled = true;
    if (t->child != NULL)
        proc_stop(t->child);
}

static void tell_drift(struct training *t, const struct strategy_id *strategy_id)
{
    struct strategy_view view = view_of(t, strategy_id);
    const struct model_version_id *active =
        pipeline_active_version(t->worker->pipeline, strategy_id);
    char reason[160];
    snprintf(reason, sizeof(reason),
             "live Brier score %.4f, skill %.4f over the base rate of the newest outcomes",
             view.live_brier, view.live_brier_skill);
    log_warn("app", "train", NULL, EV("drift_detected"), F_STR("strategy_id", strategy_id->text),
             F_STR("version", active != NULL ? active->text : NULL), F_STR("why", reason));
    struct json_writer *w = events_begin(t->worker->events, "drift.detected", strategy_id->text);
    json_m_str(w, "version", active != NULL ? active->text : NULL);
    json_m_str(w, "reason", reason);
    events_send(t->worker->events);
}

void training_request(struct training *t,
                      const struct strategy_id *strategy_id,
                      const char *trigger)
{
    struct history *of = history_of(t, strategy_id);
    assert(of != NULL);
    if (of->waiting == NULL && strcmp(trigger, "degradation") == 0)
        tell_drift(t, strategy_id);
    if (!is_by_hand(of->waiting))
        of->waiting = trigger;
    if (t->of == of && t->phase <= PHASE_FITTING)
        cancel_run(t);
    run_next(t);
}

bool training_cancel(struct training *t, const struct strategy_id *strategy_id)
{
    struct history *of = history_of(t, strategy_id);
    if (of == NULL || (t->of != of && of->waiting == NULL))
        return false;
    of->waiting = NULL;
    if (t->of == of && t->phase <= PHASE_FITTING)
        cancel_run(t);
    return true;
}

static void on_schedule_kept(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct training *t = ctx;
    (void)failure;
    if (err != AL_OK)
        t->keeps_schedule = false;
}

/* Once after the start: the first training may be weeks away, and must not be missed by a worker that is down then. */
static void keep_schedule(struct training *t)
{
    struct strategy_view view;
    pg_batch_reset(t->schedule_batch);
    for (size_t i = 0; i < pipeline_n_strategies(t->worker->pipeline); i++) {
        pipeline_strategy_view(t->worker->pipeline, i, worker_now_ns(t->worker), &view);
        training_schedule_keep_next(t->schedule_batch, &view.strategy_id, view.next_training_ns);
    }
    struct pg_job job = {.on_done = on_schedule_kept, .ctx = t};
    t->keeps_schedule = pg_client_run(t->worker->writer, t->schedule_batch, &job) == AL_OK;
}

void training_run(struct training *t)
{
    if (!t->keeps_schedule && !t->stopped && pg_client_is_ready(t->worker->writer))
        keep_schedule(t);
    run_next(t);
}

void training_stop(struct training *t)
{
    t->stopped = true;
    if (t->of != NULL)
        (void)training_cancel(t, &t->of->strategy_id);
}

void training_abandon(struct training *t)
{
    t->stopped = t->abandoned = true;
    if (t->child != NULL)
        proc_stop(t->child);
}

bool training_is_idle(const struct training *t)
{
    return t->phase == PHASE_IDLE;
}

/* ---- what there is to see ---- */

void training_view(const struct training *t,
                   const struct strategy_id *strategy_id,
                   struct admin_strategy *out)
{
    for (size_t i = 0; i < t->n_histories; i++) {
        const struct history *history = &t->histories[i];
        if (!strategy_id_eq(&history->strategy_id, strategy_id))
            continue;
        out->last = history->last;
        if (t->of == history)
            out->current = t->current;
        out->n_eff = history->n_eff;
        (void)chars_set(out->last_verdict, sizeof(out->last_verdict), history->verdict);
        out->last_verdict_at_ns = history->verdict_at_ns;
    }
}

void training_of_row(const struct training_run_row *row, struct admin_training *out)
{
    static const char *const outcomes[TRAINING_STATE_COUNT] = {
        [TRAINING_RUNNING] = "",
        [TRAINING_SUCCEEDED] = "activated",
        [TRAINING_REFUSED] = "rejected",
        [TRAINING_FAILED] = "failed",
        [TRAINING_CANCELLED] = "cancelled",
    };
    bool by_person = row->state == TRAINING_SUCCEEDED && strcmp(row->trigger, "person") == 0;
    *out = (struct admin_training){.exists = true,
                                   .progress = 1,
                                   .started_at_ns = row->started_at_ns,
                                   .finished_at_ns = row->finished_at_ns,
                                   .n_rows = row->n_samples};
    uuid_format(row->id, out->run_id);
    (void)chars_set(out->trigger, sizeof(out->trigger), row->trigger);
    (void)chars_set(out->stage, sizeof(out->stage),
                    row->state == TRAINING_FAILED ? "failed" : "done");
    (void)chars_set(out->version, sizeof(out->version), row->version.text);
    (void)chars_set(out->outcome, sizeof(out->outcome),
                    by_person ? "candidate" : outcomes[row->state]);
    snprintf(out->detail, sizeof(out->detail), "%.*s", (int)row->detail.len,
             row->detail.len > 0 ? row->detail.ptr : "");
}

void training_restore(struct training *t,
                      const struct admin_training *last,
                      const struct strategy_id *strategy_id)
{
    struct history *history = history_of(t, strategy_id);
    if (history != NULL && !history->last.exists)
        history->last = *last;
}
