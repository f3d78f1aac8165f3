/* io/amqp against a real broker: RABBITMQ_HOST, _PORT, _USER, _PASSWORD and _VHOST say which, and
 * `tools/stack` (with STACK_DIR as in the environment) controls it. Run from the project's root.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "alphaloop/io/amqp.h"
#include "alphaloop/observe/log.h"

enum { WATCHDOG_MS = 120000, TOKENS_MAX = 200000 };

struct rig {
    uv_loop_t loop;
    uv_timer_t watchdog;
    struct amqp_conn *out, *in; /* one publishes, one consumes */
    struct amqp_publisher *publisher;
    struct amqp_consumer *consumer, *other;
    char queue[64], missing[64];
    size_t n_closed;

    size_t n_results[AMQP_LOST + 1], n_rooms;
    uint8_t results[TOKENS_MAX]; /* per token: 0 none, else 1 + result */
    bool order_broken;
    uint64_t last_confirmed;

    size_t n_messages, n_other, n_redelivered;
    struct amqp_tag last_tag;
    uint64_t last_size;
    struct buf last_body, last_headers;
    char last_trace[64], last_id[64], last_type[64];
    int64_t last_time;
    bool acks;
};

static void no_log(void *ctx, struct slice line)
{
    (void)ctx;
    if (getenv("AMQP_TEST_LOG") != NULL)
        fwrite(line.ptr, 1, line.len, stderr);
}

static const char *need(const char *name)
{
    const char *value = getenv(name);
    if (value == NULL) {
        fprintf(stderr, "%s is not set: source the stack.env of tools/stack\n", name);
        exit(1);
    }
    return value;
}

static void control(const char *format, const char *argument)
{
    char what[400], command[440];
    snprintf(what, sizeof(what), format, argument);
    snprintf(command, sizeof(command), "{ %s; } >/dev/null 2>&1", what);
    assert_int_equal(system(command), 0);
}

static struct amqp_options options_of(const char *name)
{
    return (struct amqp_options){.host = need("RABBITMQ_HOST"),
                                 .port = (uint16_t)atoi(need("RABBITMQ_PORT")),
                                 .vhost = need("RABBITMQ_VHOST"),
                                 .user = need("RABBITMQ_USER"),
                                 .password = need("RABBITMQ_PASSWORD"),
                                 .name = name,
                                 .backoff_min_ms = 50,
                                 .backoff_max_ms = 500};
}

/* ---- callbacks ---- */

static void on_result(void *ctx, uint64_t token, enum amqp_result result)
{
    struct rig *rig = ctx;
    assert_true(token < TOKENS_MAX);
    assert_int_equal(rig->results[token], 0);
    rig->results[token] = (uint8_t)(1 + result);
    rig->n_results[result]++;
    if (result == AMQP_CONFIRMED) {
        rig->order_broken |= token < rig->last_confirmed;
        rig->last_confirmed = token;
    }
}

static void on_room(void *ctx)
{
    ((struct rig *)ctx)->n_rooms++;
}

static void copy_text(char *out, size_t n_out, struct slice text)
{
    snprintf(out, n_out, "%.*s", (int)text.len, text.ptr);
}

static void on_message(void *ctx,
                       struct amqp_consumer *consumer,
                       const struct amqp_delivery *delivery)
{
    struct rig *rig = ctx;
    rig->n_messages++;
    rig->n_redelivered += delivery->redelivered;
    rig->last_tag = delivery->tag;
    rig->last_size = delivery->body_size;
    rig->last_time = delivery->timestamp_s;
    buf_reset(&rig->last_body);
    buf_append(&rig->last_body, delivery->body.ptr, delivery->body.len);
    buf_reset(&rig->last_headers);
    amqp_delivery_headers_json(delivery, &rig->last_headers);
    copy_text(rig->last_trace, sizeof(rig->last_trace), amqp_delivery_header(delivery, "trace_id"));
    copy_text(rig->last_id, sizeof(rig->last_id), delivery->message_id);
    copy_text(rig->last_type, sizeof(rig->last_type), delivery->type);
    if (rig->acks)
        amqp_consumer_ack(consumer, delivery->tag, false);
}

static void on_other(void *ctx,
                     struct amqp_consumer *consumer,
                     const struct amqp_delivery *delivery)
{
    ((struct rig *)ctx)->n_other++;
    amqp_consumer_ack(consumer, delivery->tag, false);
}

