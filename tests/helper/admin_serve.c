/* The admin routes over a made-up program, for the Python tests of admin.
 *
 *   admin_serve [word ...]
 *
 * Words change the made-up state: no-database, no-broker, no-storage, no-queue, old-schema, stopping, model, training,
 * guard, full (the disk). With POSTGRES_HOST in the environment questions go to that database. Prints its port, ends with standard input.
 *
 * Actions know the strategies momentum_v1 and busy_v1. Training busy_v1 is a conflict. Versions: v1 activates, v2 does
 * not verify, v3 is another strategy's, v4 cannot be read now, v5 breaks, others are unknown. So are the model runs 1 to 5 of
 * the train/predict routes; 6 is one too many.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/admin/admin.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/feature/feature_set.h"
#include "alphaloop/io/http.h"
#include "alphaloop/io/pg.h"
#include "alphaloop/observe/metric.h"
#include "alphaloop/settings/strategy_config.h"
#include "alphaloop/train/rollout.h"

#define WORDS_MAX 16

static struct {
    uv_loop_t loop;
    uv_pipe_t input;
    uv_timer_t later;
    struct http_server *server;
    struct pg_client *reader;
    struct settings settings;
    struct strategy_config config;
    struct feature_set features;
    struct admin_context admin;
    const char *words[WORDS_MAX];
    size_t n_words;
    admin_result_fn fn;
    void *fn_ctx;
    struct admin_result result;
} self;

static bool has_word(const char *word)
{
    for (size_t i = 0; i < self.n_words; i++) {
        if (strcmp(self.words[i], word) == 0)
            return true;
    }
    return false;
}

static int64_t now_ns(void)
{
    uv_timeval64_t now;
    uv_gettimeofday(&now);
    return now.tv_sec * NS_PER_S + now.tv_usec * NS_PER_US;
}

static struct admin_part part(const char *well, const char *word, const char *ill)
{
    struct admin_part out = {.ok = !has_word(word)};
    snprintf(out.state, sizeof out.state, "%s", out.ok ? well : ill);
    snprintf(out.detail, sizeof out.detail, "%s", out.ok ? "" : "as the test wants it");
    return out;
}

static struct admin_strategy strategy(const char *id)
{
    struct admin_strategy out = {.warmup_enabled = true,
                                 .active_since_ns = TIMESTAMP_NONE,
                                 .n_samples = 800,
                                 .n_eff = 612.5,
                                 .n_eff_needed = 1000,
                                 .n_samples_new = 150,
                                 .next_scheduled_ns = TIMESTAMP_NONE,
                                 .signals_per_minute = 12,
                                 .n_signals = 240,
                                 .n_settled = 200,
                                 .pnl_settled = 12.5,
                                 .win_rate = NAN,
                                 .interval_nominal = 0.9,
                                 .interval_coverage = NAN,
                                 .last_verdict_at_ns = TIMESTAMP_NONE};
    snprintf(out.id.text, sizeof out.id.text, "%s", id);
    if (has_word("model")) {
        out.mode = ADMIN_MODE_MODEL;
        out.active_since_ns = now_ns();
        out.win_rate = 0.53;
        snprintf(out.active_version.text, sizeof out.active_version.text, "v1");
        snprintf(out.active_kind, sizeof out.active_kind, "xgboost");
        snprintf(out.last_verdict, sizeof out.last_verdict, "promoted: net utility above warm-up");
    }
    if (has_word("training")) {
        out.current = (struct admin_training){.exists = true,
                                              .run_id = "01938d6e-7c00-7000-8000-000000000002",
                                              .trigger = "manual",
                                              .stage = "fitting",
                                              .progress = 0.4,
                                              .started_at_ns = now_ns(),
                                              .finished_at_ns = TIMESTAMP_NONE,
                                              .n_rows = -1};
        out.next_scheduled_ns = now_ns() + NS_PER_H;
    }
    return out;
}

#define MINUTES 600 /* of made-up trends, the newest ends now */

/* The CPU share grows by one a minute, and is not known every tenth minute. */
static bool trend(void *app, size_t index, struct admin_trend_point *out)
{
    (void)app;
    if (index >= MINUTES)
        return false;
    int64_t minute_ns = 60 * NS_PER_S, newest_ns = now_ns() / minute_ns * minute_ns;
    *out =
        (struct admin_trend_point){.at_ns = newest_ns - (int64_t)(MINUTES - 1 - index) * minute_ns};
    out->values[ADMIN_TREND_cpu_share] = index % 10 == 9 ? NAN : (float)index;
    out->values[ADMIN_TREND_http_seconds] = NAN;
    return true;
}

