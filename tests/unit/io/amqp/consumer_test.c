/* Consumers: subscribing, messages in every framing, acknowledgements, pauses, queues that come and go. */
#include "harness/amqp_wire.h"

#include "alphaloop/observe/log.h"

struct seen {
    struct wire wire; /* first */
    struct amqp_consumer *consumer;
    size_t n_messages, n_states;
    struct amqp_delivery last; /* its slices point into the copies below */
    struct buf body, headers;
    char trace[64], id[64];
    enum amqp_consumer_state last_state;
};

static void no_log(void *ctx, struct slice line)
{
    (void)ctx;
    (void)line;
}

static void on_message(void *ctx,
                       struct amqp_consumer *consumer,
                       const struct amqp_delivery *delivery)
{
    struct seen *s = ctx;
    assert_ptr_equal(consumer, s->consumer);
    s->n_messages++;
    s->last = *delivery;
    buf_reset(&s->body);
    buf_append(&s->body, delivery->body.ptr, delivery->body.len);
    buf_reset(&s->headers);
    amqp_delivery_headers_json(delivery, &s->headers);
    struct slice trace = amqp_delivery_header(delivery, "trace_id");
    snprintf(s->trace, sizeof(s->trace), "%.*s", (int)trace.len, trace.ptr);
    snprintf(s->id, sizeof(s->id), "%.*s", (int)delivery->message_id.len, delivery->message_id.ptr);
}

static void on_state(void *ctx, struct amqp_consumer *consumer, enum amqp_consumer_state state)
{
    struct seen *s = ctx;
    (void)consumer;
    s->n_states++;
    s->last_state = state;
}

static int setup(void **state)
{
    struct seen *s = calloc(1, sizeof(*s));
    log_init("test", LOG_ERROR, no_log, NULL);
    wire_init(&s->wire);
    s->body = BUF_INIT(64U << 20);
    s->headers = BUF_INIT(1U << 20);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct seen *s = *state;
    wire_deinit(&s->wire);
    buf_deinit(&s->body);
    buf_deinit(&s->headers);
    free(s);
    return 0;
}

static void create(struct seen *s, struct amqp_queue queue)
{
    struct amqp_options options = wire_options(&s->wire);
    assert_int_equal(amqp_conn_create(&s->wire.loop, &options, &s->wire.conn), AL_OK);
    struct amqp_consumer_options consumer = {
        .queue = queue, .prefetch = 50, .on_message = on_message, .on_state = on_state, .ctx = s};
    assert_int_equal(amqp_consumer_create(s->wire.conn, &consumer, &s->consumer), AL_OK);
    amqp_conn_start(s->wire.conn);
    wire_login(&s->wire);
}

static void finish_subscribing(struct wire *w)
{
    amqp_basic_qos_ok_t qos_ok = {0};
    amqp_basic_consume_ok_t consume_ok = {.consumer_tag = amqp_bytes_of("c1")};
    amqp_basic_qos_t *qos = wire_expect(w, 1, AMQP_BASIC_QOS_METHOD);
    assert_int_equal(qos->prefetch_count, 50);
    wire_say(w, 1, AMQP_BASIC_QOS_OK_METHOD, &qos_ok);
    amqp_basic_consume_t *consume = wire_expect(w, 1, AMQP_BASIC_CONSUME_METHOD);
    assert_false(consume->no_ack);
    assert_false(consume->exclusive);
    wire_say(w, 1, AMQP_BASIC_CONSUME_OK_METHOD, &consume_ok);
}

static void subscribe(struct wire *w)
{
    wire_open_channel(w, 1);
    amqp_queue_declare_t *declare = wire_expect(w, 1, AMQP_QUEUE_DECLARE_METHOD);
    assert_true(declare->passive);
    wire_say_declared(w, 1);
    finish_subscribing(w);
}

static void create_active(struct seen *s)
{
    create(s, (struct amqp_queue){.name = "q"});
    subscribe(&s->wire);
    assert_int_equal(amqp_consumer_state(s->consumer), AMQP_CONSUMER_ACTIVE);
}

static void add_deliver(struct wire *w, uint64_t tag)
{
    amqp_basic_deliver_t deliver = {.consumer_tag = amqp_bytes_of("c1"),
                                    .delivery_tag = tag,
                                    .exchange = amqp_bytes_of(""),
                                    .routing_key = amqp_bytes_of("q")};
    wire_add(w, 1, AMQP_BASIC_DELIVER_METHOD, &deliver);
}