static void on_closed(void *ctx)
{
    ((struct rig *)ctx)->n_closed++;
}

static void on_watchdog(uv_timer_t *timer)
{
    struct rig *rig = timer->data;
    fprintf(stderr, "stuck: out %s (%s), in %s (%s), consumer %s, %zu messages, %zu confirmed\n",
            amqp_conn_state_name(amqp_conn_state(rig->out)), amqp_conn_error(rig->out),
            amqp_conn_state_name(amqp_conn_state(rig->in)), amqp_conn_error(rig->in),
            rig->consumer != NULL ? amqp_consumer_error(rig->consumer) : "-", rig->n_messages,
            rig->n_results[AMQP_CONFIRMED]);
    abort();
}

#define until(rig, condition)                                                                      \
    do {                                                                                           \
        while (!(condition))                                                                       \
            uv_run(&(rig)->loop, UV_RUN_ONCE);                                                     \
    } while (0)

/* ---- the rig ---- */

static void start(struct rig *rig, const struct amqp_declaration *steps, size_t n_steps)
{
    struct amqp_options out = options_of("test-out"), in = options_of("test-in");
    out.declarations = steps;
    out.n_declarations = n_steps;
    assert_int_equal(amqp_conn_create(&rig->loop, &out, &rig->out), AL_OK);
    assert_int_equal(amqp_conn_create(&rig->loop, &in, &rig->in), AL_OK);
    struct amqp_publisher_options publisher = {.on_room = on_room, .ctx = rig};
    assert_int_equal(amqp_publisher_create(rig->out, &publisher, &rig->publisher), AL_OK);
    amqp_conn_start(rig->out);
    until(rig, amqp_publisher_is_ready(rig->publisher));
    amqp_conn_start(rig->in);
    until(rig, amqp_conn_state(rig->in) == AMQP_CONN_READY);
}

static void start_with_queue(struct rig *rig)
{
    struct amqp_declaration step = {.what = AMQP_DECLARE_QUEUE,
                                    .queue = {.name = rig->queue, .create = true}};
    start(rig, NULL, 0);
    struct amqp_consumer_options options = {
        .queue = step.queue, .prefetch = 100, .on_message = on_message, .ctx = rig};
    assert_int_equal(amqp_consumer_create(rig->in, &options, &rig->consumer), AL_OK);
    until(rig, amqp_consumer_state(rig->consumer) == AMQP_CONSUMER_ACTIVE);
}

static enum al_err publish(struct rig *rig, const char *queue, uint64_t token, struct slice body)
{
    char id[32];
    snprintf(id, sizeof(id), "m-%llu", (unsigned long long)token);
    struct amqp_header headers[] = {{"trace_id", SLICE("t-1")},
                                    {"traceparent", SLICE("00-ab-cd-01")}};
    struct amqp_message message = {.exchange = "",
                                   .routing_key = queue,
                                   .mandatory = true,
                                   .persistent = true,
                                   .content_type = "application/json",
                                   .message_id = id,
                                   .type = "trading_signal",
                                   .app_id = "test",
                                   .timestamp_s = 1700000000,
                                   .headers = headers,
                                   .n_headers = COUNT_OF(headers),
                                   .body = body};
    return amqp_publish(rig->publisher, &message, token, on_result, rig);
}

static void publish_n(struct rig *rig, uint64_t first, uint64_t n)
{
    for (uint64_t token = first; token < first + n; token++) {
        until(rig, amqp_publisher_is_ready(rig->publisher));
        assert_int_equal(publish(rig, rig->queue, token, SLICE("{\"a\":1}")), AL_OK);
    }
}

static size_t n_results(const struct rig *rig)
{
    size_t n = 0;
    for (int i = 0; i <= AMQP_LOST; i++)
        n += rig->n_results[i];
    return n;
}

