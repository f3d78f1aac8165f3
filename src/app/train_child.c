/* The training child: read the job, read the rows, train, write the folder, say how it went.
 *
 * It can be asked to end in three ways, all heard between rounds: SIGTERM, the deadline of the job, and the end of standard
 * input, which also comes when the parent is gone. Nothing is on disk before the folder is written whole, so it may also be
 * killed at any time. The parent sends SIGKILL when a round takes longer than the grace time; without a parent the thread that
 * watches standard input ends the process itself. */
#include "train_i.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alphaloop/app/model_store.h"
#include "alphaloop/app/roles.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/store/order_outcomes.h"
#include "alphaloop/store/samples.h"
#include "alphaloop/train/fit.h"

#include "child_i.h"
#include "training_trials_i.h"
#include "worker_i.h"

#define LINE_EVERY_NS (100 * NS_PER_MS)
#define PROGRESS_ROWS 10000 /* between two lines while rows are read */
#define LOAD_SHARE    0.1   /* of the run */

struct child {
    struct train_job *job;
    struct feature_set *set;
    struct train_rows rows;
    struct fill_rows fills;
    struct search_file search;
    int64_t started_ns, last_line_ns; /* monotonic */
    size_t n_foreign;                 /* rows of another feature schema */
    size_t n_odd;                     /* rows no model can learn from */
    enum al_err err;                  /* of a callback */
};

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* ---- being asked to end ---- */

static bool is_late(const struct child *child)
{
    int64_t spent_ns = clock_ns(CLOCK_MONOTONIC) - child->started_ns;
    return child->job->deadline_seconds > 0 &&
           spent_ns / NS_PER_S >= (int64_t)child->job->deadline_seconds;
}

static bool is_cancelled(void *ctx)
{
    return child_must_end() || is_late(ctx);
}

/* ---- lines ---- */

static void on_progress(void *ctx, const struct train_line *line)
{
    struct child *child = ctx;
    int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    if (now_ns - child->last_line_ns < LINE_EVERY_NS)
        return;
    child->last_line_ns = now_ns;
    child_print_line(line);
}

/* ---- trials ---- */

static void on_trial(void *ctx, const struct train_trial *trial)
{
    struct child *child = ctx;
    struct train_line line = {.kind = TRAIN_LINE_TRIAL, .trial = *trial};
    if (trial->tries == TRIAL_TRIES_PARAMETERS &&
        (trial->verdict == TRIAL_COMPLETED || trial->verdict == TRIAL_PRUNED))
        search_file_add(&child->search, trial);
    child_print_line(&line);
}

static size_t resume(void *ctx, const struct sha256 *key, struct train_trial *trials, size_t n_max)
{
    struct child *child = ctx;
    search_file_init(&child->search, child->job);
    return search_file_open(&child->search, key, trials, n_max);
}

static int64_t now_ns(void *ctx)
{
    (void)ctx;
    return clock_ns(CLOCK_MONOTONIC);
}

/* ---- rows ---- */

static bool on_sample(void *ctx, const struct sample *sample)
{
    struct child *child = ctx;
    if (is_cancelled(child)) {
        child->err = err_set(AL_ECANCELED, "cancelled while reading");
        return false;
    }
    if (!sha256_eq(&sample->schema_hash, &child->job->schema_hash)) {
        child->n_foreign++;
        return true;
    }
    enum al_err err = train_rows_add(&child->rows, sample);
    if (err == AL_EINVAL)
        child->n_odd++;
    else
        child->err = err;
    if (child->rows.n_rows % PROGRESS_ROWS == 1) {
        double share = (double)child->rows.n_rows / (double)child->job->n_rows_max;
        struct train_line line = {
            .kind = TRAIN_LINE_PROGRESS, .stage = TRAIN_STAGE_LOAD, .n_rows = child->rows.n_rows};
        line.fraction = LOAD_SHARE * (share < 1 ? share : 1);
        on_progress(child, &line);
    }
    return child->err == AL_OK;
}

static bool on_order(void *ctx, const struct order_signal *row)
{
    struct child *child = ctx;
    const struct fill_signal signal = {.side = row->side,
                                       .decided_at_ns = row->decided_at_ns,
                                       .expires_at_ns = row->expires_at_ns,
                                       .first_fill_ns = row->first_fill_ns,
                                       .answered_at_ns = row->answered_at_ns,
                                       .features = row->features};
    if (row->n_features != child->set->n_columns)
        child->n_odd++;
    else
        child->err = fill_rows_add(&child->fills, child->set, &signal, child->job->cut_ns);
    return child->err == AL_OK;
}

static enum al_err read_orders(struct child *child, struct pg_sync *sync, int64_t from_ns)
{
    const struct order_signals_query query = {.strategy_id = child->job->strategy_id,
                                              .schema_hash = child->job->schema_hash,
                                              .from_ns = from_ns,
                                              .cut_ns = child->job->cut_ns,
                                              .rows_max = FILL_TIMES_MAX};
    fill_rows_init(&child->fills, child->set->n_columns);
    child->rows.fills = &child->fills;
    return order_outcomes_copy_signals(sync, &query, on_order, child);
}

