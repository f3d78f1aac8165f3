/* The two steps of a flight. What the second half of a batch needs of the first (states, ids) is held in the flight, because
 * the first half's rows are still on their way when the second half is looked at. */
#include "flight_i.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/observe/metric.h"
#include "alphaloop/store/execution_events.h"
#include "alphaloop/store/order_events.h"
#include "alphaloop/store/orders_seen.h"
#include "alphaloop/store/quarantine.h"
#include "alphaloop/store/samples.h"
#include "alphaloop/store/trading_signals.h"

#define N_HALVES        2
#define HALF_MIN        64          /* less is not worth two statements */
#define BATCH_BYTES_MAX (16U << 20) /* parameters of one transaction */

/* An order as it was locked, then as the batch changes it. */
struct held_state {
    struct order_state state;
    bool in_table; /* or will be, by what was sent */
    bool changed;  /* and not sent yet */
};

/* ---- step 1: new events in, states and signals out ---- */

struct half {
    size_t begin, end; /* entries */
};

static struct half half_of(const struct flight *flight, size_t index)
{
    size_t size = flight->n / flight->n_halves;
    bool is_last = index + 1 == flight->n_halves;
    return (struct half){index * size, is_last ? flight->n : (index + 1) * size};
}

/* Redelivered and doubly sent events may meet in one batch. */
static bool is_first(struct flight *flight, const struct uuid *event_id)
{
    if (map_get(&flight->new_ids, event_id) != NULL)
        return false;
    enum al_err err = map_put(&flight->new_ids, event_id, flight);
    assert(err == AL_OK);
    return true;
}

static void write_lookups(struct flight *flight)
{
    struct order_id *orders = flight->order_ids;
    struct uuid *signals = flight->signal_ids;
    size_t n = 0;
    for (size_t i = 0; i < flight->n; i++) {
        struct entry *entry = &flight->entries[i];
        const struct order_event *event = &entry->item->event;
        entry->is_sent = entry->item->valid && is_first(flight, &event->event_id);
        if (!entry->is_sent)
            continue;
        orders[n] = event->order_id;
        signals[n++] = event->signal_id;
    }
    map_clear(&flight->new_ids); /* the database says which of them are */
    flight->i_states = flight->i_signals = SIZE_MAX;
    if (n == 0)
        return;
    flight->i_states = pg_batch_n_statements(flight->batch);
    orders_seen_lock(flight->batch, orders, n);
    flight->i_signals = pg_batch_n_statements(flight->batch);
    trading_signals_match(flight->batch, signals, n);
}

static void write_events(struct flight *flight, size_t index)
{
    struct half half = half_of(flight, index);
    struct order_event_row *rows = flight->event_rows;
    size_t n = 0;
    for (size_t i = half.begin; i < half.end; i++) {
        const struct item *item = flight->entries[i].item;
        if (flight->entries[i].is_sent)
            rows[n++] = (struct order_event_row){&item->event, buf_slice(&item->body)};
    }
    flight->i_events[index] = n > 0 ? pg_batch_n_statements(flight->batch) : SIZE_MAX;
    if (n > 0)
        order_events_insert(flight->batch, rows, n);
}

static void write_step_1(struct flight *flight)
{
    write_lookups(flight);
    write_events(flight, 0);
    if (flight->n_halves == 1)
        return;
    pg_batch_cut(flight->batch);
    write_events(flight, 1);
}

static struct held_state *hold_state(struct flight *flight)
{
    struct held_state *held = &flight->states[flight->n_states++];
    held->in_table = held->changed = false;
    return held;
}

/* The statements of step 2 answer with no rows. */
static void on_result(void *ctx, size_t index, const struct pg_result *result)
{
    struct flight *flight = ctx;
    size_t n_rows = pg_result_n_rows(result);
    for (size_t row = 0; row < n_rows && flight->read_error == AL_OK; row++) {
        if (index == flight->i_events[0] || index == flight->i_events[1]) {
            struct uuid id = order_events_new_id(result, row);
            flight->read_error = map_put(&flight->new_ids, &id, flight);
        } else if (index == flight->i_states) {
            struct held_state *held = hold_state(flight);
            held->in_table = true;
            flight->read_error = orders_seen_read(result, row, &held->state);
            if (flight->read_error == AL_OK)
                flight->read_error = map_put(&flight->state_of, &held->state.order_id, held);
        } else if (index == flight->i_signals) {
            struct signal_match *match = &flight->matches[flight->n_matches++];
            flight->read_error = trading_signals_read_match(result, row, match);
            if (flight->read_error == AL_OK)
                flight->read_error = map_put(&flight->match_of, &match->signal_id, match);
        }
    }
}

