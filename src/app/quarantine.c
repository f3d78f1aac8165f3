/* Role `quarantine`: look at messages that could not be read, and send them on their way again.
 *
 * A retry publishes the stored bytes to the queue they came from, through the default exchange, and marks the row only after
 * the broker confirmed it. A message that still cannot be read comes back as a new row; whatever happens in between, nothing is
 * lost, and a duplicate changes nothing because order events are known by their id. */
#include <argp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <uv.h>

#include "alphaloop/app/database.h"
#include "alphaloop/app/environment.h"
#include "alphaloop/app/roles.h"
#include "alphaloop/base/json.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/io/amqp.h"
#include "alphaloop/io/pg_sync.h"
#include "alphaloop/store/quarantine.h"

#include "quarantine_i.h"

enum { KEY_ENV = 1000, KEY_ALL, KEY_LIMIT };
enum { LIST_LIMIT = 50, LOAD_AT_ONCE = 16, ANSWER_TIMEOUT_MS = 30000, BATCH_BYTES = 64 * 1024 };

struct quarantine_arguments {
    const char *env_file;
    const char *verb, *id;
    bool all;
    size_t limit;
};

struct desk {
    struct settings *settings;
    struct pg_sync *sync;
    struct pg_batch *batch;
    const struct quarantine_arguments *arguments;

    /* retry */
    uv_loop_t loop;
    uv_timer_t timer;
    struct amqp_conn *conn;
    struct amqp_publisher *publisher;
    bool timed_out, closed, answered;
    enum amqp_result answer;
    int64_t last_id;   /* of what was loaded last */
    int64_t newest_id; /* when we began: what a retry brings back is not retried again */
    size_t n_loaded, n_sent, n_failed;
};

/* ---- list and show ---- */

static void print_row(const struct quarantine_row *row)
{
    char received[TIMESTAMP_TEXT_MAX];
    timestamp_format(row->received_at_ns, received);
    printf("%" PRId64 "  %s  %-8s %.*s  %s  %.*s%s%.*s\n", row->id, received,
           row->status == QUARANTINE_WAITING ? "waiting" : "retried", (int)row->queue.len,
           row->queue.ptr, reason_name(row->reason), (int)row->field.len, row->field.ptr,
           row->field.len > 0 ? ": " : "", (int)row->detail.len, row->detail.ptr);
}

static void on_list(void *ctx, size_t index, const struct pg_result *result)
{
    struct desk *desk = ctx;
    (void)index;
    for (size_t i = 0; i < pg_result_n_rows(result); i++) {
        struct quarantine_row row;
        if (quarantine_read(result, i, &row) == AL_OK)
            print_row(&row);
        else
            desk->n_failed++;
    }
}

static void on_show(void *ctx, size_t index, const struct pg_result *result)
{
    struct desk *desk = ctx;
    struct quarantine_row row;
    (void)index;
    desk->n_loaded = pg_result_n_rows(result);
    if (desk->n_loaded == 0 || quarantine_read(result, 0, &row) != AL_OK)
        return;
    print_row(&row);
    printf("%s\nheaders: %.*s\nbody, %zu bytes:\n", reason_text(row.reason), (int)row.headers.len,
           row.headers.ptr, row.body.len);
    fwrite(row.body.ptr, 1, row.body.len, stdout);
    putchar('\n');
}

static int run_batch(struct desk *desk, void (*on_result)(void *, size_t, const struct pg_result *))
{
    enum al_err err = pg_sync_run(desk->sync, desk->batch, on_result, desk);
    pg_batch_reset(desk->batch);
    if (err == AL_OK)
        return EXIT_DONE;
    fprintf(stderr, "alphaloop quarantine: %s\n", err_text());
    return EXIT_FAILED;
}

static int list(struct desk *desk)
{
    quarantine_list(desk->batch, desk->arguments->limit, 0);
    int code = run_batch(desk, on_list);
    return desk->n_failed > 0 ? EXIT_FAILED : code;
}

static int64_t wanted_id(const struct desk *desk)
{
    return strtoll(desk->arguments->id, NULL, 10);
}

