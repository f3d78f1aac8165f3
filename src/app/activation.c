#include "activation_i.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/app/model_store.h"
#include "alphaloop/observe/log.h"
#include "alphaloop/observe/metric.h"
#include "alphaloop/store/model_versions.h"

#include "events_i.h"
#include "journal_i.h"
#include "rollout_i.h"
#include "training_job_i.h"
#include "view_i.h"
#include "worker_i.h"

/* ---- one activation ---- */

struct activation {
    struct worker *worker;
    struct strategy_id strategy_id;
    struct model_version_id version; /* "" back to warm-up */
    const char *why;
    activation_fn done;
    void *ctx;
    uv_work_t work;
    struct sha256 schema_hash, folder_hash; /* of the feature set; of manifest.json as registered */
    struct strategy_id owner;               /* whose version it is */
    char store[FILE_PATH_MAX];
    struct scorer *scorer;
    enum al_err err;
    char error[256];
    struct pg_batch *batch;
    bool found;                /* the registry has it */
    bool as_shadow;            /* it is to score beside the active one */
    uint32_t attempt;          /* as_shadow */
    struct rollout_step *step; /* that asked for it; owned, NULL: none did */
};

static void finish(struct activation *a, enum admin_outcome outcome, const char *text)
{
    struct admin_result result = {.outcome = outcome, .text = text};
    if (outcome == ADMIN_DONE)
        result.version = a->version;
    else
        log_warn("app", "gate", NULL, EV("activation_failed"),
                 F_STR("strategy_id", a->strategy_id.text), F_STR("version", a->version.text),
                 F_STR("why", text));
    if (a->step != NULL)
        rollout_stepped(a->worker, a->step, outcome == ADMIN_DONE);
    scorer_destroy(a->scorer);
    pg_batch_destroy(a->batch);
    free(a->step);
    a->worker->n_activations--;
    a->done(a->ctx, &result);
    free(a);
}

/* Committed: from the next decision on it scores. */
static void begin_shadow(struct activation *a)
{
    rollout_shadow(a->worker, &a->strategy_id, a->scorer, a->attempt);
    a->scorer = NULL;
    finish(a, ADMIN_DONE, "The version is a shadow.");
}

/* Committed: from the next decision on this version decides. */
static void swap_in(struct activation *a)
{
    struct worker *worker = a->worker;
    bool warmup = a->version.text[0] == '\0';
    const struct scorer *scorer = a->scorer; /* the pipeline's from now on */
    int64_t now_ns = worker_now_ns(worker);
    journal_add_model(worker->journal, rollout_is_won(a->why) ? JOURNAL_promote : JOURNAL_activate,
                      &a->strategy_id, a->scorer, now_ns);
    if (a->step != NULL)
        journal_add_of(worker->journal, JOURNAL_watch, &a->strategy_id, now_ns, 0);
    rollout_take_over(worker->pipeline, &a->strategy_id, a->scorer, a->why, a->step, now_ns);
    a->scorer = NULL;
    metric_set(METRIC_model_is_active, warmup ? 0 : 1, a->strategy_id.text, NULL);
    log_info("app", "gate", NULL, EV("model_activated"), F_STR("strategy_id", a->strategy_id.text),
             F_STR("version", warmup ? NULL : a->version.text), F_STR("why", a->why));
    bool rolled_back = strcmp(a->why, "rollback") == 0 || strcmp(a->why, "guard") == 0;
    struct json_writer *w = events_begin(
        worker->events, rolled_back ? "model.rolled_back" : "model.activated", a->strategy_id.text);
    json_m_str(w, "version", warmup ? NULL : a->version.text);
    json_m_str(w, "why", a->why);
    json_m_str(w, "reason", a->step != NULL ? a->step->verdict.text : NULL);
    json_w_key(w, "verdict");
    if (scorer != NULL)
        training_write_verdict(w, &scorer_manifest(scorer)->gate, NULL);
    else
        json_w_null(w);
    events_send(worker->events);
    worker_mode_changed(worker, &a->strategy_id);
    finish(a, ADMIN_DONE, warmup ? "Back to warm-up." : "The version is active.");
}

static void on_result(void *ctx, size_t index, const struct pg_result *result)
{
    struct activation *a = ctx;
    if (index + 1 == pg_batch_n_statements(a->batch))
        a->found = pg_result_n_rows(result) > 0;
}

static void on_done(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct activation *a = ctx;
    if (err != AL_OK)
        finish(a, err == AL_ECONN ? ADMIN_AWAY : ADMIN_FAILED,
               failure != NULL ? failure->message : err_text());
    else if (a->as_shadow)
        begin_shadow(a);
    else if (!a->found && a->version.text[0] != '\0')
        finish(a, ADMIN_NOT_FOUND, "This strategy has no such version.");
    else
        swap_in(a);
}

static void commit(struct activation *a)
{
    int64_t wall_ns = worker_wall_ns(a->worker);
    a->batch = pg_batch_create(64 * 1024);
    if (a->batch == NULL) {
        finish(a, ADMIN_FAILED, "Out of memory.");
        return;
    }
    const struct rollout_change change = {
        .version = &a->version,
        .why = a->why,
        .keeps_guard =
            rollout_is_won(a->why) && view_config(a->worker, &a->strategy_id)->rollout.guard,
        .as_shadow = a->as_shadow,
        .step = a->step,
    };
    rollout_record(a->worker, a->batch, &a->strategy_id, &change);
    if (a->as_shadow)
        ; /* it stays a candidate */
    else if (a->version.text[0] == '\0')
        model_versions_retire_active(a->batch, &a->strategy_id, wall_ns);
    else
        model_versions_activate(a->batch, &a->strategy_id, &a->version,
                                strcmp(a->why, "manual") == 0, wall_ns);
    struct pg_job job = {.on_result = on_result, .on_done = on_done, .ctx = a};
    if (pg_client_run(a->worker->writer, a->batch, &job) != AL_OK)
        finish(a, ADMIN_AWAY, "The database is away.");
}

