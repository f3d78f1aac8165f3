#include "rollout_i.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/observe/log.h"
#include "alphaloop/store/model_versions.h"
#include "alphaloop/store/rollout_verdicts.h"

#include "activation_i.h"
#include "events_i.h"
#include "view_i.h"
#include "journal_i.h"
#include "rollout_honest_i.h"
#include "worker_i.h"

#define NUMBERS_BYTES_MAX 8192

/* ---- numbers and rows ---- */

static void write_verdict(struct json_writer *w, const struct rollout_step *step)
{
    const struct rollout_verdict *v = &step->verdict;
    json_m_number(w, "attempt", step->attempt);
    json_m_number(w, "level", v->level);
    json_m_number(w, "evidence_needed", 1 / v->level);
    json_m_number(w, "evidence_better", v->e_better);
    json_m_number(w, "evidence_worse", v->e_worse);
    json_m_number(w, "blocks", (double)v->n_blocks);
    json_m_number(w, "decisions", (double)v->n_decisions);
    json_m_number(w, "mean_difference", v->mean_d);
    json_m_number(w, "mean_utility", v->mean_u);
    json_m_number(w, "mean_utility_incumbent", v->mean_incumbent);
    json_m_number(w, "drawdown", v->drawdown);
    json_m_number(w, "drawdown_incumbent", v->drawdown_incumbent);
    json_m_number(w, "trades", (double)v->n_trades);
    json_m_number(w, "trades_incumbent", (double)v->n_trades_incumbent);
    json_m_number(w, "symbol_share", v->symbol_share);
    if (v->honesty.n == 0)
        return;
    json_m_number(w, "ece", v->honesty.ece);
    json_m_number(w, "ece_surely", v->honesty.ece_low);
    json_m_number(w, "interval_coverage", v->honesty.coverage);
    json_m_number(w, "interval_off_surely", v->honesty.coverage_off_low);
    json_m_number(w, "brier_skill", v->honesty.brier_skill);
}

static void write_numbers(struct buf *out, const struct rollout_step *step)
{
    struct json_writer w;
    if (step == NULL || step->to == ROLLOUT_expired)
        return;
    json_w_init(&w, out);
    json_w_object(&w);
    if (step->to == ROLLOUT_rolled_back) {
        json_m_number(&w, "cusum", step->cusum.level);
        json_m_number(&w, "cusum_threshold", step->cusum.threshold);
        json_m_number(&w, "blocks", (double)step->cusum.n);
    } else {
        write_verdict(&w, step);
    }
    json_w_end_object(&w);
}

/* Of a replayed market before its first message nothing is known: 0, which is before every decision. */
static int64_t decision_time_ns(struct worker *worker)
{
    bool seen = pipeline_newest_market_ns(worker->pipeline) != TIMESTAMP_NONE;
    return seen || worker->settings->clock == SETTING_CLOCK_WALL ? worker_now_ns(worker) : 0;
}

/* `step` NULL: no numbers. */
static void put_row(struct worker *worker,
                    struct pg_batch *batch,
                    struct rollout_verdict_row *row,
                    const struct rollout_step *step)
{
    struct buf numbers = BUF_INIT(NUMBERS_BYTES_MAX);
    write_numbers(&numbers, step);
    row->numbers = buf_slice(&numbers);
    row->n_blocks = step != NULL ? step->n_blocks : 0;
    row->at_ns = step != NULL ? step->at_ns : decision_time_ns(worker);
    row->created_at_ns = worker_wall_ns(worker);
    rollout_verdicts_insert(batch, row);
    buf_deinit(&numbers);
}

/* ---- who decides ---- */

static void put_record(struct worker *worker,
                       struct pg_batch *batch,
                       const struct strategy_id *strategy_id,
                       const struct rollout_record *record)
{
    struct rollout_verdict_row row = {
        .strategy_id = *strategy_id,
        .version = record->version,
        .stage = record->stage,
        .against = record->against,
        .why = slice_of(record->why),
        .verdict = slice_of(record->verdict),
    };
    put_row(worker, batch, &row, record->step);
}

void rollout_record(struct worker *worker,
                    struct pg_batch *batch,
                    const struct strategy_id *strategy_id,
                    const struct rollout_change *change)
{
    struct rollout_record records[2];
    size_t n = rollout_tell_change(change, pipeline_active_version(worker->pipeline, strategy_id),
                                   records);
    for (size_t i = 0; i < n; i++)
        put_record(worker, batch, strategy_id, &records[i]);
}

