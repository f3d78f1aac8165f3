/* Publishers: what is sent, every way to be answered, and every bound. */
#include "harness/amqp_wire.h"

#include <malloc.h>

#include "alphaloop/observe/log.h"

enum { TOKENS_MAX = 64 };

struct seen {
    struct wire wire; /* first */
    struct amqp_publisher *publisher;
    int results[TOKENS_MAX]; /* -1: none yet */
    size_t n_results, n_rooms;
    bool publishes_again; /* from the result's callback */
};

static void no_log(void *ctx, struct slice line)
{
    (void)ctx;
    (void)line;
}

static void on_room(void *ctx)
{
    ((struct seen *)ctx)->n_rooms++;
}

static enum al_err publish_as(struct seen *s, uint64_t token, const char *id, struct slice body);

static void on_result(void *ctx, uint64_t token, enum amqp_result result)
{
    struct seen *s = ctx;
    assert_int_equal(s->results[token], -1);
    s->results[token] = (int)result;
    s->n_results++;
    if (s->publishes_again && token + 10 < TOKENS_MAX)
        (void)publish_as(s, token + 10, "again", SLICE("{}"));
}

static enum al_err publish_as(struct seen *s, uint64_t token, const char *id, struct slice body)
{
    struct amqp_header header = {"trace_id", SLICE("t-1")};
    struct amqp_message message = {.routing_key = "model-service.trading_signals",
                                   .mandatory = true,
                                   .persistent = true,
                                   .content_type = "application/json",
                                   .message_id = id,
                                   .timestamp_s = 1700000000,
                                   .headers = &header,
                                   .n_headers = 1,
                                   .body = body};
    return amqp_publish(s->publisher, &message, token, on_result, s);
}

static enum al_err publish(struct seen *s, uint64_t token)
{
    char id[16];
    snprintf(id, sizeof(id), "id-%u", (unsigned)token);
    return publish_as(s, token, id, SLICE("{\"a\":1}"));
}

static int setup(void **state)
{
    struct seen *s = calloc(1, sizeof(*s));
    log_init("test", LOG_ERROR, no_log, NULL);
    wire_init(&s->wire);
    for (size_t i = 0; i < TOKENS_MAX; i++)
        s->results[i] = -1;
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    wire_deinit(*state);
    free(*state);
    return 0;
}

static void select_confirms(struct wire *w)
{
    amqp_confirm_select_ok_t ok = {0};
    wire_open_channel(w, 1);
    wire_expect(w, 1, AMQP_CONFIRM_SELECT_METHOD);
    wire_say(w, 1, AMQP_CONFIRM_SELECT_OK_METHOD, &ok);
}

static void create(struct seen *s, size_t n_in_flight_max, size_t output_max)
{
    struct wire *w = &s->wire;
    struct amqp_options options = wire_options(w);
    options.output_max = output_max;
    assert_int_equal(amqp_conn_create(&w->loop, &options, &w->conn), AL_OK);
    struct amqp_publisher_options publisher = {
        .n_in_flight_max = n_in_flight_max, .on_room = on_room, .ctx = s};
    assert_int_equal(amqp_publisher_create(w->conn, &publisher, &s->publisher), AL_OK);
    assert_int_equal(publish(s, 0), AL_ESTATE);
    amqp_conn_start(w->conn);
    wire_login(w);
    select_confirms(w);
    assert_true(amqp_publisher_is_ready(s->publisher));
    assert_int_equal(s->n_rooms, 1); /* ready after a refusal is worth another try */
}

/* Tokens first .. first + n - 1, which the broker numbers from 1. */
static void create_with(struct seen *s, uint64_t n)
{
    create(s, 8, 0);
    for (uint64_t token = 1; token <= n; token++)
        assert_int_equal(publish(s, token), AL_OK);
}

static void say_ack(struct wire *w, uint64_t number, bool multiple)
{
    amqp_basic_ack_t ack = {.delivery_tag = number, .multiple = multiple};
    wire_say(w, 1, AMQP_BASIC_ACK_METHOD, &ack);
}

