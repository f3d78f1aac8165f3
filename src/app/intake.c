/* Order events in. One FIFO of messages; the first of them are in flights: batches that each have a transaction of their own
 * (flight_i.h).
 *
 * A message is understood when it arrives. While one flight's transaction runs a second flight may wait right behind it, if
 * there is a full batch for it: the database need not wait for the loop, nor the loop for the database. Transactions run and
 * end in order, so only the front one is ever acknowledged, told to the core, or tried again.
 *
 * Whatever fails before the commit leaves the messages where they are, to be tried again: with backoff when the database is
 * away, one by one when it refused (the event it refuses alone is quarantined as `database_refused`). The flight behind a
 * failed one is rolled back. After a lost COMMIT nobody knows; the batch simply runs again, and events that are there already
 * change nothing.
 */
#include "intake_i.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/backoff.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/observe/log.h"
#include "alphaloop/observe/metric.h"

#include "flight_i.h"
#include "journal_i.h"
#include "view_i.h"
#include "worker_i.h"

#define N_FLIGHTS         2
#define BODIES_BYTES_MAX  (4U << 20) /* bodies in one batch, but for a single larger one */
#define HEADERS_BYTES_MAX (1U << 20) /* as JSON: all of a frame of 128 KiB, escaped */
#define SPARES_MAX        1024
#define SPARE_BYTES_MAX   4096
#define BACKOFF_MIN_NS    (50 * NS_PER_MS)
#define BACKOFF_MAX_NS    (2 * NS_PER_S)

