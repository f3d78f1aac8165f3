/* One thread-pool job: migrate, clean up after the last run, load everything; then one application on the loop.
 *
 * The loads are one table: a statement each and what to do with its rows. Rows are copied into arrays on the pool's thread
 * and applied on the loop's, in the order in which the core needs them: costs before candles (whose half-spreads they
 * give), decisions before executions. */
#include "recovery_i.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/app/model_store.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/feature/feature_set.h"
#include "alphaloop/io/file.h"
#include "alphaloop/io/pg_sync.h"
#include "alphaloop/observe/log.h"
#include "alphaloop/store/abstentions.h"
#include "alphaloop/store/candles.h"
#include "alphaloop/store/execution_events.h"
#include "alphaloop/store/migrate.h"
#include "alphaloop/store/model_versions.h"
#include "alphaloop/store/order_outcomes.h"
#include "alphaloop/store/orders_seen.h"
#include "alphaloop/store/position_states.h"
#include "alphaloop/store/rollout_verdicts.h"
#include "alphaloop/store/samples.h"
#include "alphaloop/store/shadow_scores.h"
#include "alphaloop/store/trading_signals.h"
#include "alphaloop/store/training_runs.h"
#include "alphaloop/store/training_schedule.h"
#include "alphaloop/train/trigger.h"

#include "journal_i.h"
#include "outbox_i.h"
#include "training_i.h"
#include "view_i.h"
#include "worker_i.h"

#define RETRY_MIN_MS     200
#define RETRY_MAX_MS     5000
#define PENDING_MAX      4096
#define COST_FILLS_MAX   1000
#define POSITIONS_MAX    256
#define HELD_MAX         20000
#define CANDLES_EACH_MAX 1500
#define VERSIONS_MAX     10000
#define BATCH_BYTES_MAX  (1U << 20)

/* A growing array; loads are bounded by their statements' limits. */
struct rows {
    char *items;
    size_t count, cap, item_size;
};

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

#define INTERVALS_MAX 10000 /* outcomes of a strategy that its intervals are restored from */

struct loaded_run {
    struct strategy_id strategy_id;
    struct admin_training last;
};

struct loaded_model {
    struct strategy_id strategy_id;
    struct model_version_id version;
    struct sha256 folder_hash;
    struct scorer *scorer; /* NULL: it did not verify */
    char error[256];
};

/* Where a version stood: beside the active one, or as it. */
struct loaded_standing {
    struct rollout_standing_row row;
    struct scorer *scorer; /* of a shadow; NULL: it did not verify */
    char error[256];
};

struct loaded_rollback {
    struct strategy_id strategy_id;
    int64_t at_ns;
};

struct loaded {
    struct rows pending;    /* struct outgoing */
    struct rows open;       /* struct decision */
    struct rows executions; /* struct execution */
    struct rows orders;     /* struct order_state */
    struct rows costs;      /* struct execution_row */
    struct rows positions;  /* struct position_state */
    struct rows held;       /* struct order_outcome */
    struct rows samples;    /* struct samples_count */
    struct rows schedule;   /* struct training_schedule_row */
    struct rows starts;     /* struct training_start */
    struct rows outcomes;   /* struct samples_outcome */
    struct rows intervals;  /* struct samples_interval */
    struct rows runs;       /* struct loaded_run */
    struct rows candles;    /* struct candle_row */
    struct rows models;     /* struct loaded_model */
    struct rows versions;   /* struct model_version_id: all that the registry knows */
    struct rows standing;   /* struct loaded_standing */
    struct rows rollbacks;  /* struct loaded_rollback */
    struct rows drifting;   /* struct strategy_id: its model's alarm has rung */
    struct rows scores;     /* struct shadow_scores */
    struct rows blocks;     /* struct shadow_block_row */
    uint64_t n_cancelled;
};

struct recovery {
    struct worker *worker;
    struct pg_options options;
    int64_t wall_ns, now_ns; /* when the job began */
    struct asset *assets;    /* whose candles to load */
    size_t n_assets;
    int64_t intervals_ns[MARKET_TIMEFRAMES_MAX * 4];
    size_t n_intervals, n_candles_each;
    struct loaded loaded;
    struct migrate_report migrated;
    size_t n_removed; /* folders without a row */
    enum al_err err;
    char error[512];
    bool closing, working;
    uint64_t retry_ms;
    uv_work_t work;
    uv_timer_t timer;
};

#define FOR_EACH(type, item, rows)                                                                 \
    for (type *item = (type *)(void *)(rows).items;                                                \
         item != NULL && item < (type *)(void *)(rows).items + (rows).count; item++)

