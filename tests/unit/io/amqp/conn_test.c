/* The connection: login, tuning, refusals, healing, time, and bytes from a hostile peer. */
#include "harness/amqp_wire.h"

#include <malloc.h>

#include "alphaloop/observe/log.h"
#include "harness/alloc.h"

static void no_log(void *ctx, struct slice line)
{
    (void)ctx;
    (void)line;
}

static int setup(void **state)
{
    struct wire *w = malloc(sizeof(*w));
    log_init("test", LOG_ERROR, no_log, NULL);
    wire_init(w);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    wire_deinit(*state);
    free(*state);
    return 0;
}

static void start(struct wire *w, struct amqp_options options)
{
    assert_int_equal(amqp_conn_create(&w->loop, &options, &w->conn), AL_OK);
    amqp_conn_start(w->conn);
}

static void start_ready(struct wire *w)
{
    start(w, wire_options(w));
    wire_login(w);
    assert_int_equal(amqp_conn_state(w->conn), AMQP_CONN_READY);
}

static void assert_lost(struct wire *w, const char *why)
{
    wire_turn(w);
    assert_true(amqp_conn_state(w->conn) == AMQP_CONN_WAITING ||
                amqp_conn_state(w->conn) == AMQP_CONN_CONNECTING); /* already trying again */
    if (strstr(amqp_conn_error(w->conn), why) == NULL)
        fail_msg("error is '%s', expected '%s'", amqp_conn_error(w->conn), why);
}

/* ---- login ---- */

static void test_conn_logs_in(void **state)
{
    struct wire *w = *state;
    start(w, wire_options(w));
    assert_int_equal(amqp_conn_state(w->conn), AMQP_CONN_CONNECTING);
    wire_up(w);
    assert_memory_equal(w->sent.ptr, "AMQP\0\0\x09\x01", 8);
    wire_add_start(w);
    wire_give(w);
    amqp_connection_start_ok_t *ok = wire_expect(w, 0, AMQP_CONNECTION_START_OK_METHOD);
    assert_true(slice_is(slice_of_amqp(ok->mechanism), "PLAIN"));
    assert_memory_equal(ok->response.bytes, "\0user\0sesame-opens", 18);
    assert_int_equal(ok->client_properties.num_entries, 3);
    wire_add_tune(w, 100, 8192, 7);
    wire_give(w);
    amqp_connection_tune_ok_t *tune = wire_expect(w, 0, AMQP_CONNECTION_TUNE_OK_METHOD);
    assert_int_equal(tune->frame_max, 8192);
    assert_int_equal(tune->heartbeat, 7);
    amqp_connection_open_t *open = wire_expect(w, 0, AMQP_CONNECTION_OPEN_METHOD);
    assert_true(slice_is(slice_of_amqp(open->virtual_host), "/"));
    wire_add_open_ok(w);
    wire_give(w);
    assert_int_equal(amqp_conn_state(w->conn), AMQP_CONN_READY);
    assert_int_equal(amqp_conn_n_connects(w->conn), 1);
    assert_string_equal(amqp_conn_error(w->conn), "");
}

static void test_conn_logs_in_from_bytes_split_anywhere(void **state)
{
    struct wire *w = *state;
    start(w, wire_options(w));
    for (size_t step = 1; step < 40; step++) {
        wire_until(w, w->is_open);
        wire_up(w);
        wire_add_start(w);
        wire_add_tune(w, 0, 0, 0);
        wire_add_open_ok(w);
        wire_give_in(w, step);
        assert_int_equal(amqp_conn_state(w->conn), AMQP_CONN_READY);
        wire_break(w);
        wire_until(w, amqp_conn_state(w->conn) == AMQP_CONN_CONNECTING);
    }
}