static int setup(void **state)
{
    static unsigned n_rigs;
    struct rig *rig = calloc(1, sizeof(*rig));
    log_init("test", LOG_DEBUG, no_log, NULL);
    uv_loop_init(&rig->loop);
    uv_timer_init(&rig->loop, &rig->watchdog);
    rig->watchdog.data = rig;
    uv_timer_start(&rig->watchdog, on_watchdog, WATCHDOG_MS, 0);
    rig->last_body = BUF_INIT(8U << 20);
    rig->last_headers = BUF_INIT(1U << 20);
    rig->acks = true;
    snprintf(rig->queue, sizeof(rig->queue), "test-%d-%u", getpid(), ++n_rigs);
    snprintf(rig->missing, sizeof(rig->missing), "missing-%d-%u", getpid(), n_rigs);
    *state = rig;
    return 0;
}

static int teardown(void **state)
{
    struct rig *rig = *state;
    size_t n_conns = (rig->out != NULL ? 1U : 0U) + (rig->in != NULL ? 1U : 0U);
    if (rig->consumer != NULL)
        control("tools/stack ctl delete_queue -p \"$RABBITMQ_VHOST\" %s || true", rig->queue);
    if (rig->out != NULL)
        amqp_conn_close(rig->out, 5000, on_closed, rig);
    if (rig->in != NULL)
        amqp_conn_close(rig->in, 5000, on_closed, rig);
    until(rig, rig->n_closed == n_conns);
    uv_close((uv_handle_t *)&rig->watchdog, NULL);
    uv_run(&rig->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&rig->loop), 0);
    buf_deinit(&rig->last_body);
    buf_deinit(&rig->last_headers);
    free(rig);
    return 0;
}

/* ---- messages ---- */

static void test_amqp_message_arrives_with_its_properties(void **state)
{
    struct rig *rig = *state;
    start_with_queue(rig);
    assert_int_equal(publish(rig, rig->queue, 7, SLICE("{\"a\":1}")), AL_OK);
    until(rig, rig->n_messages == 1 && n_results(rig) == 1);
    assert_int_equal(rig->results[7], 1 + AMQP_CONFIRMED);
    assert_string_equal(buf_str(&rig->last_body), "{\"a\":1}");
    assert_string_equal(rig->last_id, "m-7");
    assert_string_equal(rig->last_type, "trading_signal");
    assert_string_equal(rig->last_trace, "t-1");
    assert_int_equal(rig->last_time, 1700000000);
    assert_string_equal(buf_str(&rig->last_headers),
                        "{\"trace_id\":\"t-1\",\"traceparent\":\"00-ab-cd-01\"}");
}

static void publish_bytes(struct rig *rig, uint64_t token, size_t n_bytes)
{
    char *bytes = malloc(n_bytes);
    for (size_t i = 0; i < n_bytes; i++)
        bytes[i] = (char)('a' + i % 23);
    assert_int_equal(publish(rig, rig->queue, token, (struct slice){bytes, n_bytes}), AL_OK);
    until(rig, rig->n_messages == token + 1 && n_results(rig) == token + 1);
    size_t n_kept = n_bytes < AMQP_BODY_KEEP_MAX ? n_bytes : AMQP_BODY_KEEP_MAX;
    assert_int_equal(rig->last_size, n_bytes);
    assert_int_equal(rig->last_body.len, n_kept);
    assert_memory_equal(rig->last_body.ptr, bytes, n_kept);
    assert_string_equal(rig->last_trace, "t-1");
    free(bytes);
}

static void test_amqp_bodies_of_any_size_arrive(void **state)
{
    struct rig *rig = *state;
    start_with_queue(rig);
    const size_t sizes[] = {0, 1, 131063, 131064, 131065, 262128, 1U << 20, 3U << 20};
    for (size_t i = 1; i < COUNT_OF(sizes); i++)
        publish_bytes(rig, i - 1, sizes[i]);
}

static void test_amqp_every_message_is_confirmed_once_and_in_order(void **state)
{
    struct rig *rig = *state;
    start_with_queue(rig);
    publish_n(rig, 0, 20000);
    until(rig, n_results(rig) == 20000 && rig->n_messages == 20000);
    assert_int_equal(rig->n_results[AMQP_CONFIRMED], 20000);
    assert_false(rig->order_broken);
}

static void test_amqp_message_without_a_queue_is_returned(void **state)
{
    struct rig *rig = *state;
    start_with_queue(rig);
    for (uint64_t token = 0; token < 300; token++)
        assert_int_equal(
            publish(rig, token % 3 == 0 ? rig->missing : rig->queue, token, SLICE("{}")), AL_OK);
    until(rig, n_results(rig) == 300);
    for (uint64_t token = 0; token < 300; token++)
        assert_int_equal(rig->results[token],
                         1 + (token % 3 == 0 ? AMQP_RETURNED : AMQP_CONFIRMED));
}

