/* Five consumers, one row each. Latest wins: a message that cannot be read is counted and acknowledged like any other, and
 * an old one is the core's to ignore. */
#include "feed_i.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/json.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/observe/log.h"
#include "alphaloop/observe/metric.h"

#include "journal_i.h"
#include "view_i.h"
#include "history_i.h"
#include "worker_i.h"

struct source {
    struct feed *feed;
    struct amqp_consumer *consumer;
    const char *name; /* "ticker" ... "position" */
    const char *queue;
    enum market_kind kind; /* of a market source */
    bool is_position;
    int64_t last_at_ns;
    bool complained; /* the first unreadable message of a run was logged */
};

struct feed {
    struct worker *worker;
    struct json_reader *reader;
    struct market_event *event; /* 20 kB: reused for every message */
    struct source sources[MARKET_KIND_COUNT + 1];
    int64_t behind_told_wall_ns; /* when it was last said that the market went back; 0: never */
};

enum al_err feed_create(struct worker *worker, struct feed **out)
{
    struct feed *feed = calloc(1, sizeof(*feed));
    if (feed == NULL)
        return err_set(AL_ENOMEM, "feed");
    feed->worker = worker;
    feed->reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    feed->event = malloc(sizeof(*feed->event));
    if (feed->reader == NULL || feed->event == NULL) {
        feed_destroy(feed);
        return err_set(AL_ENOMEM, "feed");
    }
    const struct settings *settings = worker->settings;
    const char *const queues[MARKET_KIND_COUNT] = {
        [MARKET_TICKER] = settings->ticker_queue,
        [MARKET_BOOK] = settings->orderbook_queue,
        [MARKET_KLINE] = settings->kline_queue,
        [MARKET_TRADES] = settings->trades_queue,
    };
    for (enum market_kind kind = 0; kind < MARKET_KIND_COUNT; kind++)
        feed->sources[kind] = (struct source){.feed = feed,
                                              .name = market_kind_name(kind),
                                              .queue = queues[kind],
                                              .kind = kind,
                                              .last_at_ns = TIMESTAMP_NONE};
    feed->sources[MARKET_KIND_COUNT] = (struct source){.feed = feed,
                                                       .name = "position",
                                                       .queue = settings->position_queue,
                                                       .is_position = true,
                                                       .last_at_ns = TIMESTAMP_NONE};
    *out = feed;
    return AL_OK;
}

void feed_destroy(struct feed *feed)
{
    if (feed == NULL)
        return;
    json_reader_destroy(feed->reader);
    free(feed->event);
    free(feed);
}

static void refused(struct source *source, const struct order_event_refusal *refusal)
{
    metric_add(METRIC_market_messages_total, 1, source->name, "refused");
    enum log_level level = source->complained ? LOG_DEBUG : LOG_WARN;
    log_at(level, "app", "market", NULL, EV("message_refused"), F_STR("source", source->name),
           F_STR("reason", reason_name(refusal->reason)), F_STR("field", refusal->field),
           F_STR("detail", refusal->detail));
    source->complained = true;
}

static void accepted(struct source *source)
{
    metric_add(METRIC_market_messages_total, 1, source->name, "accepted");
    source->complained = false;
}

/* The headers beside the body: a trace id where the body has none, and the traceparent that a signal hands on. */
static void note_trace(const struct amqp_delivery *delivery,
                       struct trace_id *trace_id,
                       char traceparent[TRACEPARENT_TEXT_MAX])
{
    bool has_parent = traceparent_parse(amqp_delivery_header(delivery, "traceparent"), traceparent);
    if (trace_id->text[0] == '\0' &&
        !trace_id_parse(amqp_delivery_header(delivery, "trace_id"), trace_id) && has_parent)
        *trace_id = traceparent_trace_id(traceparent);
}

/* More than what messages of several sources differ by. */
#define BEHIND_NS      NS_PER_MIN
#define TELL_BEHIND_NS NS_PER_MIN

/* A market that is played again from an earlier moment on, or what an earlier one left in the queues: time does not run back, so
 * all of it is late, and nothing is decided before it has caught up. */
