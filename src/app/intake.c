/* Order events in. One FIFO of raw messages; its first `n_batch` are the batch whose transaction runs.
 *
 * A message is understood when it arrives, while the transaction before it runs, and the next transaction begins before the
 * core hears of the last: neither the database nor the loop waits for the other, and no turn of the loop is long.
 *
 * The two steps of the transaction:
 *   1  insert new events (ids that are there already come back as not new), lock the orders' states, look up the signals,
 *      put what cannot be read into quarantine
 *   2  what each new event adds, computed here by order_state_apply(): states and executions
 *
 * Whatever fails before the commit leaves the batch where it is, to be tried again: with backoff when the database is away,
 * one by one when it refused (the event it refuses alone is quarantined as `database_refused`). After a lost COMMIT nobody
 * knows; the batch simply runs again, and events that are there already change nothing.
 */
#include "intake_i.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/map.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/observe/log.h"
#include "alphaloop/observe/metric.h"
#include "alphaloop/store/execution_events.h"
#include "alphaloop/store/order_events.h"
#include "alphaloop/store/orders_seen.h"
#include "alphaloop/store/quarantine.h"
#include "alphaloop/store/trading_signals.h"

#include "view_i.h"
#include "worker_i.h"

#define BATCH_BYTES_MAX   (16U << 20) /* parameters of one transaction */
#define BODIES_BYTES_MAX  (4U << 20)  /* bodies in one batch, but for a single larger one */
#define HEADERS_BYTES_MAX (1U << 20)  /* as JSON: all of a frame of 128 KiB, escaped */
#define SPARES_MAX        1024
#define SPARE_BYTES_MAX   4096
#define BACKOFF_MIN_NS    (50 * NS_PER_MS)
#define BACKOFF_MAX_NS    (2 * NS_PER_S)

/* One message, as it came and as it was understood. */
struct item {
    struct amqp_tag tag; /* number 0: not from the broker */
    int64_t ts_recv_ns;
    uint64_t body_size;       /* as sent; `body` may be only the beginning */
    struct buf body, headers; /* headers as JSON; empty when they could not be kept */
    struct trace_id trace_id;
    bool valid;
    struct order_event event;           /* when valid; borrows nothing */
    struct buf performance;             /* the event's own, as JSON; empty when it has none */
    struct order_event_refusal refusal; /* when not valid */
};

/* What a transaction learns about one message. */
struct entry {
    struct item *item;
    bool is_new;              /* not seen before this transaction */
    bool matched;             /* it answers a signal of ours */
    struct order_state state; /* after the event */
    struct execution execution;
    bool executed;
};

struct intake {
    struct worker *worker;
    struct amqp_consumer *consumer;
    struct json_reader *reader;
    struct item *items; /* ring */
    size_t first, count, cap;
    size_t n_batch;        /* in the running transaction; 0: none runs */
    size_t n_one_by_one;   /* so many of the first go alone */
    struct entry *entries; /* batch_max of them, of the running transaction */
    struct entry *told;    /* as many: of the committed one that the core is being told of */
    size_t batch_max;
    struct pg_batch *batch;
    size_t i_events, i_states, i_signals; /* statements of step 1; SIZE_MAX: not there */
    struct order_state *states;           /* of the batch's orders, as locked, then as changed */
    size_t n_states;
    struct signal_match *matches; /* signals of ours that the batch answers */
    size_t n_matches;
    struct map state_of, match_of,
        new_ids; /* keys to the arrays above; event ids not seen before */
    struct execution_row *executions;
    struct order_event_row
        *rows; /* of the valid entries, with their ids beside them: what step 1 sends */
    struct order_id *order_ids;
    struct uuid *signal_ids;
    struct buf spares[SPARES_MAX]; /* memory of bodies that are gone, for those to come */
    size_t n_spares;
    uint64_t generation; /* of the channel the newest item came on */
    int64_t last_at_ns, due_wall_ns, backoff_ns, wait_ns;
    uint64_t n_quarantined;
    bool is_full; /* the consumer pauses for want of room */
    bool stopped;
    enum al_err read_error; /* of a result of this transaction */
    uv_timer_t timer;
};