/* ---- step 2: what each new event adds ---- */

static struct held_state *state_of(struct flight *flight, const struct order_event *event)
{
    struct held_state *held = map_get(&flight->state_of, &event->order_id);
    if (held != NULL)
        return held;
    held = hold_state(flight);
    held->state = (struct order_state){.order_id = event->order_id};
    enum al_err err = map_put(&flight->state_of, &event->order_id, held);
    assert(err == AL_OK);
    return held;
}

/* Each new event once, in order of arrival. */
static void apply_new(struct flight *flight, struct half half)
{
    for (size_t i = half.begin; i < half.end; i++) {
        struct entry *entry = &flight->entries[i];
        const struct order_event *event = &entry->item->event;
        entry->is_new = entry->is_sent && map_remove(&flight->new_ids, &event->event_id) != NULL;
        if (!entry->is_new)
            continue;
        struct held_state *held = state_of(flight, event);
        bool conflict = false;
        entry->matched = map_get(&flight->match_of, &event->signal_id) != NULL;
        entry->executed = order_state_apply(&held->state, event, &entry->execution, &conflict);
        entry->state = held->state;
        held->changed = true;
        if (conflict)
            metric_add(METRIC_order_events_total, 1, "conflict", NULL);
    }
}

/* To order_state_apply() an order exists from its first event on; to the table it does from its first row on. */
static void write_states(struct flight *flight, struct pg_batch *batch)
{
    struct order_state *states = flight->state_rows;
    size_t n = 0;
    for (size_t i = 0; i < flight->n_states; i++) {
        struct held_state *held = &flight->states[i];
        if (!held->changed)
            continue;
        states[n] = held->state;
        states[n++].exists = held->in_table;
        held->in_table = true;
        held->changed = false;
    }
    if (n > 0)
        orders_seen_write(batch, states, n);
}

static struct execution_row execution_row_of(struct flight *flight, const struct entry *entry)
{
    const struct signal_match *match = map_get(&flight->match_of, &entry->execution.signal_id);
    struct execution_row row = {
        .execution = entry->execution, .signal_price = NAN, .signal_ts_ns = TIMESTAMP_NONE};
    if (match != NULL) {
        row.strategy_id = match->strategy_id;
        row.signal_price = match->price;
        row.signal_ts_ns = match->decided_at_ns;
    } else {
        row.signal_price = entry->item->event.claimed_signal_price;
        row.signal_ts_ns = entry->item->event.claimed_signal_ts_ns;
    }
    row.performance = buf_slice(&entry->item->performance);
    return row;
}

static void write_executions(struct flight *flight, struct half half, struct pg_batch *batch)
{
    struct execution_row *rows = flight->execution_rows;
    size_t n = 0;
    for (size_t i = half.begin; i < half.end; i++) {
        const struct entry *entry = &flight->entries[i];
        if (entry->is_new && entry->executed)
            rows[n++] = execution_row_of(flight, entry);
    }
    if (n > 0)
        execution_events_insert(batch, rows, n);
}

/* A fill whose decision was settled before it: its sample says so, from the same transaction on, until it is made again. */
static void write_late(struct flight *flight, struct half half, struct pg_batch *batch)
{
    size_t n = 0;
    for (size_t i = half.begin; i < half.end; i++) {
        const struct entry *entry = &flight->entries[i];
        const struct signal_match *match = map_get(&flight->match_of, &entry->execution.signal_id);
        if (!entry->is_new || !entry->executed || match == NULL || !match->is_settled)
            continue;
        flight->signal_ids[n] = match->signal_id;
        flight->sides[n++] = match->side;
    }
    if (n == 0)
        return;
    metric_add(METRIC_late_fills_total, (double)n, NULL, NULL);
    samples_mark_stale(batch, flight->signal_ids, flight->sides, n);
}