static void test_amqp_missing_exchange_loses_the_message_and_heals(void **state)
{
    struct rig *rig = *state;
    start_with_queue(rig);
    struct amqp_message message = {.exchange = "no-such-exchange", .routing_key = "x"};
    assert_int_equal(amqp_publish(rig->publisher, &message, 0, on_result, rig), AL_OK);
    until(rig, n_results(rig) == 1);
    assert_int_equal(rig->results[0], 1 + AMQP_LOST);
    publish_n(rig, 1, 1);
    until(rig, n_results(rig) == 2);
    assert_int_equal(rig->results[1], 1 + AMQP_CONFIRMED);
    assert_int_equal(amqp_conn_n_connects(rig->out), 1);
}

static void test_amqp_unacknowledged_messages_are_bounded_by_prefetch(void **state)
{
    struct rig *rig = *state;
    rig->acks = false;
    start_with_queue(rig);
    publish_n(rig, 0, 500);
    until(rig, n_results(rig) == 500 && rig->n_messages == 100);
    amqp_consumer_ack(rig->consumer, rig->last_tag, true);
    until(rig, rig->n_messages == 200);
    amqp_consumer_nack(rig->consumer, rig->last_tag, true, true);
    until(rig, rig->n_redelivered == 100);
}

static void test_amqp_paused_consumer_takes_nothing(void **state)
{
    struct rig *rig = *state;
    start_with_queue(rig);
    amqp_consumer_pause(rig->consumer);
    until(rig, amqp_consumer_state(rig->consumer) == AMQP_CONSUMER_PAUSED);
    publish_n(rig, 0, 10);
    until(rig, n_results(rig) == 10);
    assert_int_equal(rig->n_messages, 0);
    amqp_consumer_resume(rig->consumer);
    until(rig, rig->n_messages == 10);
}

/* ---- queues ---- */

static void test_amqp_missing_queue_disturbs_nobody_and_is_found_later(void **state)
{
    struct rig *rig = *state;
    start_with_queue(rig);
    struct amqp_consumer_options options = {
        .queue = {.name = rig->missing}, .prefetch = 10, .on_message = on_other, .ctx = rig};
    assert_int_equal(amqp_consumer_create(rig->in, &options, &rig->other), AL_OK);
    until(rig, amqp_consumer_state(rig->other) == AMQP_CONSUMER_MISSING);
    assert_non_null(strstr(amqp_consumer_error(rig->other), "NOT_FOUND"));
    publish_n(rig, 0, 10);
    until(rig, rig->n_messages == 10);
    control("tools/stack ctl eval 'rabbit_amqqueue:declare({resource, "
            "<<\"'\"$RABBITMQ_VHOST\"'\">>, queue,"
            " <<\"%s\">>}, true, false, [], none, <<\"test\">>).'",
            rig->missing);
    until(rig, amqp_consumer_state(rig->other) == AMQP_CONSUMER_ACTIVE);
    assert_int_equal(publish(rig, rig->missing, 10, SLICE("{}")), AL_OK);
    until(rig, rig->n_other == 1);
    assert_int_equal(amqp_conn_n_connects(rig->in), 1);
    control("tools/stack ctl delete_queue -p \"$RABBITMQ_VHOST\" %s", rig->missing);
    until(rig, amqp_consumer_state(rig->other) == AMQP_CONSUMER_MISSING);
}

static void test_amqp_deleted_queue_is_created_again(void **state)
{
    struct rig *rig = *state;
    start_with_queue(rig);
    control("tools/stack ctl delete_queue -p \"$RABBITMQ_VHOST\" %s", rig->queue);
    until(rig, amqp_consumer_state(rig->consumer) == AMQP_CONSUMER_MISSING);
    until(rig, amqp_consumer_state(rig->consumer) == AMQP_CONSUMER_ACTIVE);
    publish_n(rig, 0, 1);
    until(rig, rig->n_messages == 1);
}