static void tell_if_behind(struct feed *feed, const struct market_event *event, int64_t wall_ns)
{
    const struct market_clock *clock = &feed->worker->clock;
    if (!clock->follows_market || clock->newest_event_ns - event->ts_event_ns < BEHIND_NS ||
        wall_ns - feed->behind_told_wall_ns < TELL_BEHIND_NS)
        return;
    char text[TIMESTAMP_TEXT_MAX], newest[TIMESTAMP_TEXT_MAX];
    timestamp_format(event->ts_event_ns, text);
    timestamp_format(clock->newest_event_ns, newest);
    feed->behind_told_wall_ns = wall_ns;
    log_warn("app", "market", NULL, EV("market_went_back"), F_STR("asset", event->asset.text),
             F_STR("ts_event", text), F_STR("newest", newest),
             F_STR("why", "the market's time does not run back: messages are late until it has "
                          "caught up with the newest one"));
}

static void take_market(struct source *source,
                        const struct amqp_delivery *delivery,
                        int64_t wall_ns)
{
    struct worker *worker = source->feed->worker;
    struct market_event *event = source->feed->event;
    struct order_event_refusal refusal;
    if (!market_event_parse(source->feed->reader, source->kind, delivery->body, wall_ns, event,
                            &refusal)) {
        refused(source, &refusal);
        return;
    }
    accepted(source);
    if (event->kind == MARKET_TRADES && event->trades.n_dropped > 0)
        metric_add(METRIC_market_trades_dropped_total, (double)event->trades.n_dropped, NULL, NULL);
    note_trace(delivery, &event->trace_id, event->traceparent);
    if (!market_clock_see(&worker->clock, event->ts_event_ns, wall_ns)) {
        metric_add(METRIC_market_messages_total, 1, source->name, "future");
        return;
    }
    tell_if_behind(source->feed, event, wall_ns);
    worker_make_room(worker);
    int64_t now_ns = worker_now_ns(worker);
    journal_add_market(worker->journal, event, delivery->body, wall_ns, now_ns);
    act_on_market(worker->pipeline, event, now_ns, &worker->effects);
    history_on_market(worker->history, event);
    worker_perform(worker);
}

static void take_position(struct source *source,
                          const struct amqp_delivery *delivery,
                          int64_t wall_ns)
{
    struct worker *worker = source->feed->worker;
    struct position_update update;
    struct order_event_refusal refusal;
    struct slice trace = amqp_delivery_header(delivery, "trace_id");
    if (!position_update_parse(source->feed->reader, delivery->body, trace, wall_ns, &update,
                               &refusal)) {
        refused(source, &refusal);
        return;
    }
    accepted(source);
    note_trace(delivery, &update.trace_id, update.traceparent);
    worker_make_room(worker);
    int64_t now_ns = worker_now_ns(worker);
    journal_add_position(worker->journal, &update, now_ns);
    protect_on_position(worker->pipeline, &update, now_ns, &worker->effects);
    worker_perform(worker);
}

static void on_message(void *ctx,
                       struct amqp_consumer *consumer,
                       const struct amqp_delivery *delivery)
{
    struct source *source = ctx;
    int64_t wall_ns = worker_wall_ns(source->feed->worker);
    source->last_at_ns = wall_ns;
    if (source->is_position)
        take_position(source, delivery, wall_ns);
    else
        take_market(source, delivery, wall_ns);
    amqp_consumer_ack(consumer, delivery->tag, true);
}

enum al_err feed_start(struct feed *feed)
{
    for (size_t i = 0; i < COUNT_OF(feed->sources); i++) {
        struct source *source = &feed->sources[i];
        struct amqp_consumer_options options = {
            .queue = {.name = source->queue, .create = false},
            .prefetch = (uint16_t)feed->worker->settings->market_prefetch,
            .on_message = on_message,
            .ctx = source,
        };
        enum al_err err =
            amqp_consumer_create(feed->worker->consuming, &options, &source->consumer);
        if (err != AL_OK)
            return err_add(err, "consume %s", source->queue);
    }
    return AL_OK;
}

void feed_stop(struct feed *feed)
{
    for (size_t i = 0; i < COUNT_OF(feed->sources); i++) {
        if (feed->sources[i].consumer != NULL)
            amqp_consumer_pause(feed->sources[i].consumer);
    }
}

size_t feed_view(const struct feed *feed, struct admin_consumer *out)
{
    size_t n = 0;
    for (; n < COUNT_OF(feed->sources); n++) {
        const struct source *source = &feed->sources[n];
        view_consumer(source->consumer, source->queue, false, source->last_at_ns, &out[n]);
    }
    return n;
}