static void test_conn_takes_its_own_frame_max_when_the_broker_has_no_wish(void **state)
{
    struct wire *w = *state;
    start(w, wire_options(w));
    wire_up(w);
    wire_add_start(w);
    wire_add_tune(w, 0, 0, 0);
    wire_give(w);
    wire_expect(w, 0, AMQP_CONNECTION_START_OK_METHOD);
    amqp_connection_tune_ok_t *tune = wire_expect(w, 0, AMQP_CONNECTION_TUNE_OK_METHOD);
    assert_int_equal(tune->frame_max, 131072);
    assert_int_equal(tune->heartbeat, 10);
}

static void test_conn_refuses_frame_max_below_4096(void **state)
{
    struct wire *w = *state;
    start(w, wire_options(w));
    wire_up(w);
    wire_add_start(w);
    wire_add_tune(w, 0, 4095, 0);
    wire_give(w);
    assert_lost(w, "frames of at most 4095 bytes");
}

static void test_conn_says_bad_password(void **state)
{
    struct wire *w = *state;
    start(w, wire_options(w));
    wire_up(w);
    wire_add_start(w);
    wire_give(w);
    amqp_connection_close_t close = {
        .reply_code = 403, .reply_text = amqp_bytes_of("ACCESS_REFUSED - Login was refused\x07")};
    wire_say(w, 0, AMQP_CONNECTION_CLOSE_METHOD, &close);
    assert_lost(w, "403 ACCESS_REFUSED - Login was refused?");
    assert_int_equal(amqp_conn_error_code(w->conn), AL_EAUTH);
    assert_null(strstr(amqp_conn_error(w->conn), "sesame"));
}

static void test_conn_refuses_broker_without_plain(void **state)
{
    struct wire *w = *state;
    start(w, wire_options(w));
    wire_up(w);
    amqp_connection_start_t greeting = {.version_minor = 9,
                                        .mechanisms = amqp_bytes_of("AMQPLAIN PLAINER EXTERNAL")};
    wire_say(w, 0, AMQP_CONNECTION_START_METHOD, &greeting);
    assert_lost(w, "PLAIN");
}

static void test_conn_refuses_login_steps_out_of_order(void **state)
{
    struct wire *w = *state;
    start(w, wire_options(w));
    wire_up(w);
    wire_add_open_ok(w);
    wire_give(w);
    assert_lost(w, "unexpected method");
}

static void test_conn_refuses_another_protocol_version(void **state)
{
    struct wire *w = *state;
    start(w, wire_options(w));
    wire_up(w);
    buf_append(&w->give, "AMQP\1\1\0\x09", 8);
    wire_give(w);
    assert_lost(w, "does not speak AMQP 0-9-1");
}

static void test_conn_forgets_the_password_it_sent(void **state)
{
    struct wire *w = *state;
    start(w, wire_options(w));
    wire_up(w);
    wire_add_start(w);
    wire_give(w);
    assert_non_null(memmem(w->sent.ptr, w->sent.len, "sesame-opens", 12));
    const struct buf *bufs[] = {&w->conn->out, &w->conn->sending};
    for (size_t i = 0; i < 2; i++) {
        if (bufs[i]->cap > 0)
            assert_null(memmem(bufs[i]->ptr, bufs[i]->cap, "sesame-opens", 12));
    }
}

/* ---- healing ---- */

static void test_conn_comes_back(void **state)
{
    struct wire *w = *state;
    start_ready(w);
    wire_break(w);
    assert_lost(w, "connection closed by the broker");
    wire_until(w, w->n_opens == 2);
    wire_login(w);
    assert_int_equal(amqp_conn_state(w->conn), AMQP_CONN_READY);
    assert_int_equal(amqp_conn_n_connects(w->conn), 2);
    assert_string_equal(amqp_conn_error(w->conn), "");
}

