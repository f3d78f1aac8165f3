/* Role `simulate`: the neighbours of the worker, played against a real broker.
 *
 * The market is a stream of events in market time; a timer moves a target time ahead at the wanted speed
 * and pump() publishes every event up to it. Three things hold the market back: the publisher's window
 * (confirms), a market queue nobody reads fast enough (asked from the broker), and signals that arrive
 * too late in market time, which lower the speed until they do not. Orders and positions are the exchange's
 * (market/exchange.h); their messages go by post, which repeats what is lost.
 *
 * Invariant: market time never goes back, and every fill happens at prices that were published before.
 */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "alphaloop/app/environment.h"
#include "alphaloop/app/roles.h"
#include "alphaloop/market/gateway.h"
#include "alphaloop/observe/log.h"
#include "simulate_i.h"

enum {
    TICK_MS = 2,
    REPORT_MS = 500,
    LINE_MS = 10000, /* where the line cannot be overwritten */
    EVENTS_PER_TICK = 2000,
    DRAIN_MS = 5000,
    IN_FLIGHT_MAX = 1024,
    MESSAGE_MAX = 256 * 1024,
    POST_STALL = 1000, /* letters waiting: the broker is behind, so the market waits */
};

enum phase { RUNNING, DRAINING, CLOSING };

struct market_queue { /* one of ws-gateway.* */
    const char *name;
    struct amqp_gauge *gauge;
    uint64_t n_published, n_settled; /* settled: confirmed or lost */
    uint64_t n_counted;              /* of those published, surely in the last answer */
    uint64_t n_asked;                /* n_settled when the question under way was asked */
    uint32_t n_unread;               /* the last answer */
};

struct sim {
    struct simulate_options options;
    struct settings settings;
    uv_loop_t loop;
    uv_timer_t tick;
    uv_signal_t sigint, sigterm;
    enum phase phase;
    int exit_code;
    uint64_t phase_ms, reported_ms, line_ms, asked_ms;

    struct amqp_declaration declarations[7];
    struct amqp_conn *out, *in;
    size_t n_conns;
    struct amqp_publisher *market,
        *letters; /* two channels: the market's window must not delay orders */
    struct amqp_consumer *signals;
    struct market_queue queues[MARKET_KIND_COUNT];

    struct source *source;
    struct exchange *exchange;
    struct post post;
    struct json_reader *reader;
    struct buf body;

    int64_t now_ns,
        first_ns;     /* market time of the last event and the first; TIMESTAMP_NONE before */
    double target_ns; /* events up to here may go, relative to first_ns */
    double speed;
    uint64_t ticked_ms, late_ms; /* late_ms: when a signal was last too late */
    uint64_t n_events, n_lost;
    double lag_s;
    bool is_held; /* by unread messages */
    bool is_live; /* a made-up market whose time is the wall's */
};

/* ---- time ---- */

