/* Any JSON on its way into a jsonb column: it stays JSON, loses NUL and the numbers that no double holds, and is then left
 * alone. Read as the headers of a message in quarantine, what is sent again fits a message. Other bytes do no harm. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/app/quarantine_i.h"
#include "../../src/io/pg/batch_i.h"
#include "../../src/store/row_i.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static const struct pg_statement statement = {"statement", "SELECT $1"};

static void store(struct pg_batch *batch, struct slice json, struct buf *out)
{
    struct pg_bound bound;
    pg_batch_reset(batch);
    pg_batch_statement(batch, &statement);
    store_put_json(batch, json);
    assert(pg_batch_ok(batch));
    pg_batch_bind(batch, 0, &bound);
    if (json.len == 0)
        return;                                              /* NULL in the database */
    assert(bound.lengths[0] > 0 && bound.values[0][0] == 1); /* the version of jsonb */
    buf_append(out, bound.values[0] + 1, (size_t)bound.lengths[0] - 1);
    assert(buf_ok(out));
}

static void check_node(struct json_node *node)
{
    struct json_cursor member = {0};
    struct slice text = json_text(node);
    double value;
    if (json_is_number(node))
        assert(json_double(node, &value) == AL_OK);
    if (json_is_string(node))
        assert(memchr(text.ptr, '\0', text.len) == NULL);
    while ((json_is_object(node) || json_is_array(node)) && json_walk(node, &member))
        check_node(member.value);
}

static void check_headers(struct json_node *object)
{
    struct amqp_header headers[QUARANTINE_HEADERS_MAX];
    size_t n = quarantine_headers(object, headers);
    assert(n <= QUARANTINE_HEADERS_MAX);
    for (size_t i = 0; i < n; i++)
        assert(strlen(headers[i].name) <= QUARANTINE_NAME_MAX &&
               headers[i].value.len <= QUARANTINE_TEXT_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static struct json_reader *reader;
    static struct pg_batch *batch;
    const struct slice json = {(const char *)bytes, n_bytes};
    struct buf stored = BUF_INIT(1U << 20), again = BUF_INIT(1U << 20);
    struct json_node *before, *after;
    if (reader == NULL) {
        reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
        batch = pg_batch_create(1U << 20);
    }
    store(batch, json, &stored);
    if (json_read(reader, json, &before) == AL_OK) {
        enum al_err err = json_read(reader, buf_slice(&stored), &after);
        assert(err == AL_OK);
        check_node(after);
        check_headers(after);
        store(batch, buf_slice(&stored), &again);
        assert(slice_eq(buf_slice(&stored), buf_slice(&again)));
        json_put(after);
        json_put(before);
    }
    buf_deinit(&stored);
    buf_deinit(&again);
    return 0;
}