/* A delivery in body frames of at most `part` bytes. */
static void add_message(struct wire *w, uint64_t tag, struct slice body, uint32_t part)
{
    amqp_table_entry_t entries[] = {
        {.key = amqp_bytes_of("trace_id"),
         .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_bytes_of("t-77")}},
        {.key = amqp_bytes_of("n"), .value = {.kind = AMQP_FIELD_KIND_I32, .value.i32 = -5}},
    };
    amqp_basic_properties_t properties = {
        ._flags = AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_TIMESTAMP_FLAG,
        .headers = {.num_entries = 2, .entries = entries},
        .message_id = amqp_bytes_of("id-1"),
        .timestamp = 1700000000};
    add_deliver(w, tag);
    assert_int_equal(codec_put_content(&w->give, 1, &properties, body, part + FRAME_OVERHEAD),
                     AL_OK);
}

static void assert_message(struct seen *s, uint64_t tag, struct slice body)
{
    assert_int_equal(s->last.tag.number, tag);
    assert_int_equal(s->body.len, body.len);
    assert_memory_equal(buf_str(&s->body), body.ptr, body.len);
    assert_string_equal(s->trace, "t-77");
    assert_string_equal(s->id, "id-1");
    assert_int_equal(s->last.timestamp_s, 1700000000);
    assert_string_equal(buf_str(&s->headers), "{\"trace_id\":\"t-77\",\"n\":-5}");
}

/* ---- messages ---- */

static void test_consumer_reads_message_split_at_every_byte(void **state)
{
    struct seen *s = *state;
    create_active(s);
    struct slice body = SLICE("{\"event\":1}");
    for (size_t step = 1; step < 150; step++) {
        add_message(&s->wire, step, body, 4096);
        wire_give_in(&s->wire, step);
        assert_int_equal(s->n_messages, step);
        assert_message(s, step, body);
    }
}

static void test_consumer_joins_a_body_of_many_frames(void **state)
{
    struct seen *s = *state;
    create_active(s);
    struct slice body = SLICE("0123456789abcdefghijklmnopqrstuvwxyz");
    for (uint32_t part = 100; part >= 95; part--) { /* the header needs that much */
        char long_body[1000];
        for (size_t i = 0; i < sizeof(long_body); i++)
            long_body[i] = body.ptr[i % body.len];
        struct slice whole = {long_body, sizeof(long_body)};
        add_message(&s->wire, s->n_messages + 1, whole, part);
        wire_give_in(&s->wire, 7);
        assert_message(s, s->n_messages, whole);
    }
    assert_int_equal(s->n_messages, 6);
}

static void test_consumer_takes_an_empty_body(void **state)
{
    struct seen *s = *state;
    create_active(s);
    add_message(&s->wire, 1, SLICE(""), 4096);
    wire_give(&s->wire);
    assert_int_equal(s->n_messages, 1);
    assert_message(s, 1, SLICE(""));
}

static void test_consumer_keeps_the_head_of_a_huge_body(void **state)
{
    struct seen *s = *state;
    create_active(s);
    size_t n = 5U << 20;
    char *bytes = malloc(n);
    memset(bytes, 'x', n);
    add_message(&s->wire, 1, (struct slice){bytes, n}, 100000);
    free(bytes);
    wire_give_in(&s->wire, 65536);
    assert_int_equal(s->n_messages, 1);
    assert_int_equal(s->last.body_size, n);
    assert_int_equal(s->body.len, AMQP_BODY_KEEP_MAX);
}

static void test_consumer_gets_message_without_properties_when_they_are_hostile(void **state)
{
    enum { DEPTH = 2000 };
    struct seen *s = *state;
    struct buf payload = BUF_INIT(1U << 20);
    create_active(s);
    add_deliver(&s->wire, 1);
    buf_append(&payload, "\0\x3c\0\0\0\0\0\0\0\0\0\2\x20\0", 14); /* class, size 2, headers only */
    for (uint32_t i = 0; i <= DEPTH; i++) {
        buf_put_u32be(&payload, (DEPTH - i) * 6);
        if (i < DEPTH)
            buf_append(&payload, "\0F", 2);
    }
    buf_append(&s->wire.give, "\2\0\1", 3);
    buf_put_u32be(&s->wire.give, (uint32_t)payload.len);
    buf_append(&s->wire.give, payload.ptr, payload.len);
    buf_append(&s->wire.give, "\xce\3\0\1\0\0\0\2{}\xce", 11);
    buf_deinit(&payload);
    wire_give_in(&s->wire, 1000);
    assert_int_equal(s->n_messages, 1);
    assert_string_equal(buf_str(&s->body), "{}");
    assert_string_equal(buf_str(&s->headers), "{}");
    assert_int_equal(amqp_conn_state(s->wire.conn), AMQP_CONN_READY);
}

