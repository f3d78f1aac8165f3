/* One FIFO of rows; the first `n_batch` are being written. A batch gathers its rows by kind, because one statement with
 * arrays writes a hundred rows for the price of a few. */
#include "ledger_i.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/backoff.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/observe/log.h"
#include "alphaloop/observe/metric.h"
#include "alphaloop/store/abstentions.h"
#include "alphaloop/store/candles.h"
#include "alphaloop/store/order_outcomes.h"
#include "alphaloop/store/position_states.h"
#include "alphaloop/store/samples.h"
#include "alphaloop/store/shadow_scores.h"
#include "alphaloop/store/trading_signals.h"

#include "outbox_i.h"
#include "worker_i.h"

#define BATCH_ROWS_MAX  512
#define BATCH_BYTES_MAX (16U << 20)
#define PAUSE_AT        (LEDGER_ROWS_MAX / 2)
#define BACKOFF_MIN_NS  (50 * NS_PER_MS)
#define BACKOFF_MAX_NS  (2 * NS_PER_S)

struct row {
    bool is_mark;
    struct effect effect; /* not a mark */
    struct uuid signal_id;
    enum ledger_mark mark;
    int64_t wall_ns;
};

/* Rows of one batch by kind, borrowing from the FIFO. */
struct gathered {
    struct decision_row signals[BATCH_ROWS_MAX], abstentions[BATCH_ROWS_MAX];
    struct sample *samples; /* BATCH_ROWS_MAX: copies, 1.5 kB each */
    struct candle_row candles[BATCH_ROWS_MAX];
    struct position_state positions[BATCH_ROWS_MAX];
    struct order_outcome orders[BATCH_ROWS_MAX];
    struct uuid published[BATCH_ROWS_MAX], expired[BATCH_ROWS_MAX], dropped[BATCH_ROWS_MAX];
    enum reason drop_reasons[BATCH_ROWS_MAX];
    const struct shadow_scores *scores[BATCH_ROWS_MAX];
    size_t n_scores;
    size_t n_signals, n_abstentions, n_samples, n_candles, n_positions, n_orders, n_published,
        n_expired, n_dropped;
};

struct ledger {
    struct worker *worker;
    struct row *rows; /* ring of LEDGER_ROWS_MAX */
    size_t first, count;
    size_t n_batch;      /* being written; 0: nothing is */
    size_t n_one_by_one; /* so many of the first go alone */
    struct gathered *gathered;
    struct pg_batch *batch;
    int64_t retry_at_wall_ns, backoff_ns;
};

enum al_err ledger_create(struct worker *worker, struct ledger **out)
{
    struct ledger *ledger = calloc(1, sizeof(*ledger));
    if (ledger == NULL)
        return err_set(AL_ENOMEM, "ledger");
    ledger->worker = worker;
    ledger->rows = calloc(LEDGER_ROWS_MAX, sizeof(struct row));
    ledger->gathered = calloc(1, sizeof(*ledger->gathered));
    ledger->batch = pg_batch_create(BATCH_BYTES_MAX);
    if (ledger->gathered != NULL)
        ledger->gathered->samples = calloc(BATCH_ROWS_MAX, sizeof(struct sample));
    if (ledger->rows == NULL || ledger->batch == NULL || ledger->gathered == NULL ||
        ledger->gathered->samples == NULL) {
        ledger_destroy(ledger);
        return err_set(AL_ENOMEM, "ledger");
    }
    *out = ledger;
    return AL_OK;
}

static struct row *row_at(struct ledger *ledger, size_t index)
{
    return &ledger->rows[(ledger->first + index) % LEDGER_ROWS_MAX];
}

static void row_deinit(struct row *row)
{
    if (!row->is_mark)
        effect_deinit(&row->effect);
}

void ledger_destroy(struct ledger *ledger)
{
    if (ledger == NULL)
        return;
    for (size_t i = 0; ledger->rows != NULL && i < ledger->count; i++)
        row_deinit(row_at(ledger, i));
    if (ledger->gathered != NULL)
        free(ledger->gathered->samples);
    free(ledger->gathered);
    pg_batch_destroy(ledger->batch);
    free(ledger->rows);
    free(ledger);
}

/* ---- taking rows ---- */

static const char *kind_of(const struct row *row)
{
    return row->is_mark ? "mark_signal" : effect_name(row->effect.kind);
}

/* Deciding pauses at half the bound, so only marks, samples, candles and positions can reach it, after the database was
 * away for very long. What is dropped then is settled, expired or reported again after the next start; candles are lost. */
static void put(struct ledger *ledger, struct row *row)
{
    if (ledger->count == LEDGER_ROWS_MAX) {
        metric_add(METRIC_ledger_rows_refused_total, 1, kind_of(row), NULL);
        row_deinit(row);
        return;
    }
    *row_at(ledger, ledger->count++) = *row;
    metric_set(METRIC_ledger_rows_waiting, (double)ledger->count, NULL, NULL);
}

