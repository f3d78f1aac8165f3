#include "importance_i.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/app/model_store.h"

#include "worker_i.h"

#define BODY_MAX (1U << 20)

struct importance {
    struct worker *worker;
    struct model_version_id version;
    admin_result_fn done;
    void *ctx;
    uv_work_t work;
    char store[FILE_PATH_MAX];
    struct buf body;
    enum al_err err;
    char error[256];
};

static void read_folder(uv_work_t *work)
{
    struct importance *reading = work->data;
    char folder[FILE_PATH_MAX];
    reading->err = model_store_path(reading->store, &reading->version, folder);
    if (reading->err == AL_OK)
        reading->err = model_store_importance(folder, &reading->body);
    if (reading->err != AL_OK)
        (void)chars_set(reading->error, sizeof reading->error, err_text());
}

static enum admin_outcome outcome_of(enum al_err err)
{
    switch (err) {
    case AL_OK:
        return ADMIN_DONE;
    case AL_ENOTFOUND:
        return ADMIN_NOT_FOUND;
    case AL_EIO:
        return ADMIN_AWAY;
    default:
        return ADMIN_FAILED;
    }
}

static void finish(struct importance *reading, enum admin_outcome outcome, const char *text)
{
    const struct admin_result result = {
        .outcome = outcome, .text = text, .body = buf_slice(&reading->body)};
    reading->worker->n_importances--;
    reading->done(reading->ctx, &result);
    buf_deinit(&reading->body);
    free(reading);
}

static void on_read(uv_work_t *work, int status)
{
    struct importance *reading = work->data;
    if (status != 0)
        finish(reading, ADMIN_FAILED, "The program is stopping.");
    else
        finish(reading, outcome_of(reading->err), reading->error);
}

void importance_read(struct worker *worker,
                     const struct model_version_id *version,
                     admin_result_fn done,
                     void *ctx)
{
    struct importance *reading = calloc(1, sizeof *reading);
    assert(reading != NULL);
    *reading = (struct importance){.worker = worker,
                                   .version = *version,
                                   .done = done,
                                   .ctx = ctx,
                                   .body = BUF_INIT(BODY_MAX)};
    reading->work.data = reading;
    (void)chars_set(reading->store, sizeof reading->store, worker->settings->model_storage_path);
    worker->n_importances++;
    if (uv_queue_work(worker->loop, &reading->work, read_folder, on_read) != 0)
        finish(reading, ADMIN_FAILED, "The thread pool refused the work.");
}
