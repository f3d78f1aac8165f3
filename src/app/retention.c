/* Ages are those of the decision clock: a replayed market's rows are as old as its market. What something still reads is
 * younger than any bound: scores are kept for as many blocks as a rollout looks at, abstentions until their label is known.
 * On the admin connection, so that no transaction of the worker's own waits behind it. */
#include "retention_i.h"

#include <stdlib.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/observe/metric.h"
#include "alphaloop/store/abstentions.h"
#include "alphaloop/store/candles.h"
#include "alphaloop/store/shadow_scores.h"
#include "alphaloop/train/rollout.h"

#include "recovery_parts_i.h"
#include "worker_i.h"

#define EVERY_NS    (10 * NS_PER_S)
#define ROWS_MAX    2000
#define BATCH_BYTES 16384

struct retention {
    struct worker *worker;
    struct pg_batch *batch;
    const char *tables[3]; /* of the job's statements */
    size_t n_tables;
    bool running;
    int64_t next_wall_ns;
};

enum al_err retention_create(struct worker *worker, struct retention **out)
{
    struct retention *retention = calloc(1, sizeof(*retention));
    if (retention == NULL)
        return err_set(AL_ENOMEM, "retention");
    retention->worker = worker;
    retention->batch = pg_batch_create(BATCH_BYTES);
    *out = retention;
    return retention->batch != NULL ? AL_OK : err_set(AL_ENOMEM, "retention");
}

void retention_destroy(struct retention *retention)
{
    if (retention == NULL)
        return;
    pg_batch_destroy(retention->batch);
    free(retention);
}

/* So many rollout blocks and no fewer days; everything when that is longer than there has been time. */
static int64_t scores_before_ns(const struct strategy_config *config, uint32_t days, int64_t now_ns)
{
    int64_t n_spans = (ROLLOUT_BLOCKS_MAX + 1) * ROLLOUT_BLOCK_SPANS;
    int64_t read_ns = config->horizon_ns > now_ns / n_spans ? now_ns : n_spans * config->horizon_ns;
    int64_t keep_ns = days * NS_PER_DAY;
    return now_ns - (read_ns > keep_ns ? read_ns : keep_ns);
}

static void prune_scores(struct retention *r, int64_t now_ns)
{
    const struct worker *worker = r->worker;
    uint32_t days = worker->settings->shadow_scores_keep_days;
    struct strategy_id ids[STRATEGIES_MAX];
    int64_t before_ns[STRATEGIES_MAX];
    if (days == 0)
        return;
    for (size_t i = 0; i < worker->n_strategies; i++) {
        ids[i] = worker->strategies[i].strategy_id;
        before_ns[i] = scores_before_ns(&worker->strategies[i], days, now_ns);
    }
    r->tables[r->n_tables++] = "shadow_scores";
    shadow_scores_prune(r->batch, ids, before_ns, worker->n_strategies, ROWS_MAX);
}

/* One that is settled is read no more; the longest wait for a label is twice its horizon. */
static void prune_abstentions(struct retention *r, int64_t now_ns)
{
    const struct worker *worker = r->worker;
    int64_t keep_ns = worker->settings->abstentions_keep_days * NS_PER_DAY;
    if (keep_ns == 0)
        return;
    for (size_t i = 0; i < worker->n_strategies; i++) {
        int64_t open_ns = 2 * worker->strategies[i].horizon_ns + NS_PER_DAY;
        keep_ns = open_ns > keep_ns ? open_ns : keep_ns;
    }
    r->tables[r->n_tables++] = "abstentions";
    abstentions_prune(r->batch, now_ns - keep_ns, ROWS_MAX);
}

/* As many as a start loads are kept of every series, twice over: it may have gaps. */
static void prune_candles(struct retention *r, int64_t now_ns)
{
    int64_t keep_ns = r->worker->settings->candles_keep_days * NS_PER_DAY;
    if (keep_ns == 0)
        return;
    r->tables[r->n_tables++] = "candles";
    candles_prune(r->batch, now_ns - keep_ns, now_ns, 2 * RECOVERY_CANDLES_EACH_MAX, ROWS_MAX);
}

static void on_result(void *ctx, size_t index, const struct pg_result *result)
{
    const struct retention *r = ctx;
    metric_add(METRIC_rows_pruned_total, (double)pg_result_n_affected(result), r->tables[index],
               NULL);
}

static void on_done(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct retention *r = ctx;
    (void)err; /* the next time asks for the same rows */
    (void)failure;
    r->running = false;
}

void retention_run(struct retention *r)
{
    struct worker *worker = r->worker;
    int64_t wall_ns = worker_wall_ns(worker);
    bool has_time = worker->settings->clock == SETTING_CLOCK_WALL ||
                    pipeline_newest_market_ns(worker->pipeline) != TIMESTAMP_NONE;
    if (r->running || !has_time || wall_ns < r->next_wall_ns)
        return;
    struct pg_job job = {.on_result = on_result, .on_done = on_done, .ctx = r};
    r->next_wall_ns = wall_ns + EVERY_NS;
    r->n_tables = 0;
    pg_batch_reset(r->batch);
    prune_scores(r, worker_now_ns(worker));
    prune_abstentions(r, worker_now_ns(worker));
    prune_candles(r, worker_now_ns(worker));
    r->running = r->n_tables > 0 && pg_client_run(worker->reader, r->batch, &job) == AL_OK;
}