static void write_quarantine(struct flight *flight, struct half half, struct pg_batch *batch)
{
    struct quarantine_row *rows = flight->quarantine_rows;
    size_t n = 0;
    for (size_t i = half.begin; i < half.end; i++) {
        const struct item *item = flight->entries[i].item;
        if (item->valid)
            continue;
        rows[n++] = (struct quarantine_row){
            .received_at_ns = item->ts_recv_ns,
            .queue = slice_of(flight->queue),
            .reason = item->refusal.reason,
            .field = slice_of(item->refusal.field),
            .detail = slice_of(item->refusal.detail),
            .body = buf_slice(&item->body),
            .headers = buf_slice(&item->headers),
        };
    }
    if (n > 0)
        quarantine_insert(batch, rows, n);
}

static enum pg_next on_step(void *ctx, struct pg_batch *batch)
{
    struct flight *flight = ctx;
    if (flight->given_up || flight->read_error != AL_OK)
        return PG_ROLLBACK;
    struct half half = half_of(flight, flight->n_inserted++);
    apply_new(flight, half);
    write_states(flight, batch);
    write_executions(flight, half, batch);
    write_late(flight, half, batch);
    write_quarantine(flight, half, batch);
    return flight->n_inserted == flight->n_halves ? PG_COMMIT : PG_MORE;
}

/* ---- the transaction ---- */

static void on_done(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct flight *flight = ctx;
    flight->on_done(flight->ctx, flight, err, failure);
}

enum al_err flight_begin(struct flight *flight, struct pg_client *writer)
{
    struct pg_job job = {
        .on_result = on_result, .on_step = on_step, .on_done = on_done, .ctx = flight};
    flight->n_halves = flight->n >= N_HALVES * HALF_MIN ? N_HALVES : 1;
    flight->i_events[1] = SIZE_MAX;
    write_step_1(flight);
    return pg_client_run(writer, flight->batch, &job);
}

void flight_add(struct flight *flight, struct item *item)
{
    assert(flight->n < flight->n_max);
    flight->entries[flight->n++] = (struct entry){.item = item};
}

void flight_reset(struct flight *flight)
{
    pg_batch_reset(flight->batch);
    map_clear(&flight->state_of);
    map_clear(&flight->match_of);
    map_clear(&flight->new_ids);
    flight->n = flight->n_states = flight->n_matches = flight->n_inserted = 0;
    flight->read_error = AL_OK;
    flight->given_up = false;
}

/* ---- life ---- */

enum al_err flight_init(struct flight *flight, size_t n_max, const char *queue)
{
    *flight = (struct flight){
        .entries = calloc(n_max, sizeof(struct entry)),
        .n_max = n_max,
        .queue = queue,
        .batch = pg_batch_create(BATCH_BYTES_MAX),
        .states = calloc(n_max, sizeof(struct held_state)),
        .matches = calloc(n_max, sizeof(struct signal_match)),
        .order_ids = calloc(n_max, sizeof(struct order_id)),
        .signal_ids = calloc(n_max, sizeof(struct uuid)),
        .sides = calloc(n_max, sizeof(enum side)),
        .event_rows = calloc(n_max, sizeof(struct order_event_row)),
        .state_rows = calloc(n_max, sizeof(struct order_state)),
        .execution_rows = calloc(n_max, sizeof(struct execution_row)),
        .quarantine_rows = calloc(n_max, sizeof(struct quarantine_row)),
    };
    map_init(&flight->state_of, sizeof(struct order_id), n_max);
    map_init(&flight->match_of, sizeof(struct uuid), n_max);
    map_init(&flight->new_ids, sizeof(struct uuid), n_max);
    bool ok = flight->entries != NULL && flight->batch != NULL && flight->states != NULL &&
              flight->matches != NULL && flight->order_ids != NULL && flight->signal_ids != NULL &&
              flight->sides != NULL && flight->event_rows != NULL && flight->state_rows != NULL &&
              flight->execution_rows != NULL && flight->quarantine_rows != NULL;
    return ok ? AL_OK : err_set(AL_ENOMEM, "a batch of %zu order events", n_max);
}

void flight_deinit(struct flight *flight)
{
    pg_batch_destroy(flight->batch);
    map_deinit(&flight->state_of);
    map_deinit(&flight->match_of);
    map_deinit(&flight->new_ids);
    free(flight->entries);
    free(flight->states);
    free(flight->matches);
    free(flight->order_ids);
    free(flight->signal_ids);
    free(flight->sides);
    free(flight->event_rows);
    free(flight->state_rows);
    free(flight->execution_rows);
    free(flight->quarantine_rows);
}
