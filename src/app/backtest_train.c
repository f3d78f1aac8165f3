/* Trainings of a backtest: the worker's own (training.c), in memory and in market time.
 *
 * A training is cut at the decision that asked for it and sees what had settled by then, nothing else. Its model decides no
 * sooner than `training_s` market seconds later. The gate counts attempts as the registry would: versions made so far.
 * One at a time; a trigger that supersedes discards the one that runs.
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/strategy/entry.h"
#include "backtest_i.h"
#include "training_job_i.h"

#define ROWS_MAX      50000000
#define BASELINE_KIND "linear"

/* ---- rows ---- */

/* Of the rows so far and the newest one, field by field: what lies between fields is nobody's. */
static uint64_t digest_row(uint64_t digest, const struct train_rows *rows)
{
    const struct train_row *row = &rows->rows[rows->n_rows - 1];
    const float *x = rows->x + (rows->n_rows - 1) * rows->n_cols;
    const int64_t times_ns[] = {row->t0_ns, row->t1_ns, row->available_at_ns};
    const float numbers[] = {row->net_return, row->fill_fraction, row->propensity};
    const uint32_t rest[] = {row->asset, row->action, row->evidence, row->policy_took};
    const uint64_t parts[] = {digest,
                              fnv1a64(row->decision_id.bytes, sizeof(row->decision_id.bytes)),
                              fnv1a64(times_ns, sizeof(times_ns)),
                              fnv1a64(numbers, sizeof(numbers)),
                              fnv1a64(rest, sizeof(rest)),
                              fnv1a64(x, rows->n_cols * sizeof(*x))};
    return fnv1a64(parts, sizeof(parts));
}

enum al_err backtest_train_keep(struct backtest_desk *desk, const struct sample *sample)
{
    if (desk->rows.n_cols == 0) {
        enum al_err err = train_rows_init(&desk->rows, desk->set->n_columns, ROWS_MAX);
        if (err != AL_OK)
            return err;
    }
    enum al_err err = train_rows_add(&desk->rows, sample);
    if (err == AL_OK)
        desk->digest = digest_row(desk->digest, &desk->rows);
    return err == AL_EINVAL ? AL_OK
                            : err; /* a row no model can learn from, left out as the child does */
}

void backtest_look(const struct scorer *scorer,
                   const struct feature_set *set,
                   const float *features,
                   struct backtest_view *out)
{
    struct action_value values[3] = {0};
    float oriented[FEATURES_MAX];
    *out = (struct backtest_view){0};
    for (enum side side = SIDE_BUY; side <= SIDE_SELL; side++) {
        struct prediction p;
        feature_orient(set, features, side, oriented);
        if (scorer_predict(scorer, oriented, &p) != AL_OK)
            return;
        values[side] = (struct action_value){.q = p.q, .v = p.v, .v_lower = p.v_low};
        out->q[side - SIDE_BUY] = (float)p.q;
        out->v[side - SIDE_BUY] = (float)p.v;
    }
    out->side = (uint8_t)entry_greedy(values);
    out->is_known = true;
}

/* ---- one run ---- */

static struct report_training *row_of(struct backtest_pass *pass)
{
    return &pass->trainings[pass->training.row];
}

static enum al_err add_row(struct backtest_pass *pass)
{
    if (pass->n_trainings == pass->cap_trainings) {
        size_t cap = pass->cap_trainings == 0 ? 64 : 2 * pass->cap_trainings;
        struct report_training *grown = realloc(pass->trainings, cap * sizeof(*grown));
        if (grown == NULL)
            return err_set(AL_ENOMEM, "%zu trainings", cap);
        pass->trainings = grown;
        pass->cap_trainings = cap;
    }
    pass->training.row = pass->n_trainings++;
    *row_of(pass) = (struct report_training){.auc = NAN, .brier_skill = NAN};
    return AL_OK;
}

static void fill_row(struct backtest_pass *pass, const struct train_job *job)
{
    const struct train_result *result = &pass->training.lesson->result;
    struct report_training *row = row_of(pass);
    row->cut_ns = job->cut_ns;
    row->verdict = train_verdict_name(result->end.verdict);
    row->n_rows = result->end.n_rows;
    row->n_eff = result->end.n_eff;
    (void)chars_set(row->strategy, sizeof(row->strategy), job->strategy_id.text);
    (void)chars_set(row->trigger, sizeof(row->trigger), job->trigger);
    (void)chars_set(row->reason, sizeof(row->reason), result->end.reason);
    if (result->manifest == NULL)
        return;
    (void)chars_set(row->version, sizeof(row->version), job->version.text);
    row->auc = manifest_metric_value(result->manifest, "roc_auc");
    row->brier_skill = manifest_metric_value(result->manifest, "brier_skill");
}