static void test_conn_backoff_grows_to_its_bound(void **state)
{
    struct wire *w = *state;
    struct amqp_options options = wire_options(w);
    options.backoff_min_ms = 100;
    options.backoff_max_ms = 1000;
    start(w, options);
    uint32_t delay = 100, last = 0;
    for (int i = 0; i < 8; i++) {
        uint32_t before = delay, now = conn_jitter(w->conn, &delay);
        assert_in_range(now, before / 2, before);
        last = delay;
    }
    assert_int_equal(last, 1000);
}

static void test_conn_times_out_a_silent_broker(void **state)
{
    struct wire *w = *state;
    struct amqp_options options = wire_options(w);
    options.rpc_timeout_ms = 5;
    start(w, options);
    wire_up(w);
    wire_until(w, w->conn->n_failures_in_row > 0);
    assert_lost(w, "no answer while login");
    assert_int_equal(amqp_conn_error_code(w->conn), AL_ETIMEOUT);
}

static void test_conn_sends_heartbeats(void **state)
{
    struct wire *w = *state;
    start_ready(w);
    uint64_t now = uv_now(&w->loop);
    wire_expect_nothing(w);
    conn_on_time(w->conn, now + 4000);
    wire_turn(w);
    wire_expect_nothing(w);
    conn_on_time(w->conn, now + 5000);
    wire_turn(w);
    assert_memory_equal(w->sent.ptr, "\x08\0\0\0\0\0\0\xce", 8);
}

static void test_conn_gives_up_without_heartbeats_at_the_second_look(void **state)
{
    struct wire *w = *state;
    start_ready(w);
    uint64_t now = uv_now(&w->loop);
    conn_on_time(w->conn, now + 20000);
    wire_turn(w);
    assert_int_equal(amqp_conn_state(w->conn), AMQP_CONN_READY);
    conn_on_time(w->conn, now + 20200);
    assert_lost(w, "no heartbeat");
}

static void test_conn_lives_on_heartbeats(void **state)
{
    struct wire *w = *state;
    start_ready(w);
    uint64_t now = uv_now(&w->loop);
    conn_on_time(w->conn, now + 20000);
    buf_append(&w->give, "\x08\0\0\0\0\0\0\xce", 8);
    wire_give(w);
    conn_on_time(w->conn, now + 19000);
    assert_int_equal(amqp_conn_state(w->conn), AMQP_CONN_READY);
    assert_false(w->conn->looks_dead);
}

static void test_conn_shows_that_it_is_blocked(void **state)
{
    struct wire *w = *state;
    start_ready(w);
    amqp_connection_blocked_t blocked = {.reason = amqp_bytes_of("low on memory")};
    wire_say(w, 0, AMQP_CONNECTION_BLOCKED_METHOD, &blocked);
    assert_true(amqp_conn_is_blocked(w->conn));
    assert_non_null(strstr(amqp_conn_error(w->conn), "low on memory"));
    amqp_connection_unblocked_t unblocked = {0};
    wire_say(w, 0, AMQP_CONNECTION_UNBLOCKED_METHOD, &unblocked);
    assert_false(amqp_conn_is_blocked(w->conn));
    assert_string_equal(amqp_conn_error(w->conn), "");
}

static void test_conn_forgets_blocking_when_lost(void **state)
{
    struct wire *w = *state;
    start_ready(w);
    amqp_connection_blocked_t blocked = {.reason = amqp_bytes_of("low on memory")};
    wire_say(w, 0, AMQP_CONNECTION_BLOCKED_METHOD, &blocked);
    wire_break(w);
    assert_false(amqp_conn_is_blocked(w->conn));
}

/* ---- ending ---- */

static void test_conn_says_goodbye(void **state)
{
    struct wire *w = *state;
    start_ready(w);
    amqp_conn_close(w->conn, 1000, wire_on_closed, w);
    wire_turn(w);
    wire_expect(w, 0, AMQP_CONNECTION_CLOSE_METHOD);
    assert_false(w->was_closed);
    amqp_connection_close_ok_t ok = {0};
    wire_say(w, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &ok);
    wire_until(w, w->was_closed);
    w->conn = NULL;
}