/* ---- on the pool's thread: what each load does with a row ---- */

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

static void work(uv_work_t *work)
{
    struct recovery *r = work->data;
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

/* ---- on the loop: applying it ---- */

static void loaded_deinit(struct loaded *loaded)
{
    struct outgoing *pending = (struct outgoing *)(void *)loaded->pending.items;
    for (size_t i = 0; i < loaded->pending.count; i++)
        buf_deinit(&pending[i].body);
    struct loaded_model *models = (struct loaded_model *)(void *)loaded->models.items;
    for (size_t i = 0; i < loaded->models.count; i++)
        scorer_destroy(models[i].scorer);
    FOR_EACH (struct loaded_standing, standing, loaded->standing)
        scorer_destroy(standing->scorer);
    struct rows *all[] = {&loaded->pending,   &loaded->open,     &loaded->executions,
                          &loaded->orders,    &loaded->costs,    &loaded->positions,
                          &loaded->held,      &loaded->samples,  &loaded->schedule,
                          &loaded->outcomes,  &loaded->runs,     &loaded->candles,
                          &loaded->models,    &loaded->versions, &loaded->standing,
                          &loaded->rollbacks, &loaded->scores,   &loaded->blocks,
                          &loaded->intervals, &loaded->drifting, &loaded->starts};
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        free(all[i]->items);
        all[i]->items = NULL;
        all[i]->count = all[i]->cap = 0;
    }
}

static bool order_ended(const struct loaded *loaded, const struct order_id *id)
{
    FOR_EACH (struct order_state, order, loaded->orders) {
        if (memcmp(&order->order_id, id, sizeof(*id)) == 0)
            return order->ended;
    }
    return false;
}

static void restore_position(struct worker *worker, const struct position_state *state)
{
    struct position_track track;
    position_track_init(&track);
    (void)position_track_update(&track, &state->update);
    track.peak_pnl_pct = state->peak_pnl_pct;
    track.partial_done = state->partial_taken;
    track.last_exit_ns = state->last_exit_ns;
    if (state->opened_ns != TIMESTAMP_NONE)
        track.opened_ns = state->opened_ns;
    journal_add_struct(worker->journal, JOURNAL_restore_position, TIMESTAMP_NONE, 0, &track,
                       sizeof(track));
    pipeline_restore_position(worker->pipeline, &track);
}

static void apply_open(struct recovery *r)
{
    struct pipeline *pipeline = r->worker->pipeline;
    struct journal *journal = r->worker->journal;
    FOR_EACH (struct decision, decision, r->loaded.open) {
        journal_add_struct(journal, JOURNAL_restore_open, TIMESTAMP_NONE, 0, decision,
                           sizeof(*decision));
        pipeline_restore_open(pipeline, decision);
    }
    FOR_EACH (struct execution, execution, r->loaded.executions) {
        bool ended = order_ended(&r->loaded, &execution->order_id);
        journal_add_struct(journal, JOURNAL_restore_execution, TIMESTAMP_NONE, ended, execution,
                           sizeof(*execution));
        pipeline_restore_execution(pipeline, execution, ended);
    }
    FOR_EACH (struct order_state, state, r->loaded.orders) {
        journal_add_struct(journal, JOURNAL_restore_order, r->now_ns, 0, state, sizeof(*state));
        pipeline_restore_order(pipeline, state, r->now_ns);
    }
    FOR_EACH (struct order_outcome, outcome, r->loaded.held) {
        journal_add_struct(journal, JOURNAL_restore_outcome_of_order, TIMESTAMP_NONE, 0, outcome,
                           sizeof(*outcome));
        pipeline_restore_order_outcome(pipeline, outcome);
    }
}

static void apply_trading(struct recovery *r)
{
    struct pipeline *pipeline = r->worker->pipeline;
    struct journal *journal = r->worker->journal;
    FOR_EACH (struct execution_row, row, r->loaded.costs) {
        journal_add_cost(journal, &row->execution, row->signal_price, row->signal_ts_ns);
        pipeline_restore_cost(pipeline, &row->execution, row->signal_price, row->signal_ts_ns);
    }
    FOR_EACH (struct candle_row, row, r->loaded.candles) {
        journal_add_candle(journal, &row->asset, &row->candle);
        pipeline_restore_candle(pipeline, &row->asset, &row->candle);
    }
    apply_open(r);
    FOR_EACH (struct position_state, state, r->loaded.positions)
        restore_position(r->worker, state);
}

