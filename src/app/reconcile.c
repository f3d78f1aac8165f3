/* Probe, then read, each its own job on the admin connection. What is found goes the way of every order event, through the
 * intake: stored, executed and told to the core in one transaction, once. Should the lost event come after all, its
 * cumulative quantity says nothing new. */
#include "reconcile_i.h"

#include <stdlib.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/observe/log.h"
#include "alphaloop/observe/metric.h"
#include "alphaloop/store/stack.h"

#include "intake_i.h"
#include "worker_i.h"

#define ASK_EVERY_NS  (15 * NS_PER_S)
#define QUIET_SECONDS 30 /* an event that is on its way comes sooner */
#define UNTOLD_MAX    64 /* at once; the others next time */
#define BATCH_BYTES   4096

struct reconcile {
    struct worker *worker;
    struct pg_batch *batch;
    bool running, is_there;
    size_t n_found;
    int64_t next_wall_ns;
};

enum al_err reconcile_create(struct worker *worker, struct reconcile **out)
{
    struct reconcile *reconcile = calloc(1, sizeof(*reconcile));
    if (reconcile == NULL)
        return err_set(AL_ENOMEM, "reconcile");
    reconcile->worker = worker;
    reconcile->batch = pg_batch_create(BATCH_BYTES);
    *out = reconcile;
    return reconcile->batch != NULL ? AL_OK : err_set(AL_ENOMEM, "reconcile");
}

void reconcile_destroy(struct reconcile *reconcile)
{
    if (reconcile == NULL)
        return;
    pg_batch_destroy(reconcile->batch);
    free(reconcile);
}

static void done(struct reconcile *reconcile)
{
    reconcile->running = false;
    reconcile->next_wall_ns = worker_wall_ns(reconcile->worker) + ASK_EVERY_NS;
}

static void on_untold(void *ctx, size_t index, const struct pg_result *result)
{
    struct reconcile *reconcile = ctx;
    (void)index;
    for (size_t row = 0; row < pg_result_n_rows(result); row++)
        reconcile->n_found +=
            intake_put(reconcile->worker->intake, stack_orders_read_untold(result, row));
}

static void on_untold_done(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct reconcile *reconcile = ctx;
    (void)err;
    (void)failure;
    if (reconcile->n_found > 0) {
        metric_add(METRIC_orders_reconciled_total, (double)reconcile->n_found, NULL, NULL);
        log_warn("app", "match", NULL, EV("order_events_were_lost"),
                 F_I64("n", (int64_t)reconcile->n_found), F_STR("found_in", "public.orders"));
    }
    done(reconcile);
}

static void on_probe(void *ctx, size_t index, const struct pg_result *result)
{
    (void)index;
    ((struct reconcile *)ctx)->is_there = stack_read_probe_untold(result);
}

static void on_probe_done(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct reconcile *reconcile = ctx;
    (void)failure;
    if (err == AL_OK && reconcile->is_there) {
        struct pg_job job = {.on_result = on_untold, .on_done = on_untold_done, .ctx = reconcile};
        pg_batch_reset(reconcile->batch);
        stack_orders_load_untold(reconcile->batch, QUIET_SECONDS, UNTOLD_MAX);
        if (pg_client_run(reconcile->worker->reader, reconcile->batch, &job) == AL_OK)
            return;
    }
    done(reconcile);
}

void reconcile_run(struct reconcile *reconcile)
{
    struct worker *worker = reconcile->worker;
    if (reconcile->running || worker->state != WORKER_RUNNING ||
        worker_wall_ns(worker) < reconcile->next_wall_ns)
        return;
    struct pg_job job = {.on_result = on_probe, .on_done = on_probe_done, .ctx = reconcile};
    pg_batch_reset(reconcile->batch);
    reconcile->is_there = false;
    reconcile->n_found = 0;
    stack_probe_untold(reconcile->batch);
    reconcile->running = pg_client_run(worker->reader, reconcile->batch, &job) == AL_OK;
}
