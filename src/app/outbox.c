/* A fixed set of slots on one list in the order of the ledger. A slot is free, waiting (for the first or another try) or
 * in flight (the broker owes an answer, which comes exactly once). */
#include "outbox_i.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/backoff.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/observe/log.h"
#include "alphaloop/observe/metric.h"

#include "ledger_i.h"
#include "worker_i.h"

#define RETRY_MIN_NS (200 * NS_PER_MS)
#define RETRY_MAX_NS (5 * NS_PER_S)

/* Deciding pauses before the outbox is full, so that what is already on its way into the ledger still fits. */
#define PAUSE_AT (OUTBOX_SIGNALS_MAX / 2)

#define NO_SLOT UINT32_MAX

enum slot_state { SLOT_FREE, SLOT_WAITING, SLOT_IN_FLIGHT };

struct slot {
    enum slot_state state;
    struct outgoing signal;
    int64_t next_try_wall_ns, backoff_ns;
    int64_t put_wall_ns; /* for the metric of how long publishing takes */
    uint32_t next, previous;
};

struct outbox {
    struct worker *worker;
    struct amqp_publisher *publisher; /* NULL: nothing leaves */
    struct slot *slots;
    uint32_t first, last, free_first;
    size_t n_used, n_waiting;
    bool returned_before; /* the missing queue was already reported */
};

static void on_room(void *ctx)
{
    outbox_run(ctx);
}

enum al_err outbox_create(struct worker *worker, struct outbox **out)
{
    struct outbox *outbox = calloc(1, sizeof(*outbox));
    if (outbox != NULL)
        outbox->slots = calloc(OUTBOX_SIGNALS_MAX, sizeof(struct slot));
    if (outbox == NULL || outbox->slots == NULL) {
        free(outbox);
        return err_set(AL_ENOMEM, "outbox");
    }
    outbox->worker = worker;
    outbox->first = outbox->last = NO_SLOT;
    for (uint32_t i = 0; i < OUTBOX_SIGNALS_MAX; i++)
        outbox->slots[i].next = i + 1 < OUTBOX_SIGNALS_MAX ? i + 1 : NO_SLOT;
    *out = outbox;
    if (!worker->publishes)
        return AL_OK;
    struct amqp_publisher_options options = {.on_room = on_room, .ctx = outbox};
    enum al_err err = amqp_publisher_create(worker->publishing, &options, &outbox->publisher);
    if (err != AL_OK)
        outbox_destroy(outbox);
    return err;
}

void outbox_destroy(struct outbox *outbox)
{
    if (outbox == NULL)
        return;
    for (size_t i = 0; i < OUTBOX_SIGNALS_MAX; i++)
        buf_deinit(&outbox->slots[i].signal.body);
    free(outbox->slots);
    free(outbox);
}

/* ---- slots ---- */

static uint32_t slot_take(struct outbox *outbox)
{
    uint32_t index = outbox->free_first;
    struct slot *slot = &outbox->slots[index];
    outbox->free_first = slot->next;
    slot->previous = outbox->last;
    slot->next = NO_SLOT;
    if (outbox->last != NO_SLOT)
        outbox->slots[outbox->last].next = index;
    else
        outbox->first = index;
    outbox->last = index;
    outbox->n_used++;
    return index;
}

static void slot_set_state(struct outbox *outbox, struct slot *slot, enum slot_state state)
{
    outbox->n_waiting -= slot->state == SLOT_WAITING;
    outbox->n_waiting += state == SLOT_WAITING;
    slot->state = state;
}

static void slot_release(struct outbox *outbox, uint32_t index)
{
    struct slot *slot = &outbox->slots[index];
    slot_set_state(outbox, slot, SLOT_FREE);
    if (slot->previous != NO_SLOT)
        outbox->slots[slot->previous].next = slot->next;
    else
        outbox->first = slot->next;
    if (slot->next != NO_SLOT)
        outbox->slots[slot->next].previous = slot->previous;
    else
        outbox->last = slot->previous;
    buf_deinit(&slot->signal.body);
    slot->next = outbox->free_first;
    outbox->free_first = index;
    outbox->n_used--;
}

/* ---- the broker's answer ---- */

static void wait_for_another_try(struct outbox *outbox, struct slot *slot)
{
    slot->backoff_ns = backoff_next(slot->backoff_ns, RETRY_MIN_NS, RETRY_MAX_NS);
    slot->next_try_wall_ns = worker_wall_ns(outbox->worker) + slot->backoff_ns;
    slot_set_state(outbox, slot, SLOT_WAITING);
}

static void report_missing_queue(struct outbox *outbox, bool missing)
{
    if (missing == outbox->returned_before)
        return;
    outbox->returned_before = missing;
    const char *queue = outbox->worker->settings->signals_queue;
    if (missing)
        log_warn("app", "publish", NULL, EV("signals_returned"), F_STR("queue", queue),
                 F_STR("why", "no queue takes them; tried again until they expire"));
    else
        log_info("app", "publish", NULL, EV("signals_taken_again"), F_STR("queue", queue));
}

