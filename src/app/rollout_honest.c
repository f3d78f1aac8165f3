#include "rollout_honest_i.h"

#include <assert.h>
#include <stdlib.h>

#include "alphaloop/store/shadow_scores.h"

#include "view_i.h"
#include "worker_i.h"

struct asking {
    struct worker *worker;
    struct rollout_step *step;
    rollout_honest_fn done;
    struct pg_batch *batch;
    uv_work_t work;
    struct rollout_inquiry inquiry;
    enum al_err err;
};

/* fault: NULL when its outcomes were looked at. */
static void finish(struct asking *a, const char *fault)
{
    struct worker *worker = a->worker;
    struct rollout_step *step = a->step;
    rollout_honest_fn done = a->done;
    bool may_step = rollout_inquiry_answer(step, fault);
    pg_batch_destroy(a->batch);
    free(a);
    worker->n_activations--;
    done(worker, step, may_step);
}

/* Off the loop. */
static void judge(uv_work_t *work)
{
    struct asking *a = work->data;
    a->err = rollout_inquiry_judge(&a->inquiry, a->step);
}

static void on_judged(uv_work_t *work, int status)
{
    struct asking *a = work->data;
    bool judged = status == 0 && a->err == AL_OK;
    finish(a, judged ? NULL : "there was no room to look at its outcomes");
}

static void on_claim(void *ctx, size_t index, const struct pg_result *result)
{
    struct rollout_inquiry *inquiry = &((struct asking *)ctx)->inquiry;
    (void)index;
    for (size_t row = 0; row < pg_result_n_rows(result) && inquiry->n < ROLLOUT_CLAIMS_MAX; row++) {
        if (shadow_scores_read_claim(result, row, &inquiry->claims[inquiry->n]) == AL_OK)
            inquiry->n++;
    }
}

static void on_claims(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct asking *a = ctx;
    (void)failure;
    if (err != AL_OK)
        finish(a, "the database could not be asked about its outcomes");
    else if (uv_queue_work(a->worker->loop, &a->work, judge, on_judged) != 0)
        finish(a, "the thread pool refused the work");
}

void rollout_ask_honesty(struct worker *worker, struct rollout_step *step, rollout_honest_fn done)
{
    struct asking *a = calloc(1, sizeof(*a));
    assert(a != NULL);
    a->worker = worker;
    a->step = step;
    a->done = done;
    a->work.data = a;
    a->batch = pg_batch_create(64 * 1024);
    assert(a->batch != NULL);
    worker->n_activations++;
    rollout_inquiry_begin(
        &a->inquiry, pipeline_shadow_manifest(worker->pipeline, &step->strategy_id, &step->version),
        view_config(worker, &step->strategy_id)->uncertainty.coverage);
    shadow_scores_load_claims(a->batch, &step->version, ROLLOUT_CLAIMS_MAX);
    struct pg_job job = {.on_result = on_claim, .on_done = on_claims, .ctx = a};
    if (pg_client_run(worker->writer, a->batch, &job) != AL_OK)
        finish(a, "the database could not be asked about its outcomes");
}
