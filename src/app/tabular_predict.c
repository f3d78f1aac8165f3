/* Predictions of POST /api/predict: one question to the database says whether the run may be used and which version of its
 * row is there; the artefact comes along unless the model of that version is in memory. Reading it, parsing the rows and
 * walking the model are done in the thread pool. A model in memory is shared: it goes when nobody predicts with it any more and
 * it is no longer kept. */
#include "tabular_i.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/observe/log.h"
#include "alphaloop/observe/metric.h"
#include "alphaloop/store/model_runs.h"
#include "alphaloop/tabular/train.h"

#include "worker_i.h"

#define BATCH_BYTES      4096
#define ANSWER_BYTES_MAX (48U << 20)

/* Made and counted on the loop's thread; only the model itself, which never changes, is read on others. */
struct kept {
    int64_t run_id;
    char version[MODEL_RUN_VERSION_MAX];
    struct tabular_model *model;
    size_t n_users; /* predictions, and one while it is in the list */
    uint64_t used;  /* the larger, the later */
};

struct tabular_predictions {
    struct worker *worker;
    struct kept *items[TABULAR_MODELS_MAX];
    size_t n;       /* kept */
    size_t n_asked; /* predictions under way */
    uint64_t n_uses;
};

struct asking {
    struct tabular_predictions *of;
    int64_t run_id;
    admin_result_fn done;
    void *ctx;
    uint64_t started_ns; /* monotonic */
    struct buf body, artefact, answer;
    struct pg_batch *batch;
    struct kept *kept; /* NULL: none is in memory, or what is there is old */
    struct model_run_got got;
    bool is_found;
    struct tabular_model *model; /* just read */
    uv_work_t work;
    enum admin_outcome outcome;
    char error[512];
};

enum al_err tabular_predictions_create(struct worker *worker, struct tabular_predictions **out)
{
    struct tabular_predictions *predictions = calloc(1, sizeof *predictions);
    if (predictions == NULL)
        return err_set(AL_ENOMEM, "tabular predictions");
    predictions->worker = worker;
    *out = predictions;
    return AL_OK;
}

/* ---- models in memory ---- */

static void kept_put(struct kept *kept)
{
    if (kept == NULL || --kept->n_users > 0)
        return;
    tabular_model_destroy(kept->model);
    free(kept);
}

static void forget(struct tabular_predictions *p, size_t index)
{
    kept_put(p->items[index]);
    p->items[index] = p->items[--p->n];
}

static struct kept *find_kept(struct tabular_predictions *p, int64_t run_id)
{
    for (size_t i = 0; i < p->n; i++) {
        if (p->items[i]->run_id == run_id)
            return p->items[i];
    }
    return NULL;
}

static size_t least_used(const struct tabular_predictions *p)
{
    size_t least = 0;
    for (size_t i = 1; i < p->n; i++)
        least = p->items[i]->used < p->items[least]->used ? i : least;
    return least;
}

static void forget_run(struct tabular_predictions *p, int64_t run_id)
{
    for (size_t i = p->n; i-- > 0;) {
        if (p->items[i]->run_id == run_id)
            forget(p, i);
    }
}

/* Takes the model of a prediction: into the list, in the place of an older version of its run or of the least used. */
static void keep(struct asking *asking)
{
    struct tabular_predictions *p = asking->of;
    struct kept *kept = calloc(1, sizeof *kept);
    if (kept == NULL)
        return;
    *kept = (struct kept){
        .run_id = asking->run_id, .model = asking->model, .n_users = 1, .used = ++p->n_uses};
    memcpy(kept->version, asking->got.version, sizeof kept->version);
    asking->model = NULL;
    forget_run(p, kept->run_id);
    if (p->n == TABULAR_MODELS_MAX)
        forget(p, least_used(p));
    p->items[p->n++] = kept;
}

void tabular_predictions_destroy(struct tabular_predictions *predictions)
{
    if (predictions == NULL)
        return;
    while (predictions->n > 0)
        forget(predictions, 0);
    free(predictions);
}