static void add_return(struct wire *w, const char *id)
{
    amqp_basic_return_t returned = {.reply_code = 312,
                                    .reply_text = amqp_bytes_of("NO_ROUTE"),
                                    .exchange = amqp_bytes_of(""),
                                    .routing_key = amqp_bytes_of("model-service.trading_signals")};
    amqp_basic_properties_t properties = {._flags = AMQP_BASIC_MESSAGE_ID_FLAG,
                                          .message_id = amqp_bytes_of(id)};
    wire_add(w, 1, AMQP_BASIC_RETURN_METHOD, &returned);
    assert_int_equal(codec_put_content(&w->give, 1, &properties, SLICE("{}"), 4096), AL_OK);
}

static void assert_results(const struct seen *s, const int *expected, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_int_equal(s->results[i + 1], expected[i]);
}

static void test_publisher_sends_what_was_said(void **state)
{
    struct seen *s = *state;
    create_with(s, 1);
    wire_expect_nothing(&s->wire); /* not before the turn ends */
    wire_turn(&s->wire);
    amqp_basic_publish_t *sent = wire_expect(&s->wire, 1, AMQP_BASIC_PUBLISH_METHOD);
    assert_true(sent->mandatory);
    assert_true(slice_is(slice_of_amqp(sent->routing_key), "model-service.trading_signals"));
    assert_true(wire_next(&s->wire));
    const amqp_basic_properties_t *p = s->wire.frame.payload.properties.decoded;
    assert_int_equal(s->wire.frame.payload.properties.body_size, 7);
    assert_int_equal(p->delivery_mode, 2);
    assert_int_equal(p->timestamp, 1700000000);
    assert_true(slice_is(slice_of_amqp(p->message_id), "id-1"));
    assert_true(slice_is(slice_of_amqp(p->content_type), "application/json"));
    assert_int_equal(p->headers.num_entries, 1);
    assert_true(wire_next(&s->wire));
    assert_true(slice_is(slice_of_amqp(s->wire.frame.payload.body_fragment), "{\"a\":1}"));
}

static void test_publisher_splits_a_long_body(void **state)
{
    struct seen *s = *state;
    create(s, 8, 0);
    size_t n = 300000, n_seen = 0;
    char *bytes = calloc(1, n);
    assert_int_equal(publish_as(s, 1, "id", (struct slice){bytes, n}), AL_OK);
    free(bytes);
    wire_turn(&s->wire);
    wire_expect(&s->wire, 1, AMQP_BASIC_PUBLISH_METHOD);
    assert_true(wire_next(&s->wire));
    while (wire_next(&s->wire)) {
        assert_in_range(s->wire.frame.payload.body_fragment.len, 1, 131072 - 8);
        n_seen += s->wire.frame.payload.body_fragment.len;
    }
    assert_int_equal(n_seen, n);
}

static void test_publisher_confirms_one_by_one_out_of_order(void **state)
{
    struct seen *s = *state;
    create_with(s, 3);
    say_ack(&s->wire, 2, false);
    assert_results(s, (int[]){-1, AMQP_CONFIRMED, -1}, 3);
    say_ack(&s->wire, 3, false);
    say_ack(&s->wire, 1, false);
    assert_results(s, (int[]){AMQP_CONFIRMED, AMQP_CONFIRMED, AMQP_CONFIRMED}, 3);
    assert_int_equal(amqp_publisher_n_in_flight(s->publisher), 0);
}

static void test_publisher_confirms_many_at_once(void **state)
{
    struct seen *s = *state;
    create_with(s, 5);
    say_ack(&s->wire, 2, false);
    say_ack(&s->wire, 4, true);
    assert_results(s, (int[]){0, 0, 0, 0, -1}, 5);
    assert_int_equal(amqp_publisher_n_in_flight(s->publisher), 1);
}

static void test_publisher_confirms_all_with_number_0(void **state)
{
    struct seen *s = *state;
    create_with(s, 3);
    say_ack(&s->wire, 0, true);
    assert_int_equal(s->n_results, 3);
}

static void test_publisher_reports_nacks(void **state)
{
    struct seen *s = *state;
    create_with(s, 3);
    amqp_basic_nack_t nack = {.delivery_tag = 2, .multiple = true};
    wire_say(&s->wire, 1, AMQP_BASIC_NACK_METHOD, &nack);
    say_ack(&s->wire, 3, false);
    assert_results(s, (int[]){AMQP_NACKED, AMQP_NACKED, AMQP_CONFIRMED}, 3);
}