/* ---- taking in ---- */

/* Each large allocation has malloc tidy up all the small ones given back before it. */
static struct buf body_new(struct intake *intake)
{
    return intake->n_spares > 0 ? intake->spares[--intake->n_spares] : BUF_INIT(AMQP_BODY_KEEP_MAX);
}

static void body_give_back(struct intake *intake, struct buf *body)
{
    if (body->cap > SPARE_BYTES_MAX || intake->n_spares == SPARES_MAX) {
        buf_deinit(body);
        return;
    }
    buf_reset(body);
    intake->spares[intake->n_spares++] = *body;
    *body = BUF_INIT(AMQP_BODY_KEEP_MAX);
}

static void item_deinit(struct intake *intake, struct item *item)
{
    body_give_back(intake, &item->body);
    buf_deinit(&item->headers);
    buf_deinit(&item->performance);
}

static struct item *item_at(struct intake *intake, size_t index)
{
    return &intake->items[(intake->first + index) % intake->cap];
}

/* Items of a channel that is gone will be delivered again: those not in a running transaction are forgotten. */
static void forget_stale(struct intake *intake)
{
    while (intake->count > intake->n_batch)
        item_deinit(intake, item_at(intake, --intake->count));
}

/* ---- understanding ---- */

/* Of the document only `performance` is kept, as text: a tree for each waiting message would be most of our memory. */
static void item_read(struct intake *intake, struct item *item)
{
    int64_t now_ns = worker_now_ns(intake->worker);
    /* A replayed market may run ahead of the wall; what is "later than now" is judged by the later of the two clocks. */
    int64_t limit_ns = item->ts_recv_ns > now_ns ? item->ts_recv_ns : now_ns;
    struct order_event *event = &item->event;
    struct json_object *doc;
    item->valid =
        order_event_parse(intake->reader, buf_slice(&item->body), slice_of(item->trace_id.text),
                          limit_ns, event, &doc, &item->refusal);
    if (item->body_size > item->body.len)
        snprintf(item->refusal.detail, sizeof(item->refusal.detail),
                 "%" PRIu64 " bytes, at most %d are read; the first %zu are kept", item->body_size,
                 JSON_BYTES_MAX, item->body.len);
    if (!item->valid)
        return;
    if (event->performance != NULL) {
        struct slice text = json_serialized(event->performance);
        item->performance = BUF_INIT(text.len);
        buf_append(&item->performance, text.ptr, text.len);
    }
    event->performance = NULL;
    event->rejection_reason = (struct slice){"", 0};
    json_put(doc);
}

static void on_timer(uv_timer_t *timer);

/* A slot at the end of the queue; there is room. */
static struct item *item_add(struct intake *intake, struct slice body, uint64_t body_size)
{
    assert(intake->count < intake->cap);
    struct item *item = item_at(intake, intake->count++);
    *item = (struct item){
        .ts_recv_ns = worker_wall_ns(intake->worker),
        .body_size = body_size,
        .body = body_new(intake),
        .headers = BUF_INIT(HEADERS_BYTES_MAX),
    };
    buf_append(&item->body, body.ptr, body.len);
    /* To leave it out would lose it: a later acknowledgement covers all before it. */
    assert(buf_ok(&item->body));
    return item;
}

/* A subscription that begins again is given its prefetch again, on top of what waits: too much if that happens often while
 * the database is away. Then it pauses until something was committed. */
static void give_back(struct intake *intake, struct amqp_tag tag)
{
    amqp_consumer_nack(intake->consumer, tag, false, true);
    amqp_consumer_pause(intake->consumer);
    intake->is_full = true;
}

