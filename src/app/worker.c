/* The worker's life: build, start, run, drain, stop in reverse.
 *
 *   STARTING -> RECOVERING is left to recovery.c; RUNNING begins when the state is loaded: only then are order events and
 *   market data taken in. DRAINING takes nothing more and finishes what is under way. Every part heals by itself, so there
 *   is no state for "broken": health tells which part is away.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alphaloop/app/database.h"
#include "alphaloop/app/notify.h"
#include "alphaloop/app/roles.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/io/file.h"
#include "alphaloop/observe/log.h"
#include "alphaloop/observe/metric.h"

#include "activation_i.h"
#include "error_reports_i.h"
#include "events_i.h"
#include "feed_i.h"
#include "fetching_i.h"
#include "forecasts_i.h"
#include "funds_i.h"
#include "importance_i.h"
#include "intake_i.h"
#include "journal_i.h"
#include "ledger_i.h"
#include "outbox_i.h"
#include "reconcile_i.h"
#include "retention_i.h"
#include "history_i.h"
#include "pulse_i.h"
#include "recovery_i.h"
#include "rollout_i.h"
#include "tabular_i.h"
#include "spot_prices_i.h"
#include "training_i.h"
#include "upstreams_i.h"
#include "view_i.h"
#include "vitals_i.h"
#include "worker_i.h"

#define TICK_MS            10
#define STORAGE_CHECK_NS   (5 * NS_PER_S)
#define CLOSE_TIMEOUT_MS   2000
#define ADMIN_STATEMENT_MS 5000

/* ---- clocks ---- */

