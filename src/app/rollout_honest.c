#include "rollout_honest_i.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/hash.h"

#include "view_i.h"
#include "worker_i.h"

#define CLAIMS_MAX ROLLOUT_CLAIMS_MAX

struct inquiry {
    struct worker *worker;
    struct rollout_step *step;
    rollout_honest_fn done;
    struct pg_batch *batch;
    uv_work_t work;
    struct conformal conformal;
    double nominal, n_calibration;
    size_t n;
    struct shadow_claim_row claims[CLAIMS_MAX];
    enum al_err err;
};

static void finish(struct inquiry *i, const char *why)
{
    struct rollout_verdict *v = &i->step->verdict;
    const struct honesty *h = &v->honesty;
    char text[ROLLOUT_TEXT_MAX], found[160] = "";
    if (h->n > 0)
        snprintf(
            found, sizeof(found),
            "; of %zu trades ECE %.3f (surely %.3f), intervals hold %.3f of %.3g (surely %.3f off)",
            h->n, h->ece, h->ece_low, h->coverage, h->nominal, h->coverage_off_low);
    if (why != NULL)
        snprintf(text, sizeof(text), "waits: %s%s; %.300s", why, found, v->text);
    else
        snprintf(text, sizeof(text), "%.350s%s", v->text, found);
    (void)chars_set(v->text, sizeof(v->text), text);
    struct worker *worker = i->worker;
    struct rollout_step *step = i->step;
    rollout_honest_fn done = i->done;
    pg_batch_destroy(i->batch);
    free(i);
    worker->n_activations--;
    done(worker, step, why == NULL);
}

/* ---- off the loop ---- */

static int by_block(const void *left, const void *right)
{
    int64_t a = ((const struct shadow_claim_row *)left)->block;
    int64_t b = ((const struct shadow_claim_row *)right)->block;
    return (a > b) - (a < b);
}

static int8_t held(const struct shadow_claim_row *claim,
                   const struct conformal *conformal,
                   double nominal)
{
    struct interval interval = conformal_interval(conformal, claim->v, claim->sigma_h, nominal);
    if (!(claim->sigma_h > 0) || isnan(interval.upper))
        return -1;
    return !interval_misses(&interval, claim->net_return);
}

struct columns {
    float q[CLAIMS_MAX], net[CLAIMS_MAX];
    size_t block[CLAIMS_MAX];
    int8_t held[CLAIMS_MAX];
};

enum al_err rollout_honesty(struct shadow_claim_row *claims,
                            size_t n,
                            const struct conformal *conformal,
                            double nominal,
                            double n_calibration,
                            struct rng *rng,
                            struct honesty *out)
{
    assert(n <= CLAIMS_MAX);
    struct columns *c = malloc(sizeof(*c));
    if (c == NULL)
        return err_set(AL_ENOMEM, "honesty");
    qsort(claims, n, sizeof(*claims), by_block);
    for (size_t k = 0; k < n; k++) {
        c->q[k] = (float)fmin(fmax(claims[k].q, 0), 1);
        c->net[k] = (float)claims[k].net_return;
        c->held[k] = held(&claims[k], conformal, nominal);
        bool begins = k > 0 && claims[k].block != claims[k - 1].block;
        c->block[k] = k == 0 ? 0 : c->block[k - 1] + begins;
    }
    const struct honest_rows rows = {.q = c->q,
                                     .r = c->net,
                                     .block = c->block,
                                     .held = c->held,
                                     .n = n,
                                     .n_blocks = n > 0 ? c->block[n - 1] + 1 : 0,
                                     .nominal = nominal,
                                     .n_calibration = n_calibration};
    enum al_err err = honesty_of(&rows, rng, out);
    free(c);
    return err;
}

static void judge(uv_work_t *work)
{
    struct inquiry *i = work->data;
    struct rng rng; /* the same outcomes are judged alike */
    const char *version = i->step->version.text;
    rng_seed(&rng, fnv1a64(version, strlen(version)) ^ i->n);
    i->err = rollout_honesty(i->claims, i->n, &i->conformal, i->nominal, i->n_calibration, &rng,
                             &i->step->verdict.honesty);
}

static void on_judged(uv_work_t *work, int status)
{
    struct inquiry *i = work->data;
    if (status != 0 || i->err != AL_OK)
        finish(i, "there was no room to look at its outcomes");
    else
        finish(i, honesty_against(&i->step->verdict.honesty));
}

/* ---- on the loop ---- */

static void on_claim(void *ctx, size_t index, const struct pg_result *result)
{
    struct inquiry *i = ctx;
    (void)index;
    for (size_t row = 0; row < pg_result_n_rows(result) && i->n < CLAIMS_MAX; row++) {
        if (shadow_scores_read_claim(result, row, &i->claims[i->n]) == AL_OK)
            i->n++;
    }
}

static void on_claims(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct inquiry *i = ctx;
    (void)failure;
    if (err != AL_OK)
        finish(i, "the database could not be asked about its outcomes");
    else if (uv_queue_work(i->worker->loop, &i->work, judge, on_judged) != 0)
        finish(i, "the thread pool refused the work");
}

void rollout_ask_honesty(struct worker *worker, struct rollout_step *step, rollout_honest_fn done)
{
    struct inquiry *i = calloc(1, sizeof(*i));
    assert(i != NULL);
    const struct manifest *manifest =
        pipeline_shadow_manifest(worker->pipeline, &step->strategy_id, &step->version);
    i->worker = worker;
    i->step = step;
    i->done = done;
    i->work.data = i;
    i->batch = pg_batch_create(64 * 1024);
    assert(i->batch != NULL);
    worker->n_activations++;
    if (manifest != NULL) {
        i->conformal = manifest->conformal;
        i->n_calibration = fmin((double)manifest->conformal.n_rows, manifest->data.n_eff);
    }
    i->nominal = view_config(worker, &step->strategy_id)->uncertainty.coverage;
    shadow_scores_load_claims(i->batch, &step->version, CLAIMS_MAX);
    struct pg_job job = {.on_result = on_claim, .on_done = on_claims, .ctx = i};
    if (pg_client_run(worker->writer, i->batch, &job) != AL_OK)
        finish(i, "the database could not be asked about its outcomes");
}