static void test_amqp_declarations_make_a_quorum_queue_and_its_binding(void **state)
{
    struct rig *rig = *state;
    struct amqp_declaration steps[] = {
        {.what = AMQP_DECLARE_EXCHANGE, .exchange = "test.events", .exchange_type = "topic"},
        {.what = AMQP_DECLARE_QUEUE,
         .queue = {.name = rig->queue,
                   .create = true,
                   .type = AMQP_QUEUE_QUORUM,
                   .overflow = "reject-publish",
                   .dead_letter_exchange = "test.events",
                   .dead_letter_routing_key = "dead",
                   .dead_letter_at_least_once = true,
                   .delivery_limit = 5}},
        {.what = AMQP_DECLARE_BINDING,
         .queue = {.name = rig->queue},
         .exchange = "test.events",
         .routing_key = "model.*"},
    };
    start(rig, steps, COUNT_OF(steps));
    assert_string_equal(amqp_conn_error(rig->out), "");
    struct amqp_consumer_options options = {
        .queue = {.name = rig->queue}, .prefetch = 10, .on_message = on_message, .ctx = rig};
    assert_int_equal(amqp_consumer_create(rig->in, &options, &rig->consumer), AL_OK);
    struct amqp_message message = {.exchange = "test.events",
                                   .routing_key = "model.activated",
                                   .mandatory = true,
                                   .message_id = "1",
                                   .body = SLICE("{}")};
    assert_int_equal(amqp_publish(rig->publisher, &message, 0, on_result, rig), AL_OK);
    until(rig, rig->n_messages == 1 && n_results(rig) == 1);
    assert_int_equal(rig->results[0], 1 + AMQP_CONFIRMED);
}

/* ---- the broker refuses or goes away ---- */

static void test_amqp_bad_password_says_so(void **state)
{
    struct rig *rig = *state;
    struct amqp_options options = options_of("test-refused");
    options.password = "not-the-password";
    assert_int_equal(amqp_conn_create(&rig->loop, &options, &rig->out), AL_OK);
    amqp_conn_start(rig->out);
    until(rig, amqp_conn_state(rig->out) == AMQP_CONN_WAITING);
    assert_int_equal(amqp_conn_error_code(rig->out), AL_EAUTH);
    assert_non_null(strstr(amqp_conn_error(rig->out), "ACCESS_REFUSED"));
}

static void test_amqp_missing_vhost_says_so(void **state)
{
    struct rig *rig = *state;
    struct amqp_options options = options_of("test-refused");
    options.vhost = "no-such-vhost";
    assert_int_equal(amqp_conn_create(&rig->loop, &options, &rig->out), AL_OK);
    amqp_conn_start(rig->out);
    until(rig, amqp_conn_state(rig->out) == AMQP_CONN_WAITING);
    assert_non_null(strstr(amqp_conn_error(rig->out), "vhost no-such-vhost not found"));
}

static void test_amqp_refused_port_says_so(void **state)
{
    struct rig *rig = *state;
    struct amqp_options options = options_of("test-refused");
    options.host = "localhost";
    options.port = 1;
    assert_int_equal(amqp_conn_create(&rig->loop, &options, &rig->out), AL_OK);
    amqp_conn_start(rig->out);
    until(rig, amqp_conn_state(rig->out) == AMQP_CONN_WAITING);
    assert_string_equal(amqp_conn_error(rig->out), "localhost:1: connect: connection refused");
}

static void test_amqp_unknown_host_says_so(void **state)
{
    struct rig *rig = *state;
    struct amqp_options options = options_of("test-refused");
    options.host = "no-such-host.invalid";
    assert_int_equal(amqp_conn_create(&rig->loop, &options, &rig->out), AL_OK);
    amqp_conn_start(rig->out);
    until(rig, amqp_conn_state(rig->out) == AMQP_CONN_WAITING);
    assert_non_null(strstr(amqp_conn_error(rig->out), "name look-up"));
}

static void test_amqp_killed_connections_come_back(void **state)
{
    struct rig *rig = *state;
    rig->acks = false;
    start_with_queue(rig);
    publish_n(rig, 0, 50);
    until(rig, rig->n_messages == 50 && n_results(rig) == 50);
    struct amqp_tag old = rig->last_tag;
    control("tools/stack ctl close_all_connections -p \"$RABBITMQ_VHOST\" %s", "test");
    until(rig, amqp_conn_n_connects(rig->in) == 2 && amqp_conn_n_connects(rig->out) == 2);
    until(rig, rig->n_redelivered == 50);
    amqp_consumer_ack(rig->consumer, old, true); /* of the old channel: must be ignored */
    amqp_consumer_ack(rig->consumer, rig->last_tag, true);
    publish_n(rig, 50, 1);
    until(rig, rig->n_messages == 101 && n_results(rig) == 51);
    assert_int_equal(rig->last_tag.number, 51);
}