static void assert_dropped(struct seen *s)
{
    wire_give(&s->wire);
    wire_turn(&s->wire);
    assert_int_equal(amqp_consumer_state(s->consumer), AMQP_CONSUMER_DOWN);
    assert_int_equal(s->n_messages, 0);
}

static void test_consumer_drops_conn_on_body_longer_than_announced(void **state)
{
    struct seen *s = *state;
    create_active(s);
    add_deliver(&s->wire, 1);
    buf_append(&s->wire.give, "\2\0\1\0\0\0\x0e\0\x3c\0\0\0\0\0\0\0\0\0\2\0\0\xce", 22);
    buf_append(&s->wire.give, "\3\0\1\0\0\0\3abc\xce", 11);
    assert_dropped(s);
}

static void test_consumer_drops_conn_on_body_without_header(void **state)
{
    struct seen *s = *state;
    create_active(s);
    add_deliver(&s->wire, 1);
    buf_append(&s->wire.give, "\3\0\1\0\0\0\3abc\xce", 11);
    assert_dropped(s);
}

static void test_consumer_drops_conn_on_method_inside_message(void **state)
{
    struct seen *s = *state;
    create_active(s);
    add_deliver(&s->wire, 1);
    add_deliver(&s->wire, 2);
    assert_dropped(s);
}

static void test_consumer_drops_conn_on_a_repeated_tag(void **state)
{
    struct seen *s = *state;
    create_active(s);
    add_message(&s->wire, 0, SLICE("{}"), 4096);
    assert_dropped(s);
}

static void test_consumer_drops_conn_on_unexpected_method(void **state)
{
    struct seen *s = *state;
    create_active(s);
    amqp_basic_get_empty_t empty = {.cluster_id = amqp_empty_bytes};
    wire_add(&s->wire, 1, AMQP_BASIC_GET_EMPTY_METHOD, &empty);
    assert_dropped(s);
}

/* ---- acknowledgements ---- */

static void test_consumer_acks_leave_once_per_turn(void **state)
{
    struct seen *s = *state;
    create_active(s);
    for (uint64_t tag = 1; tag <= 3; tag++)
        add_message(&s->wire, tag, SLICE("{}"), 4096);
    wire_give(&s->wire);
    amqp_consumer_ack(s->consumer, s->last.tag, true);
    amqp_consumer_nack(s->consumer, s->last.tag, false, true);
    wire_expect_nothing(&s->wire);
    wire_turn(&s->wire);
    amqp_basic_ack_t *ack = wire_expect(&s->wire, 1, AMQP_BASIC_ACK_METHOD);
    assert_int_equal(ack->delivery_tag, 3);
    assert_true(ack->multiple);
    amqp_basic_nack_t *nack = wire_expect(&s->wire, 1, AMQP_BASIC_NACK_METHOD);
    assert_true(nack->requeue);
}

static void test_consumer_ignores_tags_of_an_earlier_channel(void **state)
{
    struct seen *s = *state;
    create_active(s);
    add_message(&s->wire, 1, SLICE("{}"), 4096);
    wire_give(&s->wire);
    struct amqp_tag old = s->last.tag;
    wire_break(&s->wire);
    amqp_consumer_ack(s->consumer, old, true);
    wire_until(&s->wire, s->wire.n_opens == 2);
    wire_login(&s->wire);
    subscribe(&s->wire);
    amqp_consumer_ack(s->consumer, old, true);
    wire_turn(&s->wire);
    wire_expect_nothing(&s->wire);
    assert_int_equal(amqp_consumer_generation(s->consumer), old.generation + 1);
}

/* ---- queues ---- */

static void test_consumer_waits_for_a_missing_queue(void **state)
{
    struct seen *s = *state;
    create(s, (struct amqp_queue){.name = "q"});
    for (int i = 0; i < 3; i++) {
        wire_until(&s->wire, s->wire.sent.len > 0);
        wire_open_channel(&s->wire, 1);
        wire_expect(&s->wire, 1, AMQP_QUEUE_DECLARE_METHOD);
        wire_close_channel(&s->wire, 1, 404, "NOT_FOUND - no queue 'q'");
        assert_int_equal(amqp_consumer_state(s->consumer), AMQP_CONSUMER_MISSING);
    }
    assert_string_equal(amqp_consumer_error(s->consumer), "NOT_FOUND - no queue 'q'");
    assert_int_equal(s->n_states, 2); /* opening, missing: looking again is no change */
    wire_until(&s->wire, s->wire.sent.len > 0);
    subscribe(&s->wire);
    assert_int_equal(amqp_consumer_state(s->consumer), AMQP_CONSUMER_ACTIVE);
    assert_string_equal(amqp_consumer_error(s->consumer), "");
}