void rollout_stepped(struct worker *worker, const struct rollout_step *step, bool done)
{
    int64_t now_ns = step->at_ns; /* what a restart will find */
    journal_add_struct(worker->journal, JOURNAL_rollout_done, now_ns, done, step, sizeof(*step));
    learn_rollout_done(worker->pipeline, step, done, now_ns);
}

/* ---- challengers ---- */

/* What ended a challenger is told like a refusal of the offline gate. */
static void tell(struct worker *worker, const struct rollout_step *step)
{
    log_info("app", "gate", NULL, EV("rollout_step"), F_STR("strategy_id", step->strategy_id.text),
             F_STR("version", step->version.text), F_STR("from", rollout_stage_name(step->from)),
             F_STR("to", rollout_stage_name(step->to)), F_STR("why", step->verdict.text));
    if (rollout_is_shadow(step->to))
        return;
    struct json_writer *w = events_begin(worker->events, "model.rejected", step->strategy_id.text);
    json_m_str(w, "version", step->version.text);
    json_m_str(w, "reason", step->verdict.text);
    json_w_key(w, "verdict");
    json_w_null(w);
    events_send(worker->events);
}

struct challenger_move {
    struct worker *worker;
    struct rollout_step *step;
    struct pg_batch *batch;
};

static void move_end(struct challenger_move *move, bool done)
{
    if (done)
        tell(move->worker, move->step);
    rollout_stepped(move->worker, move->step, done);
    move->worker->n_activations--;
    pg_batch_destroy(move->batch);
    free(move->step);
    free(move);
}

static void on_moved(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct challenger_move *move = ctx;
    if (err != AL_OK)
        log_warn("app", "gate", NULL, EV("rollout_not_recorded"),
                 F_STR("version", move->step->version.text),
                 F_STR("why", failure != NULL ? failure->message : err_text()));
    move_end(move, err == AL_OK);
}

static void move_challenger(struct worker *worker, struct rollout_step *step)
{
    struct challenger_move *move = malloc(sizeof(*move));
    assert(move != NULL);
    *move = (struct challenger_move){worker, step, pg_batch_create(64 * 1024)};
    assert(move->batch != NULL);
    worker->n_activations++;
    struct rollout_record record;
    rollout_tell_move(step, &record);
    put_record(worker, move->batch, &step->strategy_id, &record);
    if (!rollout_is_shadow(step->to))
        model_versions_refuse_live(move->batch, &step->version, worker_wall_ns(worker));
    struct pg_job job = {.on_done = on_moved, .ctx = move};
    if (pg_client_run(worker->writer, move->batch, &job) != AL_OK)
        move_end(move, false);
}

static void move(struct worker *worker, struct rollout_step *step)
{
    if (rollout_is_change(step))
        activation_step(worker, step);
    else
        move_challenger(worker, step);
}

/* Up to more decisions only goes a version that has kept its word. */
static void on_asked(struct worker *worker, struct rollout_step *step, bool may_step)
{
    if (may_step) {
        move(worker, step);
        return;
    }
    log_info("app", "gate", NULL, EV("rollout_waits"), F_STR("strategy_id", step->strategy_id.text),
             F_STR("version", step->version.text), F_STR("stage", rollout_stage_name(step->from)),
             F_STR("why", step->verdict.text));
    rollout_stepped(worker, step, false);
    free(step);
}

void rollout_perform(struct worker *worker, struct rollout_step *step)
{
    step->at_ns = decision_time_ns(worker);
    if (rollout_must_ask(step))
        rollout_ask_honesty(worker, step, on_asked);
    else
        move(worker, step);
}

void rollout_shadow(struct worker *worker,
                    const struct strategy_id *strategy_id,
                    struct scorer *scorer,
                    uint32_t attempt)
{
    const struct rollout_start start = {
        .stage = ROLLOUT_shadow, .attempt = attempt, .stage_since_ns = decision_time_ns(worker)};
    struct model_version_id version = scorer_manifest(scorer)->version;
    struct rollout_step *leaves = calloc(1, sizeof(*leaves));
    assert(leaves != NULL);
    journal_add_shadow(worker->journal, strategy_id, scorer, &start);
    bool has_left = rollout_begin_shadow(worker->pipeline, strategy_id, scorer, &start, leaves);
    log_info("app", "gate", NULL, EV("shadow_begun"), F_STR("strategy_id", strategy_id->text),
             F_STR("version", version.text), F_STR("ousted", has_left ? leaves->version.text : ""));
    if (has_left)
        move_challenger(worker, leaves);
    else
        free(leaves);
}
