/* Gives Python tests our JSON reader: frames of a 4-byte big-endian length and that many bytes on standard input; for each
 * one line on standard output, the name of the error or "OK " and the document written anew with its numbers as they were. */
#include <stdio.h>
#include <stdlib.h>

#include "alphaloop/base/json.h"

static void rewrite(struct json_writer *w, struct json_object *node)
{
    struct json_cursor cursor = {0};
    if (json_is_object(node)) {
        json_w_object(w);
        while (json_walk(node, &cursor)) {
            json_w_key(w, cursor.key);
            rewrite(w, cursor.value);
        }
        json_w_end_object(w);
    } else if (json_is_array(node)) {
        json_w_array(w);
        for (size_t i = 0; i < json_length(node); i++)
            rewrite(w, json_at(node, i));
        json_w_end_array(w);
    } else if (json_is_string(node)) {
        json_w_string(w, json_text(node));
    } else if (json_is_number(node)) {
        json_w_raw(w, json_text(node));
    } else if (json_is_bool(node)) {
        json_w_bool(w, json_is_true(node));
    } else {
        json_w_null(w);
    }
}

static void answer(struct json_reader *reader, struct slice text)
{
    struct json_object *node;
    struct buf          out = BUF_INIT(16 * JSON_BYTES_MAX);
    struct json_writer  w;
    enum al_err         err = json_read(reader, text, &node);
    json_w_init(&w, &out);
    if (err == AL_OK)
        rewrite(&w, node);
    printf("%s %s\n", al_err_name(err), buf_str(&out));
    fflush(stdout);
    json_put(node);
    buf_deinit(&out);
}

int main(void)
{
    unsigned char       head[4];
    struct json_reader *reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    while (fread(head, 1, sizeof head, stdin) == sizeof head) {
        size_t len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
        char  *bytes = malloc(len + 1);
        if (bytes == NULL || fread(bytes, 1, len, stdin) != len)
            return 1;
        answer(reader, (struct slice){bytes, len});
        free(bytes);
    }
    json_reader_destroy(reader);
    return 0;
}
