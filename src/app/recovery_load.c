/* The loads are one table: a statement each and what to do with its rows. Rows are copied into arrays; the models that stand are
 * loaded from their folders, and folders that no row knows are removed. */
#include "recovery_parts_i.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/app/model_store.h"
#include "alphaloop/io/file.h"
#include "alphaloop/io/pg_sync.h"
#include "alphaloop/store/abstentions.h"
#include "alphaloop/store/model_versions.h"
#include "alphaloop/store/trading_signals.h"
#include "alphaloop/train/trigger.h"

#include "training_i.h"

#define PENDING_MAX     4096
#define COST_FILLS_MAX  1000
#define POSITIONS_MAX   256
#define HELD_MAX        20000
#define INTERVALS_MAX   10000 /* outcomes of a strategy that its intervals are restored from */
#define VERSIONS_MAX    10000
#define BATCH_BYTES_MAX (1U << 20)

static void *rows_add(struct rows *rows)
{
    if (rows->count == rows->cap) {
        rows->cap = rows->cap == 0 ? 64 : 2 * rows->cap;
        rows->items = realloc(rows->items, rows->cap * rows->item_size);
        assert(rows->items != NULL);
    }
    void *item = rows->items + rows->count++ * rows->item_size;
    memset(item, 0, rows->item_size);
    return item;
}
void loaded_init(struct loaded *loaded)
{
    loaded->pending.item_size = sizeof(struct outgoing);
    loaded->open.item_size = sizeof(struct decision);
    loaded->executions.item_size = sizeof(struct execution);
    loaded->orders.item_size = sizeof(struct order_state);
    loaded->costs.item_size = sizeof(struct execution_row);
    loaded->fills.item_size = sizeof(struct samples_fills);
    loaded->positions.item_size = sizeof(struct position_state);
    loaded->held.item_size = sizeof(struct order_outcome);
    loaded->samples.item_size = sizeof(struct samples_count);
    loaded->schedule.item_size = sizeof(struct training_schedule_row);
    loaded->starts.item_size = sizeof(struct training_start);
    loaded->outcomes.item_size = sizeof(struct samples_outcome);
    loaded->intervals.item_size = sizeof(struct samples_interval);
    loaded->runs.item_size = sizeof(struct loaded_run);
    loaded->candles.item_size = sizeof(struct candle_row);
    loaded->models.item_size = sizeof(struct loaded_model);
    loaded->versions.item_size = sizeof(struct model_version_id);
    loaded->standing.item_size = sizeof(struct loaded_standing);
    loaded->rollbacks.item_size = sizeof(struct loaded_rollback);
    loaded->drifting.item_size = sizeof(struct strategy_id);
    loaded->scores.item_size = sizeof(struct shadow_scores);
    loaded->blocks.item_size = sizeof(struct shadow_block_row);
}

void loaded_deinit(struct loaded *loaded)
{
    struct outgoing *pending = (struct outgoing *)(void *)loaded->pending.items;
    for (size_t i = 0; i < loaded->pending.count; i++)
        buf_deinit(&pending[i].body);
    struct loaded_model *models = (struct loaded_model *)(void *)loaded->models.items;
    for (size_t i = 0; i < loaded->models.count; i++)
        scorer_destroy(models[i].scorer);
    FOR_EACH (struct loaded_standing, standing, loaded->standing)
        scorer_destroy(standing->scorer);
    struct rows *all[] = {
        &loaded->pending,  &loaded->open,      &loaded->executions, &loaded->orders,
        &loaded->costs,    &loaded->positions, &loaded->held,       &loaded->samples,
        &loaded->schedule, &loaded->outcomes,  &loaded->runs,       &loaded->candles,
        &loaded->models,   &loaded->versions,  &loaded->standing,   &loaded->rollbacks,
        &loaded->scores,   &loaded->blocks,    &loaded->intervals,  &loaded->drifting,
        &loaded->starts,   &loaded->fills};
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        free(all[i]->items);
        all[i]->items = NULL;
        all[i]->count = all[i]->cap = 0;
    }
}