static int64_t wall_now_ns(void)
{
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static double top_speed(const struct sim *sim)
{
    enum { FASTEST = 100000 };
    return sim->options.speed > 0 ? sim->options.speed : FASTEST;
}

/* A late signal slows the market down, once for all signals that were on their way together. */
static void note_lag(struct sim *sim, double lag_s)
{
    enum { ONE_CUT_MS = 250 };
    uint64_t now_ms = uv_now(&sim->loop);
    double max_s = sim->options.lag_max_s;
    sim->lag_s = lag_s;
    if (max_s <= 0 || lag_s <= max_s || lag_s > 86400) /* a worker on another clock says nothing */
        return;
    if (now_ms - sim->late_ms >= ONE_CUT_MS)
        sim->speed = fmax(sim->speed * fmax(0.5, max_s / lag_s), fmin(1, top_speed(sim)));
    sim->late_ms = now_ms;
}

/* Without late signals it gains a half of its speed a second. */
static void regain_speed(struct sim *sim, double passed_s)
{
    enum { CALM_MS = 1000 };
    if (uv_now(&sim->loop) - sim->late_ms >= CALM_MS)
        sim->speed = fmin(sim->speed * (1 + 0.5 * fmin(passed_s, 1)), top_speed(sim));
}

/* ---- orders and positions ---- */

static void on_exchange_message(void *ctx, const struct exchange_message *message)
{
    struct sim *sim = ctx;
    const char *queue = message->kind == EXCHANGE_ORDER_EVENT ? sim->settings.order_events_queue
                                                              : sim->settings.position_queue;
    enum al_err err = post_add(&sim->post, queue, message->body, message->trace_id, message->ts_ns);
    if (err != AL_OK)
        log_error("app", "simulate", message->trace_id, EV("message dropped"),
                  F_STR("queue", queue), F_STR("error", err_text()));
}

static void measure_lag(struct sim *sim, struct slice body)
{
    struct json_node *root;
    int64_t ts_ns;
    if (sim->now_ns == TIMESTAMP_NONE || json_read(sim->reader, body, &root) != AL_OK)
        return;
    if (timestamp_parse(json_text(json_get(root, "timestamp")), &ts_ns) == AL_OK)
        note_lag(sim, (double)(sim->now_ns - ts_ns) / (double)NS_PER_S);
    json_put(root);
}

static void on_signal(void *ctx,
                      struct amqp_consumer *consumer,
                      const struct amqp_delivery *delivery)
{
    struct sim *sim = ctx;
    struct slice trace = amqp_delivery_header(delivery, "trace_id");
    char trace_id[TRACE_TEXT_MAX];
    snprintf(trace_id, sizeof(trace_id), "%.*s", (int)(trace.len < 128 ? trace.len : 128),
             trace.ptr);
    enum al_err err =
        sim->now_ns == TIMESTAMP_NONE
            ? err_set(AL_ESTATE, "the market has not begun")
            : exchange_signal(sim->exchange, delivery->body, sim->now_ns, on_exchange_message, sim);
    if (err != AL_OK && err != AL_EEXIST)
        log_warn("app", "simulate", trace_id, EV("signal refused"), F_STR("error", err_text()));
    measure_lag(sim, delivery->body);
    post_send(&sim->post);
    amqp_consumer_ack(consumer, delivery->tag, false);
}

/* ---- the market ---- */

static void on_market_result(void *ctx, uint64_t token, enum amqp_result result)
{
    struct sim *sim = ctx;
    sim->queues[token].n_settled++;
    if (result != AMQP_CONFIRMED)
        sim->n_lost++;
}

static bool publish_event(struct sim *sim, const struct market_event *event)
{
    struct market_queue *queue = &sim->queues[event->kind];
    buf_reset(&sim->body);
    gateway_write(event, sim->n_events, &sim->body);
    struct amqp_message message = {.exchange = "",
                                   .routing_key = queue->name,
                                   .content_type = "application/json",
                                   .timestamp_s = event->ts_event_ns / NS_PER_S,
                                   .body = buf_slice(&sim->body)};
    if (!buf_ok(&sim->body) ||
        amqp_publish(sim->market, &message, event->kind, on_market_result, sim) != AL_OK)
        return false;
    queue->n_published++;
    sim->n_events++;
    return true;
}

/* At most so many: what is on its way may have been counted too. */
static uint32_t unread(const struct market_queue *queue)
{
    return queue->n_unread + (uint32_t)(queue->n_published - queue->n_counted);
}

static bool is_held_back(const struct sim *sim)
{
    if (sim->post.n_waiting > POST_STALL)
        return true;
    for (size_t kind = 0; kind < MARKET_KIND_COUNT && sim->options.backlog > 0; kind++) {
        if (unread(&sim->queues[kind]) >= sim->options.backlog)
            return true;
    }
    return false;
}

static void begin_phase(struct sim *sim, enum phase phase)
{
    sim->phase = phase;
    sim->phase_ms = uv_now(&sim->loop);
}

/* The data has ended: what is open in the exchange ends at the last prices. */
static void end_market(struct sim *sim)
{
    if (sim->now_ns != TIMESTAMP_NONE)
        exchange_run(sim->exchange, sim->now_ns + NS_PER_MIN, on_exchange_message, sim);
    begin_phase(sim, DRAINING);
}

static bool is_over(const struct sim *sim, const struct market_event *event)
{
    double played_s = (double)(event->ts_event_ns - sim->first_ns) / (double)NS_PER_S;
    return sim->options.duration_s > 0 && played_s > sim->options.duration_s;
}

/* Publish the next event if it may go now. False when the market has to wait or is over. */
static bool step(struct sim *sim)
{
    const struct market_event *event;
    if (source_peek(sim->source, &event) != AL_OK) {
        fprintf(stderr, "\nalphaloop simulate: %s\n", err_text());
        sim->exit_code = EXIT_FAILED;
        end_market(sim);
        return false;
    }
    if (event != NULL && sim->first_ns == TIMESTAMP_NONE)
        sim->first_ns = event->ts_event_ns;
    if (event == NULL || is_over(sim, event)) {
        end_market(sim);
        return false;
    }
    if ((double)(event->ts_event_ns - sim->first_ns) > sim->target_ns || is_held_back(sim))
        return false;
    exchange_run(sim->exchange, event->ts_event_ns, on_exchange_message, sim);
    if (!publish_event(sim, event))
        return false;
    sim->now_ns = event->ts_event_ns;
    exchange_market(sim->exchange, event);
    source_take(sim->source);
    return true;
}

static bool can_publish(const struct sim *sim)
{
    return amqp_publisher_is_ready(sim->market) && amqp_publisher_is_ready(sim->letters);
}

static void pump(struct sim *sim)
{
    post_send(&sim->post);
    for (int i = 0; i < EVENTS_PER_TICK && sim->phase == RUNNING && can_publish(sim); i++) {
        if (!step(sim))
            break;
    }
    post_send(&sim->post);
}

static void on_room(void *ctx)
{
    pump(ctx);
}

/* Move the target ahead by the time that passed, but never far beyond an event that could not go: a market
 * that was held back goes on where it stood instead of catching up. A live one does catch up, or all it said from then on
 * would be too old for a worker that goes by the wall's time; it also begins at a full minute, that is before now. */
static void advance(struct sim *sim, uint64_t now_ms)
{
    const struct market_event *next;
    double passed_ns = (double)(now_ms - sim->ticked_ms) * 1e6;
    double room_ns = sim->speed * 0.1 * (double)NS_PER_S; /* a tenth of a second may be caught up */
    sim->ticked_ms = now_ms;
    sim->is_held = is_held_back(sim);
    regain_speed(sim, passed_ns * 1e-9);
    if (sim->first_ns == TIMESTAMP_NONE || !can_publish(sim))
        return;
    if (sim->is_live) {
        sim->target_ns = (double)(wall_now_ns() - sim->first_ns);
        return;
    }
    sim->target_ns += fmin(passed_ns * sim->speed, room_ns);
    if (source_peek(sim->source, &next) == AL_OK && next != NULL)
        sim->target_ns =
            fmin(sim->target_ns, (double)(next->ts_event_ns - sim->first_ns) + room_ns);
}

/* ---- how much is unread ---- */

static void on_depth(void *ctx, const struct amqp_depth *depth)
{
    struct market_queue *queue = ctx;
    queue->n_unread = depth->n_messages;
    queue->n_counted = queue->n_asked;
}

/* Often while a queue fills up, now and then else. */
static void ask_depths(struct sim *sim, uint64_t now_ms)
{
    enum { CALM_MS = 100 };
    bool is_calm_over = now_ms - sim->asked_ms >= CALM_MS;
    if (is_calm_over)
        sim->asked_ms = now_ms;
    for (size_t kind = 0; kind < MARKET_KIND_COUNT; kind++) {
        struct market_queue *queue = &sim->queues[kind];
        bool is_filling = sim->options.backlog > 0 && 2 * unread(queue) >= sim->options.backlog;
        if ((is_filling || is_calm_over) && amqp_gauge_ask(queue->gauge))
            queue->n_asked = queue->n_settled;
    }
}

/* ---- telling ---- */

static const char *first_error(const struct sim *sim)
{
    const char *error = amqp_conn_error(sim->out);
    if (error[0] == '\0')
        error = amqp_conn_error(sim->in);
    return error[0] != '\0' ? error : amqp_consumer_error(sim->signals);
}

static const char *phase_name(const struct sim *sim)
{
    if (sim->phase != RUNNING)
        return "ending";
    if (!can_publish(sim) && amqp_conn_state(sim->out) != AMQP_CONN_READY)
        return "waiting for the broker";
    return sim->is_held ? "waiting for readers" : "running";
}

static struct simulate_report make_report(const struct sim *sim)
{
    struct simulate_report report = {.phase = phase_name(sim),
                                     .error = sim->phase == CLOSING ? "" : first_error(sim),
                                     .market_ns = sim->now_ns,
                                     .speed = sim->speed,
                                     .lag_s = sim->lag_s,
                                     .n_events = sim->n_events,
                                     .n_lost = sim->n_lost,
                                     .is_last = sim->phase != RUNNING};
    for (size_t kind = 0; kind < MARKET_KIND_COUNT; kind++) {
        if (unread(&sim->queues[kind]) > report.backlog)
            report.backlog = unread(&sim->queues[kind]);
    }
    exchange_stats(sim->exchange, &report.exchange);
    return report;
}

static void tell(struct sim *sim, uint64_t now_ms)
{
    if (now_ms - sim->reported_ms < REPORT_MS)
        return;
    sim->reported_ms = now_ms;
    struct simulate_report report = make_report(sim);
    bool is_terminal = isatty(STDOUT_FILENO) != 0;
    if (is_terminal || now_ms - sim->line_ms >= LINE_MS) {
        simulate_print_line(&report, is_terminal);
        sim->line_ms = now_ms;
    }
    if (sim->options.status_file != NULL)
        simulate_write_status(&report, sim->options.status_file);
}

/* ---- ending ---- */

static void on_conn_closed(void *ctx)
{
    struct sim *sim = ctx;
    if (--sim->n_conns > 0)
        return;
    uv_close((uv_handle_t *)&sim->tick, NULL);
    uv_close((uv_handle_t *)&sim->sigint, NULL);
    uv_close((uv_handle_t *)&sim->sigterm, NULL);
}

static void close_conns(struct sim *sim)
{
    begin_phase(sim, CLOSING);
    amqp_conn_close(sim->in, 1000, on_conn_closed, sim);
    amqp_conn_close(sim->out, 1000, on_conn_closed, sim);
}

static bool is_drained(const struct sim *sim)
{
    return post_is_empty(&sim->post) && amqp_publisher_n_in_flight(sim->market) == 0;
}

static void on_tick(uv_timer_t *timer)
{
    struct sim *sim = timer->data;
    uint64_t now_ms = uv_now(&sim->loop);
    if (sim->phase == CLOSING)
        return;
    if (sim->phase == DRAINING && (is_drained(sim) || now_ms - sim->phase_ms >= DRAIN_MS)) {
        close_conns(sim);
        return;
    }
    log_set_now(wall_now_ns());
    advance(sim, now_ms);
    ask_depths(sim, now_ms);
    pump(sim);
    tell(sim, now_ms);
}

static void on_stop(uv_signal_t *handle, int number)
{
    struct sim *sim = handle->data;
    (void)number;
    if (sim->phase == RUNNING)
        begin_phase(sim, DRAINING);
    else if (sim->phase == DRAINING)
        close_conns(sim); /* asked twice: now */
}

/* ---- beginning ---- */

static struct amqp_queue gateway_queue_of(const char *name)
{
    return (struct amqp_queue){.name = name,
                               .create = true,
                               .message_ttl_ms = 86400000,
                               .max_length = 100000,
                               .overflow = "drop-head"};
}

static void fill_declarations(struct sim *sim)
{
    const char *market[MARKET_KIND_COUNT] = {[MARKET_TICKER] = sim->settings.ticker_queue,
                                             [MARKET_BOOK] = sim->settings.orderbook_queue,
                                             [MARKET_KLINE] = sim->settings.kline_queue,
                                             [MARKET_TRADES] = sim->settings.trades_queue};
    const char *others[] = {sim->settings.order_events_queue, sim->settings.position_queue,
                            sim->settings.signals_queue};
    size_t n = 0;
    for (size_t kind = 0; kind < MARKET_KIND_COUNT; kind++) {
        sim->queues[kind] = (struct market_queue){.name = market[kind]};
        sim->declarations[n++] = (struct amqp_declaration){.what = AMQP_DECLARE_QUEUE,
                                                           .queue = gateway_queue_of(market[kind])};
    }
    for (size_t i = 0; i < COUNT_OF(others); i++)
        sim->declarations[n++] = (struct amqp_declaration){
            .what = AMQP_DECLARE_QUEUE, .queue = {.name = others[i], .create = true}};
}

static struct amqp_options conn_options(const struct sim *sim, const char *name)
{
    const struct settings *s = &sim->settings;
    return (struct amqp_options){.host = s->rabbitmq_host,
                                 .port = (uint16_t)s->rabbitmq_port,
                                 .vhost = s->rabbitmq_vhost,
                                 .user = s->rabbitmq_user,
                                 .password = s->rabbitmq_password,
                                 .heartbeat_s = (uint16_t)s->rabbitmq_heartbeat_seconds,
                                 .seed = uv_hrtime(),
                                 .name = name};
}

static enum al_err create_out(struct sim *sim)
{
    struct amqp_options out = conn_options(sim, "simulate-out");
    struct amqp_publisher_options publisher = {
        .n_in_flight_max = IN_FLIGHT_MAX, .on_room = on_room, .ctx = sim};
    out.declarations = sim->declarations;
    out.n_declarations = COUNT_OF(sim->declarations);
    enum al_err err = amqp_conn_create(&sim->loop, &out, &sim->out);
    if (err == AL_OK)
        err = amqp_publisher_create(sim->out, &publisher, &sim->market);
    if (err == AL_OK)
        err = amqp_publisher_create(sim->out, &publisher, &sim->letters);
    return err;
}

static enum al_err create_in(struct sim *sim)
{
    struct amqp_options in = conn_options(sim, "simulate-in");
    struct amqp_consumer_options signals = {
        .queue = {.name = sim->settings.signals_queue, .create = true},
        .prefetch = 200,
        .on_message = on_signal,
        .ctx = sim};
    enum al_err err = amqp_conn_create(&sim->loop, &in, &sim->in);
    if (err == AL_OK)
        err = amqp_consumer_create(sim->in, &signals, &sim->signals);
    for (size_t kind = 0; err == AL_OK && kind < MARKET_KIND_COUNT; kind++) {
        struct market_queue *queue = &sim->queues[kind];
        err = amqp_gauge_create(sim->in, queue->name, on_depth, queue, &queue->gauge);
    }
    return err;
}

static enum al_err assets_of_settings(struct sim *sim)
{
    struct simulate_options *o = &sim->options;
    const struct setting_list *list = &sim->settings.trading_assets;
    for (size_t i = 0; i < list->count && o->n_assets < SYNTHETIC_ASSETS_MAX; i++) {
        if (!asset_parse(slice_of(list->items[i]), &o->assets[o->n_assets++]))
            return err_set(AL_EINVAL, "TRADING_ASSETS: %s is not an asset", list->items[i]);
    }
    return AL_OK;
}

static enum al_err open_synthetic(struct sim *sim)
{
    static const int64_t start_of_2024_ns = 1704067200 * NS_PER_S;
    struct simulate_options *o = &sim->options;
    struct synthetic_options market;
    enum al_err err = o->n_assets == 0 ? assets_of_settings(sim) : AL_OK;
    if (err != AL_OK)
        return err;
    synthetic_options_default(&market);
    market.seed = o->seed;
    market.edge = o->edge;
    market.half_spread_bps = o->half_spread_bps;
    market.n_assets = o->n_assets;
    memcpy(market.assets, o->assets, sizeof(market.assets));
    sim->is_live = o->speed == 1 && o->start_ns == TIMESTAMP_NONE;
    market.start_ns = sim->is_live ? wall_now_ns() : start_of_2024_ns;
    if (o->start_ns != TIMESTAMP_NONE)
        market.start_ns = o->start_ns;
    return source_open_synthetic(&market, &sim->source);
}

static enum al_err open_files(struct sim *sim)
{
    struct simulate_options *o = &sim->options;
    for (size_t i = o->n_assets; i < o->n_paths; i++) {
        if (!source_asset_of_path(o->paths[i], &o->assets[i]))
            return err_set(AL_EINVAL, "%s: its name tells no asset, say --assets", o->paths[i]);
    }
    return source_open_files(o->paths, o->assets, o->n_paths, o->half_spread_bps, &sim->source);
}

static void start_handles(struct sim *sim)
{
    uv_timer_init(&sim->loop, &sim->tick);
    uv_signal_init(&sim->loop, &sim->sigint);
    uv_signal_init(&sim->loop, &sim->sigterm);
    sim->tick.data = sim->sigint.data = sim->sigterm.data = sim;
    uv_signal_start(&sim->sigint, on_stop, SIGINT);
    uv_signal_start(&sim->sigterm, on_stop, SIGTERM);
    uv_timer_start(&sim->tick, on_tick, TICK_MS, TICK_MS);
    sim->ticked_ms = sim->line_ms = uv_now(&sim->loop);
}

static enum al_err create_parts(struct sim *sim)
{
    enum al_err err = sim->options.n_paths > 0 ? open_files(sim) : open_synthetic(sim);
    if (err == AL_OK)
        err = exchange_create(&sim->options.exchange, &sim->exchange);
    sim->reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    if (err == AL_OK && sim->reader == NULL)
        err = err_set(AL_ENOMEM, "JSON reader");
    if (err == AL_OK)
        err = create_out(sim);
    if (err == AL_OK)
        err = create_in(sim);
    return err;
}

static void free_parts(struct sim *sim)
{
    post_deinit(&sim->post);
    source_close(sim->source);
    if (sim->exchange != NULL)
        exchange_destroy(sim->exchange);
    if (sim->reader != NULL)
        json_reader_destroy(sim->reader);
    buf_deinit(&sim->body);
}

static void run(struct sim *sim)
{
    post_init(&sim->post, sim->letters);
    start_handles(sim);
    sim->n_conns = 2;
    amqp_conn_start(sim->out);
    amqp_conn_start(sim->in);
    uv_run(&sim->loop, UV_RUN_DEFAULT);
    struct simulate_report report = {.phase = "done",
                                     .error = "",
                                     .market_ns = sim->now_ns,
                                     .speed = sim->speed,
                                     .lag_s = sim->lag_s,
                                     .n_events = sim->n_events,
                                     .n_lost = sim->n_lost,
                                     .is_last = true};
    exchange_stats(sim->exchange, &report.exchange);
    simulate_print_summary(&report, source_n_refused(sim->source));
    if (sim->options.status_file != NULL)
        simulate_write_status(&report, sim->options.status_file);
}

static void init(struct sim *sim)
{
    uv_loop_init(&sim->loop);
    sim->now_ns = sim->first_ns = TIMESTAMP_NONE;
    sim->lag_s = NAN;
    sim->speed = top_speed(sim);
    sim->body = BUF_INIT(MESSAGE_MAX);
    log_init("simulate", LOG_WARN, NULL, NULL);
    log_set_level((enum log_level)(sim->settings.model_service_log_level < SETTING_ERROR
                                       ? sim->settings.model_service_log_level
                                       : SETTING_ERROR));
    fill_declarations(sim);
}

static void close_after_failure(struct sim *sim)
{
    fprintf(stderr, "alphaloop simulate: %s\n", err_text());
    if (sim->out != NULL)
        amqp_conn_close(sim->out, 0, NULL, NULL);
    if (sim->in != NULL)
        amqp_conn_close(sim->in, 0, NULL, NULL);
    uv_run(&sim->loop, UV_RUN_DEFAULT);
}

int role_simulate(int argc, char **argv)
{
    struct sim *sim = calloc(1, sizeof(*sim));
    if (sim == NULL)
        return EXIT_FAILED;
    simulate_options_parse(argc, argv, &sim->options);
    if (environment_settings(sim->options.env_file, 0, &sim->settings) != AL_OK) {
        free(sim);
        return EXIT_USAGE;
    }
    init(sim);
    enum al_err err = create_parts(sim);
    if (err == AL_OK)
        run(sim);
    else
        close_after_failure(sim);
    int exit_code = err == AL_OK ? sim->exit_code : err == AL_EINVAL ? EXIT_USAGE : EXIT_FAILED;
    free_parts(sim);
    uv_loop_close(&sim->loop);
    free(sim);
    return exit_code;
}
