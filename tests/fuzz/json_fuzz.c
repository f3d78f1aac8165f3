/* Any bytes go through the reader; what it accepts is walked, looked up, written anew and must be accepted again. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "alphaloop/base/decimal.h"
#include "alphaloop/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

/* Whether a member of the same name follows the one `cursor` is at. */
static bool has_later(struct json_node *object, struct json_cursor cursor)
{
    const char *key = cursor.key;
    while (json_walk(object, &cursor)) {
        if (strcmp(cursor.key, key) == 0)
            return true;
    }
    return false;
}

/* What a walk visits is found by index or, the last of that name, by key; every number is a decimal or one that is too large
 * for it. */
static void check_values(struct json_node *node)
{
    struct json_cursor cursor = {0};
    struct decimal value;
    size_t n = 0;
    while (json_walk(node, &cursor)) {
        if (json_is_array(node))
            assert(cursor.key == NULL && json_at(node, n) == cursor.value);
        else if (json_get(node, cursor.key) != cursor.value)
            assert(has_later(node, cursor));
        check_values(cursor.value);
        n++;
    }
    assert(!json_is_array(node) || n == json_length(node));
    if (json_is_number(node)) {
        enum al_err err = decimal_parse(json_text(node), &value);
        assert(err == AL_OK || err == AL_ERANGE);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct json_reader *reader = json_reader_create(64 * 1024, 40);
    struct json_node *node, *again;
    struct buf first = BUF_INIT(1024 * 1024), second = BUF_INIT(1024 * 1024);
    struct json_writer w;
    if (json_read(reader, (struct slice){(const char *)bytes, n_bytes}, &node) == AL_OK) {
        check_values(node);
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