static void apply_training(struct recovery *r)
{
    for (size_t i = 0; i < r->worker->n_strategies; i++) {
        const struct strategy_id *id = &r->worker->strategies[i].strategy_id;
        struct restored_training training = {.last_training_ns = TIMESTAMP_NONE,
                                             .next_training_ns = TIMESTAMP_NONE};
        FOR_EACH (struct samples_count, count, r->loaded.samples) {
            if (!strategy_id_eq(&count->strategy_id, id))
                continue;
            training.n_samples = count->n_own;
            training.n_samples_since_training = count->n_own_since;
        }
        FOR_EACH (struct training_schedule_row, row, r->loaded.schedule) {
            if (!strategy_id_eq(&row->strategy_id, id))
                continue;
            training.last_training_ns = row->last_training_ns;
            training.next_training_ns = row->next_training_ns;
            training.n_samples_needed = row->n_samples_needed;
        }
        FOR_EACH (struct training_start, start, r->loaded.starts) {
            if (strategy_id_eq(&start->strategy_id, id) && training.n_starts < TRIGGER_STARTS_MAX)
                training.starts_ns[training.n_starts++] = start->started_at_ns;
        }
        journal_add_training(r->worker->journal, id, &training, r->now_ns);
        pipeline_restore_training(r->worker->pipeline, id, &training, r->now_ns);
    }
}

static void apply_models(struct recovery *r)
{
    FOR_EACH (struct loaded_model, model, r->loaded.models) {
        if (model->scorer != NULL) {
            journal_add_model(r->worker->journal, JOURNAL_activate, &model->strategy_id,
                              model->scorer, r->now_ns);
            learn_activate(r->worker->pipeline, &model->strategy_id, model->scorer, r->now_ns);
            model->scorer = NULL;
            worker_mode_changed(r->worker, &model->strategy_id);
        } else if (model->error[0] != '\0') {
            log_error("app", "gate", NULL, EV("model_refused"),
                      F_STR("strategy_id", model->strategy_id.text),
                      F_STR("version", model->version.text), F_STR("why", model->error),
                      F_STR("instead", "the version before it, else warm-up"));
            worker_fall_back(r->worker, &model->strategy_id);
        }
    }
}

/* Chosen by evidence, or what a rollback or an expiry went back to; not by a person. */
static bool is_watched(const char *why)
{
    static const char *const by_itself[] = {"gate", "evidence", "guard", "expired"};
    for (size_t i = 0; i < COUNT_OF(by_itself); i++) {
        if (strcmp(why, by_itself[i]) == 0)
            return true;
    }
    return false;
}

static void apply_shadow(struct recovery *r, struct loaded_standing *standing)
{
    const struct rollout_standing_row *row = &standing->row;
    bool goes_on = row->same_incumbent || row->stage == ROLLOUT_guard;
    const struct rollout_start start = {
        .stage = goes_on ? row->stage : ROLLOUT_shadow,
        .attempt = row->attempt,
        .stage_since_ns = goes_on ? row->at_ns : r->now_ns,
        .n_at_stage = goes_on && row->stage != ROLLOUT_guard ? row->n_blocks : 0,
    };
    struct model_version_id ousted;
    if (standing->scorer != NULL) {
        journal_add_shadow(r->worker->journal, &row->strategy_id, standing->scorer, &start);
        (void)learn_shadow(r->worker->pipeline, &row->strategy_id, standing->scorer, &start,
                           &ousted);
    } else if (standing->error[0] != '\0')
        log_warn("app", "gate", NULL, EV("shadow_refused"),
                 F_STR("strategy_id", row->strategy_id.text), F_STR("version", row->version.text),
                 F_STR("why", standing->error));
    standing->scorer = NULL;
}

static void restore_standing(struct recovery *r, struct loaded_standing *standing)
{
    const struct strategy_id *id = &standing->row.strategy_id;
    if (standing->row.stage != ROLLOUT_active) {
        apply_shadow(r, standing);
    } else if (is_watched(standing->row.why)) {
        journal_add_of(r->worker->journal, JOURNAL_watch, id, r->now_ns, 0);
        learn_watch(r->worker->pipeline, id);
    }
}

static void restore_cool_down(struct recovery *r, const struct loaded_rollback *rollback)
{
    const struct strategy_config *config = view_config(r->worker, &rollback->strategy_id);
    if (config == NULL)
        return;
    int64_t until_ns =
        rollback->at_ns + (int64_t)(config->rollout.cooldown_hours * (double)NS_PER_H);
    if (r->worker->settings->clock == SETTING_CLOCK_WALL && until_ns <= r->now_ns)
        return; /* over; a market's clock is not known yet */
    journal_add_of(r->worker->journal, JOURNAL_cool_down, &rollback->strategy_id, r->now_ns,
                   until_ns);
    learn_cool_down(r->worker->pipeline, &rollback->strategy_id, until_ns);
}