static void load(uv_work_t *work)
{
    struct activation *a = work->data;
    char folder[FILE_PATH_MAX];
    a->err = model_store_path(a->store, &a->version, folder);
    if (a->err == AL_OK)
        a->err = model_store_load(folder, &a->folder_hash, &a->schema_hash, &a->scorer);
    if (a->err != AL_OK)
        (void)chars_set(a->error, sizeof(a->error), err_text());
}

static void on_loaded(uv_work_t *work, int status)
{
    struct activation *a = work->data;
    if (status != 0 || a->worker->state >= WORKER_STOPPING)
        finish(a, ADMIN_FAILED, "The program is stopping.");
    else if (a->err != AL_OK)
        finish(a, a->err == AL_EIO ? ADMIN_AWAY : ADMIN_INVALID, a->error);
    else
        commit(a);
}

static struct activation *activation_new(struct worker *worker,
                                         const struct strategy_id *strategy_id,
                                         const char *why,
                                         activation_fn done,
                                         void *ctx)
{
    struct activation *a = calloc(1, sizeof(*a));
    assert(a != NULL);
    a->worker = worker;
    a->strategy_id = *strategy_id;
    a->why = why;
    a->done = done;
    a->ctx = ctx;
    a->work.data = a;
    (void)chars_set(a->store, sizeof(a->store), worker->settings->model_storage_path);
    worker->n_activations++;
    return a;
}

/* ---- the registry's row: what the folder must be ---- */

static void on_row(void *ctx, size_t index, const struct pg_result *result)
{
    struct activation *a = ctx;
    struct model_version_row row;
    (void)index;
    a->found = pg_result_n_rows(result) > 0 && model_versions_read(result, 0, &row) == AL_OK;
    if (!a->found)
        return;
    a->version = row.version;
    a->owner = row.strategy_id;
    a->folder_hash = row.folder_hash;
}

static void on_looked_up(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct activation *a = ctx;
    pg_batch_destroy(a->batch);
    a->batch = NULL;
    if (err != AL_OK)
        finish(a, err == AL_ECONN ? ADMIN_AWAY : ADMIN_FAILED,
               failure != NULL ? failure->message : err_text());
    else if (!a->found && strcmp(a->why, "rollback") == 0)
        finish(a, ADMIN_CONFLICT, "No earlier version of this strategy was active.");
    else if (!a->found)
        finish(a, ADMIN_NOT_FOUND, "There is no such version.");
    else if (!strategy_id_eq(&a->owner, &a->strategy_id))
        finish(a, ADMIN_CONFLICT, "The version belongs to another strategy.");
    else if (uv_queue_work(a->worker->loop, &a->work, load, on_loaded) != 0)
        finish(a, ADMIN_FAILED, "The thread pool refused the work.");
}

/* The version asked for, or for a rollback the retired one that was active last. */
static void look_up(struct activation *a)
{
    a->batch = pg_batch_create(64 * 1024);
    if (a->batch == NULL) {
        finish(a, ADMIN_FAILED, "Out of memory.");
        return;
    }
    if (strcmp(a->why, "rollback") == 0)
        model_versions_load_retired(a->batch, &a->strategy_id, 1);
    else
        model_versions_get(a->batch, &a->version);
    struct pg_job job = {.on_result = on_row, .on_done = on_looked_up, .ctx = a};
    if (pg_client_run(a->worker->writer, a->batch, &job) != AL_OK)
        finish(a, ADMIN_AWAY, "The database is away.");
}

static void begin(struct activation *a, const struct model_version_id *version)
{
    const struct sha256 *hash = pipeline_schema_hash(a->worker->pipeline, &a->strategy_id);
    if (hash == NULL) {
        finish(a, ADMIN_NOT_FOUND, "There is no such strategy.");
        return;
    }
    a->schema_hash = *hash;
    if (version != NULL)
        a->version = *version;
    if (version != NULL || strcmp(a->why, "rollback") == 0)
        look_up(a);
    else
        commit(a);
}

void activation_start(struct worker *worker,
                      const struct strategy_id *strategy_id,
                      const struct model_version_id *version,
                      const char *why,
                      activation_fn done,
                      void *ctx)
{
    begin(activation_new(worker, strategy_id, why, done, ctx), version);
}

void activation_shadow(struct worker *worker,
                       const struct strategy_id *strategy_id,
                       const struct model_version_id *version,
                       uint32_t attempt,
                       activation_fn done,
                       void *ctx)
{
    struct activation *a = activation_new(worker, strategy_id, "gate", done, ctx);
    a->as_shadow = true;
    a->attempt = attempt;
    begin(a, version);
}

static void on_stepped(void *ctx, const struct admin_result *result)
{
    (void)ctx;
    (void)result; /* said by the activation itself */
}

void activation_step(struct worker *worker, struct rollout_step *step)
{
    const struct model_version_id *version = rollout_decider(step);
    struct activation *a =
        activation_new(worker, &step->strategy_id, rollout_why(step), on_stepped, NULL);
    a->step = step;
    begin(a, version->text[0] != '\0' ? version : NULL);
}

void activation_rollback(struct worker *worker,
                         const struct strategy_id *strategy_id,
                         activation_fn done,
                         void *ctx)
{
    activation_start(worker, strategy_id, NULL, "rollback", done, ctx);
}