static void live(void *app, struct admin_live *out)
{
    (void)app;
    out->now_ns = out->market_now_ns = now_ns();
    out->started_at_ns = out->now_ns - 60 * NS_PER_S;
    out->publishing = true;
    out->stopping = has_word("stopping");
    out->database = part("connected", "no-database", "connecting");
    out->schema_version = has_word("old-schema") ? 17 : 18;
    out->schema_expected = 18;
    out->consume_connection = part("connected", "no-broker", "waiting");
    out->publish_connection = part("connected", "no-broker", "waiting");
    out->model_storage = part("accessible", "no-storage", "unavailable");
    out->vitals = (struct admin_vitals){.cpu_share = NAN,
                                        .load_1m = 0.5,
                                        .memory_resident_bytes = 2e7,
                                        .memory_available_bytes = 5e9,
                                        .memory_total_bytes = 8e9,
                                        .disk_free_bytes = has_word("full") ? 1e9 : 5e10,
                                        .disk_total_bytes = 1e11};
    out->loop_lag_p99_seconds = NAN;
    out->n_consumers = 2;
    out->consumers[0] = (struct admin_consumer){.queue = "order-manager.order_events",
                                                .required = true,
                                                .part = part("active", "no-events", "missing"),
                                                .last_at_ns = TIMESTAMP_NONE};
    out->consumers[1] = (struct admin_consumer){.queue = "ws-gateway.ticker",
                                                .part = part("active", "no-queue", "missing"),
                                                .n_received = 5,
                                                .last_at_ns = out->now_ns};
    out->n_strategies = 2;
    out->strategies[0] = strategy("momentum_v1");
    out->strategies[1] = strategy("busy_v1");
}

static bool is_known(const struct strategy_id *id)
{
    return strcmp(id->text, "momentum_v1") == 0 || strcmp(id->text, "busy_v1") == 0;
}

/* ---- actions answer in a later turn, except those that find no strategy ---- */

static void on_later(uv_timer_t *timer)
{
    (void)timer;
    self.fn(self.fn_ctx, &self.result);
}

static void answer(admin_result_fn fn,
                   void *ctx,
                   enum admin_outcome outcome,
                   const char *text,
                   const char *version)
{
    struct admin_result result = {.outcome = outcome, .text = text};
    snprintf(result.version.text, sizeof result.version.text, "%s", version);
    if (outcome == ADMIN_NOT_FOUND || uv_is_active((uv_handle_t *)&self.later)) {
        fn(ctx, &result);
        return;
    }
    self.fn = fn;
    self.fn_ctx = ctx;
    self.result = result;
    uv_timer_start(&self.later, on_later, 1, 0);
}

static void trigger(void *app, const struct strategy_id *id, admin_result_fn fn, void *ctx)
{
    (void)app;
    if (!is_known(id))
        answer(fn, ctx, ADMIN_NOT_FOUND, "there is no such strategy", "");
    else if (strcmp(id->text, "busy_v1") == 0)
        answer(fn, ctx, ADMIN_CONFLICT, "too few samples", "");
    else
        answer(fn, ctx, ADMIN_DONE, "", "");
}

static void cancel(void *app, const struct strategy_id *id, admin_result_fn fn, void *ctx)
{
    (void)app;
    if (!is_known(id))
        answer(fn, ctx, ADMIN_NOT_FOUND, "there is no such strategy", "");
    else if (!has_word("training"))
        answer(fn, ctx, ADMIN_CONFLICT, "nothing is being trained", "");
    else
        answer(fn, ctx, ADMIN_DONE, "", "");
}

static void activate(void *app,
                     const struct model_version_id *version,
                     const struct strategy_id *id,
                     admin_result_fn fn,
                     void *ctx)
{
    static const enum admin_outcome outcomes[] = {ADMIN_DONE, ADMIN_INVALID, ADMIN_CONFLICT,
                                                  ADMIN_AWAY, ADMIN_FAILED};
    (void)app;
    size_t number = (size_t)strtoul(version->text + 1, NULL, 10);
    if (!is_known(id) || number < 1 || number > COUNT_OF(outcomes))
        answer(fn, ctx, ADMIN_NOT_FOUND, "there is no such version", "");
    else
        answer(fn, ctx, outcomes[number - 1], "as the test wants it", version->text);
}