static void restore_block(struct recovery *r, const struct shadow_block_row *row)
{
    const struct paired_block block = {.index = row->block,
                                       .n = row->n,
                                       .d = row->utility - row->utility_against,
                                       .u_b = row->utility,
                                       .u_a = row->utility_against,
                                       .trades_b = row->trades,
                                       .trades_a = row->trades_against};
    journal_add_block(r->worker->journal, &row->strategy_id, &row->version, &row->asset, &block);
    pipeline_restore_block(r->worker->pipeline, &row->strategy_id, &row->version, &row->asset,
                           &block);
}

/* After the models: shadows are held against the version that serves. */
static void apply_rollouts(struct recovery *r)
{
    struct pipeline *pipeline = r->worker->pipeline;
    FOR_EACH (struct loaded_standing, standing, r->loaded.standing) {
        if (pipeline_schema_hash(pipeline, &standing->row.strategy_id) != NULL)
            restore_standing(r, standing);
    }
    FOR_EACH (struct loaded_rollback, rollback, r->loaded.rollbacks)
        restore_cool_down(r, rollback);
    FOR_EACH (struct strategy_id, id, r->loaded.drifting) {
        if (pipeline_active_version(pipeline, id) == NULL)
            continue;
        journal_add_of(r->worker->journal, JOURNAL_drifting, id, r->now_ns, 0);
        learn_drifting(pipeline, id);
    }
    FOR_EACH (struct shadow_scores, scores, r->loaded.scores) {
        journal_add_struct(r->worker->journal, JOURNAL_restore_scores, TIMESTAMP_NONE, 0, scores,
                           sizeof(*scores));
        pipeline_restore_scores(pipeline, scores);
    }
    FOR_EACH (struct shadow_block_row, row, r->loaded.blocks)
        restore_block(r, row);
}

static void apply_runs(struct recovery *r)
{
    FOR_EACH (struct loaded_run, run, r->loaded.runs)
        training_restore(r->worker->training, &run->last, &run->strategy_id);
}

/* After the models: outcomes are held against the version that serves. */
static void apply_outcomes(struct recovery *r)
{
    FOR_EACH (struct samples_outcome, row, r->loaded.outcomes) {
        const struct restored_outcome outcome = {
            .strategy_id = row->strategy_id,
            .asset = row->asset,
            .model_version = row->model_version,
            .decided_at_ns = row->decided_at_ns,
            .confidence = row->confidence,
            .won = row->net_return > 0,
        };
        journal_add_struct(r->worker->journal, JOURNAL_restore_outcome, TIMESTAMP_NONE, 0, &outcome,
                           sizeof(outcome));
        pipeline_restore_outcome(r->worker->pipeline, &outcome);
    }
}

static void apply_intervals(struct recovery *r)
{
    FOR_EACH (struct samples_interval, row, r->loaded.intervals) {
        const struct restored_interval restored = {
            .strategy_id = row->strategy_id,
            .asset = row->asset,
            .model_version = row->model_version,
            .decided_at_ns = row->decided_at_ns,
            .interval = row->interval,
            .net_return = row->net_return,
        };
        journal_add_struct(r->worker->journal, JOURNAL_restore_interval, TIMESTAMP_NONE, 0,
                           &restored, sizeof(restored));
        pipeline_restore_interval(r->worker->pipeline, &restored);
    }
}

/* Bodies move into the outbox; what has expired meanwhile is marked by its first run. */
static void apply_pending(struct recovery *r)
{
    FOR_EACH (struct outgoing, signal, r->loaded.pending) {
        (void)outbox_put(r->worker->outbox, signal);
        signal->body = BUF_INIT(0);
    }
}

static void apply(struct recovery *r)
{
    log_info(
        "app", "recover", NULL, EV("state_loaded"),
        F_I64("migrations_applied", r->migrated.n_applied), F_STR("schema_at", r->migrated.newest),
        F_I64("pending_signals", r->loaded.pending.count),
        F_I64("open_decisions", r->loaded.open.count),
        F_I64("executions", r->loaded.executions.count), F_I64("candles", r->loaded.candles.count),
        F_I64("models", r->loaded.models.count), F_I64("outcomes", r->loaded.outcomes.count),
        F_I64("trainings_cancelled", r->loaded.n_cancelled), F_I64("folders_removed", r->n_removed),
        F_STR("note", r->error));
    r->error[0] = '\0';
    apply_trading(r);
    apply_training(r);
    apply_runs(r);
    apply_models(r);
    apply_rollouts(r);
    apply_outcomes(r);
    apply_intervals(r);
    apply_pending(r);
    loaded_deinit(&r->loaded);
    worker_on_recovered(r->worker);
}

