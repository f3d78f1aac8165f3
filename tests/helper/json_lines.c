/* Gives Python tests our JSON reader: frames of a 4-byte big-endian length and that many bytes on standard input; for each
 * one line on standard output, the name of the error or "OK " and the document written anew with its numbers as they were. */
#include <stdio.h>
#include <stdlib.h>

#include "alphaloop/base/json.h"

static void answer(struct json_reader *reader, struct slice text)
{
    struct json_node *node;
    struct buf out = BUF_INIT(16 * JSON_BYTES_MAX);
    struct json_writer w;
    enum al_err err = json_read(reader, text, &node);
    json_w_init(&w, &out);
    if (err == AL_OK)
        json_w_node(&w, node);
    printf("%s %s\n", al_err_name(err), buf_str(&out));
    fflush(stdout);
    json_put(node);
    buf_deinit(&out);
}

int main(void)
{
    unsigned char head[4];
    struct json_reader *reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    while (fread(head, 1, sizeof head, stdin) == sizeof head) {
        size_t len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
        char *bytes = malloc(len + 1);
        if (bytes == NULL || fread(bytes, 1, len, stdin) != len)
            return 1;
        answer(reader, (struct slice){bytes, len});
        free(bytes);
    }
    json_reader_destroy(reader);
    return 0;
}