static void rollback(void *app, const struct strategy_id *id, admin_result_fn fn, void *ctx)
{
    (void)app;
    if (!is_known(id))
        answer(fn, ctx, ADMIN_NOT_FOUND, "there is no such strategy", "");
    else if (!has_word("model"))
        answer(fn, ctx, ADMIN_CONFLICT, "there is nothing to go back to", "");
    else
        answer(fn, ctx, ADMIN_DONE, "back in warm-up", "");
}

static void importance(void *app,
                       const struct model_version_id *version,
                       admin_result_fn fn,
                       void *ctx)
{
    static const char body[] =
        "{\"version\":\"v1\",\"strategy_id\":\"momentum_v1\",\"model_type\":\"xgboost\",\"rows\":"
        "1000,\"features\":[{\"feature\":\"rsi_14\",\"mean_abs_contribution\":0.5,\"gain\":12.5,"
        "\"cover\":100,\"weight\":7}]}";
    (void)app;
    struct admin_result result = {.outcome = ADMIN_DONE, .text = "", .body = slice_of(body)};
    if (strcmp(version->text, "v1") == 0)
        fn(ctx, &result);
    else if (strcmp(version->text, "v4") == 0)
        answer(fn, ctx, ADMIN_AWAY, "as the test wants it", "");
    else
        answer(fn, ctx, ADMIN_NOT_FOUND, "the model store has no such version", "");
}

/* Run 1 can be trained and predicts; the others are those of the versions above. */
static enum admin_outcome run_outcome(int64_t id)
{
    static const enum admin_outcome outcomes[] = {ADMIN_DONE, ADMIN_REFUSED, ADMIN_CONFLICT,
                                                  ADMIN_AWAY, ADMIN_FAILED,  ADMIN_BUSY};
    return id >= 1 && id <= (int64_t)COUNT_OF(outcomes) ? outcomes[id - 1] : ADMIN_NOT_FOUND;
}

static void tabular_train(void *app,
                          struct slice model_name,
                          int64_t run_id,
                          struct slice body,
                          admin_result_fn fn,
                          void *ctx)
{
    (void)app, (void)model_name, (void)body;
    answer(fn, ctx, run_outcome(run_id), "as the test wants it", "");
}

static void tabular_predict(
    void *app, int64_t run_id, struct slice body, admin_result_fn fn, void *ctx)
{
    static const char said[] = "{\"predictions\":[\"up\"],\"classes\":[\"down\",\"up\"],"
                               "\"probabilities\":[[0.25,0.75]],\"model_run_id\":1,"
                               "\"model_name\":\"mean_regression\",\"status\":\"success\"}";
    (void)app, (void)body;
    struct admin_result result = {.outcome = run_outcome(run_id), .text = "as the test wants it"};
    if (result.outcome == ADMIN_DONE)
        result.body = slice_of(said);
    fn(ctx, &result);
}

static const struct strategy_config *config_of(void *app, const struct strategy_id *id)
{
    (void)app;
    return strcmp(id->text, "momentum_v1") == 0 ? &self.config : NULL;
}

/* momentum_v1 with a canary that was judged and a guard; busy_v1 in warm-up. */
static bool rollout_of(void *app, size_t index, struct rollout_view *out)
{
    (void)app;
    *out = (struct rollout_view){.expires_ns = TIMESTAMP_NONE,
                                 .cooling_until_ns = TIMESTAMP_NONE,
                                 .block_ns = 120 * NS_PER_S};
    snprintf(out->strategy_id.text, sizeof out->strategy_id.text, "%s",
             index == 0 ? "momentum_v1" : "busy_v1");
    if (index > 0)
        return index == 1;
    out->active = (struct model_version_id){"v2"};
    out->is_watched = true;
    out->expires_ns = now_ns() + NS_PER_DAY;
    out->n_shadows = 2;
    out->shadows[0] = (struct shadow_view){
        .version = {"v3"},
        .stage = ROLLOUT_canary_5,
        .attempt = 3,
        .stage_since_ns = now_ns(),
        .n_blocks = 25,
        .verdict = {.level = 0.01, .e_better = 40, .text = "not surely better"}};
    out->shadows[1] = (struct shadow_view){.version = {"v1"},
                                           .stage = ROLLOUT_guard,
                                           .attempt = 1,
                                           .n_blocks = 25,
                                           .cusum = {.level = 1.5, .threshold = 9, .n = 25}};
    return true;
}

static const struct feature_set *features_of(void *app, const struct strategy_id *id)
{
    (void)app;
    return is_known(id) ? &self.features : NULL;
}

/* ---- life ---- */