/* What is learned from was known by then: the rule that every backtest lives or dies by. */
static void assert_known(const struct backtest_pass *pass, const struct train_result *result)
{
    assert(result->manifest == NULL || (result->manifest->data.cut_ns == pass->now_ns &&
                                        result->manifest->data.to_ns <= pass->now_ns));
}

/* ---- the memo ---- */

void backtest_memo_deinit(struct backtest_memo *memo)
{
    for (size_t i = 0; i < memo->n; i++) {
        train_result_deinit(&memo->lessons[i]->result);
        train_result_deinit(&memo->lessons[i]->linear);
        free(memo->lessons[i]);
    }
    free(memo->lessons);
    *memo = (struct backtest_memo){0};
}

/* All that the result depends on: the job, the rows, and who serves. */
static void key_of(const struct backtest_desk *desk,
                   const struct train_job *job,
                   const struct scorer *served,
                   struct sha256 *out)
{
    struct buf text = BUF_INIT(2 * TRAIN_JOB_BYTES_MAX);
    train_job_write(job, &text);
    buf_printf(&text, "%zu %016llx %s", desk->rows.n_rows, (unsigned long long)desk->digest,
               served != NULL ? scorer_manifest(served)->version.text : "");
    assert(buf_ok(&text));
    sha256_of(text.ptr, text.len, out);
    buf_deinit(&text);
}

static const struct backtest_lesson *recall(const struct backtest_memo *memo,
                                            const struct sha256 *key)
{
    for (size_t i = 0; i < memo->n; i++) {
        if (sha256_eq(&memo->lessons[i]->key, key))
            return memo->lessons[i];
    }
    return NULL;
}

static struct backtest_lesson *add_lesson(struct backtest_memo *memo)
{
    if (memo->n == memo->cap) {
        size_t cap = memo->cap == 0 ? 64 : 2 * memo->cap;
        struct backtest_lesson **grown =
            realloc(memo->lessons, cap * sizeof(struct backtest_lesson *));
        if (grown == NULL)
            return NULL;
        memo->lessons = grown;
        memo->cap = cap;
    }
    struct backtest_lesson *lesson = calloc(1, sizeof(*lesson));
    if (lesson != NULL)
        memo->lessons[memo->n++] = lesson;
    return lesson;
}

static enum al_err learn(struct backtest_pass *pass,
                         const struct train_job *job,
                         const struct scorer *incumbent,
                         struct train_result *out)
{
    const struct backtest_desk *desk = pass->training.desk;
    enum al_err err = train_run(job, desk->set, &desk->rows, incumbent, NULL, out);
    if (err == AL_OK && out->manifest != NULL) {
        assert_known(pass, out);
        err = train_result_seal(out, job->cut_ns, 0);
    }
    return err;
}

/* The linear baseline: the same rows, cut and folds, its kind's own parameters. Nobody asks the gate about it, so neither
 * canaries nor an incumbent are needed. The job has done its work and is changed. */
static enum al_err learn_linear(struct backtest_pass *pass,
                                struct train_job *job,
                                struct train_result *out)
{
    const struct model_kind *kind = model_kind_find(SLICE(BASELINE_KIND));
    if (strcmp(job->kind, kind->name) == 0)
        return AL_OK;
    (void)chars_set(job->kind, sizeof(job->kind), kind->name);
    model_params_default(kind, &job->params);
    job->search.trials = 0;
    job->canaries = job->try_windows = job->try_weights = false;
    return learn(pass, job, NULL, out);
}

/* Of a lesson that made a version. */
static const struct train_result *linear_of(const struct backtest_lesson *lesson)
{
    bool is_linear = strcmp(lesson->result.manifest->kind, BASELINE_KIND) == 0;
    return is_linear ? &lesson->result : &lesson->linear;
}

static enum al_err fit(struct backtest_pass *pass, struct train_job *job)
{
    struct backtest_desk *desk = pass->training.desk;
    const struct scorer *served = backtest_served(pass, desk);
    size_t n_versions = pass->rollouts.n_versions;
    struct sha256 key;
    const struct training_target target = {.number = n_versions + 1,
                                           .attempt = desk->n_versions + 1,
                                           .trigger = desk->waiting,
                                           .seed = pass->plan->options->seed + n_versions + 1,
                                           .cut_ns = pass->now_ns};
    enum al_err err =
        training_fill_job(pass->plan->settings, desk->config, desk->set, &target, job);
    if (err != AL_OK)
        return err;
    job->cpcv_rows_max = 0; /* a backtest has no use for the folder's report */
    key_of(desk, job, served, &key);
    pass->training.lesson = recall(pass->options.memo, &key);
    if (pass->training.lesson != NULL)
        return AL_OK;
    struct backtest_lesson *lesson = add_lesson(pass->options.memo);
    if (lesson == NULL)
        return err_set(AL_ENOMEM, "trainings");
    lesson->key = key;
    pass->training.lesson = lesson;
    err = learn(pass, job, served, &lesson->result);
    return err == AL_OK && lesson->result.manifest != NULL
               ? learn_linear(pass, job, &lesson->linear)
               : err;
}

