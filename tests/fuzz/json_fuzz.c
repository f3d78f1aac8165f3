/* Any bytes go through the reader; what it accepts is walked, written anew and must be accepted again. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "alphaloop/base/decimal.h"
#include "alphaloop/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

/* Every number is a decimal or one that is too large for it. */
static void check_numbers(struct json_object *node)
{
    struct json_cursor cursor = {0};
    struct decimal value;
    while (json_walk(node, &cursor))
        check_numbers(cursor.value);
    for (size_t i = 0; i < json_length(node); i++)
        check_numbers(json_at(node, i));
    if (json_is_number(node)) {
        enum al_err err = decimal_parse(json_text(node), &value);
        assert(err == AL_OK || err == AL_ERANGE);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct json_reader *reader = json_reader_create(64 * 1024, 40);
    struct json_object *node, *again;
    struct buf first = BUF_INIT(1024 * 1024), second = BUF_INIT(1024 * 1024);
    struct json_writer w;
    if (json_read(reader, (struct slice){(const char *)bytes, n_bytes}, &node) == AL_OK) {
        check_numbers(node);
        json_w_init(&w, &first);
        json_w_node(&w, node);
        assert(buf_ok(&first));
        struct json_reader *wide = json_reader_create(1024 * 1024, 40);
        enum al_err err = json_read(wide, buf_slice(&first), &again);
        assert(err == AL_OK);
        json_w_init(&w, &second);
        json_w_node(&w, again);
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
