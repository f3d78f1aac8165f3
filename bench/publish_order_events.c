/* publish_order_events QUEUE N N_SIGNALS [FIRST]: N filled order events, persistent, confirmed, as fast as the broker
 * takes them. Prints events/s. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

enum { WINDOW = 2000 }; /* unconfirmed at most */

static void await_confirms(amqp_connection_state_t conn, uint64_t *confirmed, uint64_t wanted)
{
    while (*confirmed < wanted) {
        amqp_frame_t frame;
        amqp_maybe_release_buffers(conn);
        if (amqp_simple_wait_frame(conn, &frame) != AMQP_STATUS_OK)
            bench_die("the broker went away");
        if (frame.frame_type != AMQP_FRAME_METHOD ||
            frame.payload.method.id != AMQP_BASIC_ACK_METHOD)
            bench_die("not a confirm");
        const amqp_basic_ack_t *ack = frame.payload.method.decoded;
        if (ack->multiple)
            *confirmed = ack->delivery_tag;
        else
            *confirmed = ack->delivery_tag > *confirmed ? ack->delivery_tag : *confirmed;
    }
}

int main(int argc, char **argv)
{
    if (argc < 4)
        bench_die("usage: publish_order_events QUEUE N N_SIGNALS [FIRST]");
    uint64_t n = strtoull(argv[2], NULL, 10), n_signals = strtoull(argv[3], NULL, 10);
    uint64_t first = argc > 4 ? strtoull(argv[4], NULL, 10) : 0, confirmed = 0;
    amqp_connection_state_t conn = bench_broker();
    amqp_confirm_select(conn, 1);
    bench_check(conn, "confirm.select");
    amqp_basic_properties_t properties = {
        ._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG,
        .content_type = amqp_cstring_bytes("application/json"),
        .delivery_mode = 2,
    };
    int64_t started_ns = bench_now_ns();
    for (uint64_t i = 0; i < n; i++) {
        char body[4096];
        amqp_bytes_t bytes = {bench_order_event(body, sizeof body, first + i, n_signals), body};
        if (amqp_basic_publish(conn, 1, amqp_empty_bytes, amqp_cstring_bytes(argv[1]), 0, 0,
                               &properties, bytes) != 0)
            bench_die("publish failed");
        if (i + 1 > WINDOW)
            await_confirms(conn, &confirmed, i + 1 - WINDOW);
    }
    await_confirms(conn, &confirmed, n);
    printf("%.0f\n", (double)n * 1e9 / (double)(bench_now_ns() - started_ns));
    return 0;
}