/* ---- trying ---- */

static void on_worked(uv_work_t *work_request, int status);

static void on_timer(uv_timer_t *timer)
{
    struct recovery *r = timer->data;
    r->wall_ns = worker_wall_ns(r->worker);
    r->now_ns = worker_now_ns(r->worker);
    r->working = uv_queue_work(r->worker->loop, &r->work, work, on_worked) == 0;
}

static void on_worked(uv_work_t *work_request, int status)
{
    struct recovery *r = work_request->data;
    r->working = false;
    if (r->closing || status != 0) {
        loaded_deinit(&r->loaded);
        if (r->closing)
            recovery_close(r);
        return;
    }
    if (r->err == AL_OK) {
        apply(r);
        return;
    }
    loaded_deinit(&r->loaded);
    if (r->err == AL_EVERSION || r->err == AL_EVERIFY) {
        worker_fail(r->worker, "schema_refused", r->error);
        return;
    }
    log_at(r->retry_ms == RETRY_MIN_MS ? LOG_WARN : LOG_DEBUG, "app", "recover", NULL,
           EV("database_away"), F_STR("why", r->error));
    uv_timer_start(&r->timer, on_timer, r->retry_ms, 0);
    r->retry_ms = 2 * r->retry_ms < RETRY_MAX_MS ? 2 * r->retry_ms : RETRY_MAX_MS;
}

static void rows_init(struct loaded *loaded)
{
    loaded->pending.item_size = sizeof(struct outgoing);
    loaded->open.item_size = sizeof(struct decision);
    loaded->executions.item_size = sizeof(struct execution);
    loaded->orders.item_size = sizeof(struct order_state);
    loaded->costs.item_size = sizeof(struct execution_row);
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

static void want_interval(struct recovery *r, int64_t interval_ns, size_t n_candles)
{
    r->n_candles_each = n_candles > r->n_candles_each ? n_candles : r->n_candles_each;
    for (size_t i = 0; i < r->n_intervals; i++) {
        if (r->intervals_ns[i] == interval_ns)
            return;
    }
    if (r->n_intervals < COUNT_OF(r->intervals_ns))
        r->intervals_ns[r->n_intervals++] = interval_ns;
}

/* Candles of every asset at every timeframe a feature set uses, and minutes for volatility and volume. */
static void want_candles(struct recovery *r)
{
    struct worker *worker = r->worker;
    r->assets = calloc(ASSETS_MAX, sizeof(struct asset));
    assert(r->assets != NULL);
    want_interval(r, NS_PER_MIN, CANDLES_EACH_MAX);
    for (size_t i = 0; i < worker->n_strategies; i++) {
        const struct strategy_config *config = &worker->strategies[i];
        const struct feature_set *set =
            pipeline_feature_set(worker->pipeline, &config->strategy_id);
        for (size_t t = 0; t < set->n_timeframes; t++)
            want_interval(r, set->timeframes_ns[t],
                          feature_set_candles_wanted(set, set->timeframes_ns[t]));
        for (size_t a = 0; a < config->n_assets; a++) {
            bool known = false;
            for (size_t k = 0; k < r->n_assets && !known; k++)
                known = asset_eq(&r->assets[k], &config->assets[a]);
            if (!known && r->n_assets < ASSETS_MAX)
                r->assets[r->n_assets++] = config->assets[a];
        }
    }
}

enum al_err recovery_start(struct worker *worker, struct recovery **out)
{
    struct recovery *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return err_set(AL_ENOMEM, "recovery");
    r->worker = worker;
    r->retry_ms = RETRY_MIN_MS;
    r->options = worker_pg_options(worker, "recovery");
    r->work.data = r;
    r->timer.data = r;
    rows_init(&r->loaded);
    want_candles(r);
    uv_timer_init(worker->loop, &r->timer);
    uv_timer_start(&r->timer, on_timer, 0, 0);
    *out = r;
    return AL_OK;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct recovery *r = handle->data;
    loaded_deinit(&r->loaded);
    free(r->assets);
    free(r);
}

void recovery_close(struct recovery *r)
{
    if (r == NULL)
        return;
    r->closing = true;
    if (!r->working)
        uv_close((uv_handle_t *)&r->timer, on_timer_closed);
}

const char *recovery_error(const struct recovery *r)
{
    return r->error;
}