static void test_publisher_counts_a_returned_message_as_not_published(void **state)
{
    struct seen *s = *state;
    create_with(s, 3);
    add_return(&s->wire, "id-2");
    wire_give_in(&s->wire, 3);
    assert_int_equal(s->n_results, 0); /* the confirm decides when */
    say_ack(&s->wire, 3, true);
    assert_results(s, (int[]){AMQP_CONFIRMED, AMQP_RETURNED, AMQP_CONFIRMED}, 3);
}

static void test_publisher_ignores_a_return_of_nothing_it_knows(void **state)
{
    struct seen *s = *state;
    create_with(s, 1);
    add_return(&s->wire, "id-99");
    wire_give(&s->wire);
    say_ack(&s->wire, 1, false);
    assert_results(s, (int[]){AMQP_CONFIRMED}, 1);
}

static void test_publisher_ignores_a_repeated_confirm(void **state)
{
    struct seen *s = *state;
    create_with(s, 2);
    say_ack(&s->wire, 1, false);
    say_ack(&s->wire, 1, false);
    say_ack(&s->wire, 1, true);
    assert_int_equal(s->n_results, 1);
    assert_int_equal(amqp_conn_state(s->wire.conn), AMQP_CONN_READY);
}

static void test_publisher_stays_small_over_many_confirms(void **state)
{
    struct seen *s = *state;
    create_with(s, 2);
    amqp_basic_ack_t ack = {.delivery_tag = 1};
    for (int i = 0; i < 200000; i++)
        wire_add(&s->wire, 1, AMQP_BASIC_ACK_METHOD, &ack);
    size_t before = mallinfo2().uordblks;
    wire_give_in(&s->wire, 65536);
    assert_true(mallinfo2().uordblks < before + (1U << 20));
}

static void test_publisher_drops_conn_on_confirm_of_the_future(void **state)
{
    struct seen *s = *state;
    create_with(s, 2);
    say_ack(&s->wire, 3, true);
    wire_turn(&s->wire);
    assert_true(amqp_conn_state(s->wire.conn) != AMQP_CONN_READY);
    assert_results(s, (int[]){AMQP_LOST, AMQP_LOST}, 2);
}

static void test_publisher_reports_lost_when_the_connection_goes(void **state)
{
    struct seen *s = *state;
    create_with(s, 3);
    say_ack(&s->wire, 2, false);
    wire_break(&s->wire);
    assert_results(s, (int[]){AMQP_LOST, AMQP_CONFIRMED, AMQP_LOST}, 3);
    wire_until(&s->wire, s->wire.n_opens == 2);
    wire_login(&s->wire);
    select_confirms(&s->wire);
    assert_int_equal(publish(s, 4), AL_OK);
    say_ack(&s->wire, 1, false); /* numbers begin again */
    assert_int_equal(s->results[4], AMQP_CONFIRMED);
}

static void test_publisher_opens_again_after_its_channel_was_closed(void **state)
{
    struct seen *s = *state;
    create_with(s, 1);
    wire_turn(&s->wire);
    while (wire_next(&s->wire))
        continue;
    wire_close_channel(&s->wire, 1, 404, "NOT_FOUND - no exchange 'x'");
    assert_results(s, (int[]){AMQP_LOST}, 1);
    assert_int_equal(publish(s, 2), AL_ESTATE);
    wire_until(&s->wire, s->wire.sent.len > 0);
    select_confirms(&s->wire);
    assert_int_equal(publish(s, 2), AL_OK);
    assert_int_equal(amqp_conn_n_connects(s->wire.conn), 1);
}

static void test_publisher_is_full_at_its_window(void **state)
{
    struct seen *s = *state;
    create_with(s, 8);
    assert_int_equal(publish(s, 9), AL_EFULL);
    assert_false(amqp_publisher_is_ready(s->publisher));
    say_ack(&s->wire, 1, false);
    assert_int_equal(s->n_rooms, 1); /* one free place is not worth a wake-up */
    say_ack(&s->wire, 4, true);
    assert_int_equal(s->n_rooms, 2);
    assert_int_equal(publish(s, 9), AL_OK);
}

