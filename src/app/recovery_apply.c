/* Applying what was loaded, in the order in which the core needs it: decisions before executions, models before what is held
 * against them. Each door of the core is recorded before it is gone
 * through (journal_i.h). */
#include "recovery_parts_i.h"

#include <string.h>

#include "alphaloop/observe/log.h"

#include "journal_i.h"
#include "training_i.h"
#include "view_i.h"

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
    FOR_EACH (struct samples_fills, row, r->loaded.fills) {
        const struct restored_fills fills = {row->asset, row->n_orders, row->mean_fraction};
        journal_add_struct(journal, JOURNAL_restore_fills, TIMESTAMP_NONE, 0, &fills,
                           sizeof(fills));
        pipeline_restore_fills(pipeline, &fills);
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

void recovery_apply(struct recovery *r)
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
