/* Gives Python tests our reader of order events: frames of a 4-byte big-endian length and that many bytes on standard
 * input, received at 2026-01-31T10:00:00Z with header trace "header-trace"; for each one line on standard output. */
#include <stdio.h>
#include <stdlib.h>

#include "../harness/order_event_text.h"

#define RECEIVED_NS (1769853600LL * NS_PER_S)

int main(void)
{
    unsigned char head[4];
    struct json_reader *reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    struct buf line = BUF_INIT(64 * 1024);
    while (fread(head, 1, sizeof head, stdin) == sizeof head) {
        size_t len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
        char *bytes = malloc(len + 1);
        if (bytes == NULL || fread(bytes, 1, len, stdin) != len)
            return 1;
        buf_reset(&line);
        order_event_text(reader, (struct slice){bytes, len}, SLICE("header-trace"), RECEIVED_NS,
                         &line);
        puts(buf_str(&line));
        fflush(stdout);
        free(bytes);
    }
    buf_deinit(&line);
    json_reader_destroy(reader);
    return 0;
}