static int say_missing(const struct desk *desk)
{
    fprintf(stderr, "alphaloop quarantine: there is no message %s\n", desk->arguments->id);
    return EXIT_FAILED;
}

static int show(struct desk *desk)
{
    quarantine_get(desk->batch, wanted_id(desk));
    int code = run_batch(desk, on_show);
    return code == EXIT_DONE && desk->n_loaded == 0 ? say_missing(desk) : code;
}

/* ---- retry ---- */

static void on_timer(uv_timer_t *timer)
{
    ((struct desk *)timer->data)->timed_out = true;
}

static void on_answer(void *ctx, uint64_t token, enum amqp_result result)
{
    struct desk *desk = ctx;
    (void)token;
    desk->answered = true;
    desk->answer = result;
}

static void on_closed(void *ctx)
{
    ((struct desk *)ctx)->closed = true;
}

/* Turn the loop until *done or until ANSWER_TIMEOUT_MS have passed. */
static bool wait_for(struct desk *desk, const bool *done)
{
    desk->timed_out = false;
    uv_timer_start(&desk->timer, on_timer, ANSWER_TIMEOUT_MS, 0);
    while (!*done && !desk->timed_out)
        uv_run(&desk->loop, UV_RUN_ONCE);
    uv_timer_stop(&desk->timer);
    return *done;
}

static bool wait_for_publisher(struct desk *desk)
{
    desk->timed_out = false;
    uv_timer_start(&desk->timer, on_timer, ANSWER_TIMEOUT_MS, 0);
    while (!amqp_publisher_is_ready(desk->publisher) && !desk->timed_out)
        uv_run(&desk->loop, UV_RUN_ONCE);
    uv_timer_stop(&desk->timer);
    return amqp_publisher_is_ready(desk->publisher);
}

size_t quarantine_headers(struct json_node *object, struct amqp_header out[QUARANTINE_HEADERS_MAX])
{
    struct json_cursor member = {0};
    struct json_node *trace = json_get(object, "trace_id");
    size_t n = 0;
    if (json_is_string(trace) && json_text(trace).len <= QUARANTINE_TEXT_MAX)
        out[n++] = (struct amqp_header){"trace_id", json_text(trace)};
    while (n < QUARANTINE_HEADERS_MAX && json_is_object(object) && json_walk(object, &member)) {
        bool is_short = strlen(member.key) <= QUARANTINE_NAME_MAX && json_is_string(member.value) &&
                        json_text(member.value).len <= QUARANTINE_TEXT_MAX;
        if (is_short && member.value != trace)
            out[n++] = (struct amqp_header){member.key, json_text(member.value)};
    }
    return n;
}

static enum al_err publish(struct desk *desk, const struct quarantine_row *row)
{
    char id[32], queue[AMQP_NAME_MAX + 1];
    struct json_reader *reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    struct json_node *object = NULL;
    struct amqp_header headers[QUARANTINE_HEADERS_MAX];
    size_t n_headers = 0;
    snprintf(id, sizeof(id), "quarantine-%" PRId64, row->id);
    snprintf(queue, sizeof(queue), "%.*s", (int)row->queue.len, row->queue.ptr);
    if (reader != NULL && json_read(reader, row->headers, &object) == AL_OK)
        n_headers = quarantine_headers(object, headers);
    struct amqp_message message = {
        .exchange = "",
        .routing_key = queue,
        .mandatory = true,
        .persistent = true,
        .content_type = "application/json",
        .message_id = id,
        .headers = headers,
        .n_headers = n_headers,
        .body = row->body,
    };
    desk->answered = false;
    enum al_err err = amqp_publish(desk->publisher, &message, 0, on_answer, desk);
    json_put(object);
    json_reader_destroy(reader);
    return err;
}