int64_t worker_wall_ns(const struct worker *worker)
{
    (void)worker;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

int64_t worker_now_ns(struct worker *worker)
{
    return market_clock_now(&worker->clock, worker_wall_ns(worker));
}

/* ---- effects ---- */

static void perform(struct worker *worker, struct effect *effect)
{
    journal_add_decision(worker->journal, effect);
    if (effect->kind == EFFECT_start_training)
        training_request(worker->training, &effect->training.strategy_id, effect->training.trigger);
    else if (effect->kind == EFFECT_rollout_step)
        rollout_perform(worker, effect->rollout);
    else
        ledger_put(worker->ledger, effect);
}

void worker_perform(struct worker *worker)
{
    struct effect effect;
    while (effects_take(&worker->effects, &effect))
        perform(worker, &effect);
    int64_t now_ns = worker_now_ns(worker);
    /* A tick is never more than a second ahead, unless the market clock went from the wall to a recorded market. */
    if (now_ns >= worker->next_tick_ns || worker->next_tick_ns - now_ns > NS_PER_S) {
        journal_add_tick(worker->journal, now_ns);
        worker->next_tick_ns = pipeline_tick(worker->pipeline, now_ns, &worker->effects);
        while (effects_take(&worker->effects, &effect))
            perform(worker, &effect);
    }
    bool is_paused = ledger_is_full(worker->ledger) || outbox_is_full(worker->outbox);
    journal_add_pause(worker->journal, is_paused);
    act_pause(worker->pipeline, is_paused);
    ledger_run(worker->ledger);
}

void worker_make_room(struct worker *worker)
{
    assert(effects_room(&worker->effects) >= EFFECTS_PER_CALL);
}

void worker_after_ledger(struct worker *worker)
{
    ledger_run(worker->ledger);
    intake_run(worker->intake);
}

/* ---- modes ---- */

void worker_mode_changed(struct worker *worker, const struct strategy_id *strategy_id)
{
    const struct model_version_id *active = pipeline_active_version(worker->pipeline, strategy_id);
    const char *mode = active != NULL ? "model" : "warmup";
    log_info("app", "gate", NULL, EV("mode_changed"), F_STR("strategy_id", strategy_id->text),
             F_STR("mode", mode), F_STR("version", active != NULL ? active->text : NULL));
    metric_set(METRIC_model_is_active, active != NULL, strategy_id->text, NULL);
    struct json_writer *w = events_begin(worker->events, "mode.changed", strategy_id->text);
    json_m_str(w, "mode", mode);
    json_m_str(w, "version", active != NULL ? active->text : NULL);
    events_send(worker->events);
}

static void on_fallen_back(void *ctx, const struct admin_result *result)
{
    (void)ctx;
    (void)result; /* said by the activation itself */
}

struct fallback {
    struct worker *worker;
    struct strategy_id strategy_id;
};

static void on_rollback_tried(void *ctx, const struct admin_result *result)
{
    struct worker *worker = ((struct fallback *)ctx)->worker;
    if (result->outcome != ADMIN_DONE)
        activation_start(worker, &((struct fallback *)ctx)->strategy_id, NULL, "unverifiable",
                         on_fallen_back, worker);
    free(ctx);
}

void worker_fall_back(struct worker *worker, const struct strategy_id *strategy_id)
{
    struct fallback *fallback = calloc(1, sizeof(*fallback));
    assert(fallback != NULL);
    fallback->worker = worker;
    fallback->strategy_id = *strategy_id;
    activation_rollback(worker, strategy_id, on_rollback_tried, fallback);
}

/* ---- admin actions ---- */

struct pending_action {
    admin_result_fn done;
    void *ctx;
};

static void on_action_done(void *ctx, const struct admin_result *result)
{
    struct pending_action *action = ctx;
    action->done(action->ctx, result);
    free(action);
}

static struct pending_action *action_new(admin_result_fn done, void *ctx)
{
    struct pending_action *action = malloc(sizeof(*action));
    assert(action != NULL);
    *action = (struct pending_action){done, ctx};
    return action;
}

static void answer(admin_result_fn done, void *ctx, enum admin_outcome outcome, const char *text)
{
    struct admin_result result = {.outcome = outcome, .text = text};
    done(ctx, &result);
}

static bool knows(const struct worker *worker, const struct strategy_id *strategy_id)
{
    return pipeline_schema_hash(worker->pipeline, strategy_id) != NULL;
}

static void action_train(void *app,
                         const struct strategy_id *strategy_id,
                         admin_result_fn done,
                         void *ctx)
{
    struct worker *worker = app;
    if (!knows(worker, strategy_id)) {
        answer(done, ctx, ADMIN_NOT_FOUND, "There is no such strategy.");
    } else if (worker->state != WORKER_RUNNING || !pg_client_is_ready(worker->writer)) {
        answer(done, ctx, ADMIN_AWAY, "The database is away.");
    } else {
        training_request(worker->training, strategy_id, "manual");
        answer(done, ctx, ADMIN_DONE, "Training triggered successfully");
    }
}

static void action_cancel(void *app,
                          const struct strategy_id *strategy_id,
                          admin_result_fn done,
                          void *ctx)
{
    struct worker *worker = app;
    if (!knows(worker, strategy_id))
        answer(done, ctx, ADMIN_NOT_FOUND, "There is no such strategy.");
    else if (training_cancel(worker->training, strategy_id))
        answer(done, ctx, ADMIN_DONE, "The training is being cancelled.");
    else
        answer(done, ctx, ADMIN_CONFLICT, "No training runs for this strategy.");
}

static void action_activate(void *app,
                            const struct model_version_id *version,
                            const struct strategy_id *strategy_id,
                            admin_result_fn done,
                            void *ctx)
{
    activation_start(app, strategy_id, version, "manual", on_action_done, action_new(done, ctx));
}

static void action_rollback(void *app,
                            const struct strategy_id *strategy_id,
                            admin_result_fn done,
                            void *ctx)
{
    activation_rollback(app, strategy_id, on_action_done, action_new(done, ctx));
}

static void action_importance(void *app,
                              const struct model_version_id *version,
                              admin_result_fn done,
                              void *ctx)
{
    importance_read(app, version, done, ctx);
}

static void action_prices(
    void *app, const struct asset *assets, size_t n, admin_result_fn done, void *ctx)
{
    spot_prices_tell(((struct worker *)app)->spot_prices, assets, n, done, ctx);
}

static void action_forecast(void *app,
                            const struct admin_forecast_ask *ask,
                            admin_result_fn done,
                            void *ctx)
{
    forecasts_predict(((struct worker *)app)->forecasts, ask, done, ctx);
}

static void action_register_forecast(void *app,
                                     const struct admin_forecast_registration *registration,
                                     admin_result_fn done,
                                     void *ctx)
{
    forecasts_register(((struct worker *)app)->forecasts, registration, done, ctx);
}

static void action_tabular_train(void *app,
                                 struct slice model_name,
                                 int64_t model_run_id,
                                 struct slice body,
                                 admin_result_fn done,
                                 void *ctx)
{
    struct worker *worker = app;
    tabular_runs_train(worker->tabular_runs, model_name, model_run_id, body, done, ctx);
}

static void action_tabular_predict(
    void *app, int64_t model_run_id, struct slice body, admin_result_fn done, void *ctx)
{
    struct worker *worker = app;
    tabular_predict(worker->tabular_predictions, model_run_id, body, done, ctx);
}

/* ---- building ---- */

struct pg_options worker_pg_options(const struct worker *worker, const char *name)
{
    struct pg_options options = database_from_settings(worker->settings, name);
    options.seed = worker->seed;
    return options;
}

static enum al_err create_database(struct worker *worker)
{
    struct pg_options writer = worker_pg_options(worker, "writer");
    writer.by_key = true;
    struct pg_options reader = worker_pg_options(worker, "admin");
    reader.statement_timeout_ms = ADMIN_STATEMENT_MS;
    enum al_err err = pg_client_create(worker->loop, &writer, NULL, NULL, &worker->writer);
    return err == AL_OK ? pg_client_create(worker->loop, &reader, NULL, NULL, &worker->reader)
                        : err;
}

static enum al_err create_broker(struct worker *worker)
{
    const struct settings *s = worker->settings;
    worker->declarations[0] = (struct amqp_declaration){
        .what = AMQP_DECLARE_QUEUE, .queue = {.name = s->signals_queue, .create = true}};
    worker->declarations[1] = (struct amqp_declaration){
        .what = AMQP_DECLARE_EXCHANGE, .exchange = s->events_exchange, .exchange_type = "topic"};
    struct amqp_options options = {
        .host = s->rabbitmq_host,
        .vhost = s->rabbitmq_vhost,
        .user = s->rabbitmq_user,
        .password = s->rabbitmq_password,
        .port = (uint16_t)s->rabbitmq_port,
        .name = "consume",
        .heartbeat_s = (uint16_t)s->rabbitmq_heartbeat_seconds,
        .seed = worker->seed,
    };
    enum al_err err = amqp_conn_create(worker->loop, &options, &worker->consuming);
    options.name = "publish";
    options.declarations = worker->declarations;
    options.n_declarations = worker->publishes ? COUNT_OF(worker->declarations) : 0;
    return err == AL_OK ? amqp_conn_create(worker->loop, &options, &worker->publishing) : err;
}

/* Whoever asks others over HTTP asks through this one client. */
static enum al_err create_upstreams(struct worker *worker)
{
    bool reports_errors = worker->settings->sentry_dsn[0] != '\0';
    if (!reports_errors && worker->settings->fetch_upstream == 0 &&
        !spot_prices_are_wanted(worker->settings))
        return AL_OK;
    enum al_err err =
        upstreams_create(worker->loop, worker->settings, worker->seed, &worker->upstreams);
    if (err == AL_OK && reports_errors)
        err = error_reports_create(worker->upstreams, worker->settings, worker->seed,
                                   &worker->error_reports);
    if (err == AL_OK)
        err = spot_prices_create(worker, &worker->spot_prices);
    return err;
}

static enum al_err create_parts(struct worker *worker)
{
    enum al_err err = create_database(worker);
    if (err == AL_OK)
        err = create_broker(worker);
    if (err == AL_OK)
        err = ledger_create(worker, &worker->ledger);
    if (err == AL_OK)
        err = outbox_create(worker, &worker->outbox);
    if (err == AL_OK)
        err = events_create(worker, &worker->events);
    if (err == AL_OK)
        err = intake_create(worker, &worker->intake);
    if (err == AL_OK)
        err = feed_create(worker, &worker->feed);
    if (err == AL_OK)
        err = training_create(worker, &worker->training);
    if (err == AL_OK)
        err = forecasts_create(worker, &worker->forecasts);
    if (err == AL_OK)
        err = tabular_runs_create(worker, &worker->tabular_runs);
    if (err == AL_OK)
        err = tabular_predictions_create(worker, &worker->tabular_predictions);
    if (err == AL_OK)
        err = funds_create(worker, &worker->funds);
    if (err == AL_OK)
        err = reconcile_create(worker, &worker->reconcile);
    if (err == AL_OK)
        err = retention_create(worker, &worker->retention);
    if (err == AL_OK)
        err = fetching_create(worker, &worker->fetching);
    if (err == AL_OK)
        err = history_create(worker, &worker->history);
    if (err == AL_OK)
        err = pulse_create(worker, &worker->pulse);
    if (err == AL_OK)
        err = vitals_create(&worker->vitals);
    if (err == AL_OK)
        err = create_upstreams(worker);
    return err;
}

static enum al_err create_core(struct worker *worker)
{
    struct pipeline_options options = {
        .settings = worker->settings,
        .strategies = worker->strategies,
        .n_strategies = worker->n_strategies,
        .seed = worker->seed,
    };
    effects_init(&worker->effects);
    market_clock_init(&worker->clock, worker->settings->clock == SETTING_CLOCK_MARKET,
                      worker->settings->clock_speed);
    worker->next_tick_ns = 0;
    return pipeline_create(&options, &worker->pipeline);
}

static enum al_err start_journal(struct worker *worker)
{
    struct journal_start start;
    journal_start_of(worker->settings, worker->strategies, worker->n_strategies, worker->seed,
                     &start);
    return journal_open(worker->loop, worker->settings->journal_path,
                        (uint64_t)worker->settings->journal_max_mb << 20, &start, &worker->journal);
}

static enum al_err start_admin(struct worker *worker)
{
    const struct settings *s = worker->settings;
    worker->admin = (struct admin_context){
        .settings = s,
        .service = s->model_service_service_name,
        .version = ALPHALOOP_VERSION,
        .reader = worker->reader,
        .app = worker,
        .live = view_live,
        .config = view_config,
        .feature_set = view_feature_set,
        .rollout = view_rollout,
        .trend = view_trend,
        .actions = {action_train, action_cancel, action_activate, action_rollback,
                    action_importance, .forecast_predict = action_forecast,
                    .forecast_register = action_register_forecast,
                    .tabular_train = action_tabular_train,
                    .tabular_predict = action_tabular_predict, .prices = action_prices},
    };
    struct http_config config = {
        .host = s->model_service_host,
        .port = (uint16_t)s->model_service_port,
        .api_key = s->model_service_api_key,
        .guard_metrics = s->metrics_require_key,
        .ctx = &worker->admin,
    };
    config.routes = admin_routes(&config.n_routes);
    return http_server_start(worker->loop, &config, &worker->http);
}

/* ---- the tick: what no event announces ---- */

static void try_storage(uv_work_t *work)
{
    struct worker *worker = work->data;
    struct storage_check *check = &worker->storage_check; /* ours alone while it runs */
    check->ok = file_check_writable(check->dir) == AL_OK;
    (void)chars_set(check->error, sizeof(check->error), check->ok ? "" : err_text());
    file_disk_room(check->dir, &check->disk_free_bytes, &check->disk_total_bytes);
}

static void on_storage_tried(uv_work_t *work, int status)
{
    struct worker *worker = work->data;
    struct storage_check *check = &worker->storage_check;
    bool was_ok = worker->storage_ok;
    check->running = false;
    if (status != 0)
        return;
    worker->storage_ok = check->ok;
    (void)chars_set(worker->storage_error, sizeof(worker->storage_error), check->error);
    vitals_set_disk(worker->vitals, check->disk_free_bytes, check->disk_total_bytes);
    if (was_ok && !worker->storage_ok)
        log_warn("app", "train", NULL, EV("model_storage_unavailable"),
                 F_STR("why", worker->storage_error));
    if (!was_ok && worker->storage_ok)
        log_info("app", "train", NULL, EV("model_storage_accessible"), F_STR("path", check->dir));
}

static void check_storage(struct worker *worker, int64_t wall_ns)
{
    struct storage_check *check = &worker->storage_check;
    if (check->running || wall_ns < worker->storage_checked_ns + STORAGE_CHECK_NS)
        return;
    worker->storage_checked_ns = wall_ns;
    check->work.data = worker;
    (void)chars_set(check->dir, sizeof(check->dir), worker->settings->model_storage_path);
    check->running = uv_queue_work(worker->loop, &check->work, try_storage, on_storage_tried) == 0;
}

static void measure_lag(struct worker *worker)
{
    uint64_t now_ns = uv_hrtime(), due_ns = worker->tick_due_hr_ns;
    if (due_ns != 0)
        metric_observe(METRIC_loop_lag_seconds,
                       now_ns > due_ns ? (double)(now_ns - due_ns) / 1e9 : 0, NULL, NULL);
    worker->tick_due_hr_ns = now_ns + TICK_MS * 1000000ULL;
}

static bool is_drained(const struct worker *worker)
{
    bool written = ledger_count(worker->ledger) == 0;
    /* Whether what is left is too old only the market's time would tell: it waits in the ledger. */
    bool sent = !worker->publishes || outbox_count(worker->outbox) == 0 ||
                !market_clock_is_known(&worker->clock);
    return intake_is_idle(worker->intake) && written && sent && history_is_idle(worker->history) &&
           training_is_idle(worker->training) && forecasts_are_idle(worker->forecasts) &&
           tabular_runs_are_idle(worker->tabular_runs) &&
           tabular_predictions_are_idle(worker->tabular_predictions) &&
           worker->n_activations == 0 && worker->n_importances == 0;
}

static void stop(struct worker *worker);

static void on_tick(uv_timer_t *timer)
{
    struct worker *worker = timer->data;
    int64_t wall_ns = worker_wall_ns(worker);
    measure_lag(worker);
    check_storage(worker, wall_ns);
    if (worker->state == WORKER_RUNNING || worker->state == WORKER_DRAINING) {
        worker_perform(worker);
        outbox_run(worker->outbox);
        intake_run(worker->intake);
        training_run(worker->training);
        forecasts_run(worker->forecasts);
        tabular_runs_run(worker->tabular_runs);
        funds_run(worker->funds);
        reconcile_run(worker->reconcile);
        retention_run(worker->retention);
        history_run(worker->history, wall_ns);
        if (worker->state == WORKER_RUNNING)
            fetching_run(worker->fetching);
        journal_run(worker->journal);
        metric_set(METRIC_open_decisions, (double)pipeline_n_open(worker->pipeline), NULL, NULL);
    }
    if (worker->state < WORKER_STOPPING) {
        pulse_run(worker->pulse, wall_ns);
        vitals_run(worker->vitals, wall_ns, outbox_count(worker->outbox));
    }
    if (worker->watchdog_ns > 0 && wall_ns >= worker->watchdog_due_ns) {
        notify_send(worker->settings->notify_socket, "WATCHDOG=1");
        worker->watchdog_due_ns = wall_ns + worker->watchdog_ns / 2;
    }
    if (worker->state == WORKER_DRAINING &&
        (is_drained(worker) || wall_ns >= worker->drain_until_ns))
        stop(worker);
}

/* ---- starting and stopping ---- */

const char *worker_state_name(enum worker_state state)
{
    static const char *const names[] = {"starting", "recovering", "running",
                                        "draining", "stopping",   "stopped"};
    return names[state];
}

static void set_state(struct worker *worker, enum worker_state state)
{
    assert(state > worker->state);
    log_info("app", "state", NULL, EV(worker_state_name(state)));
    worker->state = state;
}

void worker_on_recovered(struct worker *worker)
{
    if (worker->state >= WORKER_RUNNING)
        return;
    enum al_err err = intake_start(worker->intake);
    if (err == AL_OK)
        err = feed_start(worker->feed);
    if (err != AL_OK) {
        worker_fail(worker, "consumers_not_created", err_text());
        return;
    }
    set_state(worker, WORKER_RUNNING);
    notify_send(worker->settings->notify_socket, "READY=1");
}

void worker_fail(struct worker *worker, const char *what, const char *why)
{
    log_error("app", "state", NULL, EV(what), F_STR("why", why));
    fprintf(stderr, "alphaloop: %s\n", why);
    worker->exit_code = 1;
    stop(worker);
}

static void drain(struct worker *worker)
{
    if (worker->state >= WORKER_DRAINING)
        return;
    bool running = worker->state == WORKER_RUNNING;
    set_state(worker, WORKER_DRAINING);
    notify_send(worker->settings->notify_socket, "STOPPING=1");
    worker->drain_until_ns = worker_wall_ns(worker);
    if (!running)
        return;
    /* Closing takes its own time; what is left of the limit after it goes to draining. */
    int64_t drain_ns =
        (int64_t)worker->settings->shutdown_drain_seconds * NS_PER_S - CLOSE_TIMEOUT_MS * NS_PER_MS;
    worker->drain_until_ns += drain_ns > 0 ? drain_ns : 0;
    fetching_stop(worker->fetching);
    feed_stop(worker->feed);
    intake_stop(worker->intake);
    training_stop(worker->training);
    forecasts_stop(worker->forecasts);
    tabular_runs_stop(worker->tabular_runs);
}

static void on_part_closed(void *ctx)
{
    struct worker *worker = ctx;
    if (--worker->n_closing > 0)
        return;
    intake_close(worker->intake);
    recovery_close(worker->recovery);
    uv_close((uv_handle_t *)&worker->tick, NULL);
    uv_close((uv_handle_t *)&worker->on_term, NULL);
    uv_close((uv_handle_t *)&worker->on_int, NULL);
    uv_close((uv_handle_t *)&worker->on_hup, NULL);
    set_state(worker, WORKER_STOPPED);
}

static void stop(struct worker *worker)
{
    if (worker->state >= WORKER_STOPPING)
        return;
    set_state(worker, WORKER_STOPPING);
    training_abandon(worker->training);
    forecasts_abandon(worker->forecasts);
    tabular_runs_abandon(worker->tabular_runs);
    fetching_stop(worker->fetching);
    worker->n_closing = worker->upstreams == NULL ? 5 : 6;
    http_server_close(worker->http, CLOSE_TIMEOUT_MS, on_part_closed, worker);
    amqp_conn_close(worker->consuming, CLOSE_TIMEOUT_MS, on_part_closed, worker);
    amqp_conn_close(worker->publishing, CLOSE_TIMEOUT_MS, on_part_closed, worker);
    pg_client_close(worker->reader, CLOSE_TIMEOUT_MS, on_part_closed, worker);
    pg_client_close(worker->writer, CLOSE_TIMEOUT_MS, on_part_closed, worker);
    error_reports_destroy(worker->error_reports);
    spot_prices_stop(worker->spot_prices);
    if (worker->upstreams != NULL)
        fetch_close(worker->upstreams, on_part_closed, worker);
}

static void on_stop_signal(uv_signal_t *handle, int signum)
{
    struct worker *worker = handle->data;
    log_info("app", "state", NULL, EV("signal"), F_I64("number", signum));
    if (worker->state == WORKER_DRAINING)
        stop(worker); /* asked twice: at once */
    else
        drain(worker);
}

static void on_reload_signal(uv_signal_t *handle, int signum)
{
    struct worker *worker = handle->data;
    (void)signum;
    worker->reload(worker);
    http_server_set_key(worker->http, worker->settings->model_service_api_key);
    http_server_guard_metrics(worker->http, worker->settings->metrics_require_key);
}

static void start_handles(struct worker *worker)
{
    uv_timer_init(worker->loop, &worker->tick);
    uv_signal_init(worker->loop, &worker->on_term);
    uv_signal_init(worker->loop, &worker->on_int);
    uv_signal_init(worker->loop, &worker->on_hup);
    worker->tick.data = worker->on_term.data = worker->on_int.data = worker->on_hup.data = worker;
    uv_timer_start(&worker->tick, on_tick, TICK_MS, TICK_MS);
    uv_signal_start(&worker->on_term, on_stop_signal, SIGTERM);
    uv_signal_start(&worker->on_int, on_stop_signal, SIGINT);
    uv_signal_start(&worker->on_hup, on_reload_signal, SIGHUP);
}

enum al_err worker_start(struct worker *worker)
{
    worker->started_at_ns = worker_wall_ns(worker);
    worker->watchdog_ns = (int64_t)worker->settings->watchdog_usec * NS_PER_US;
    enum al_err made = file_make_dir(worker->settings->model_storage_path);
    worker->storage_ok = made == AL_OK;
    enum al_err err = create_core(worker);
    if (err == AL_OK)
        err = start_journal(worker);
    if (err == AL_OK)
        err = create_parts(worker);
    if (err == AL_OK)
        err = start_admin(worker);
    if (err != AL_OK)
        return err;
    start_handles(worker);
    pg_client_start(worker->writer);
    pg_client_start(worker->reader);
    amqp_conn_start(worker->consuming);
    amqp_conn_start(worker->publishing);
    set_state(worker, WORKER_RECOVERING);
    return recovery_start(worker, &worker->recovery);
}

void worker_deinit(struct worker *worker)
{
    journal_close(worker->journal);
    pulse_destroy(worker->pulse);
    vitals_destroy(worker->vitals);
    fetching_destroy(worker->fetching);
    spot_prices_destroy(worker->spot_prices);
    retention_destroy(worker->retention);
    history_destroy(worker->history);
    reconcile_destroy(worker->reconcile);
    funds_destroy(worker->funds);
    forecasts_destroy(worker->forecasts);
    tabular_predictions_destroy(worker->tabular_predictions);
    tabular_runs_destroy(worker->tabular_runs);
    training_destroy(worker->training);
    feed_destroy(worker->feed);
    outbox_destroy(worker->outbox);
    events_destroy(worker->events);
    ledger_destroy(worker->ledger);
    effects_deinit(&worker->effects);
    pipeline_destroy(worker->pipeline);
}
