/* Role doctor: is everything there that the worker needs? One line a check; a failing one says what was found, the likely
 * cause and the command that mends it. */
#include <argp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include "alphaloop/app/database.h"
#include "alphaloop/app/environment.h"
#include "alphaloop/app/model_store.h"
#include "alphaloop/app/roles.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/io/amqp.h"
#include "alphaloop/io/file.h"
#include "alphaloop/io/pg_sync.h"
#include "alphaloop/model/xgb.h"
#include "alphaloop/observe/log.h"
#include "alphaloop/store/migrate.h"

#include "asset_names_i.h"
#include "strategies_i.h"

#define BROKER_WAIT_MS   5000
#define CLOCK_SKEW_MAX_S 2.0
#define POSTGRES_MIN     150000
#define N_OWN_QUEUES     2 /* the first of those asked about: order events and signals */

struct doctor {
    const char *env_file;
    struct settings *settings;
    int n_failed;
};

static void good(const char *what, const char *format, ...) PRINTF(2, 3);
static void note(const char *what, const char *format, ...) PRINTF(2, 3);
static void bad(struct doctor *doctor, const char *what, const char *mend, const char *format, ...)
    PRINTF(4, 5);

static void good(const char *what, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("ok    %-14s ", what);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
}

static void note(const char *what, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("note  %-14s ", what);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
}

static void bad(struct doctor *doctor, const char *what, const char *mend, const char *format, ...)
{
    struct buf text = BUF_INIT(2 * SETTINGS_PROBLEMS_MAX);
    va_list args;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    const char *head = "FAIL", *line = buf_str(&text);
    do {
        size_t len = strcspn(line, "\n");
        printf("%-5s %-14s %.*s\n", head, what, (int)len, line);
        line += len + (line[len] == '\n');
        head = what = "";
    } while (*line != '\0');
    printf("      %-14s mend: %s\n", "", mend);
    buf_deinit(&text);
    doctor->n_failed++;
}

/* ---- settings ---- */

static bool check_settings(struct doctor *doctor)
{
    struct buf problems = BUF_INIT(SETTINGS_PROBLEMS_MAX);
    bool ok = environment_settings_again(doctor->env_file, SETTINGS_NEED_API_KEY, doctor->settings,
                                         &problems) == AL_OK;
    if (ok)
        good("settings", "all valid");
    else
        bad(doctor, "settings",
            "correct these in the environment or the env file; `alphaloop settings` explains each",
            "%s", buf_str(&problems));
    buf_deinit(&problems);
    return ok;
}

/* ---- database ---- */

struct database_facts {
    int64_t version_number;
    int64_t now_ns;
};

static void on_facts(void *ctx, size_t index, const struct pg_result *result)
{
    struct database_facts *facts = ctx;
    (void)index;
    facts->version_number = pg_result_i64(result, 0, 0);
    facts->now_ns = pg_result_time(result, 0, 1);
}

static const struct pg_statement facts_statement = {
    "doctor_facts", "SELECT current_setting('server_version_num')::bigint, clock_timestamp()"};

static void check_facts(struct doctor *doctor, struct pg_sync *sync)
{
    struct database_facts facts = {0};
    struct pg_batch *batch = pg_batch_create(4096);
    pg_batch_statement(batch, &facts_statement);
    struct timespec wall;
    enum al_err err = pg_sync_run(sync, batch, on_facts, &facts);
    clock_gettime(CLOCK_REALTIME, &wall);
    pg_batch_destroy(batch);
    if (err != AL_OK) {
        bad(doctor, "database", "see the server's log", "answers no query: %s", err_text());
        return;
    }
    double skew_s = (double)(wall.tv_sec * NS_PER_S + wall.tv_nsec - facts.now_ns) / 1e9;
    if (facts.version_number < POSTGRES_MIN)
        bad(doctor, "database", "upgrade the server", "PostgreSQL %lld is older than 15",
            (long long)(facts.version_number / 10000));
    else
        good("database", "PostgreSQL %lld at %s:%u/%s", (long long)(facts.version_number / 10000),
             doctor->settings->postgres_host, doctor->settings->postgres_port,
             doctor->settings->postgres_db);
    if (skew_s > CLOCK_SKEW_MAX_S || skew_s < -CLOCK_SKEW_MAX_S)
        bad(doctor, "clock", "synchronise both machines: `timedatectl set-ntp true`",
            "this machine and the database disagree by %.1f s", skew_s);
    else
        good("clock", "within %.1f s of the database", CLOCK_SKEW_MAX_S);
}