struct intake {
    struct worker *worker;
    struct amqp_consumer *consumer;
    struct json_reader *reader;
    struct item *items; /* ring */
    size_t first, count, cap;
    size_t batch_max;
    size_t n_one_by_one;              /* so many of the first go alone */
    struct flight flights[N_FLIGHTS]; /* ring */
    size_t first_flight, n_flights;
    struct buf spares[SPARES_MAX]; /* memory of bodies that are gone, for those to come */
    size_t n_spares;
    uint64_t generation; /* of the channel the newest item came on */
    int64_t last_at_ns, due_wall_ns, backoff_ns, wait_ns;
    uint64_t n_quarantined;
    bool is_full; /* the consumer pauses for want of room */
    bool stopped;
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

static struct flight *flight_at(struct intake *intake, size_t index)
{
    return &intake->flights[(intake->first_flight + index) % N_FLIGHTS];
}

/* The items in flights are the first ones of the queue. */
static size_t n_flying(struct intake *intake)
{
    size_t n = 0;
    for (size_t i = 0; i < intake->n_flights; i++)
        n += flight_at(intake, i)->n;
    return n;
}

/* Items of a channel that is gone will be delivered again: those not in a flight are forgotten. */
static void forget_stale(struct intake *intake)
{
    size_t n = n_flying(intake);
    while (intake->count > n)
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
    struct json_node *doc;
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
        struct json_writer w;
        item->performance = BUF_INIT(item->body.len); /* no longer than as it came */
        json_w_init(&w, &item->performance);
        json_w_node(&w, event->performance);
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
    int64_t now_ns = worker_now_ns(worker);
    journal_add_order(worker->journal, &fact, now_ns);
    learn_on_order(worker->pipeline, &fact, now_ns, &worker->effects);
    worker_perform(worker);
}

/* All up to the last one that came from the broker. */
static void acknowledge(struct intake *intake, const struct flight *flight)
{
    for (size_t i = flight->n; i > 0; i--) {
        struct amqp_tag tag = flight->entries[i - 1].item->tag;
        if (tag.number == 0)
            continue;
        amqp_consumer_ack(intake->consumer, tag, true);
        return;
    }
}

/* The items of the front flight leave the queue. */
static void forget_front(struct intake *intake, size_t n)
{
    for (size_t i = 0; i < n; i++)
        item_deinit(intake, item_at(intake, i));
    intake->first = (intake->first + n) % intake->cap;
    intake->count -= n;
    intake->n_one_by_one -= n < intake->n_one_by_one ? n : intake->n_one_by_one;
    intake->backoff_ns = 0;
    intake->due_wall_ns = 0;
}

static void take_off(struct intake *intake)
{
    intake->first_flight = (intake->first_flight + 1) % N_FLIGHTS;
    intake->n_flights--;
}

static void committed(struct intake *intake, struct flight *flight)
{
    struct tally tally = {0};
    acknowledge(intake, flight);
    if (intake->is_full && !intake->stopped)
        amqp_consumer_resume(intake->consumer);
    intake->is_full = false;
    for (size_t i = 0; i < flight->n; i++) {
        count_entry(&tally, &flight->entries[i]);
        if (flight->entries[i].is_new)
            tell_core(intake, &flight->entries[i]);
    }
    publish_tally(intake, &tally);
    take_off(intake);
    forget_front(intake, flight->n);
    intake_run(intake);
}

static void try_later(struct intake *intake)
{
    intake->backoff_ns = backoff_next(intake->backoff_ns, BACKOFF_MIN_NS, BACKOFF_MAX_NS);
    intake->due_wall_ns = worker_wall_ns(intake->worker) + intake->backoff_ns;
    uv_timer_start(&intake->timer, on_timer, (uint64_t)(intake->backoff_ns / NS_PER_MS), 0);
}

/* The database said no to the content. One of many: find out which. Alone: it is the one. */
static void refused(struct intake *intake, size_t n, const struct pg_failure *failure)
{
    const char *why = failure != NULL ? failure->message : err_text();
    log_error("app", "fill", NULL, EV("database_refused_order_events"), F_I64("n", n),
              F_STR("statement", failure != NULL ? failure->statement : ""),
              F_STR("sqlstate", failure != NULL ? failure->sqlstate : ""), F_STR("why", why));
    if (n > 1) {
        intake->n_one_by_one = n;
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

/* Its items stay the first ones of the queue; those of the flight behind it, which ends next, follow them. */
static void failed(struct intake *intake,
                   struct flight *flight,
                   enum al_err err,
                   const struct pg_failure *failure)
{
    bool content = (err == AL_EDB && !failure->retry) || err == AL_ECANCELED || err == AL_EFULL;
    take_off(intake);
    if (!flight->given_up) {
        metric_add(METRIC_order_event_transactions_failed_total, 1, NULL, NULL);
        if (content && !was_refused(item_at(intake, 0)))
            refused(intake, flight->n, failure);
        for (size_t i = 0; i < intake->n_flights; i++)
            flight_at(intake, i)->given_up = true;
    }
    if (intake->n_flights == 0)
        try_later(intake);
}

static void on_done(void *ctx,
                    struct flight *flight,
                    enum al_err err,
                    const struct pg_failure *failure)
{
    struct intake *intake = ctx;
    if (err == AL_OK)
        committed(intake, flight);
    else
        failed(intake, flight, err, failure);
}

/* ---- beginning one ---- */

/* Of the items from `first` on. */
static size_t batch_size(struct intake *intake, size_t first)
{
    size_t n = intake->count - first, bytes = 0;
    if (intake->n_one_by_one > 0)
        return 1;
    for (size_t i = 0; i < n && i < intake->batch_max; i++) {
        bytes += item_at(intake, first + i)->body.len;
        if (i > 0 && bytes > BODIES_BYTES_MAX)
            return i;
    }
    return n < intake->batch_max ? n : intake->batch_max;
}

static void begin(struct intake *intake)
{
    struct flight *flight = flight_at(intake, intake->n_flights);
    size_t first = n_flying(intake), n = batch_size(intake, first);
    flight_reset(flight);
    for (size_t i = 0; i < n; i++)
        flight_add(flight, item_at(intake, first + i));
    if (flight_begin(flight, intake->worker->writer) == AL_OK)
        intake->n_flights++;
    else if (intake->n_flights == 0)
        try_later(intake);
}

static void on_timer(uv_timer_t *timer)
{
    intake_run(timer->data);
}

/* Behind another one goes only a full batch, and only while all is well. */
static bool may_follow(struct intake *intake)
{
    return intake->n_flights < N_FLIGHTS && !flight_at(intake, 0)->given_up &&
           intake->n_one_by_one == 0 && intake->backoff_ns == 0 &&
           intake->count - n_flying(intake) >= intake->batch_max;
}

void intake_run(struct intake *intake)
{
    if (intake->count == 0 || !pg_client_is_ready(intake->worker->writer))
        return;
    if (intake->n_flights > 0) {
        if (may_follow(intake))
            begin(intake);
        return;
    }
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
    enum al_err err = AL_OK;
    intake->items = calloc(intake->cap, sizeof(struct item));
    intake->reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    for (size_t i = 0; i < N_FLIGHTS && err == AL_OK; i++) {
        struct flight *flight = &intake->flights[i];
        err = flight_init(flight, intake->batch_max, intake->worker->settings->order_events_queue);
        flight->on_done = on_done;
        flight->ctx = intake;
    }
    if (err != AL_OK || (intake->items != NULL && intake->reader != NULL))
        return err;
    return err_set(AL_ENOMEM, "intake of %zu order events", intake->cap);
}

enum al_err intake_create(struct worker *worker, struct intake **out)
{
    struct intake *intake = calloc(1, sizeof(*intake));
    if (intake == NULL)
        return err_set(AL_ENOMEM, "intake");
    intake->worker = worker;
    intake->batch_max = worker->settings->order_events_batch;
    /* Running batches and what else has not come from the broker, and what it may send before and after a reconnect. */
    intake->cap = 2 * (size_t)worker->settings->prefetch + 2 * intake->batch_max;
    intake->wait_ns = worker->settings->order_events_batch_ms * NS_PER_MS;
    intake->last_at_ns = TIMESTAMP_NONE;
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
    for (size_t i = 0; i < N_FLIGHTS; i++)
        flight_deinit(&intake->flights[i]);
    free(intake->items);
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
