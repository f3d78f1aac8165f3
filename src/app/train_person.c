/* A run that a person asked for. It is the worker's own run, in order and without its loop: number the version, write the job,
 * start the child, wait, verify the folder, register it. What serves is not changed: a version that passes the gate is a
 * candidate, and activating it is one HTTP call. */
#include "train_i.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alphaloop/app/model_store.h"
#include "alphaloop/app/roles.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/store/model_versions.h"
#include "alphaloop/store/samples.h"
#include "alphaloop/store/training_runs.h"

#include "strategies_i.h"
#include "training_job_i.h"
#include "training_trials_i.h"
#include "watched_child_i.h"
#include "worker_i.h"

#define BATCH_BYTES (4U << 20)

struct person {
    const struct settings *settings;
    const char *env_file;
    struct strategy_config *strategies;
    const struct strategy_config *config;
    struct feature_set *set;
    struct train_job *job;
    struct pg_sync *sync;
    struct pg_batch *batch;

    /* what the database said */
    uint64_t number;
    uint32_t attempt;
    struct model_version_id active; /* "" when none */
    struct samples_count samples;
    enum al_err err;

    /* the child */
    int64_t started_at_ns;
    struct trial_log trials;
    struct watched_end end;
};

static int64_t wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* ---- preparing ---- */

static enum al_err find_strategy(struct person *p, const char *strategy_id)
{
    size_t n = 0;
    struct buf problems = BUF_INIT(SETTINGS_PROBLEMS_MAX);
    enum al_err err = strategies_load(p->settings, &p->strategies, &n, &problems);
    if (err != AL_OK)
        fputs(buf_str(&problems), stderr);
    buf_deinit(&problems);
    for (size_t i = 0; i < n && err == AL_OK; i++) {
        if (strcmp(p->strategies[i].strategy_id.text, strategy_id) == 0)
            p->config = &p->strategies[i];
    }
    if (err == AL_OK && p->config == NULL)
        err = err_set(AL_ENOTFOUND, "there is no strategy '%s' in TRADING_STRATEGIES", strategy_id);
    return err;
}

static enum al_err resolve_features(struct person *p)
{
    struct slice names[STRATEGY_FEATURES_MAX];
    for (size_t i = 0; i < p->config->n_features; i++)
        names[i] = slice_of(p->config->features[i]);
    return feature_set_resolve(names, p->config->n_features, p->config->timeframe_ns, p->set);
}

/* In the order of ask_database(). */
static void on_answer(void *ctx, size_t index, const struct pg_result *result)
{
    struct person *p = ctx;
    struct model_version_row row;
    if (index == 0)
        p->number = (uint64_t)pg_result_i64(result, 0, 0);
    else if (index == 1)
        p->attempt = (uint32_t)pg_result_i64(result, 0, 0) + 1;
    else if (index == 2 && pg_result_n_rows(result) > 0)
        p->err = samples_read_count(result, 0, &p->samples);
    for (size_t i = 0; index == 3 && i < pg_result_n_rows(result); i++) {
        if (model_versions_read(result, i, &row) == AL_OK &&
            strategy_id_eq(&row.strategy_id, &p->config->strategy_id))
            p->active = row.version;
    }
}

static enum al_err ask_database(struct person *p)
{
    struct settings copy = *p->settings;
    const struct worker worker = {.settings = &copy};
    struct pg_options options = worker_pg_options(&worker, "train");
    enum al_err err = pg_sync_open(&options, &p->sync);
    if (err != AL_OK)
        return err;
    model_versions_next(p->batch);
    model_versions_count_attempts(p->batch, &p->config->strategy_id);
    samples_count_since(p->batch, &p->config->strategy_id, 0);
    model_versions_load_active(p->batch);
    err = pg_sync_run(p->sync, p->batch, on_answer, p);
    pg_batch_reset(p->batch);
    return err == AL_OK ? p->err : err;
}

/* The cut is the newest label there is: with the market's clock, the wall's would be wrong. */
static enum al_err prepare(struct person *p, char job_path[FILE_PATH_MAX])
{
    const struct training_target target = {
        .number = p->number,
        .attempt = p->attempt,
        .trigger = "person",
        .seed = p->settings->random_seed + p->number,
        .cut_ns = p->samples.n_all > 0 ? p->samples.newest_available_ns : 0,
        .active = p->active.text[0] != '\0' ? &p->active : NULL,
    };
    enum al_err err = training_fill_job(p->settings, p->config, p->set, &target, p->job);
    return err == AL_OK ? training_write_job(p->settings, p->job, job_path) : err;
}

static void on_trial(void *ctx, const struct train_trial *trial)
{
    trial_log_add(&((struct person *)ctx)->trials, trial);
}

static enum al_err run_child(struct person *p, const char *job_path)
{
    char title[sizeof(p->job->strategy_id.text) + sizeof(p->job->version.text) + 1];
    snprintf(title, sizeof title, "%s %s", p->job->strategy_id.text, p->job->version.text);
    const struct watched_child child = {.settings = p->settings,
                                        .env_file = p->env_file,
                                        .job_path = job_path,
                                        .title = title,
                                        .row_noun = "rows",
                                        .on_trial = on_trial,
                                        .ctx = p};
    p->started_at_ns = wall_ns();
    return watched_child_run(&child, &p->end);
}

/* ---- the result ---- */