static void test_consumer_creates_an_absent_queue_when_asked(void **state)
{
    struct seen *s = *state;
    create(s, (struct amqp_queue){.name = "q", .create = true, .type = AMQP_QUEUE_QUORUM});
    wire_open_channel(&s->wire, 1);
    wire_expect(&s->wire, 1, AMQP_QUEUE_DECLARE_METHOD);
    wire_close_channel(&s->wire, 1, 404, "NOT_FOUND");
    wire_open_channel(&s->wire, 1);
    amqp_queue_declare_t *declare = wire_expect(&s->wire, 1, AMQP_QUEUE_DECLARE_METHOD);
    assert_false(declare->passive);
    assert_true(declare->durable);
    assert_int_equal(declare->arguments.num_entries, 1);
    wire_say_declared(&s->wire, 1);
    finish_subscribing(&s->wire);
    assert_int_equal(amqp_consumer_state(s->consumer), AMQP_CONSUMER_ACTIVE);
}

static void test_consumer_looks_again_after_losing_a_race_to_create(void **state)
{
    struct seen *s = *state;
    create(s, (struct amqp_queue){.name = "q", .create = true});
    wire_open_channel(&s->wire, 1);
    wire_expect(&s->wire, 1, AMQP_QUEUE_DECLARE_METHOD);
    wire_close_channel(&s->wire, 1, 404, "NOT_FOUND");
    wire_open_channel(&s->wire, 1);
    wire_expect(&s->wire, 1, AMQP_QUEUE_DECLARE_METHOD);
    wire_close_channel(&s->wire, 1, 406, "PRECONDITION_FAILED");
    assert_int_equal(amqp_consumer_state(s->consumer), AMQP_CONSUMER_REFUSED);
    wire_until(&s->wire, s->wire.sent.len > 0);
    subscribe(&s->wire);
    assert_int_equal(amqp_consumer_state(s->consumer), AMQP_CONSUMER_ACTIVE);
}

static void test_consumer_comes_back_after_the_broker_cancels_it(void **state)
{
    struct seen *s = *state;
    create_active(s);
    amqp_basic_cancel_t cancel = {.consumer_tag = amqp_bytes_of("c1"), .nowait = true};
    wire_say(&s->wire, 1, AMQP_BASIC_CANCEL_METHOD, &cancel);
    assert_int_equal(amqp_consumer_state(s->consumer), AMQP_CONSUMER_MISSING);
    wire_until(&s->wire, s->wire.sent.len > 0);
    wire_expect(&s->wire, 1, AMQP_QUEUE_DECLARE_METHOD);
    wire_say_declared(&s->wire, 1);
    finish_subscribing(&s->wire);
    assert_int_equal(amqp_consumer_state(s->consumer), AMQP_CONSUMER_ACTIVE);
}

/* ---- pauses ---- */

static void say_cancelled(struct wire *w)
{
    amqp_basic_cancel_ok_t ok = {.consumer_tag = amqp_bytes_of("c1")};
    wire_expect(w, 1, AMQP_BASIC_CANCEL_METHOD);
    wire_say(w, 1, AMQP_BASIC_CANCEL_OK_METHOD, &ok);
}

static void test_consumer_pauses_and_resumes(void **state)
{
    struct seen *s = *state;
    create_active(s);
    amqp_consumer_pause(s->consumer);
    wire_turn(&s->wire);
    say_cancelled(&s->wire);
    assert_int_equal(amqp_consumer_state(s->consumer), AMQP_CONSUMER_PAUSED);
    amqp_consumer_resume(s->consumer);
    wire_turn(&s->wire);
    amqp_basic_consume_ok_t ok = {.consumer_tag = amqp_bytes_of("c1")};
    wire_expect(&s->wire, 1, AMQP_BASIC_CONSUME_METHOD);
    wire_say(&s->wire, 1, AMQP_BASIC_CONSUME_OK_METHOD, &ok);
    assert_int_equal(amqp_consumer_state(s->consumer), AMQP_CONSUMER_ACTIVE);
}