/* One message out and confirmed; what is wrong is said. */
static bool send_again(struct desk *desk, const struct quarantine_row *row)
{
    const char *why = NULL;
    if (!wait_for_publisher(desk))
        why = amqp_conn_error(desk->conn);
    else if (publish(desk, row) != AL_OK)
        why = err_text();
    else if (!wait_for(desk, &desk->answered))
        why = "the broker did not confirm";
    else if (desk->answer != AMQP_CONFIRMED)
        why = amqp_result_name(desk->answer);
    if (why == NULL)
        return true;
    fprintf(stderr, "alphaloop quarantine: message %" PRId64 " not sent: %s\n", row->id, why);
    return false;
}

static int64_t wall_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* Rows that were sent go into the batch that marks them; it runs after the loading one. */
static void on_load(void *ctx, size_t index, const struct pg_result *result)
{
    struct desk *desk = ctx;
    (void)index;
    desk->n_loaded = pg_result_n_rows(result);
    pg_batch_reset(desk->batch);
    for (size_t i = 0; i < desk->n_loaded && desk->n_failed == 0; i++) {
        struct quarantine_row row;
        if (quarantine_read(result, i, &row) != AL_OK || row.id > desk->newest_id) {
            desk->n_loaded = 0;
            return;
        }
        desk->last_id = row.id;
        if (!send_again(desk, &row)) {
            desk->n_failed++;
            return;
        }
        desk->n_sent++;
        quarantine_mark_retried(desk->batch, row.id, wall_clock_ns());
    }
}

static void on_newest(void *ctx, size_t index, const struct pg_result *result)
{
    struct quarantine_row row;
    (void)index;
    if (pg_result_n_rows(result) > 0 && quarantine_read(result, 0, &row) == AL_OK)
        ((struct desk *)ctx)->newest_id = row.id;
}

/* Load some, send them, mark them: the marks are a transaction of their own, so what was sent is marked even when a later
 * one fails. */
static int retry_some(struct desk *desk)
{
    struct pg_batch *load = pg_batch_create(BATCH_BYTES);
    if (load == NULL)
        return EXIT_FAILED;
    if (desk->arguments->all)
        quarantine_load_waiting(load, desk->last_id, LOAD_AT_ONCE);
    else
        quarantine_get(load, wanted_id(desk));
    enum al_err err = pg_sync_run(desk->sync, load, on_load, desk);
    pg_batch_destroy(load);
    if (err != AL_OK) {
        fprintf(stderr, "alphaloop quarantine: %s\n", err_text());
        return EXIT_FAILED;
    }
    return run_batch(desk, NULL);
}

static int retry_all(struct desk *desk)
{
    quarantine_list(desk->batch, 1, 0);
    int code = run_batch(desk, on_newest);
    while (code == EXIT_DONE && desk->n_failed == 0) {
        code = retry_some(desk);
        if (desk->n_loaded == 0 || !desk->arguments->all)
            break;
    }
    return desk->n_failed > 0 ? EXIT_FAILED : code;
}

static enum al_err open_broker(struct desk *desk)
{
    const struct settings *s = desk->settings;
    struct amqp_options options = {
        .host = s->rabbitmq_host,
        .port = (uint16_t)s->rabbitmq_port,
        .vhost = s->rabbitmq_vhost,
        .user = s->rabbitmq_user,
        .password = s->rabbitmq_password,
        .name = "quarantine",
    };
    struct amqp_publisher_options publishing = {.ctx = desk};
    enum al_err err = amqp_conn_create(&desk->loop, &options, &desk->conn);
    if (err != AL_OK)
        return err;
    err = amqp_publisher_create(desk->conn, &publishing, &desk->publisher);
    amqp_conn_start(desk->conn);
    return err;
}

static int retry(struct desk *desk)
{
    int code = EXIT_FAILED;
    uv_loop_init(&desk->loop);
    uv_timer_init(&desk->loop, &desk->timer);
    desk->timer.data = desk;
    if (open_broker(desk) == AL_OK)
        code = retry_all(desk);
    else
        fprintf(stderr, "alphaloop quarantine: %s\n", err_text());
    if (desk->conn != NULL) {
        amqp_conn_close(desk->conn, 2000, on_closed, desk);
        (void)wait_for(desk, &desk->closed); /* it ends by itself after 2 s at the latest */
    }
    uv_close((uv_handle_t *)&desk->timer, NULL);
    uv_run(&desk->loop, UV_RUN_DEFAULT);
    uv_loop_close(&desk->loop);
    if (code == EXIT_DONE && !desk->arguments->all && desk->n_sent == 0)
        return say_missing(desk);
    printf("%zu sent again\n", desk->n_sent);
    return code;
}