/* ---- what each load does with a row ---- */

typedef enum al_err (*read_row_fn)(struct recovery *r, const struct pg_result *result, size_t row);

static enum al_err read_pending(struct recovery *r, const struct pg_result *result, size_t row)
{
    static _Thread_local struct signal_row signal;
    enum al_err err = trading_signals_read(result, row, &signal);
    if (err != AL_OK)
        return err;
    struct outgoing *out = rows_add(&r->loaded.pending);
    out->signal_id = signal.decision.decision_id;
    out->decided_at_ns = signal.decision.decided_at_ns;
    out->expires_at_ns = signal.decision.expires_at_ns;
    out->trace_id = signal.decision.trace_id;
    memcpy(out->traceparent, signal.decision.traceparent, sizeof(out->traceparent));
    out->body = BUF_INIT(signal.body.len);
    buf_append(&out->body, signal.body.ptr, signal.body.len);
    return AL_OK;
}

static enum al_err read_open_signal(struct recovery *r, const struct pg_result *result, size_t row)
{
    static _Thread_local struct signal_row signal;
    enum al_err err = trading_signals_read(result, row, &signal);
    if (err == AL_OK)
        *(struct decision *)rows_add(&r->loaded.open) = signal.decision;
    return err;
}

static enum al_err read_open_abstention(struct recovery *r,
                                        const struct pg_result *result,
                                        size_t row)
{
    return abstentions_read(result, row, rows_add(&r->loaded.open));
}

static enum al_err read_execution(struct recovery *r, const struct pg_result *result, size_t row)
{
    struct execution_row execution;
    enum al_err err = execution_events_read(result, row, &execution);
    if (err == AL_OK)
        *(struct execution *)rows_add(&r->loaded.executions) = execution.execution;
    return err;
}

static enum al_err read_order(struct recovery *r, const struct pg_result *result, size_t row)
{
    return orders_seen_read(result, row, rows_add(&r->loaded.orders));
}

static enum al_err read_cost(struct recovery *r, const struct pg_result *result, size_t row)
{
    return execution_events_read(result, row, rows_add(&r->loaded.costs));
}

static enum al_err read_fills(struct recovery *r, const struct pg_result *result, size_t row)
{
    return samples_read_fills(result, row, rows_add(&r->loaded.fills));
}

static enum al_err read_position(struct recovery *r, const struct pg_result *result, size_t row)
{
    return position_states_read(result, row, rows_add(&r->loaded.positions));
}

static enum al_err read_samples(struct recovery *r, const struct pg_result *result, size_t row)
{
    return samples_read_count(result, row, rows_add(&r->loaded.samples));
}

static enum al_err read_schedule(struct recovery *r, const struct pg_result *result, size_t row)
{
    return training_schedule_read(result, row, rows_add(&r->loaded.schedule));
}

static enum al_err read_start(struct recovery *r, const struct pg_result *result, size_t row)
{
    return training_runs_read_start(result, row, rows_add(&r->loaded.starts));
}

static enum al_err read_run(struct recovery *r, const struct pg_result *result, size_t row)
{
    struct training_run_row run;
    enum al_err err = training_runs_read(result, row, &run);
    if (err != AL_OK)
        return err;
    struct loaded_run *loaded = rows_add(&r->loaded.runs);
    loaded->strategy_id = run.strategy_id;
    training_of_row(&run, &loaded->last);
    return AL_OK;
}

static enum al_err read_interval(struct recovery *r, const struct pg_result *result, size_t row)
{
    return samples_read_interval(result, row, rows_add(&r->loaded.intervals));
}

static enum al_err read_outcome(struct recovery *r, const struct pg_result *result, size_t row)
{
    return samples_read_outcome(result, row, rows_add(&r->loaded.outcomes));
}

static enum al_err read_held(struct recovery *r, const struct pg_result *result, size_t row)
{
    return order_outcomes_read(result, row, rows_add(&r->loaded.held));
}