static enum al_err start(struct backtest_pass *pass, struct backtest_desk *desk)
{
    struct train_job *job = calloc(1, sizeof(*job));
    if (job == NULL)
        return err_set(AL_ENOMEM, "training job");
    pass->training.desk = desk;
    pass->training.done_ns =
        pass->now_ns + (int64_t)(pass->plan->options->training_s * (double)NS_PER_S);
    learn_on_training_start(pass->pipeline, &desk->config->strategy_id, pass->now_ns);
    enum al_err err = add_row(pass);
    if (err == AL_OK)
        err = fit(pass, job);
    if (err == AL_OK)
        fill_row(pass, job);
    desk->waiting = NULL;
    free(job);
    return err == AL_OK ? AL_OK : err_add(err, "training of %s", desk->config->strategy_id.text);
}

/* A version was made: it is looked at from now on, and goes on its way to deciding if the gate said so. */
static enum al_err take_version(struct backtest_pass *pass)
{
    struct backtest_desk *desk = pass->training.desk;
    const struct train_result *result = &pass->training.lesson->result;
    struct scorer *newest = NULL, *linear = NULL;
    enum al_err err = backtest_load(desk, result, &newest);
    if (err == AL_OK)
        err = backtest_load(desk, linear_of(pass->training.lesson), &linear);
    if (err == AL_OK)
        err = backtest_rollout_register(pass, result);
    if (err != AL_OK) {
        scorer_destroy(newest);
        scorer_destroy(linear);
        return err;
    }
    scorer_destroy(desk->newest);
    scorer_destroy(desk->linear);
    desk->newest = newest;
    desk->linear = linear;
    desk->newest_cut_ns = result->manifest->data.cut_ns;
    desk->n_versions++;
    if (pass->first_challenger_ns == TIMESTAMP_NONE)
        pass->first_challenger_ns = pass->now_ns;
    return result->end.verdict == TRAIN_PROMOTE
               ? backtest_rollout_begin(pass, desk, &result->manifest->version)
               : AL_OK;
}

static void end_run(struct backtest_pass *pass, bool had_result)
{
    struct backtest_desk *desk = pass->training.desk;
    uint64_t n_needed = training_next_needed(pass->plan->settings, desk->config,
                                             &pass->training.lesson->result.end);
    learn_on_training_end(pass->pipeline, &desk->config->strategy_id, had_result, n_needed,
                          pass->now_ns);
    pass->training.desk = NULL;
}

static enum al_err finish(struct backtest_pass *pass)
{
    enum al_err err = pass->training.lesson->result.manifest != NULL ? take_version(pass) : AL_OK;
    end_run(pass, true);
    return err == AL_OK ? AL_OK : err_add(err, "new version");
}

/* ---- when ---- */

static struct backtest_desk *desk_of(struct backtest_pass *pass, const struct strategy_id *id)
{
    for (size_t i = 0; i < pass->plan->n_strategies; i++) {
        if (strategy_id_eq(&pass->desks[i].config->strategy_id, id))
            return &pass->desks[i];
    }
    abort(); /* the pipeline knows the plan's strategies alone */
}

void backtest_train_request(struct backtest_pass *pass,
                            const struct strategy_id *strategy_id,
                            const char *trigger)
{
    struct backtest_desk *desk = desk_of(pass, strategy_id);
    if (!pass->options.trains)
        return;
    desk->waiting = trigger;
    if (pass->training.desk == desk) {
        row_of(pass)->verdict = "superseded";
        end_run(pass, false);
    }
}

enum al_err backtest_train_run(struct backtest_pass *pass)
{
    enum al_err err = AL_OK;
    if (pass->training.desk != NULL && pass->now_ns >= pass->training.done_ns)
        err = finish(pass);
    for (size_t i = 0; i < pass->plan->n_strategies; i++) {
        if (err == AL_OK && pass->training.desk == NULL && pass->desks[i].waiting != NULL)
            err = start(pass, &pass->desks[i]);
    }
    return err;
}