static enum al_err read_rows(struct child *child, const struct settings *settings)
{
    const struct train_job *job = child->job;
    struct settings copy = *settings;
    const struct worker worker = {.settings = &copy};
    struct pg_options options = worker_pg_options(&worker, "train");
    struct pg_sync *sync = NULL;
    int64_t reach_ns = train_job_reach_ns(job);
    int64_t window_from_ns = job->window_ns == 0 ? 0 : job->cut_ns - job->window_ns;
    struct samples_query query = {.strategy_id = job->strategy_id,
                                  .from_ns = reach_ns == 0 ? 0 : job->cut_ns - reach_ns,
                                  .cut_ns = job->cut_ns,
                                  .rows_max = job->n_rows_max,
                                  .own_only = !job->use_market_evidence};
    enum al_err err = train_rows_init(&child->rows, child->set->n_columns, job->n_rows_max);
    if (err == AL_OK)
        err = pg_sync_open(&options, &sync);
    if (err == AL_OK)
        err = samples_copy(sync, &query, on_sample, child);
    if (err == AL_OK && child->err == AL_OK)
        err = read_orders(child, sync, window_from_ns);
    pg_sync_close(sync);
    return err == AL_OK ? child->err : err;
}

/* ---- the run ---- */

static enum al_err read_job(const char *path, struct train_job *job)
{
    struct buf text = BUF_INIT(2 * TRAIN_JOB_BYTES_MAX);
    enum al_err err = file_read(path, TRAIN_JOB_BYTES_MAX, &text);
    if (err == AL_OK)
        err = train_job_read(buf_slice(&text), job);
    buf_deinit(&text);
    return err;
}

static enum al_err resolve_features(struct child *child)
{
    struct slice names[FEATURES_MAX];
    for (size_t i = 0; i < child->job->n_features; i++)
        names[i] = slice_of(child->job->features[i]);
    return feature_set_resolve(names, child->job->n_features, child->job->timeframe_ns, child->set);
}

/* An incumbent that cannot be loaded cannot serve either: the challenger is then held against the logged policy. */
static struct scorer *load_incumbent(const struct child *child)
{
    struct scorer *incumbent = NULL;
    if (child->job->incumbent[0] == '\0')
        return NULL;
    if (model_store_load(child->job->incumbent, NULL, &child->set->schema_hash, &incumbent) !=
        AL_OK)
        fprintf(stderr, "alphaloop train: judged without the active model: %s\n", err_text());
    return incumbent;
}

static enum al_err keep_result(const struct child *child, struct train_result *result)
{
    if (result->end.verdict != TRAIN_PROMOTE && result->end.verdict != TRAIN_REFUSE)
        return AL_OK;
    double seconds = (double)(clock_ns(CLOCK_MONOTONIC) - child->started_ns) / (double)NS_PER_S;
    enum al_err err = train_result_seal(result, clock_ns(CLOCK_REALTIME), seconds);
    return err == AL_OK ? model_store_save(child->job->output, result) : err;
}

static enum al_err train(struct child *child,
                         const struct settings *settings,
                         struct train_result *result)
{
    const struct train_hooks hooks = {.is_cancelled = is_cancelled,
                                      .on_progress = on_progress,
                                      .on_trial = on_trial,
                                      .resume = resume,
                                      .now_ns = now_ns,
                                      .ctx = child};
    enum al_err err = resolve_features(child);
    if (err == AL_OK)
        err = read_rows(child, settings);
    if (err != AL_OK)
        return err;
    if (child->n_foreign > 0 || child->n_odd > 0)
        fprintf(stderr,
                "alphaloop train: left out %zu rows of another feature schema and %zu that no "
                "model can use\n",
                child->n_foreign, child->n_odd);
    struct scorer *incumbent = load_incumbent(child);
    err = train_run(child->job, child->set, &child->rows, incumbent, &hooks, result);
    scorer_destroy(incumbent);
    if (err == AL_OK)
        err = keep_result(child, result);
    search_file_close(&child->search, err == AL_OK);
    return err;
}

static void say_fault(const struct child *child, enum al_err err, struct train_line *end)
{
    end->verdict = TRAIN_FAILED;
    if (err == AL_ECANCELED && is_late(child)) {
        snprintf(end->reason, sizeof end->reason,
                 "not done after %llu s (MODEL_TRAINING_MAX_DURATION_SECONDS)",
                 (unsigned long long)child->job->deadline_seconds);
        return;
    }
    if (err == AL_ENOMEM) {
        snprintf(end->reason, sizeof end->reason, "out of memory (TRAINING_MEMORY_MAX_MB): %.200s",
                 err_text());
        return;
    }
    if (err == AL_ECANCELED)
        end->verdict = TRAIN_CANCELLED;
    snprintf(end->reason, sizeof end->reason, "%.*s", MANIFEST_REASON_MAX - 1, err_text());
}

static int run_child(struct child *child, const struct settings *settings, const char *job_path)
{
    struct train_result result = {.end = {.kind = TRAIN_LINE_END}};
    enum al_err err = read_job(job_path, child->job);
    if (err == AL_OK)
        err = train(child, settings, &result);
    if (err != AL_OK)
        say_fault(child, err, &result.end);
    result.end.kind = TRAIN_LINE_END;
    result.end.n_rows = result.end.n_rows > 0 ? result.end.n_rows : child->rows.n_rows;
    result.end.seconds = (double)(clock_ns(CLOCK_MONOTONIC) - child->started_ns) / (double)NS_PER_S;
    child_print_line(&result.end);
    train_result_deinit(&result);
    return err == AL_OK ? EXIT_DONE : EXIT_FAILED;
}

int train_child(const struct settings *settings, const char *job_path)
{
    struct child child = {.job = calloc(1, sizeof *child.job),
                          .set = calloc(1, sizeof *child.set),
                          .started_ns = clock_ns(CLOCK_MONOTONIC)};
    int code = EXIT_FAILED;
    child_listen();
    if (child.job != NULL && child.set != NULL)
        code = run_child(&child, settings, job_path);
    train_rows_deinit(&child.rows);
    fill_rows_deinit(&child.fills);
    free(child.job);
    free(child.set);
    return code;
}