static void test_consumer_ends_as_last_asked_when_pauses_overlap_answers(void **state)
{
    struct seen *s = *state;
    create_active(s);
    amqp_consumer_pause(s->consumer);
    amqp_consumer_resume(s->consumer);
    amqp_consumer_pause(s->consumer);
    amqp_consumer_resume(s->consumer);
    wire_turn(&s->wire);
    say_cancelled(&s->wire);
    amqp_basic_consume_ok_t ok = {.consumer_tag = amqp_bytes_of("c1")};
    wire_expect(&s->wire, 1, AMQP_BASIC_CONSUME_METHOD);
    wire_expect_nothing(&s->wire);
    wire_say(&s->wire, 1, AMQP_BASIC_CONSUME_OK_METHOD, &ok);
    assert_int_equal(amqp_consumer_state(s->consumer), AMQP_CONSUMER_ACTIVE);
}

static void test_consumer_stays_paused_over_a_reconnect(void **state)
{
    struct seen *s = *state;
    create_active(s);
    amqp_consumer_pause(s->consumer);
    wire_turn(&s->wire);
    say_cancelled(&s->wire);
    wire_break(&s->wire);
    assert_int_equal(amqp_consumer_state(s->consumer), AMQP_CONSUMER_DOWN);
    wire_until(&s->wire, s->wire.n_opens == 2);
    wire_login(&s->wire);
    wire_open_channel(&s->wire, 1);
    wire_expect(&s->wire, 1, AMQP_QUEUE_DECLARE_METHOD);
    wire_say_declared(&s->wire, 1);
    amqp_basic_qos_ok_t ok = {0};
    wire_expect(&s->wire, 1, AMQP_BASIC_QOS_METHOD);
    wire_say(&s->wire, 1, AMQP_BASIC_QOS_OK_METHOD, &ok);
    assert_int_equal(amqp_consumer_state(s->consumer), AMQP_CONSUMER_PAUSED);
    wire_expect_nothing(&s->wire);
}

static void test_consumer_times_out_a_broker_that_does_not_answer(void **state)
{
    struct seen *s = *state;
    create(s, (struct amqp_queue){.name = "q"});
    conn_on_time(s->wire.conn, uv_now(&s->wire.loop) + 15001);
    wire_turn(&s->wire);
    assert_non_null(strstr(amqp_conn_error(s->wire.conn), "AMQP_CHANNEL_OPEN_OK_METHOD"));
}

static void test_consumer_is_refused_beyond_the_brokers_channels(void **state)
{
    struct seen *s = *state;
    struct wire *w = &s->wire;
    struct amqp_options options = wire_options(w);
    assert_int_equal(amqp_conn_create(&w->loop, &options, &w->conn), AL_OK);
    struct amqp_consumer_options consumer = {
        .queue = {.name = "q"}, .prefetch = 50, .on_message = on_message, .ctx = s};
    assert_int_equal(amqp_consumer_create(w->conn, &consumer, &s->consumer), AL_OK);
    assert_int_equal(amqp_consumer_create(w->conn, &consumer, &s->consumer), AL_OK);
    amqp_conn_start(w->conn);
    wire_up(w);
    wire_add_start(w);
    wire_add_tune(w, 1, 0, 0);
    wire_add_open_ok(w);
    wire_give(w);
    assert_int_equal(amqp_consumer_state(s->consumer), AMQP_CONSUMER_REFUSED);
    assert_string_equal(amqp_consumer_error(s->consumer), "broker allows only 1 channels");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_consumer_reads_message_split_at_every_byte),
        TEST(test_consumer_joins_a_body_of_many_frames),
        TEST(test_consumer_takes_an_empty_body),
        TEST(test_consumer_keeps_the_head_of_a_huge_body),
        TEST(test_consumer_gets_message_without_properties_when_they_are_hostile),
        TEST(test_consumer_drops_conn_on_body_longer_than_announced),
        TEST(test_consumer_drops_conn_on_body_without_header),
        TEST(test_consumer_drops_conn_on_method_inside_message),
        TEST(test_consumer_drops_conn_on_a_repeated_tag),
        TEST(test_consumer_drops_conn_on_unexpected_method),
        TEST(test_consumer_acks_leave_once_per_turn),
        TEST(test_consumer_ignores_tags_of_an_earlier_channel),
        TEST(test_consumer_waits_for_a_missing_queue),
        TEST(test_consumer_creates_an_absent_queue_when_asked),
        TEST(test_consumer_looks_again_after_losing_a_race_to_create),
        TEST(test_consumer_comes_back_after_the_broker_cancels_it),
        TEST(test_consumer_pauses_and_resumes),
        TEST(test_consumer_ends_as_last_asked_when_pauses_overlap_answers),
        TEST(test_consumer_stays_paused_over_a_reconnect),
        TEST(test_consumer_times_out_a_broker_that_does_not_answer),
        TEST(test_consumer_is_refused_beyond_the_brokers_channels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
