/* Any bytes go through the reader; what it accepts is walked, written anew and must be accepted again. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "alphaloop/base/decimal.h"
#include "alphaloop/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void rewrite(struct json_writer *w, struct json_object *node)
{
    struct json_cursor cursor = {0};
    struct decimal     value;
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
        enum al_err err = decimal_parse(json_text(node), &value);
        assert(err == AL_OK || err == AL_ERANGE);
        json_w_raw(w, json_text(node));
    } else if (json_is_bool(node)) {
        json_w_bool(w, json_is_true(node));
    } else {
        json_w_null(w);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct json_reader *reader = json_reader_create(64 * 1024, 40);
    struct json_object *node, *again;
    struct buf          first = BUF_INIT(1024 * 1024), second = BUF_INIT(1024 * 1024);
    struct json_writer  w;
    if (json_read(reader, (struct slice){(const char *)bytes, n_bytes}, &node) == AL_OK) {
        json_w_init(&w, &first);
        rewrite(&w, node);
        assert(buf_ok(&first));
        struct json_reader *wide = json_reader_create(1024 * 1024, 40);
        enum al_err         err = json_read(wide, buf_slice(&first), &again);
        assert(err == AL_OK);
        json_w_init(&w, &second);
        rewrite(&w, again);
        assert(slice_eq(buf_slice(&first), buf_slice(&second)));
        json_put(again);
        json_put(node);
        json_reader_destroy(wide);
    }
    buf_deinit(&first);
    buf_deinit(&second);
    json_reader_destroy(reader);
    return 0;
}