static void test_amqp_broker_restart_loses_nothing_confirmed(void **state)
{
    struct rig *rig = *state;
    rig->acks = false;
    start_with_queue(rig);
    publish_n(rig, 0, 60);
    until(rig, rig->n_messages == 60 && rig->n_results[AMQP_CONFIRMED] == 60);
    for (uint64_t token = 60; token < 90; token++)
        assert_int_equal(publish(rig, rig->queue, token, SLICE("{}")), AL_OK);
    control("tools/stack restart-broker %s", "");
    until(rig, amqp_consumer_generation(rig->consumer) > 1 && n_results(rig) == 90);
    size_t n_sure = rig->n_results[AMQP_CONFIRMED];
    until(rig, rig->n_redelivered >= 60);
    publish_n(rig, 90, 5);
    until(rig, n_results(rig) == 95 && rig->n_results[AMQP_CONFIRMED] == n_sure + 5);
}

static void set_memory_limit(const char *limit)
{
    control("tools/stack ctl set_vm_memory_high_watermark %s", limit);
}

/* The broker tells only who tries to publish, and a connection of its hears of the alarm a moment after it is set. Returns
 * the first token that was not used. */
static uint64_t publish_until_blocked(struct rig *rig, uint64_t token)
{
    while (!amqp_conn_is_blocked(rig->out)) {
        assert_int_equal(publish(rig, rig->queue, token++, SLICE("{}")), AL_OK);
        until(rig, n_results(rig) == token || amqp_conn_is_blocked(rig->out));
    }
    return token;
}

static void test_amqp_memory_alarm_pauses_publishing_only(void **state)
{
    struct rig *rig = *state;
    start_with_queue(rig);
    publish_n(rig, 0, 10);
    until(rig, n_results(rig) == 10 && rig->n_messages == 10);
    amqp_consumer_pause(rig->consumer);
    until(rig, amqp_consumer_state(rig->consumer) == AMQP_CONSUMER_PAUSED);
    publish_n(rig, 10, 10);
    until(rig, n_results(rig) == 20);
    set_memory_limit("absolute 1MB");
    uint64_t n = publish_until_blocked(rig, 20);
    assert_int_equal(publish(rig, rig->queue, n, SLICE("{}")), AL_EFULL);
    amqp_consumer_resume(rig->consumer);
    until(rig, rig->n_messages >= 20);
    set_memory_limit("absolute 4GB");
    until(rig, !amqp_conn_is_blocked(rig->out) && rig->n_rooms > 0);
    publish_n(rig, n, 1);
    until(rig, n_results(rig) == n + 1 && rig->n_messages == n + 1);
    assert_int_equal(rig->n_results[AMQP_CONFIRMED], n + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_amqp_message_arrives_with_its_properties),
        TEST(test_amqp_bodies_of_any_size_arrive),
        TEST(test_amqp_every_message_is_confirmed_once_and_in_order),
        TEST(test_amqp_message_without_a_queue_is_returned),
        TEST(test_amqp_missing_exchange_loses_the_message_and_heals),
        TEST(test_amqp_unacknowledged_messages_are_bounded_by_prefetch),
        TEST(test_amqp_paused_consumer_takes_nothing),
        TEST(test_amqp_missing_queue_disturbs_nobody_and_is_found_later),
        TEST(test_amqp_deleted_queue_is_created_again),
        TEST(test_amqp_declarations_make_a_quorum_queue_and_its_binding),
        TEST(test_amqp_bad_password_says_so),
        TEST(test_amqp_missing_vhost_says_so),
        TEST(test_amqp_refused_port_says_so),
        TEST(test_amqp_unknown_host_says_so),
        TEST(test_amqp_killed_connections_come_back),
        TEST(test_amqp_memory_alarm_pauses_publishing_only),
        TEST(test_amqp_broker_restart_loses_nothing_confirmed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