void ledger_put(struct ledger *ledger, const struct effect *effect)
{
    struct row row = {.effect = *effect};
    put(ledger, &row);
}

void ledger_mark(struct ledger *ledger,
                 struct uuid signal_id,
                 enum ledger_mark mark,
                 int64_t wall_ns)
{
    struct row row = {.is_mark = true, .signal_id = signal_id, .mark = mark, .wall_ns = wall_ns};
    put(ledger, &row);
}

size_t ledger_count(const struct ledger *ledger)
{
    return ledger->count;
}

bool ledger_is_full(const struct ledger *ledger)
{
    return ledger->count >= PAUSE_AT;
}

/* ---- one batch ---- */

static struct position_state position_state_of(const struct position_track *track)
{
    return (struct position_state){
        .update = track->last,
        .peak_pnl_pct = track->peak_pnl_pct,
        .partial_taken = track->partial_done,
        .opened_ns = track->opened_ns,
        .last_exit_ns = track->last_exit_ns,
    };
}

/* A statement takes each row once: the newest of two stands. */
static void gather_sample(struct gathered *g, const struct sample *sample)
{
    size_t i = 0;
    while (i < g->n_samples && !(uuid_eq(g->samples[i].decision_id, sample->decision_id) &&
                                 g->samples[i].action == sample->action))
        i++;
    g->samples[i] = *sample;
    g->n_samples += i == g->n_samples;
}

static void gather_effect(struct gathered *g, const struct effect *effect)
{
    switch (effect->kind) {
    case EFFECT_store_decision:
        if (effect->decision->side == SIDE_NONE)
            g->abstentions[g->n_abstentions++] =
                (struct decision_row){.decision = effect->decision};
        else
            g->signals[g->n_signals++] =
                (struct decision_row){effect->decision, buf_slice(&effect->body)};
        break;
    case EFFECT_store_sample:
        gather_sample(g, effect->sample);
        break;
    case EFFECT_store_candle:
        g->candles[g->n_candles++] =
            (struct candle_row){effect->candle.asset, effect->candle.candle, .is_made = true};
        break;
    case EFFECT_store_position:
        g->positions[g->n_positions++] = position_state_of(effect->position);
        break;
    case EFFECT_store_order_outcome:
        g->orders[g->n_orders++] = *effect->order;
        break;
    case EFFECT_drop_decision:
        g->dropped[g->n_dropped] = effect->drop.decision_id;
        g->drop_reasons[g->n_dropped++] = effect->drop.reason;
        break;
    case EFFECT_store_scores:
        g->scores[g->n_scores++] = effect->scores;
        break;
    case EFFECT_start_training:
    case EFFECT_rollout_step:
    case EFFECT_KIND_COUNT:
        abort(); /* no rows */
    }
}

static void gather(struct gathered *g, const struct row *row)
{
    if (!row->is_mark)
        gather_effect(g, &row->effect);
    else if (row->mark == LEDGER_PUBLISHED)
        g->published[g->n_published++] = row->signal_id;
    else
        g->expired[g->n_expired++] = row->signal_id;
}

static void gathered_reset(struct gathered *g)
{
    g->n_signals = g->n_abstentions = g->n_samples = g->n_candles = 0;
    g->n_positions = g->n_orders = g->n_published = g->n_expired = g->n_dropped = 0;
    g->n_scores = 0;
}

/* Each position once in a batch: the newest stands. */
static void keep_newest_positions(struct gathered *g)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n_positions; i++) {
        bool newer = false;
        for (size_t k = i + 1; k < g->n_positions && !newer; k++)
            newer =
                strcmp(g->positions[k].update.position_id, g->positions[i].update.position_id) == 0;
        if (!newer)
            g->positions[n++] = g->positions[i];
    }
    g->n_positions = n;
}

static void write_statements(struct ledger *ledger)
{
    struct gathered *g = ledger->gathered;
    if (g->n_signals > 0)
        trading_signals_insert(ledger->batch, g->signals, g->n_signals);
    if (g->n_abstentions > 0)
        abstentions_insert(ledger->batch, g->abstentions, g->n_abstentions);
    if (g->n_samples > 0)
        samples_insert(ledger->batch, g->samples, g->n_samples);
    if (g->n_dropped > 0)
        decisions_settle(ledger->batch, g->dropped, g->drop_reasons, g->n_dropped);
    if (g->n_scores > 0)
        shadow_scores_insert(ledger->batch, g->scores, g->n_scores);
    if (g->n_candles > 0)
        candles_upsert(ledger->batch, g->candles, g->n_candles);
    keep_newest_positions(g);
    if (g->n_positions > 0)
        position_states_upsert(ledger->batch, g->positions, g->n_positions);
    if (g->n_orders > 0)
        order_outcomes_upsert(ledger->batch, g->orders, g->n_orders);
    if (g->n_published > 0)
        trading_signals_mark_published(ledger->batch, g->published, g->n_published,
                                       worker_wall_ns(ledger->worker));
    if (g->n_expired > 0)
        trading_signals_mark_expired(ledger->batch, g->expired, g->n_expired);
}