static void test_conn_closes_without_an_answer(void **state)
{
    struct wire *w = *state;
    start_ready(w);
    amqp_conn_close(w->conn, 2, wire_on_closed, w);
    wire_until(w, w->was_closed);
    w->conn = NULL;
}

static void test_conn_closes_in_every_state(void **state)
{
    struct wire *w = *state;
    struct amqp_options options = wire_options(w);
    for (int stage = 0; stage < 5; stage++) {
        assert_int_equal(amqp_conn_create(&w->loop, &options, &w->conn), AL_OK);
        if (stage >= 1)
            amqp_conn_start(w->conn);
        if (stage >= 2)
            wire_up(w);
        if (stage >= 3)
            w->base.events->on_fail(w->base.ctx, AL_ECONN, "gone");
        if (stage >= 4)
            wire_turn(w);
        w->was_closed = false;
        amqp_conn_close(w->conn, 1000, wire_on_closed, w);
        wire_until(w, w->was_closed);
    }
    w->conn = NULL;
}

static void close_when_ready(void *ctx, struct amqp_conn *conn, enum amqp_conn_state state)
{
    if (state == AMQP_CONN_READY)
        amqp_conn_close(conn, 1000, wire_on_closed, ctx);
}

static void test_conn_may_be_closed_from_its_own_callback(void **state)
{
    struct wire *w = *state;
    struct amqp_options options = wire_options(w);
    options.on_state = close_when_ready;
    options.ctx = w;
    start(w, options);
    wire_login(w);
    wire_expect(w, 0, AMQP_CONNECTION_CLOSE_METHOD);
    wire_break(w);
    wire_until(w, w->was_closed);
    w->conn = NULL;
}

/* ---- a hostile peer ---- */

static void test_conn_drops_garbage(void **state)
{
    struct wire *w = *state;
    start_ready(w);
    buf_puts(&w->give, "HTTP/1.1 400 Bad Request\r\n\r\n");
    wire_give(w);
    assert_lost(w, "unknown type 72");
}

static void test_conn_drops_a_frame_on_a_channel_it_never_opened(void **state)
{
    struct wire *w = *state;
    start_ready(w);
    buf_append(&w->give, "\x01\x00\x05\x00\x00\x00\x04\x00\x3c\x00\x3c\xce", 12);
    wire_give(w);
    assert_lost(w, "on channel 5");
}

static void test_conn_drops_an_oversize_frame_at_its_head(void **state)
{
    struct wire *w = *state;
    start_ready(w);
    buf_append(&w->give, "\x01\x00\x00\x00\x02\x00\x00", 7); /* 131072 payload bytes and 8 more */
    wire_give(w);
    assert_lost(w, "a frame of 131072 bytes");
}

static void test_conn_drops_a_damaged_frame_end(void **state)
{
    struct wire *w = *state;
    start_ready(w);
    buf_append(&w->give, "\x08\0\0\0\0\0\0\xcd", 8);
    wire_give(w);
    assert_lost(w, "AMQP frame");
}

static void test_conn_drops_content_on_channel_0(void **state)
{
    struct wire *w = *state;
    start_ready(w);
    buf_append(&w->give, "\x03\0\0\0\0\0\1x\xce", 9);
    wire_give(w);
    assert_lost(w, "type 3 on channel 0");
}

static void test_conn_stays_small_under_many_channels(void **state)
{
    struct wire *w = *state;
    start_ready(w);
    for (unsigned channel = 2; channel < 60000; channel++) {
        uint8_t frame[] = {3, (uint8_t)(channel >> 8), (uint8_t)channel, 0, 0, 0, 1, 'x', 0xce};
        buf_append(&w->give, frame, sizeof(frame));
    }
    size_t before = mallinfo2().uordblks;
    wire_give_in(w, 4096);
    assert_lost(w, "on channel 2");
    assert_true(mallinfo2().uordblks < before + (1U << 20));
}