#define MEND_MAX 1024

/* libpq has no codes for a login that failed, only the server's words. */
static void database_mend(const struct settings *s, enum al_err err, char out[MEND_MAX])
{
    const char *why = err_text();
    if (err != AL_EAUTH)
        snprintf(out, MEND_MAX,
                 "start PostgreSQL, or set POSTGRES_HOST and POSTGRES_PORT; `make stack-up` starts "
                 "a private one");
    else if (strstr(why, "database \"") != NULL && strstr(why, "does not exist") != NULL)
        snprintf(out, MEND_MAX, "`createdb -h %s -p %u -U postgres -O %s %s`, or set POSTGRES_DB",
                 s->postgres_host, s->postgres_port, s->postgres_user, s->postgres_db);
    else if (strstr(why, "pg_hba.conf") != NULL)
        snprintf(out, MEND_MAX,
                 "allow user %s in the server's pg_hba.conf, then `psql -U postgres -c 'SELECT "
                 "pg_reload_conf()'`; or set POSTGRES_USER, POSTGRES_SSLMODE",
                 s->postgres_user);
    else
        snprintf(out, MEND_MAX,
                 "set POSTGRES_USER and POSTGRES_PASSWORD (or POSTGRES_PASSWORD_FILE) to what the "
                 "server has; a new password: `psql -h %s -p %u -U postgres -c '\\password %s'`",
                 s->postgres_host, s->postgres_port, s->postgres_user);
}

static void schema_mend(const struct doctor *doctor, enum al_err err, char out[MEND_MAX])
{
    const struct settings *s = doctor->settings;
    const char *file = doctor->env_file;
    if (err == AL_EVERIFY)
        snprintf(out, MEND_MAX,
                 "schema %s is not this program's: set POSTGRES_SCHEMA to one of its own, or "
                 "restore a backup",
                 s->postgres_schema);
    else if (err == AL_EVERSION && strstr(err_text(), "newer") != NULL)
        snprintf(out, MEND_MAX,
                 "run the newer program, or restore the backup made before it, or set "
                 "POSTGRES_SCHEMA");
    else
        snprintf(out, MEND_MAX, "`alphaloop migrate%s%s`", file == NULL ? "" : " --env-file ",
                 file == NULL ? "" : file);
}

static void check_schema(struct doctor *doctor, const struct pg_options *options)
{
    struct migrate_report report;
    char mend[MEND_MAX];
    enum al_err err = migrate_run(options, MIGRATE_CHECK, &report);
    if (err == AL_OK) {
        good("schema", "%s, %zu migrations", report.newest, report.n_files);
        return;
    }
    schema_mend(doctor, err, mend);
    bad(doctor, "schema", mend, "%s", err_text());
}

static void check_database(struct doctor *doctor, const struct pg_options *options)
{
    struct pg_sync *sync;
    enum al_err err = pg_sync_open(options, &sync);
    if (err != AL_OK) {
        char mend[MEND_MAX];
        database_mend(doctor->settings, err, mend);
        bad(doctor, "database", mend, "%s", err_text());
        return;
    }
    check_facts(doctor, sync);
    pg_sync_close(sync);
    check_schema(doctor, options);
}

/* ---- broker ---- */

struct broker_check {
    struct doctor *doctor;
    struct amqp_conn *conn;
    uv_timer_t timer;
    const char *queues[8];
    struct amqp_gauge *gauges[8];
    size_t n_queues, n_answered;
    bool over;
};

static void broker_over(struct broker_check *check)
{
    if (check->over)
        return;
    check->over = true;
    uv_close((uv_handle_t *)&check->timer, NULL);
    amqp_conn_close(check->conn, 500, NULL, NULL);
}

static void on_depth(void *ctx, const struct amqp_depth *depth)
{
    struct broker_check *check = ctx;
    const char *queue = check->queues[check->n_answered++];
    if (depth->exists)
        good("queue", "%s: %u messages, %u consumers", queue, depth->n_messages,
             depth->n_consumers);
    else
        note("queue", "%s is missing; %s", queue,
             check->n_answered <= N_OWN_QUEUES
                 ? "the worker creates it"
                 : "the worker waits until the neighbour that owns it declares it");
    if (check->n_answered == check->n_queues || !amqp_gauge_ask(check->gauges[check->n_answered]))
        broker_over(check);
}

