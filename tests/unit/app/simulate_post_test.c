/* The post of the simulated neighbours: everything arrives, what was lost is sent again, and it is bounded. */
#include "harness/amqp_wire.h"

#include "../src/app/simulate_i.h"
#include "alphaloop/observe/log.h"

struct office {
    struct wire wire; /* first */
    struct amqp_publisher *publisher;
    struct post post;
};

static void no_log(void *ctx, struct slice line)
{
    (void)ctx;
    (void)line;
}

static int setup(void **state)
{
    struct office *o = calloc(1, sizeof(*o));
    log_init("test", LOG_ERROR, no_log, NULL);
    wire_init(&o->wire);
    struct amqp_options options = wire_options(&o->wire);
    struct amqp_publisher_options publisher = {.n_in_flight_max = 2};
    check_ok(amqp_conn_create(&o->wire.loop, &options, &o->wire.conn));
    check_ok(amqp_publisher_create(o->wire.conn, &publisher, &o->publisher));
    post_init(&o->post, o->publisher);
    amqp_conn_start(o->wire.conn);
    *state = o;
    return 0;
}

static int teardown(void **state)
{
    struct office *o = *state;
    wire_deinit(&o->wire);
    post_deinit(&o->post);
    free(o);
    return 0;
}

static void connect_office(struct office *o)
{
    amqp_confirm_select_ok_t ok = {0};
    wire_login(&o->wire);
    wire_open_channel(&o->wire, 1);
    wire_expect(&o->wire, 1, AMQP_CONFIRM_SELECT_METHOD);
    wire_say(&o->wire, 1, AMQP_CONFIRM_SELECT_OK_METHOD, &ok);
}

static void add(struct office *o, const char *body)
{
    check_ok(post_add(&o->post, "q", slice_of(body), "trace-1", 1700000000 * NS_PER_S));
}

static void expect_letter(struct wire *w, const char *body)
{
    amqp_basic_publish_t *publish = wire_expect(w, 1, AMQP_BASIC_PUBLISH_METHOD);
    assert_true(slice_is(slice_of_amqp(publish->routing_key), "q"));
    assert_true(wire_next(w));
    const amqp_basic_properties_t *p = w->frame.payload.properties.decoded;
    assert_int_equal(p->delivery_mode, 2);
    assert_int_equal(p->headers.num_entries, 1);
    assert_true(slice_is(slice_of_amqp(p->headers.entries[0].key), "trace_id"));
    assert_true(wire_next(w));
    assert_true(slice_is(slice_of_amqp(w->frame.payload.body_fragment), body));
}

static void confirm(struct wire *w, uint64_t number)
{
    amqp_basic_ack_t ack = {.delivery_tag = number};
    wire_say(w, 1, AMQP_BASIC_ACK_METHOD, &ack);
}

static void test_post_sends_in_order_within_the_window(void **state)
{
    struct office *o = *state;
    add(o, "one");
    add(o, "two");
    add(o, "three");
    post_send(&o->post);
    assert_int_equal(o->post.n_waiting, 3); /* not connected yet */
    connect_office(o);
    post_send(&o->post);
    wire_turn(&o->wire);
    expect_letter(&o->wire, "one");
    expect_letter(&o->wire, "two");
    wire_expect_nothing(&o->wire);
    confirm(&o->wire, 1);
    post_send(&o->post);
    wire_turn(&o->wire);
    expect_letter(&o->wire, "three");
    confirm(&o->wire, 2);
    confirm(&o->wire, 3);
    assert_true(post_is_empty(&o->post));
    assert_int_equal(o->post.n_confirmed, 3);
}

static void test_post_repeats_what_was_lost(void **state)
{
    struct office *o = *state;
    connect_office(o);
    add(o, "one");
    add(o, "two");
    post_send(&o->post);
    wire_turn(&o->wire);
    confirm(&o->wire, 1);
    wire_break(&o->wire);
    assert_false(post_is_empty(&o->post));
    wire_until(&o->wire, o->wire.n_opens == 2);
    connect_office(o);
    post_send(&o->post);
    wire_turn(&o->wire);
    expect_letter(&o->wire, "two");
    confirm(&o->wire, 1);
    assert_true(post_is_empty(&o->post));
    assert_int_equal(o->post.n_repeated, 1);
}

static void test_post_repeats_what_the_broker_could_not_take(void **state)
{
    struct office *o = *state;
    connect_office(o);
    add(o, "one");
    post_send(&o->post);
    wire_turn(&o->wire);
    amqp_basic_nack_t nack = {.delivery_tag = 1};
    wire_say(&o->wire, 1, AMQP_BASIC_NACK_METHOD, &nack);
    assert_int_equal(o->post.n_waiting, 1);
}

static void test_post_is_bounded(void **state)
{
    struct office *o = *state;
    for (int i = 0; i < POST_WAITING_MAX; i++)
        add(o, "x");
    check_err(post_add(&o->post, "q", SLICE("x"), "", 0), AL_EFULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_post_sends_in_order_within_the_window),
        TEST(test_post_repeats_what_was_lost),
        TEST(test_post_repeats_what_the_broker_could_not_take),
        TEST(test_post_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