bool tabular_predictions_are_idle(const struct tabular_predictions *predictions)
{
    return predictions->n_asked == 0;
}

/* ---- the end ---- */

static void asking_end(struct asking *asking)
{
    const struct admin_result result = {
        .outcome = asking->outcome, .text = asking->error, .body = buf_slice(&asking->answer)};
    asking->of->n_asked--;
    asking->done(asking->ctx, &result);
    kept_put(asking->kept);
    tabular_model_destroy(asking->model);
    pg_batch_destroy(asking->batch);
    buf_deinit(&asking->body);
    buf_deinit(&asking->artefact);
    buf_deinit(&asking->answer);
    free(asking);
}

static void end_with(struct asking *asking, enum admin_outcome outcome, const char *text)
{
    asking->outcome = outcome;
    (void)chars_set(asking->error, sizeof asking->error, text);
    asking_end(asking);
}

/* ---- in the pool ---- */

static enum al_err predict(struct asking *asking, struct json_node *root)
{
    const struct tabular_model *model = asking->model != NULL ? asking->model : asking->kept->model;
    struct json_writer w;
    json_w_init(&w, &asking->answer);
    json_w_object(&w);
    enum al_err err = tabular_model_predict(model, json_get(root, "features"), &w);
    json_m_i64(&w, "model_run_id", asking->run_id);
    json_m_str(&w, "model_name", tabular_model_kind(model)->name);
    json_m_str(&w, "status", "success");
    json_w_end_object(&w);
    if (err == AL_OK && !buf_ok(&asking->answer))
        err = err_set(AL_ERANGE, "features: the answer is too long, ask for fewer rows at once");
    return err;
}

static void work(uv_work_t *request)
{
    struct asking *asking = request->data;
    struct json_node *root = NULL;
    struct json_reader *reader = json_reader_create(TABULAR_BODY_BYTES_MAX, JSON_DEPTH_MAX);
    enum al_err err = AL_OK;
    if (asking->kept == NULL)
        err = tabular_model_load(buf_slice(&asking->artefact), &asking->model);
    asking->outcome = err == AL_OK ? ADMIN_REFUSED : ADMIN_CONFLICT;
    if (err != AL_OK)
        err_add(err, "the result of this model run");
    if (err == AL_OK)
        err = reader != NULL ? json_read(reader, buf_slice(&asking->body), &root)
                             : err_set(AL_ENOMEM, "the body");
    if (err == AL_OK)
        err = predict(asking, root);
    if (err == AL_OK)
        asking->outcome = ADMIN_DONE;
    else
        (void)chars_set(asking->error, sizeof asking->error, err_text());
    if (err == AL_ENOMEM)
        asking->outcome = ADMIN_FAILED;
    json_put(root);
    json_reader_destroy(reader);
}

static void on_worked(uv_work_t *request, int status)
{
    struct asking *asking = request->data;
    if (status != 0) {
        end_with(asking, ADMIN_AWAY, "the program is stopping");
        return;
    }
    const struct tabular_model *model = asking->model != NULL  ? asking->model
                                        : asking->kept != NULL ? asking->kept->model
                                                               : NULL;
    if (model != NULL)
        metric_observe(METRIC_tabular_prediction_seconds,
                       (double)(uv_hrtime() - asking->started_ns) / 1e9,
                       tabular_model_kind(model)->name, NULL);
    if (asking->model != NULL)
        keep(asking);
    asking_end(asking);
}

/* ---- the database ---- */

static void on_result(void *ctx, size_t index, const struct pg_result *result)
{
    struct asking *asking = ctx;
    (void)index;
    if (pg_result_n_rows(result) == 0)
        return;
    asking->is_found = model_runs_read_got(result, 0, &asking->got) == AL_OK;
    buf_append(&asking->artefact, asking->got.artefact.ptr, asking->got.artefact.len);
    asking->got.artefact = (struct slice){NULL, 0};
}