static void broker_mend(const struct settings *s, const struct amqp_conn *conn, char out[MEND_MAX])
{
    const char *user = s->rabbitmq_user, *vhost = s->rabbitmq_vhost;
    if (amqp_conn_error_code(conn) != AL_EAUTH)
        snprintf(out, MEND_MAX,
                 "start RabbitMQ, or set RABBITMQ_HOST and RABBITMQ_PORT; `make stack-up` starts a "
                 "private one");
    else if (strstr(amqp_conn_error(conn), "not found") != NULL)
        snprintf(out, MEND_MAX,
                 "`rabbitmqctl add_vhost %s && rabbitmqctl set_permissions -p %s %s '.*' '.*' "
                 "'.*'`, or set RABBITMQ_VHOST",
                 vhost, vhost, user);
    else if (strstr(amqp_conn_error(conn), "vhost") != NULL)
        snprintf(out, MEND_MAX,
                 "`rabbitmqctl set_permissions -p %s %s '.*' '.*' '.*'`, or set RABBITMQ_VHOST",
                 vhost, user);
    else
        snprintf(out, MEND_MAX,
                 "set RABBITMQ_USER and RABBITMQ_PASSWORD (or RABBITMQ_PASSWORD_FILE) to what the "
                 "broker has; a new password: `rabbitmqctl change_password %s`",
                 user);
}

static void on_broker_state(void *ctx, struct amqp_conn *conn, enum amqp_conn_state state)
{
    struct broker_check *check = ctx;
    const struct settings *s = check->doctor->settings;
    if (check->over)
        return;
    if (state == AMQP_CONN_READY) {
        good("broker", "RabbitMQ at %s:%u, vhost %s", s->rabbitmq_host, s->rabbitmq_port,
             s->rabbitmq_vhost);
        return;
    }
    if (state != AMQP_CONN_WAITING)
        return;
    char mend[MEND_MAX];
    broker_mend(s, conn, mend);
    bad(check->doctor, "broker", mend, "user %s at %s:%u, vhost %s: %s", s->rabbitmq_user,
        s->rabbitmq_host, s->rabbitmq_port, s->rabbitmq_vhost, amqp_conn_error(conn));
    broker_over(check);
}

/* Asks the first gauge as soon as its channel is open, and gives up after BROKER_WAIT_MS. */
static void on_broker_timer(uv_timer_t *timer)
{
    struct broker_check *check = timer->data;
    static uint64_t waited_ms;
    waited_ms += 20;
    if (check->n_answered == 0 && amqp_gauge_ask(check->gauges[0]))
        return;
    if (waited_ms < BROKER_WAIT_MS)
        return;
    bad(check->doctor, "broker", "see the broker's log", "no answer within %d s: %s",
        BROKER_WAIT_MS / 1000, amqp_conn_error(check->conn));
    broker_over(check);
}

static void check_broker(struct doctor *doctor)
{
    const struct settings *s = doctor->settings;
    uv_loop_t loop;
    struct broker_check check = {
        .doctor = doctor,
        .queues = {s->order_events_queue, s->signals_queue, s->ticker_queue, s->orderbook_queue,
                   s->kline_queue, s->trades_queue, s->position_queue},
        .n_queues = 7,
    };
    struct amqp_options options = {
        .host = s->rabbitmq_host,
        .vhost = s->rabbitmq_vhost,
        .user = s->rabbitmq_user,
        .password = s->rabbitmq_password,
        .port = (uint16_t)s->rabbitmq_port,
        .name = "doctor",
        .on_state = on_broker_state,
        .ctx = &check,
    };
    uv_loop_init(&loop);
    if (amqp_conn_create(&loop, &options, &check.conn) != AL_OK) {
        bad(doctor, "broker", "correct the RABBITMQ_* settings", "%s", err_text());
        return;
    }
    for (size_t i = 0; i < check.n_queues; i++) {
        enum al_err err =
            amqp_gauge_create(check.conn, check.queues[i], on_depth, &check, &check.gauges[i]);
        if (err != AL_OK)
            bad(doctor, "queue", "report this", "%s: %s", check.queues[i], err_text());
    }
    uv_timer_init(&loop, &check.timer);
    check.timer.data = &check;
    amqp_conn_start(check.conn);
    uv_timer_start(&check.timer, on_broker_timer, 20, 20);
    uv_run(&loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&loop);
}