static void on_message(void *ctx,
                       struct amqp_consumer *consumer,
                       const struct amqp_delivery *delivery)
{
    struct intake *intake = ctx;
    (void)consumer;
    if (delivery->tag.generation != intake->generation) {
        forget_stale(intake);
        intake->generation = delivery->tag.generation;
    }
    if (intake->count == intake->cap) {
        give_back(intake, delivery->tag);
        return;
    }
    struct item *item = item_add(intake, delivery->body, delivery->body_size);
    item->tag = delivery->tag;
    amqp_delivery_headers_json(delivery, &item->headers);
    if (!buf_ok(&item->headers))
        buf_reset(&item->headers);
    (void)trace_id_parse(amqp_delivery_header(delivery, "trace_id"), &item->trace_id);
    intake->last_at_ns = item->ts_recv_ns;
    item_read(intake, item);
    intake_run(intake);
}

bool intake_put(struct intake *intake, struct slice body)
{
    if (intake->stopped || intake->count >= intake->batch_max)
        return false;
    struct item *item = item_add(intake, body, body.len);
    item_read(intake, item);
    if (item->valid) {
        intake_run(intake);
        return true;
    }
    log_debug("app", "validate", NULL, EV("untold_order_unreadable"),
              F_STR("field", item->refusal.field), F_STR("detail", item->refusal.detail));
    item_deinit(intake, item);
    intake->count--;
    return false;
}

/* ---- step 1: new events in, states and signals out ---- */

static void write_quarantine(struct intake *intake, const struct item *item)
{
    struct quarantine_row row = {
        .received_at_ns = item->ts_recv_ns,
        .queue = slice_of(intake->worker->settings->order_events_queue),
        .reason = item->refusal.reason,
        .field = slice_of(item->refusal.field),
        .detail = slice_of(item->refusal.detail),
        .body = buf_slice(&item->body),
        .headers = buf_slice(&item->headers),
    };
    quarantine_insert(intake->batch, &row, 1);
}

/* Redelivered and doubly sent events may meet in one batch. */
static bool is_first(struct intake *intake, const struct uuid *event_id)
{
    if (map_get(&intake->new_ids, event_id) != NULL)
        return false;
    enum al_err err = map_put(&intake->new_ids, event_id, intake);
    assert(err == AL_OK);
    return true;
}

static void write_step_1(struct intake *intake)
{
    struct order_event_row *rows = intake->rows;
    struct order_id *orders = intake->order_ids;
    struct uuid *signals = intake->signal_ids;
    size_t n = 0;
    for (size_t i = 0; i < intake->n_batch; i++) {
        const struct item *item = intake->entries[i].item;
        if (!item->valid || !is_first(intake, &item->event.event_id))
            continue;
        rows[n] = (struct order_event_row){&item->event, buf_slice(&item->body)};
        orders[n] = item->event.order_id;
        signals[n++] = item->event.signal_id;
    }
    map_clear(&intake->new_ids); /* the database says which of them are */
    intake->i_events = intake->i_states = intake->i_signals = SIZE_MAX;
    if (n > 0) {
        intake->i_events = pg_batch_n_statements(intake->batch);
        order_events_insert(intake->batch, rows, n);
        intake->i_states = pg_batch_n_statements(intake->batch);
        orders_seen_lock(intake->batch, orders, n);
        intake->i_signals = pg_batch_n_statements(intake->batch);
        trading_signals_match(intake->batch, signals, n);
    }
}

static void on_result(void *ctx, size_t index, const struct pg_result *result)
{
    struct intake *intake = ctx;
    size_t n_rows = pg_result_n_rows(result);
    for (size_t row = 0; row < n_rows && intake->read_error == AL_OK; row++) {
        if (index == intake->i_events) {
            struct uuid id = order_events_new_id(result, row);
            intake->read_error = map_put(&intake->new_ids, &id, intake);
        } else if (index == intake->i_states) {
            struct order_state *state = &intake->states[intake->n_states++];
            intake->read_error = orders_seen_read(result, row, state);
            if (intake->read_error == AL_OK)
                intake->read_error = map_put(&intake->state_of, &state->order_id, state);
        } else if (index == intake->i_signals) {
            struct signal_match *match = &intake->matches[intake->n_matches++];
            intake->read_error = trading_signals_read_match(result, row, match);
            if (intake->read_error == AL_OK)
                intake->read_error = map_put(&intake->match_of, &match->signal_id, match);
        }
    }
}