/* ---- options ---- */

static void test_conn_names_a_bad_option(void **state)
{
    struct wire *w = *state;
    struct amqp_options options = wire_options(w);
    options.vhost = NULL;
    assert_int_equal(amqp_conn_create(&w->loop, &options, &w->conn), AL_EINVAL);
    assert_non_null(strstr(err_text(), "vhost"));
    options = wire_options(w);
    options.frame_max = 4095;
    assert_int_equal(amqp_conn_create(&w->loop, &options, &w->conn), AL_EINVAL);
    assert_non_null(strstr(err_text(), "frame_max"));
}

static void on_no_message(void *ctx,
                          struct amqp_consumer *consumer,
                          const struct amqp_delivery *delivery)
{
    (void)ctx;
    (void)consumer;
    (void)delivery;
}

static enum al_err create_everything(struct wire *w, struct amqp_options *options)
{
    struct amqp_consumer_options consume = {
        .queue = {.name = "q"}, .prefetch = 1, .on_message = on_no_message};
    struct amqp_publisher_options publish = {0};
    struct amqp_consumer *consumer;
    struct amqp_publisher *publisher;
    enum al_err err = amqp_conn_create(&w->loop, options, &w->conn);
    if (err != AL_OK)
        return err;
    err = amqp_consumer_create(w->conn, &consume, &consumer);
    if (err == AL_OK)
        err = amqp_publisher_create(w->conn, &publish, &publisher);
    amqp_conn_close(w->conn, 0, wire_on_closed, w);
    wire_until(w, w->was_closed);
    w->was_closed = false;
    w->conn = NULL;
    return err;
}

static void test_conn_reports_every_failing_allocation(void **state)
{
    static const struct amqp_declaration step = {
        .what = AMQP_DECLARE_EXCHANGE, .exchange = "events", .exchange_type = "topic"};
    struct wire *w = *state;
    struct amqp_options options = wire_options(w);
    options.declarations = &step;
    options.n_declarations = 1;
    check_ok(create_everything(w, &options)); /* metrics and logs have allocated what they keep */
    size_t n_failures = 0;
    for (size_t n = 0; alloc_fails_at(n); n++)
        n_failures += create_everything(w, &options) == AL_ENOMEM ? 1U : 0U;
    alloc_never_fails();
    assert_int_equal(n_failures, 5); /* connection, declarations, consumer, publisher, window */
}

/* ---- declarations ---- */

static const struct amqp_declaration two_steps[] = {
    {.what = AMQP_DECLARE_QUEUE,
     .queue = {.name = "ours", .create = true, .message_ttl_ms = 5, .overflow = "drop-head"}},
    {.what = AMQP_DECLARE_EXCHANGE, .exchange = "events", .exchange_type = "topic"},
};

static void start_declaring(struct wire *w)
{
    struct amqp_options options = wire_options(w);
    options.declarations = two_steps;
    options.n_declarations = COUNT_OF(two_steps);
    start(w, options);
    wire_login(w);
    wire_open_channel(w, 1);
}

static void say_exchange_declared(struct wire *w)
{
    amqp_exchange_declare_ok_t ok = {0};
    amqp_exchange_declare_t *declare = wire_expect(w, 1, AMQP_EXCHANGE_DECLARE_METHOD);
    assert_true(declare->durable);
    assert_true(slice_is(slice_of_amqp(declare->type), "topic"));
    wire_say(w, 1, AMQP_EXCHANGE_DECLARE_OK_METHOD, &ok);
}

static void test_declarations_take_a_queue_as_it_is(void **state)
{
    struct wire *w = *state;
    start_declaring(w);
    assert_int_equal(amqp_conn_state(w->conn), AMQP_CONN_DECLARING);
    amqp_queue_declare_t *declare = wire_expect(w, 1, AMQP_QUEUE_DECLARE_METHOD);
    assert_true(declare->passive);
    assert_int_equal(declare->arguments.num_entries, 0);
    wire_say_declared(w, 1);
    say_exchange_declared(w);
    assert_int_equal(amqp_conn_state(w->conn), AMQP_CONN_READY);
}