/* ---- model store, training library, strategies ---- */

static void check_models(struct doctor *doctor)
{
    const char *store = doctor->settings->model_storage_path;
    if (model_store_check(store) == AL_OK)
        good("model store", "%s can be written", store);
    else
        bad(doctor, "model store",
            "set MODEL_STORAGE_PATH to a directory this user may write, or make it one: `install "
            "-d -o USER PATH`",
            "%s: %s", store, err_text());
    const struct xgb *library;
    if (xgb_load(&library) == AL_OK)
        good("training", "XGBoost %s", xgb_version());
    else
        bad(doctor, "training", "install libxgboost (Debian: `apt-get install libxgboost0`)", "%s",
            err_text());
}

static void say_strategies(const struct settings *s,
                           const struct strategy_config *strategies,
                           size_t n_strategies)
{
    char path[FILE_PATH_MAX];
    for (size_t i = 0; i < n_strategies; i++) {
        const char *id = strategies[i].strategy_id.text;
        if (strategies_file(s->strategy_config_dir, id, path) == AL_OK && path[0] != '\0')
            good("strategy", "%s: %s", id, path);
        else
            note("strategy",
                 "%s: neither a file of its own nor default.json in %s; the settings "
                 "alone decide",
                 id, s->strategy_config_dir);
    }
}

static void check_strategies(struct doctor *doctor)
{
    struct strategy_config *strategies;
    size_t n_strategies;
    struct buf problems = BUF_INIT(SETTINGS_PROBLEMS_MAX);
    if (strategies_load(doctor->settings, &strategies, &n_strategies, &problems) == AL_OK)
        say_strategies(doctor->settings, strategies, n_strategies);
    else
        bad(doctor, "strategies",
            "correct the files in STRATEGY_CONFIG_DIR; strategy.schema.json describes them", "%s",
            buf_str(&problems));
    buf_deinit(&problems);
    free(strategies);
}

static void check_asset_names(struct doctor *doctor)
{
    struct asset_names *names;
    struct buf problems = BUF_INIT(SETTINGS_PROBLEMS_MAX);
    const char *path = doctor->settings->asset_names_file;
    if (asset_names_load(doctor->settings, &names, &problems) != AL_OK)
        bad(doctor, "asset names", "correct the file; docs/fetch.md describes it", "%s",
            buf_str(&problems));
    else if (file_exists(path))
        good("asset names", "%s: %zu assets", path, names->n);
    else
        note("asset names", "%s is not there: every asset goes by its own name", path);
    buf_deinit(&problems);
    free(names);
}

/* ---- the role ---- */

static const struct argp_option options[] = {
    {"env-file", 'e', "FILE", 0,
     "Read settings from FILE; the environment wins (default: .env if it exists)", 0},
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct doctor *doctor = state->input;
    if (key == 'e')
        doctor->env_file = value;
    else if (key == ARGP_KEY_ARG)
        argp_error(state, "unexpected argument '%s'", value);
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .doc = "Check settings, strategies, broker, queues, database, schema, clock and model store. "
           "One line each; exit code 1 "
           "if any fails.",
};

static void no_log(void *ctx, struct slice line)
{
    (void)ctx;
    (void)line;
}

int role_doctor(int argc, char **argv)
{
    struct doctor doctor = {0};
    if (argp_parse(&argp, argc, argv, 0, NULL, &doctor) != 0)
        return EXIT_USAGE;
    doctor.settings = calloc(1, sizeof(*doctor.settings));
    if (doctor.settings == NULL)
        return EXIT_FAILED;
    log_init("doctor", LOG_ERROR, no_log, NULL); /* what goes wrong is said once, here */
    if (check_settings(&doctor)) {
        struct pg_options database = database_from_settings(doctor.settings, "doctor");
        check_strategies(&doctor);
        check_asset_names(&doctor);
        check_database(&doctor, &database);
        check_broker(&doctor);
        check_models(&doctor);
    }
    free(doctor.settings);
    return doctor.n_failed == 0 ? EXIT_DONE : EXIT_FAILED;
}