static enum al_err register_version(struct person *p)
{
    struct scorer *scorer = NULL;
    struct rng rng;
    enum al_err err =
        model_store_load(p->job->output, &p->end.line.manifest_hash, &p->job->schema_hash, &scorer);
    if (err != AL_OK)
        return err;
    struct training_integrity integrity;
    struct manifest *manifest = malloc(sizeof *manifest);
    if (manifest == NULL) {
        scorer_destroy(scorer);
        return err_set(AL_ENOMEM, "a manifest");
    }
    training_check(scorer, SCORING_BUDGET_US, manifest, &p->end.line, &integrity);
    struct training_registration registration = {.manifest = manifest,
                                                 .integrity = &integrity,
                                                 .manifest_hash = p->end.line.manifest_hash,
                                                 .attempt = p->attempt,
                                                 .wall_ns = wall_ns()};
    rng_seed(&rng, (uint64_t)registration.wall_ns);
    training_register(p->batch, &registration, &rng);
    err = pg_sync_run(p->sync, p->batch, NULL, NULL);
    scorer_destroy(scorer);
    free(manifest);
    return err;
}

/* The run among those of the worker, which shows it as the last one when it starts again. */
static enum al_err record_run(struct person *p, bool has_model, const char *detail)
{
    static const enum training_state states[TRAIN_VERDICT_COUNT] = {
        [TRAIN_PROMOTE] = TRAINING_SUCCEEDED,   [TRAIN_REFUSE] = TRAINING_REFUSED,
        [TRAIN_TOO_FEW] = TRAINING_REFUSED,     [TRAIN_FAILED] = TRAINING_FAILED,
        [TRAIN_CANCELLED] = TRAINING_CANCELLED,
    };
    struct rng rng;
    rng_seed(&rng, (uint64_t)p->started_at_ns);
    struct training_run_row row = {
        .id = uuid_v7(p->started_at_ns, &rng),
        .strategy_id = p->config->strategy_id,
        .state = p->end.has_line ? states[p->end.line.verdict] : TRAINING_FAILED,
        .started_at_ns = p->started_at_ns,
        .finished_at_ns = wall_ns(),
        .n_samples = (int64_t)p->end.line.n_rows,
        .n_effective = p->end.has_line ? p->end.line.n_eff : (double)NAN,
        .detail = slice_of(detail),
    };
    (void)chars_set(row.trigger, sizeof row.trigger, "person");
    if (!p->end.has_line && p->end.proc.cause == PROC_STOPPED)
        row.state = TRAINING_CANCELLED;
    if (has_model)
        row.version = p->job->version;
    pg_batch_reset(p->batch);
    training_runs_insert(p->batch, &row);
    trial_log_insert(&p->trials, p->batch, row.id, &row.strategy_id);
    return pg_sync_run(p->sync, p->batch, NULL, NULL);
}

/* AL_OK: there is a verdict, whatever it says. */
static enum al_err conclude(struct person *p)
{
    char why[160] = "";
    bool has_model = p->end.has_line &&
                     (p->end.line.verdict == TRAIN_PROMOTE || p->end.line.verdict == TRAIN_REFUSE);
    if (!p->end.has_line)
        training_explain_end(&p->end.proc, why, sizeof why);
    enum al_err err = has_model ? register_version(p) : AL_OK;
    if (err == AL_OK)
        err = record_run(p, has_model, p->end.has_line ? p->end.line.reason : why);
    if (err != AL_OK)
        return err;
    if (!has_model && !(p->end.has_line && p->end.line.verdict == TRAIN_TOO_FEW))
        return err_set(AL_EIO, "%s", p->end.has_line ? p->end.line.reason : why);
    printf("%s\n", p->end.line.reason);
    if (has_model)
        printf("%s of %s is registered (%s), trained on %llu rows in %.1f s: %s\n",
               p->job->version.text, p->job->strategy_id.text,
               p->end.line.verdict == TRAIN_PROMOTE ? "candidate" : "refused",
               (unsigned long long)p->end.line.n_rows, p->end.line.seconds, p->job->output);
    if (p->end.line.verdict == TRAIN_PROMOTE)
        printf("to let it serve: POST /api/v1/models/%s/activate {\"strategy_id\":\"%s\"}\n",
               p->job->version.text, p->job->strategy_id.text);
    return AL_OK;
}

static enum al_err train(struct person *p, const char *strategy_id)
{
    char job_path[FILE_PATH_MAX];
    enum al_err err = find_strategy(p, strategy_id);
    if (err == AL_OK)
        err = resolve_features(p);
    if (err == AL_OK)
        err = ask_database(p);
    if (err == AL_OK)
        err = prepare(p, job_path);
    if (err != AL_OK)
        return err;
    err = run_child(p, job_path);
    enum al_err removed = file_remove(job_path);
    if (err == AL_OK)
        err = removed;
    return err == AL_OK ? conclude(p) : err;
}

int train_person(const struct settings *settings, const char *env_file, const char *strategy_id)
{
    struct person p = {.settings = settings,
                       .env_file = env_file,
                       .set = calloc(1, sizeof *p.set),
                       .job = calloc(1, sizeof *p.job),
                       .batch = pg_batch_create(BATCH_BYTES)};
    enum al_err err = err_set(AL_ENOMEM, "a training run");
    if (p.set != NULL && p.job != NULL && p.batch != NULL)
        err = train(&p, strategy_id);
    if (err != AL_OK)
        fprintf(stderr, "alphaloop train: %s\n", err_text());
    pg_sync_close(p.sync);
    pg_batch_destroy(p.batch);
    trial_log_deinit(&p.trials);
    free(p.strategies);
    free(p.set);
    free(p.job);
    if (err != AL_OK && p.config == NULL)
        return EXIT_USAGE;
    return err == AL_OK ? EXIT_DONE : EXIT_FAILED;
}