static void test_declarations_create_an_absent_queue(void **state)
{
    struct wire *w = *state;
    start_declaring(w);
    wire_expect(w, 1, AMQP_QUEUE_DECLARE_METHOD);
    wire_close_channel(w, 1, 404, "NOT_FOUND");
    wire_open_channel(w, 1);
    amqp_queue_declare_t *declare = wire_expect(w, 1, AMQP_QUEUE_DECLARE_METHOD);
    assert_false(declare->passive);
    assert_true(declare->durable);
    assert_int_equal(declare->arguments.num_entries, 2);
    wire_say_declared(w, 1);
    say_exchange_declared(w);
    assert_int_equal(amqp_conn_state(w->conn), AMQP_CONN_READY);
    assert_string_equal(amqp_conn_error(w->conn), "");
}

static void test_declarations_report_a_refusal_and_try_again(void **state)
{
    struct wire *w = *state;
    start_declaring(w);
    wire_expect(w, 1, AMQP_QUEUE_DECLARE_METHOD);
    wire_say_declared(w, 1);
    wire_expect(w, 1, AMQP_EXCHANGE_DECLARE_METHOD);
    wire_close_channel(w, 1, 406, "PRECONDITION_FAILED - inequivalent arg");
    wire_open_channel(w, 1);
    assert_int_equal(amqp_conn_state(w->conn), AMQP_CONN_READY);
    assert_non_null(strstr(amqp_conn_error(w->conn), "declare events: 406 PRECONDITION_FAILED"));
    wire_until(w, w->sent.len > 0);
    wire_expect(w, 1, AMQP_QUEUE_DECLARE_METHOD);
    wire_say_declared(w, 1);
    say_exchange_declared(w);
    assert_string_equal(amqp_conn_error(w->conn), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_conn_logs_in),
        TEST(test_conn_logs_in_from_bytes_split_anywhere),
        TEST(test_conn_takes_its_own_frame_max_when_the_broker_has_no_wish),
        TEST(test_conn_refuses_frame_max_below_4096),
        TEST(test_conn_says_bad_password),
        TEST(test_conn_refuses_broker_without_plain),
        TEST(test_conn_refuses_login_steps_out_of_order),
        TEST(test_conn_refuses_another_protocol_version),
        TEST(test_conn_forgets_the_password_it_sent),
        TEST(test_conn_comes_back),
        TEST(test_conn_backoff_grows_to_its_bound),
        TEST(test_conn_times_out_a_silent_broker),
        TEST(test_conn_sends_heartbeats),
        TEST(test_conn_gives_up_without_heartbeats_at_the_second_look),
        TEST(test_conn_lives_on_heartbeats),
        TEST(test_conn_shows_that_it_is_blocked),
        TEST(test_conn_forgets_blocking_when_lost),
        TEST(test_conn_says_goodbye),
        TEST(test_conn_closes_without_an_answer),
        TEST(test_conn_closes_in_every_state),
        TEST(test_conn_may_be_closed_from_its_own_callback),
        TEST(test_conn_drops_garbage),
        TEST(test_conn_drops_a_frame_on_a_channel_it_never_opened),
        TEST(test_conn_drops_an_oversize_frame_at_its_head),
        TEST(test_conn_drops_a_damaged_frame_end),
        TEST(test_conn_drops_content_on_channel_0),
        TEST(test_conn_stays_small_under_many_channels),
        TEST(test_conn_names_a_bad_option),
        TEST(test_conn_reports_every_failing_allocation),
        TEST(test_declarations_take_a_queue_as_it_is),
        TEST(test_declarations_create_an_absent_queue),
        TEST(test_declarations_report_a_refusal_and_try_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