static void test_publisher_is_full_at_the_output_bound(void **state)
{
    struct seen *s = *state;
    char body[20000] = {0};
    create(s, 64, 100000);
    s->wire.is_stuck = true;
    uint64_t n = 0;
    struct slice slice = {body, sizeof(body)};
    while (publish_as(s, n + 1, "id", slice) == AL_OK) {
        n++;
        wire_turn(&s->wire);
    }
    assert_int_equal(n, 4);
    assert_true(amqp_conn_output_bytes(s->wire.conn) <= 100000);
    s->wire.is_stuck = false;
    wire_turn(&s->wire);
    wire_turn(&s->wire);
    assert_int_equal(s->n_rooms, 2);
}

static void test_publisher_is_full_while_blocked(void **state)
{
    struct seen *s = *state;
    create_with(s, 1);
    amqp_connection_blocked_t blocked = {.reason = amqp_bytes_of("low on memory")};
    wire_say(&s->wire, 0, AMQP_CONNECTION_BLOCKED_METHOD, &blocked);
    assert_int_equal(publish(s, 2), AL_EFULL);
    say_ack(&s->wire, 1, false);
    assert_int_equal(s->n_rooms, 1);
    amqp_connection_unblocked_t unblocked = {0};
    wire_say(&s->wire, 0, AMQP_CONNECTION_UNBLOCKED_METHOD, &unblocked);
    assert_int_equal(s->n_rooms, 2);
    assert_int_equal(publish(s, 2), AL_OK);
}

static void test_publisher_refuses_what_cannot_be_sent(void **state)
{
    struct seen *s = *state;
    char long_name[300];
    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    create(s, 8, 100000);
    assert_int_equal(publish_as(s, 1, long_name, SLICE("{}")), AL_EINVAL);
    assert_int_equal(publish_as(s, 1, NULL, SLICE("{}")), AL_EINVAL);
    char *body = calloc(1, 100000);
    assert_int_equal(publish_as(s, 1, "id", (struct slice){body, 100000}), AL_EINVAL);
    free(body);
    wire_turn(&s->wire);
    wire_expect_nothing(&s->wire);
    assert_int_equal(s->n_results, 0);
}

static void test_publisher_refuses_headers_longer_than_a_frame(void **state)
{
    struct seen *s = *state;
    create(s, 8, 0);
    char *value = calloc(1, 200000);
    struct amqp_header header = {"h", {value, 200000}};
    struct amqp_message message = {.routing_key = "q", .headers = &header, .n_headers = 1};
    assert_int_equal(amqp_publish(s->publisher, &message, 1, on_result, s), AL_EINVAL);
    free(value);
    wire_turn(&s->wire);
    wire_expect_nothing(&s->wire);
}

static void test_publisher_may_publish_from_a_result(void **state)
{
    struct seen *s = *state;
    create_with(s, 8);
    s->publishes_again = true;
    say_ack(&s->wire, 8, true);
    for (uint64_t token = 1; token <= 8; token++)
        assert_int_equal(s->results[token], AMQP_CONFIRMED);
    assert_int_equal(amqp_publisher_n_in_flight(s->publisher), 8);
    s->publishes_again = false;
    say_ack(&s->wire, 16, true);
    assert_int_equal(s->n_results, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_publisher_sends_what_was_said),
        TEST(test_publisher_splits_a_long_body),
        TEST(test_publisher_confirms_one_by_one_out_of_order),
        TEST(test_publisher_confirms_many_at_once),
        TEST(test_publisher_confirms_all_with_number_0),
        TEST(test_publisher_reports_nacks),
        TEST(test_publisher_counts_a_returned_message_as_not_published),
        TEST(test_publisher_ignores_a_return_of_nothing_it_knows),
        TEST(test_publisher_ignores_a_repeated_confirm),
        TEST(test_publisher_stays_small_over_many_confirms),
        TEST(test_publisher_drops_conn_on_confirm_of_the_future),
        TEST(test_publisher_reports_lost_when_the_connection_goes),
        TEST(test_publisher_opens_again_after_its_channel_was_closed),
        TEST(test_publisher_is_full_at_its_window),
        TEST(test_publisher_is_full_at_the_output_bound),
        TEST(test_publisher_is_full_while_blocked),
        TEST(test_publisher_refuses_what_cannot_be_sent),
        TEST(test_publisher_refuses_headers_longer_than_a_frame),
        TEST(test_publisher_may_publish_from_a_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