/* What stands against using the run; NULL when nothing does. */
static const char *why_not(const struct asking *asking, char text[160])
{
    if (strcmp(asking->got.status, "SUCCESS") != 0) {
        snprintf(text, 160, "model run %lld is %.60s; only one that is SUCCESS can predict",
                 (long long)asking->run_id, asking->got.status);
        return text;
    }
    if (!asking->got.has_artefact)
        return "the model run has no result";
    if (asking->kept == NULL && asking->artefact.len == 0)
        return "the result of the model run is larger than any of ours";
    return NULL;
}

static void on_asked(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct asking *asking = ctx;
    char text[160];
    if (err != AL_OK) {
        log_warn("app", "predict", NULL, EV("tabular_run_unreadable"),
                 F_STR("why", failure != NULL ? failure->message : err_text()));
        end_with(asking, ADMIN_AWAY, "the database is away");
        return;
    }
    if (!asking->is_found) {
        snprintf(text, sizeof text, "there is no model run %lld", (long long)asking->run_id);
        end_with(asking, ADMIN_NOT_FOUND, text);
        return;
    }
    if (asking->kept != NULL && strcmp(asking->kept->version, asking->got.version) != 0) {
        kept_put(asking->kept);
        asking->kept = NULL;
    }
    const char *why = why_not(asking, text);
    if (why != NULL) {
        end_with(asking, ADMIN_CONFLICT, why);
        return;
    }
    metric_add(METRIC_tabular_model_lookups_total, 1, asking->kept != NULL ? "hit" : "miss", NULL);
    if (uv_queue_work(asking->of->worker->loop, &asking->work, work, on_worked) != 0)
        end_with(asking, ADMIN_FAILED, "the thread pool refused the work");
}

static struct asking *asking_create(struct tabular_predictions *p,
                                    int64_t run_id,
                                    struct slice body)
{
    struct asking *asking = calloc(1, sizeof *asking);
    struct pg_batch *batch = pg_batch_create(BATCH_BYTES);
    if (asking == NULL || batch == NULL) {
        free(asking);
        pg_batch_destroy(batch);
        return NULL;
    }
    *asking = (struct asking){.of = p,
                              .run_id = run_id,
                              .started_ns = uv_hrtime(),
                              .body = BUF_INIT(TABULAR_BODY_BYTES_MAX),
                              .artefact = BUF_INIT(TABULAR_MODEL_BYTES_MAX),
                              .answer = BUF_INIT(ANSWER_BYTES_MAX),
                              .batch = batch,
                              .kept = find_kept(p, run_id)};
    asking->work.data = asking;
    buf_append(&asking->body, body.ptr, body.len);
    if (asking->kept != NULL) {
        asking->kept->n_users++;
        asking->kept->used = ++p->n_uses;
    }
    return asking;
}

void tabular_predict(struct tabular_predictions *p,
                     int64_t run_id,
                     struct slice body,
                     admin_result_fn done,
                     void *ctx)
{
    struct admin_result result = {.outcome = ADMIN_BUSY, .text = "too many predictions at once"};
    struct asking *asking =
        p->n_asked < TABULAR_PREDICTIONS_MAX ? asking_create(p, run_id, body) : NULL;
    if (asking == NULL) {
        if (p->n_asked < TABULAR_PREDICTIONS_MAX)
            result = (struct admin_result){.outcome = ADMIN_FAILED, .text = "out of memory"};
        done(ctx, &result);
        return;
    }
    asking->done = done;
    asking->ctx = ctx;
    p->n_asked++;
    const struct pg_job job = {
        .no_transaction = true, .on_result = on_result, .on_done = on_asked, .ctx = asking};
    model_runs_get(asking->batch, run_id, asking->kept != NULL ? asking->kept->version : "",
                   TABULAR_MODEL_BYTES_MAX);
    if (pg_client_run(p->worker->reader, asking->batch, &job) != AL_OK)
        end_with(asking, ADMIN_AWAY, "the database is away");
}