static void on_alloc(uv_handle_t *handle, size_t n_wanted, uv_buf_t *out)
{
    static char bytes[64];
    (void)handle, (void)n_wanted;
    *out = uv_buf_init(bytes, sizeof bytes);
}

static void on_input(uv_stream_t *stream, ssize_t n_read, const uv_buf_t *bytes)
{
    (void)bytes;
    if (n_read >= 0)
        return;
    uv_close((uv_handle_t *)stream, NULL);
    uv_close((uv_handle_t *)&self.later, NULL);
    http_server_close(self.server, 2000, NULL, NULL);
    if (self.reader != NULL)
        pg_client_close(self.reader, 2000, NULL, NULL);
}

static const char *from_environment(void *ctx, const char *name, const char **origin)
{
    (void)ctx;
    *origin = "environment";
    return strcmp(name, "NOTIFY_SOCKET") == 0 ? NULL : getenv(name);
}

static enum al_err no_file(void *ctx, const char *path, struct buf *out)
{
    (void)ctx, (void)path, (void)out;
    return AL_ENOTFOUND;
}

static void prepare(void)
{
    const struct settings_source source = {from_environment, no_file, NULL, false};
    struct json_reader *reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    const struct strategy_id id = {"momentum_v1"};
    struct slice names[STRATEGY_FEATURES_MAX];
    enum al_err err = settings_read(&source, 0, &self.settings, NULL);
    if (err == AL_OK)
        err = strategy_config_parse(reader, &id, SLICE("{}"), &self.settings, &self.config, NULL);
    for (size_t i = 0; i < self.config.n_features; i++)
        names[i] = slice_of(self.config.features[i]);
    if (err == AL_OK)
        err = feature_set_resolve(names, self.config.n_features, self.config.timeframe_ns,
                                  &self.features);
    if (err != AL_OK) {
        fprintf(stderr, "admin_serve: %s\n", err_text());
        exit(1);
    }
    json_reader_destroy(reader);
}

static void on_state(void *ctx, struct pg_client *client, enum pg_state state)
{
    (void)ctx, (void)client;
    if (state == PG_STATE_READY) {
        printf("%u\n", http_server_port(self.server));
        fflush(stdout);
    }
}

static enum al_err start_reader(void)
{
    const struct settings *s = &self.settings;
    struct pg_options options = {.host = s->postgres_host,
                                 .port = (uint16_t)s->postgres_port,
                                 .database = s->postgres_db,
                                 .user = s->postgres_user,
                                 .password = s->postgres_password,
                                 .schema = s->postgres_schema,
                                 .name = "admin",
                                 .statement_timeout_ms = 5000};
    enum al_err err = pg_client_create(&self.loop, &options, on_state, NULL, &self.reader);
    if (err == AL_OK)
        pg_client_start(self.reader);
    self.admin.reader = self.reader;
    return err;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc && self.n_words < WORDS_MAX; i++)
        self.words[self.n_words++] = argv[i];
    prepare();
    self.admin = (struct admin_context){.settings = &self.settings,
                                        .service = "model-service",
                                        .version = "0.1.0",
                                        .live = live,
                                        .config = config_of,
                                        .feature_set = features_of,
                                        .rollout = rollout_of,
                                        .trend = trend,
                                        .actions = {trigger, cancel, activate, rollback, importance,
                                                    .tabular_train = tabular_train,
                                                    .tabular_predict = tabular_predict}};
    struct http_config config = {.host = "127.0.0.1",
                                 .api_key = "a-key-for-tests-only",
                                 .guard_metrics = has_word("guard"),
                                 .ctx = &self.admin};
    config.routes = admin_routes(&config.n_routes);
    uv_loop_init(&self.loop);
    uv_timer_init(&self.loop, &self.later);
    uv_pipe_init(&self.loop, &self.input, 0);
    uv_pipe_open(&self.input, 0);
    uv_read_start((uv_stream_t *)&self.input, on_alloc, on_input);
    enum al_err err = http_server_start(&self.loop, &config, &self.server);
    if (err == AL_OK && getenv("POSTGRES_HOST") != NULL)
        err = start_reader();
    if (err != AL_OK) {
        fprintf(stderr, "admin_serve: %s\n", err_text());
        return 1;
    }
    if (self.reader == NULL) {
        printf("%u\n", http_server_port(self.server));
        fflush(stdout);
    }
    uv_run(&self.loop, UV_RUN_DEFAULT);
    int left = uv_loop_close(&self.loop);
    if (left != 0)
        fprintf(stderr, "admin_serve: handles left: %s\n", uv_strerror(left));
    return left == 0 ? 0 : 1;
}