/* ---- step 2: what each new event adds ---- */

static struct order_state *state_of(struct intake *intake, const struct order_event *event)
{
    struct order_state *state = map_get(&intake->state_of, &event->order_id);
    if (state != NULL)
        return state;
    state = &intake->states[intake->n_states++];
    *state = (struct order_state){.order_id = event->order_id};
    enum al_err err = map_put(&intake->state_of, &event->order_id, state);
    assert(err == AL_OK);
    return state;
}

/* Each new event once, in order of arrival. To order_state_apply() an order exists from its first event on; to the table it
 * does only if step 1 found it there, and those states come first. */
static void apply_new(struct intake *intake)
{
    size_t n_in_table = intake->n_states;
    for (size_t i = 0; i < intake->n_batch; i++) {
        struct entry *entry = &intake->entries[i];
        const struct order_event *event = &entry->item->event;
        entry->is_new =
            entry->item->valid && map_remove(&intake->new_ids, &event->event_id) != NULL;
        if (!entry->is_new)
            continue;
        struct order_state *state = state_of(intake, event);
        bool conflict = false;
        entry->matched = map_get(&intake->match_of, &event->signal_id) != NULL;
        entry->executed = order_state_apply(state, event, &entry->execution, &conflict);
        entry->state = *state;
        if (conflict)
            metric_add(METRIC_order_events_total, 1, "conflict", NULL);
    }
    for (size_t i = n_in_table; i < intake->n_states; i++)
        intake->states[i].exists = false;
}