/* ---- its end ---- */

static void send_signal(struct ledger *ledger, struct effect *effect)
{
    const struct decision *decision = effect->decision;
    struct outgoing signal = {
        .signal_id = decision->decision_id,
        .decided_at_ns = decision->decided_at_ns,
        .expires_at_ns = decision->expires_at_ns,
        .trace_id = decision->trace_id,
        .body = effect->body,
    };
    memcpy(signal.traceparent, decision->traceparent, sizeof(signal.traceparent));
    effect->body = BUF_INIT(0);
    if (!outbox_put(ledger->worker->outbox, &signal))
        log_warn("app", "publish", decision->trace_id.text, EV("outbox_full"));
}

static void row_done(struct ledger *ledger, struct row *row)
{
    metric_add(METRIC_ledger_rows_total, 1, kind_of(row), NULL);
    if (!row->is_mark && row->effect.kind == EFFECT_store_decision &&
        row->effect.decision->side != SIDE_NONE)
        send_signal(ledger, &row->effect);
    row_deinit(row);
}

static void pop(struct ledger *ledger, size_t n)
{
    ledger->first = (ledger->first + n) % LEDGER_ROWS_MAX;
    ledger->count -= n;
    ledger->n_one_by_one -= n < ledger->n_one_by_one ? n : ledger->n_one_by_one;
    metric_set(METRIC_ledger_rows_waiting, (double)ledger->count, NULL, NULL);
}

static void committed(struct ledger *ledger)
{
    size_t n = ledger->n_batch;
    ledger->n_batch = 0;
    ledger->backoff_ns = 0;
    for (size_t i = 0; i < n; i++) {
        struct row row = *row_at(ledger, i);
        row_done(ledger, &row);
        memset(row_at(ledger, i), 0, sizeof(row));
    }
    pop(ledger, n);
}

static void refused(struct ledger *ledger, const struct pg_failure *failure)
{
    struct row *row = row_at(ledger, 0);
    log_error("app", "publish", NULL, EV("database_refused_rows"), F_I64("n", ledger->n_batch),
              F_STR("kind", kind_of(row)),
              F_STR("statement", failure != NULL ? failure->statement : ""),
              F_STR("sqlstate", failure != NULL ? failure->sqlstate : ""),
              F_STR("why", failure != NULL ? failure->message : err_text()));
    if (ledger->n_batch > 1) {
        ledger->n_one_by_one = ledger->n_batch;
        return;
    }
    metric_add(METRIC_ledger_rows_refused_total, 1, kind_of(row), NULL);
    row_deinit(row);
    pop(ledger, 1);
}

static void try_later(struct ledger *ledger)
{
    ledger->backoff_ns = backoff_next(ledger->backoff_ns, BACKOFF_MIN_NS, BACKOFF_MAX_NS);
    ledger->retry_at_wall_ns = worker_wall_ns(ledger->worker) + ledger->backoff_ns;
}

static void on_done(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct ledger *ledger = ctx;
    if (err == AL_OK) {
        committed(ledger);
    } else {
        if (err == AL_EFULL || (err == AL_EDB && !failure->retry))
            refused(ledger, failure);
        else
            try_later(ledger);
        ledger->n_batch = 0;
    }
    worker_after_ledger(ledger->worker);
}

void ledger_run(struct ledger *ledger)
{
    struct worker *worker = ledger->worker;
    if (ledger->count == 0 || ledger->n_batch > 0 || !pg_client_is_ready(worker->writer))
        return;
    if (ledger->backoff_ns > 0 && worker_wall_ns(worker) < ledger->retry_at_wall_ns)
        return;
    size_t n = ledger->count < BATCH_ROWS_MAX ? ledger->count : BATCH_ROWS_MAX;
    if (ledger->n_one_by_one > 0)
        n = 1;
    pg_batch_reset(ledger->batch);
    gathered_reset(ledger->gathered);
    for (size_t i = 0; i < n; i++)
        gather(ledger->gathered, row_at(ledger, i));
    write_statements(ledger);
    struct pg_job job = {.on_done = on_done, .ctx = ledger};
    if (pg_client_run(worker->writer, ledger->batch, &job) == AL_OK)
        ledger->n_batch = n;
    else
        try_later(ledger);
}
