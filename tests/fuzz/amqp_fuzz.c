/* What a broker, or whatever answers on its port, may send: any bytes, in pieces of any size, at any stage
 * of a connection that declares, consumes and publishes. The first input byte chooses the stage and the
 * size of the pieces, the rest is what arrives. Nothing may crash, leak or keep the loop from closing.
 */
#include <assert.h>

#define WIRE_CHECK(condition) assert(condition)
#include "harness/amqp_wire.h"

#include "alphaloop/observe/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void no_log(void *ctx, struct slice line)
{
    (void)ctx;
    (void)line;
}

static void on_message(void *ctx,
                       struct amqp_consumer *consumer,
                       const struct amqp_delivery *delivery)
{
    struct buf headers = BUF_INIT(1U << 20);
    (void)ctx;
    amqp_delivery_headers_json(delivery, &headers);
    assert(delivery->body.len <= delivery->body_size);
    for (size_t i = 0; i < delivery->body.len; i++)
        (void)*(const volatile char *)&delivery->body.ptr[i];
    (void)amqp_delivery_header(delivery, "trace_id");
    amqp_consumer_ack(consumer, delivery->tag, true);
    buf_deinit(&headers);
}

static void on_result(void *ctx, uint64_t token, enum amqp_result result)
{
    (void)token;
    (void)result;
    ++*(size_t *)ctx;
}

static void answer_channels(struct wire *w)
{
    amqp_channel_open_ok_t opened = {.channel_id = amqp_empty_bytes};
    amqp_confirm_select_ok_t selected = {0};
    amqp_queue_declare_ok_t declared = {.queue = amqp_bytes_of("q")};
    amqp_basic_qos_ok_t qos = {0};
    amqp_basic_consume_ok_t consuming = {.consumer_tag = amqp_bytes_of("c1")};
    wire_add(w, 1, AMQP_CHANNEL_OPEN_OK_METHOD, &opened);
    wire_add(w, 1, AMQP_QUEUE_DECLARE_OK_METHOD, &declared);
    wire_add(w, 1, AMQP_BASIC_QOS_OK_METHOD, &qos);
    wire_add(w, 1, AMQP_BASIC_CONSUME_OK_METHOD, &consuming);
    wire_add(w, 2, AMQP_CHANNEL_OPEN_OK_METHOD, &opened);
    wire_add(w, 2, AMQP_CONFIRM_SELECT_OK_METHOD, &selected);
    wire_give(w);
}

/* Stage 0: nothing was said. 1: logged in. 2: consuming and publishing. */
static void reach(struct wire *w, int stage)
{
    wire_up(w);
    if (stage == 0)
        return;
    wire_add_start(w);
    wire_add_tune(w, 0, 4096, 0);
    wire_add_open_ok(w);
    wire_give(w);
    if (stage == 2)
        answer_channels(w);
}

static void converse(struct wire *w, const uint8_t *bytes, size_t n_bytes, size_t *n_results)
{
    struct amqp_options options = wire_options(w);
    struct amqp_consumer_options consume = {
        .queue = {.name = "q"}, .prefetch = 10, .on_message = on_message};
    struct amqp_publisher_options publish = {.n_in_flight_max = 4};
    struct amqp_consumer *consumer;
    struct amqp_publisher *publisher;
    assert(amqp_conn_create(&w->loop, &options, &w->conn) == AL_OK);
    assert(amqp_consumer_create(w->conn, &consume, &consumer) == AL_OK);
    assert(amqp_publisher_create(w->conn, &publish, &publisher) == AL_OK);
    amqp_conn_start(w->conn);
    reach(w, bytes[0] % 3);
    struct amqp_message message = {
        .routing_key = "q", .mandatory = true, .message_id = "m", .body = SLICE("{}")};
    size_t n_sent = 0;
    while (n_sent < 4 && amqp_publish(publisher, &message, n_sent, on_result, n_results) == AL_OK)
        n_sent++;
    buf_append(&w->give, bytes + 1, n_bytes - 1);
    wire_give_in(w, bytes[0] / 3);
    wire_deinit(w); /* every message published gets its one result by then */
    assert(*n_results == n_sent);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct wire *w = malloc(sizeof(*w));
    size_t n_results = 0;
    if (n_bytes > 0) {
        log_init("fuzz", LOG_ERROR, no_log, NULL);
        wire_init(w);
        converse(w, bytes, n_bytes, &n_results);
    }
    free(w);
    return 0;
}