static struct execution_row execution_row_of(struct intake *intake, const struct entry *entry)
{
    const struct signal_match *match = map_get(&intake->match_of, &entry->execution.signal_id);
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

static enum pg_next on_step(void *ctx, struct pg_batch *batch)
{
    struct intake *intake = ctx;
    if (intake->read_error != AL_OK)
        return PG_ROLLBACK;
    apply_new(intake);
    size_t n_executions = 0;
    for (size_t i = 0; i < intake->n_batch; i++) {
        const struct entry *entry = &intake->entries[i];
        if (entry->is_new && entry->executed)
            intake->executions[n_executions++] = execution_row_of(intake, entry);
        if (!entry->item->valid)
            write_quarantine(intake, entry->item);
    }
    if (intake->n_states > 0)
        orders_seen_write(batch, intake->states, intake->n_states);
    if (n_executions > 0)
        execution_events_insert(batch, intake->executions, n_executions);
    return PG_COMMIT;
}

/* ---- the end of a transaction ---- */

/* A fill of one of our signals is news: here ends the way of its trace id. */
static void log_execution(const struct entry *entry)
{
    const struct order_event *event = &entry->item->event;
    char signal_id[UUID_TEXT_MAX], quantity[DECIMAL_TEXT_MAX], price[DECIMAL_TEXT_MAX];
    if (!log_is_on(LOG_INFO))
        return;
    uuid_format(event->signal_id, signal_id);
    decimal_format(entry->execution.quantity, quantity);
    decimal_format(entry->execution.price, price);
    log_info("app", "fill", event->trace_id.text, EV("execution"), F_STR("signal_id", signal_id),
             F_STR("order_id", event->order_id.text),
             F_STR("type", order_event_type_name(event->type)), F_STR("quantity", quantity),
             F_STR("price", price));
}

/* Counted for the whole batch, because looking a series up costs as much as much of the rest. */
struct tally {
    uint64_t n_new, n_duplicate, n_quarantined, n_matched, n_executed, n_dropped;
};

static void count_entry(struct tally *tally, const struct entry *entry)
{
    const struct item *item = entry->item;
    const struct order_event *event = &item->event;
    if (!item->valid) {
        tally->n_quarantined++;
        log_warn("app", "validate", item->trace_id.text, EV("order_event_quarantined"),
                 F_STR("reason", reason_name(item->refusal.reason)),
                 F_STR("field", item->refusal.field), F_STR("detail", item->refusal.detail));
    } else if (entry->is_new) {
        tally->n_new++;
        tally->n_matched += entry->matched;
        tally->n_executed += entry->executed;
        tally->n_dropped += event->n_context_dropped;
        if (entry->matched && entry->executed)
            log_execution(entry);
        else
            log_debug("app", "fill", event->trace_id.text, EV("order_event"),
                      F_STR("type", order_event_type_name(event->type)),
                      F_STR("order_id", event->order_id.text));
    } else {
        tally->n_duplicate++;
    }
}

static void add(enum metric metric, uint64_t n, const char *label)
{
    if (n > 0 || label == NULL)
        metric_add(metric, (double)n, label, NULL);
}

static void publish_tally(struct intake *intake, const struct tally *tally)
{
    intake->n_quarantined += tally->n_quarantined;
    add(METRIC_order_events_total, tally->n_new, "new");
    add(METRIC_order_events_total, tally->n_duplicate, "duplicate");
    add(METRIC_order_events_total, tally->n_quarantined, "quarantined");
    add(METRIC_order_events_matched_total, tally->n_matched, "matched");
    add(METRIC_order_events_matched_total, tally->n_new - tally->n_matched, "unmatched");
    add(METRIC_executions_total, tally->n_executed, NULL);
    add(METRIC_order_event_context_dropped_total, tally->n_dropped, NULL);
    metric_add(METRIC_order_event_transactions_total, 1, NULL, NULL);
}

static void tell_core(struct intake *intake, const struct entry *entry)
{
    struct worker *worker = intake->worker;
    struct order_fact fact = {
        .event = &entry->item->event,
        .state = &entry->state,
        .execution = entry->executed ? &entry->execution : NULL,
    };
    worker_make_room(worker);
    learn_on_order(worker->pipeline, &fact, worker_now_ns(worker), &worker->effects);
    worker_perform(worker);
}

static void reset(struct intake *intake)
{
    map_clear(&intake->state_of);
    map_clear(&intake->match_of);
    map_clear(&intake->new_ids);
    intake->n_states = intake->n_matches = 0;
    intake->n_batch = 0;
    intake->read_error = AL_OK;
}

/* The items of the running transaction leave the queue; their slots stay as they are until the loop turns. */
static void forget_batch(struct intake *intake)
{
    size_t n = intake->n_batch;
    struct entry *entries = intake->entries;
    intake->entries = intake->told;
    intake->told = entries;
    intake->first = (intake->first + n) % intake->cap;
    intake->count -= n;
    intake->n_one_by_one -= n < intake->n_one_by_one ? n : intake->n_one_by_one;
    intake->backoff_ns = 0;
    intake->due_wall_ns = 0;
    reset(intake);
}

/* All up to the last one that came from the broker. */
static void acknowledge(struct intake *intake)
{
    for (size_t i = intake->n_batch; i > 0; i--) {
        struct amqp_tag tag = intake->entries[i - 1].item->tag;
        if (tag.number == 0)
            continue;
        amqp_consumer_ack(intake->consumer, tag, true);
        return;
    }
}

static void committed(struct intake *intake)
{
    struct tally tally = {0};
    size_t n = intake->n_batch;
    acknowledge(intake);
    if (intake->is_full && !intake->stopped)
        amqp_consumer_resume(intake->consumer);
    intake->is_full = false;
    forget_batch(intake);
    intake_run(intake);
    for (size_t i = 0; i < n; i++) {
        const struct entry *entry = &intake->told[i];
        count_entry(&tally, entry);
        if (entry->is_new)
            tell_core(intake, entry);
        item_deinit(intake, entry->item);
    }
    publish_tally(intake, &tally);
}

static void try_later(struct intake *intake)
{
    intake->backoff_ns = intake->backoff_ns == 0 ? BACKOFF_MIN_NS : 2 * intake->backoff_ns;
    if (intake->backoff_ns > BACKOFF_MAX_NS)
        intake->backoff_ns = BACKOFF_MAX_NS;
    intake->due_wall_ns = worker_wall_ns(intake->worker) + intake->backoff_ns;
    uv_timer_start(&intake->timer, on_timer, (uint64_t)(intake->backoff_ns / NS_PER_MS), 0);
}

/* The database said no to the content. One of many: find out which. Alone: it is the one. */
static void refused(struct intake *intake, const struct pg_failure *failure)
{
    const char *why = failure != NULL ? failure->message : err_text();
    log_error("app", "fill", NULL, EV("database_refused_order_events"), F_I64("n", intake->n_batch),
              F_STR("statement", failure != NULL ? failure->statement : ""),
              F_STR("sqlstate", failure != NULL ? failure->sqlstate : ""), F_STR("why", why));
    if (intake->n_batch > 1) {
        intake->n_one_by_one = intake->n_batch;
        return;
    }
    struct item *item = item_at(intake, 0);
    item->valid = false;
    item->refusal = (struct order_event_refusal){.reason = REASON_database_refused};
    (void)chars_set(item->refusal.detail, sizeof(item->refusal.detail), why);
}

/* Only the quarantine is left for it, and that was refused too: no fault of the content. */
static bool was_refused(const struct item *item)
{
    return !item->valid && item->refusal.reason == REASON_database_refused;
}

static void on_done(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct intake *intake = ctx;
    if (err == AL_OK) {
        committed(intake);
        return;
    }
    metric_add(METRIC_order_event_transactions_failed_total, 1, NULL, NULL);
    bool content = (err == AL_EDB && !failure->retry) || err == AL_ECANCELED || err == AL_EFULL;
    if (content && !was_refused(item_at(intake, 0)))
        refused(intake, failure);
    reset(intake);
    try_later(intake);
}

/* ---- beginning one ---- */

static size_t batch_size(const struct intake *intake)
{
    size_t n = intake->count < intake->batch_max ? intake->count : intake->batch_max, bytes = 0;
    if (intake->n_one_by_one > 0)
        return 1;
    for (size_t i = 0; i < n; i++) {
        bytes += intake->items[(intake->first + i) % intake->cap].body.len;
        if (i > 0 && bytes > BODIES_BYTES_MAX)
            return i;
    }
    return n;
}

static void begin(struct intake *intake)
{
    intake->n_batch = batch_size(intake);
    pg_batch_reset(intake->batch);
    for (size_t i = 0; i < intake->n_batch; i++)
        intake->entries[i] = (struct entry){.item = item_at(intake, i)};
    write_step_1(intake);
    struct pg_job job = {
        .on_result = on_result, .on_step = on_step, .on_done = on_done, .ctx = intake};
    if (pg_client_run(intake->worker->writer, intake->batch, &job) == AL_OK)
        return;
    reset(intake);
    try_later(intake);
}

static void on_timer(uv_timer_t *timer)
{
    intake_run(timer->data);
}

void intake_run(struct intake *intake)
{
    if (intake->count == 0 || intake->n_batch > 0 || !pg_client_is_ready(intake->worker->writer))
        return;
    int64_t wall_ns = worker_wall_ns(intake->worker);
    bool full = intake->count >= intake->batch_max && intake->backoff_ns == 0;
    if (intake->due_wall_ns == 0)
        intake->due_wall_ns = item_at(intake, 0)->ts_recv_ns + intake->wait_ns;
    if (full || wall_ns >= intake->due_wall_ns)
        begin(intake);
    else if (!uv_is_active((uv_handle_t *)&intake->timer))
        uv_timer_start(&intake->timer, on_timer,
                       (uint64_t)((intake->due_wall_ns - wall_ns) / NS_PER_MS + 1), 0);
}

/* ---- life ---- */

static enum al_err allocate(struct intake *intake)
{
    size_t n = intake->batch_max;
    intake->items = calloc(intake->cap, sizeof(struct item));
    intake->entries = calloc(n, sizeof(struct entry));
    intake->told = calloc(n, sizeof(struct entry));
    intake->states = calloc(2 * n, sizeof(struct order_state));
    intake->matches = calloc(n, sizeof(struct signal_match));
    intake->executions = calloc(n, sizeof(struct execution_row));
    intake->rows = calloc(n, sizeof(struct order_event_row));
    intake->order_ids = calloc(n, sizeof(struct order_id));
    intake->signal_ids = calloc(n, sizeof(struct uuid));
    intake->reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    intake->batch = pg_batch_create(BATCH_BYTES_MAX);
    bool ok = intake->items != NULL && intake->entries != NULL && intake->told != NULL &&
              intake->states != NULL && intake->matches != NULL && intake->executions != NULL &&
              intake->rows != NULL && intake->order_ids != NULL && intake->signal_ids != NULL &&
              intake->reader != NULL && intake->batch != NULL;
    return ok ? AL_OK : err_set(AL_ENOMEM, "intake of %zu order events", intake->cap);
}

enum al_err intake_create(struct worker *worker, struct intake **out)
{
    struct intake *intake = calloc(1, sizeof(*intake));
    if (intake == NULL)
        return err_set(AL_ENOMEM, "intake");
    intake->worker = worker;
    intake->batch_max = worker->settings->order_events_batch;
    /* A running batch and what else has not come from the broker, and what it may send before and after a reconnect. */
    intake->cap = 2 * (size_t)worker->settings->prefetch + 2 * intake->batch_max;
    intake->wait_ns = worker->settings->order_events_batch_ms * NS_PER_MS;
    intake->last_at_ns = TIMESTAMP_NONE;
    map_init(&intake->state_of, sizeof(struct order_id), 2 * intake->batch_max);
    map_init(&intake->match_of, sizeof(struct uuid), intake->batch_max);
    map_init(&intake->new_ids, sizeof(struct uuid), intake->batch_max);
    uv_timer_init(worker->loop, &intake->timer);
    intake->timer.data = intake;
    enum al_err err = allocate(intake);
    if (err == AL_OK)
        *out = intake;
    return err;
}

enum al_err intake_start(struct intake *intake)
{
    const struct settings *settings = intake->worker->settings;
    struct amqp_consumer_options options = {
        .queue = {.name = settings->order_events_queue,
                  .create = true,
                  .type = settings->order_events_queue_type == SETTING_QUORUM ? AMQP_QUEUE_QUORUM
                                                                              : AMQP_QUEUE_CLASSIC},
        .prefetch = (uint16_t)settings->prefetch,
        .on_message = on_message,
        .ctx = intake,
    };
    enum al_err err = amqp_consumer_create(intake->worker->consuming, &options, &intake->consumer);
    return err == AL_OK ? AL_OK : err_add(err, "consume %s", settings->order_events_queue);
}

void intake_stop(struct intake *intake)
{
    intake->stopped = true;
    if (intake->consumer != NULL)
        amqp_consumer_pause(intake->consumer);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct intake *intake = handle->data;
    while (intake->count > 0)
        item_deinit(intake, item_at(intake, --intake->count));
    while (intake->n_spares > 0)
        buf_deinit(&intake->spares[--intake->n_spares]);
    json_reader_destroy(intake->reader);
    pg_batch_destroy(intake->batch);
    map_deinit(&intake->state_of);
    map_deinit(&intake->match_of);
    map_deinit(&intake->new_ids);
    free(intake->items);
    free(intake->entries);
    free(intake->told);
    free(intake->states);
    free(intake->matches);
    free(intake->executions);
    free(intake->rows);
    free(intake->order_ids);
    free(intake->signal_ids);
    free(intake);
}

void intake_close(struct intake *intake)
{
    if (intake != NULL)
        uv_close((uv_handle_t *)&intake->timer, on_timer_closed);
}

/* ---- what there is to see ---- */

bool intake_is_idle(const struct intake *intake)
{
    return intake->count == 0;
}

size_t intake_count(const struct intake *intake)
{
    return intake->count;
}

uint64_t intake_n_quarantined(const struct intake *intake)
{
    return intake->n_quarantined;
}

void intake_view(const struct intake *intake, struct admin_consumer *out)
{
    view_consumer(intake->consumer, intake->worker->settings->order_events_queue, true,
                  intake->last_at_ns, out);
}