static void on_result(void *ctx, uint64_t token, enum amqp_result result)
{
    struct outbox *outbox = ctx;
    struct slot *slot = &outbox->slots[token];
    assert(slot->state == SLOT_IN_FLIGHT);
    metric_add(METRIC_signal_publishes_total, 1, amqp_result_name(result), NULL);
    if (result == AMQP_CONFIRMED || result == AMQP_RETURNED)
        report_missing_queue(outbox, result == AMQP_RETURNED);
    if (result != AMQP_CONFIRMED) {
        wait_for_another_try(outbox, slot);
        return;
    }
    double took_s = (double)(worker_wall_ns(outbox->worker) - slot->put_wall_ns) / 1e9;
    metric_observe(METRIC_signal_publish_seconds, took_s, NULL, NULL);
    log_info("app", "publish", slot->signal.trace_id.text, EV("signal_published"),
             F_STR("signal_id", slot->signal.id_text));
    ledger_mark(outbox->worker->ledger, slot->signal.signal_id, LEDGER_PUBLISHED,
                worker_wall_ns(outbox->worker));
    slot_release(outbox, (uint32_t)token);
}

/* ---- trying ---- */

static enum al_err publish(struct outbox *outbox, uint32_t index)
{
    const struct outgoing *signal = &outbox->slots[index].signal;
    const struct settings *settings = outbox->worker->settings;
    struct amqp_header headers[2] = {
        {.name = "trace_id", .value = slice_of(signal->trace_id.text)},
        {.name = "traceparent", .value = slice_of(signal->traceparent)},
    };
    struct amqp_message message = {
        .exchange = "",
        .routing_key = settings->signals_queue,
        .mandatory = true,
        .persistent = true,
        .content_type = "application/json",
        .message_id = signal->id_text,
        .type = "trading_signal",
        .app_id = settings->model_service_service_name,
        .timestamp_s = signal->decided_at_ns / NS_PER_S,
        .headers = headers,
        .n_headers = signal->traceparent[0] != '\0' ? 2 : 1,
        .body = buf_slice(&signal->body),
    };
    return amqp_publish(outbox->publisher, &message, index, on_result, outbox);
}

/* False when the broker takes nothing more for now. */
static bool try_one(struct outbox *outbox, uint32_t index)
{
    struct slot *slot = &outbox->slots[index];
    if (outbox->publisher == NULL)
        return true;
    if (publish(outbox, index) != AL_OK)
        return false;
    slot_set_state(outbox, slot, SLOT_IN_FLIGHT);
    return true;
}

static void expire(struct outbox *outbox, uint32_t index)
{
    const struct outgoing *signal = &outbox->slots[index].signal;
    metric_add(METRIC_signals_expired_total, 1, NULL, NULL);
    if (outbox->publisher != NULL)
        log_warn("app", "publish", signal->trace_id.text, EV("signal_expired"),
                 F_STR("signal_id", signal->id_text));
    ledger_mark(outbox->worker->ledger, signal->signal_id, LEDGER_EXPIRED,
                worker_wall_ns(outbox->worker));
    slot_release(outbox, index);
}

bool outbox_put(struct outbox *outbox, const struct outgoing *signal)
{
    if (outbox->n_used == OUTBOX_SIGNALS_MAX) {
        struct buf body = signal->body;
        buf_deinit(&body);
        return false;
    }
    uint32_t index = slot_take(outbox);
    struct slot *slot = &outbox->slots[index];
    slot->signal = *signal;
    uuid_format(signal->signal_id, slot->signal.id_text);
    slot->backoff_ns = 0;
    slot->put_wall_ns = worker_wall_ns(outbox->worker);
    slot->next_try_wall_ns = slot->put_wall_ns;
    slot_set_state(outbox, slot, SLOT_WAITING);
    /* Too old already, after a crash or a commit that took long: the next run marks it. */
    if (slot->signal.expires_at_ns > worker_now_ns(outbox->worker))
        (void)try_one(outbox, index);
    return true;
}

void outbox_run(struct outbox *outbox)
{
    int64_t wall_ns = worker_wall_ns(outbox->worker), now_ns = worker_now_ns(outbox->worker);
    bool room = true, knows_time = market_clock_is_known(&outbox->worker->clock);
    for (uint32_t index = outbox->first, next; index != NO_SLOT && outbox->n_waiting > 0;
         index = next) {
        struct slot *slot = &outbox->slots[index];
        next = slot->next;
        if (slot->state != SLOT_WAITING)
            continue;
        bool is_old =
            slot->signal.expires_at_ns <= now_ns; /* a market's clock is not past the wall's */
        if (is_old && knows_time)
            expire(outbox, index);
        else if (!is_old && room && slot->next_try_wall_ns <= wall_ns)
            room = try_one(outbox, index);
    }
}

size_t outbox_count(const struct outbox *outbox)
{
    return outbox->n_used;
}

bool outbox_is_full(const struct outbox *outbox)
{
    return outbox->n_used >= PAUSE_AT;
}