static enum al_err read_candle(struct recovery *r, const struct pg_result *result, size_t row)
{
    return candles_read(result, row, rows_add(&r->loaded.candles));
}

static enum al_err read_model(struct recovery *r, const struct pg_result *result, size_t row)
{
    struct model_version_row version;
    enum al_err err = model_versions_read(result, row, &version);
    if (err != AL_OK)
        return err;
    struct loaded_model *model = rows_add(&r->loaded.models);
    model->strategy_id = version.strategy_id;
    model->version = version.version;
    model->folder_hash = version.folder_hash;
    return AL_OK;
}

static enum al_err read_version(struct recovery *r, const struct pg_result *result, size_t row)
{
    struct model_version_row version;
    enum al_err err = model_versions_read(result, row, &version);
    if (err == AL_OK)
        *(struct model_version_id *)rows_add(&r->loaded.versions) = version.version;
    return err;
}

static enum al_err read_standing(struct recovery *r, const struct pg_result *result, size_t row)
{
    struct rollout_standing_row standing;
    enum al_err err = rollout_verdicts_read_standing(result, row, &standing);
    if (err == AL_OK)
        ((struct loaded_standing *)rows_add(&r->loaded.standing))->row = standing;
    return err;
}

static enum al_err read_rollback(struct recovery *r, const struct pg_result *result, size_t row)
{
    struct rollout_verdict_row verdict;
    enum al_err err = rollout_verdicts_read(result, row, &verdict);
    if (err == AL_OK)
        *(struct loaded_rollback *)rows_add(&r->loaded.rollbacks) =
            (struct loaded_rollback){verdict.strategy_id, verdict.at_ns};
    return err;
}

static enum al_err read_drifting(struct recovery *r, const struct pg_result *result, size_t row)
{
    return training_runs_read_drifting(result, row, rows_add(&r->loaded.drifting));
}

/* The rows of one decision follow each other. */
static enum al_err read_scores(struct recovery *r, const struct pg_result *result, size_t row)
{
    struct rows *all = &r->loaded.scores;
    struct shadow_scores scores = {0};
    bool begins;
    if (all->count > 0)
        scores = ((struct shadow_scores *)(void *)all->items)[all->count - 1];
    enum al_err err = shadow_scores_read(result, row, &scores, &begins);
    if (err != AL_OK)
        return err;
    if (begins)
        (void)rows_add(all);
    ((struct shadow_scores *)(void *)all->items)[all->count - 1] = scores;
    return AL_OK;
}

static enum al_err read_block(struct recovery *r, const struct pg_result *result, size_t row)
{
    return shadow_scores_read_block(result, row, rows_add(&r->loaded.blocks));
}

struct load {
    void (*ask)(struct recovery *r, struct pg_batch *batch);
    read_row_fn read; /* NULL: no rows */
};

static void ask_cancel_runs(struct recovery *r, struct pg_batch *batch)
{
    training_runs_cancel_running(batch, r->wall_ns);
}

static void ask_pending(struct recovery *r, struct pg_batch *batch)
{
    (void)r;
    trading_signals_load_pending(batch, PENDING_MAX);
}

static void ask_open_signals(struct recovery *r, struct pg_batch *batch)
{
    trading_signals_load_open(batch, 0, r->worker->settings->open_decisions_max);
}

static void ask_open_abstentions(struct recovery *r, struct pg_batch *batch)
{
    abstentions_load_open(batch, 0, r->worker->settings->open_decisions_max);
}

static void ask_orders(struct recovery *r, struct pg_batch *batch)
{
    orders_seen_load_open(batch, r->worker->settings->open_decisions_max);
}

static void ask_executions(struct recovery *r, struct pg_batch *batch)
{
    execution_events_load_open(batch, 4 * (size_t)r->worker->settings->open_decisions_max);
}

static void ask_costs(struct recovery *r, struct pg_batch *batch)
{
    (void)r;
    execution_events_load_recent(batch, COST_FILLS_MAX);
}

static void ask_fills(struct recovery *r, struct pg_batch *batch)
{
    (void)r;
    samples_load_fills(batch, COST_FILLS_MAX);
}