/* ---- command line ---- */

static void set_limit(struct argp_state *state,
                      struct quarantine_arguments *arguments,
                      const char *text)
{
    char *end;
    long limit = strtol(text, &end, 10);
    if (*end != '\0' || limit < 1 || limit > 100000)
        argp_error(state, "--limit=%s: a whole number from 1 to 100000 is expected", text);
    arguments->limit = (size_t)limit;
}

static void check_arguments(struct argp_state *state, const struct quarantine_arguments *arguments)
{
    if (arguments->verb == NULL) {
        argp_error(state, "list, show ID, retry ID or retry --all is expected");
        return;
    }
    bool is_list = strcmp(arguments->verb, "list") == 0;
    bool is_retry = strcmp(arguments->verb, "retry") == 0;
    if (!is_list && !is_retry && strcmp(arguments->verb, "show") != 0)
        argp_error(state, "'%s': list, show or retry is expected", arguments->verb);
    if (arguments->all && !is_retry)
        argp_error(state, "--all belongs to retry");
    if ((arguments->id != NULL) == (is_list || arguments->all))
        argp_error(state, is_list || arguments->all ? "no ID is expected" : "an ID is expected");
    if (arguments->id != NULL && strspn(arguments->id, "0123456789") != strlen(arguments->id))
        argp_error(state, "'%s': an ID is a whole number", arguments->id);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct quarantine_arguments *arguments = state->input;
    switch (key) {
    case KEY_ENV:
        arguments->env_file = arg;
        return 0;
    case KEY_ALL:
        arguments->all = true;
        return 0;
    case KEY_LIMIT:
        set_limit(state, arguments, arg);
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 1)
            argp_error(state, "'%s': too many arguments", arg);
        *(state->arg_num == 0 ? &arguments->verb : &arguments->id) = arg;
        return 0;
    case ARGP_KEY_END:
        check_arguments(state, arguments);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int run(const struct quarantine_arguments *arguments, struct settings *settings)
{
    struct desk desk = {.settings = settings, .arguments = arguments, .newest_id = INT64_MAX};
    struct pg_options options = database_from_settings(settings, "quarantine");
    int code = EXIT_FAILED;
    desk.batch = pg_batch_create(BATCH_BYTES);
    if (desk.batch == NULL || pg_sync_open(&options, &desk.sync) != AL_OK)
        fprintf(stderr, "alphaloop quarantine: %s\n", err_text());
    else if (strcmp(arguments->verb, "list") == 0)
        code = list(&desk);
    else
        code = strcmp(arguments->verb, "show") == 0 ? show(&desk) : retry(&desk);
    pg_sync_close(desk.sync);
    pg_batch_destroy(desk.batch);
    return code;
}

int role_quarantine(int argc, char **argv)
{
    static const struct argp_option rows[] = {
        {"env-file", KEY_ENV, "FILE", 0, "settings; default .env if it exists", 0},
        {"limit", KEY_LIMIT, "N", 0, "list: the newest so many, default 50", 0},
        {"all", KEY_ALL, NULL, 0, "retry: everything that waits", 0},
        {0},
    };
    static const struct argp argp = {
        .options = rows,
        .parser = parse,
        .args_doc = "list\nshow ID\nretry ID\nretry --all",
        .doc = "Messages that could not be read: list them, show one whole, or send them to their "
               "queue again.",
    };
    static struct settings settings;
    struct quarantine_arguments arguments = {.limit = LIST_LIMIT};
    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    if (environment_settings(arguments.env_file, 0, &settings) != AL_OK)
        return EXIT_USAGE;
    return run(&arguments, &settings);
}