static void ask_positions(struct recovery *r, struct pg_batch *batch)
{
    (void)r;
    position_states_load(batch, POSITIONS_MAX);
}

static void ask_held(struct recovery *r, struct pg_batch *batch)
{
    (void)r;
    order_outcomes_load_held(batch, HELD_MAX);
}

static void ask_samples(struct recovery *r, struct pg_batch *batch)
{
    (void)r;
    samples_count(batch);
}

static void ask_schedule(struct recovery *r, struct pg_batch *batch)
{
    (void)r;
    training_schedule_load(batch);
}

static void ask_starts(struct recovery *r, struct pg_batch *batch)
{
    training_runs_load_starts(batch, r->wall_ns - NS_PER_DAY, TRIGGER_STARTS_MAX);
}

static void ask_runs(struct recovery *r, struct pg_batch *batch)
{
    (void)r;
    training_runs_load_last(batch);
}

static void ask_outcomes(struct recovery *r, struct pg_batch *batch)
{
    samples_load_outcomes(batch, r->worker->n_strategies * TRIGGER_WINDOW_MAX);
}

static void ask_intervals(struct recovery *r, struct pg_batch *batch)
{
    (void)r;
    samples_load_intervals(batch, INTERVALS_MAX);
}

static void ask_candles(struct recovery *r, struct pg_batch *batch)
{
    candles_load_last(batch, r->assets, r->n_assets, r->intervals_ns, r->n_intervals,
                      r->n_candles_each);
}

static void ask_versions(struct recovery *r, struct pg_batch *batch)
{
    struct model_versions_filter every = {.is_active = -1, .limit = VERSIONS_MAX};
    (void)r;
    model_versions_list(batch, &every);
}

static void ask_models(struct recovery *r, struct pg_batch *batch)
{
    (void)r;
    model_versions_load_active(batch);
}

static void ask_standing(struct recovery *r, struct pg_batch *batch)
{
    (void)r;
    rollout_verdicts_load_standing(batch);
}

static void ask_rollbacks(struct recovery *r, struct pg_batch *batch)
{
    (void)r;
    rollout_verdicts_load_rollbacks(batch);
}

static void ask_drifting(struct recovery *r, struct pg_batch *batch)
{
    (void)r;
    training_runs_load_drifting(batch);
}

static void ask_scores(struct recovery *r, struct pg_batch *batch)
{
    shadow_scores_load_open(batch,
                            (SHADOWS_MAX + 1) * (size_t)r->worker->settings->open_decisions_max);
}

static void ask_blocks(struct recovery *r, struct pg_batch *batch)
{
    (void)r;
    shadow_scores_load_blocks(batch, ROLLOUT_BLOCKS_MAX);
}

static const struct load loads[] = {
    {ask_cancel_runs, NULL},
    {ask_pending, read_pending},
    {ask_open_signals, read_open_signal},
    {ask_open_abstentions, read_open_abstention},
    {ask_orders, read_order},
    {ask_executions, read_execution},
    {ask_costs, read_cost},
    {ask_fills, read_fills},
    {ask_positions, read_position},
    {ask_held, read_held},
    {ask_samples, read_samples},
    {ask_schedule, read_schedule},
    {ask_outcomes, read_outcome},
    {ask_intervals, read_interval},
    {ask_runs, read_run},
    {ask_starts, read_start},
    {ask_candles, read_candle},
    {ask_models, read_model},
    {ask_versions, read_version},
    {ask_standing, read_standing},
    {ask_rollbacks, read_rollback},
    {ask_drifting, read_drifting},
    {ask_scores, read_scores},
    {ask_blocks, read_block},
};

struct loading {
    struct recovery *recovery;
    const struct load *load;
};

/* A row that cannot be read was not written by this program: it is left out, and said. */
static void on_rows(void *ctx, size_t index, const struct pg_result *result)
{
    const struct loading *loading = ctx;
    if (index > 0)
        return; /* the total behind a list */
    if (loading->load->read == NULL) {
        loading->recovery->loaded.n_cancelled = pg_result_n_affected(result);
        return;
    }
    for (size_t row = 0; row < pg_result_n_rows(result); row++) {
        enum al_err err = loading->load->read(loading->recovery, result, row);
        if (err != AL_OK && loading->recovery->error[0] == '\0')
            snprintf(loading->recovery->error, sizeof(loading->recovery->error),
                     "a row was left out: %s", err_text());
    }
}

static enum al_err load_all(struct recovery *r)
{
    struct pg_sync *sync;
    enum al_err err = pg_sync_open(&r->options, &sync);
    if (err != AL_OK)
        return err;
    struct pg_batch *batch = pg_batch_create(BATCH_BYTES_MAX);
    assert(batch != NULL);
    for (size_t i = 0; err == AL_OK && i < COUNT_OF(loads); i++) {
        struct loading loading = {r, &loads[i]};
        pg_batch_reset(batch);
        loads[i].ask(r, batch);
        err = pg_sync_run(sync, batch, on_rows, &loading);
    }
    pg_batch_destroy(batch);
    pg_sync_close(sync);
    return err;
}

static void load_models(struct recovery *r)
{
    struct loaded_model *models = (struct loaded_model *)(void *)r->loaded.models.items;
    for (size_t i = 0; i < r->loaded.models.count; i++) {
        const struct sha256 *hash =
            pipeline_schema_hash(r->worker->pipeline, &models[i].strategy_id);
        char folder[FILE_PATH_MAX];
        if (hash == NULL)
            continue; /* a strategy this worker does not run */
        enum al_err err =
            model_store_path(r->worker->settings->model_storage_path, &models[i].version, folder);
        if (err == AL_OK)
            err = model_store_load(folder, &models[i].folder_hash, hash, &models[i].scorer);
        if (err != AL_OK)
            (void)chars_set(models[i].error, sizeof(models[i].error), err_text());
    }
}

static void load_shadows(struct recovery *r)
{
    FOR_EACH (struct loaded_standing, standing, r->loaded.standing) {
        const struct sha256 *hash =
            pipeline_schema_hash(r->worker->pipeline, &standing->row.strategy_id);
        char folder[FILE_PATH_MAX];
        if (hash == NULL || !rollout_is_shadow(standing->row.stage))
            continue;
        enum al_err err = model_store_path(r->worker->settings->model_storage_path,
                                           &standing->row.version, folder);
        if (err == AL_OK)
            err = model_store_load(folder, &standing->row.folder_hash, hash, &standing->scorer);
        if (err != AL_OK)
            (void)chars_set(standing->error, sizeof(standing->error), err_text());
    }
}

static bool is_known(void *ctx, const struct model_version_id *version)
{
    const struct recovery *r = ctx;
    FOR_EACH (struct model_version_id, known, r->loaded.versions) {
        if (strcmp(known->text, version->text) == 0)
            return true;
    }
    return false;
}

/* A folder without a row is what a crash left between the two (design: folder first, then the row). With more versions than
 * the list holds nobody can say, and everything stays. */
static void clean_store(struct recovery *r)
{
    const char *store = r->worker->settings->model_storage_path;
    if (r->loaded.versions.count < VERSIONS_MAX &&
        model_store_clean(store, is_known, r, &r->n_removed) != AL_OK)
        snprintf(r->error, sizeof(r->error), "clean the model store: %s", err_text());
}

void recovery_load(struct recovery *r)
{
    enum migrate_mode mode = r->worker->settings->auto_migrate ? MIGRATE_APPLY : MIGRATE_CHECK;
    r->error[0] = '\0';
    r->err = migrate_run(&r->options, mode, &r->migrated);
    if (r->err == AL_OK)
        r->err = load_all(r);
    if (r->err == AL_OK)
        load_models(r);
    if (r->err == AL_OK)
        load_shadows(r);
    if (r->err == AL_OK)
        clean_store(r);
    if (r->err != AL_OK)
        (void)chars_set(r->error, sizeof(r->error), err_text());
}
