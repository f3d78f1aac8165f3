/* Building a batch. One arena holds all parameters one after another; a parameter is an offset and a length, so the arena
 * may move while it grows. An array is a parameter whose length is known when it ends. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "alphaloop/base/timestamp.h"
#include "batch_i.h"
#include "numeric_i.h"
#include "types_i.h"
#include "wire_i.h"

static const struct {
    Oid oid, array_oid;
} types[PG_TYPE_COUNT] = {
#define PG_TYPE(name, oid, array_oid) [name] = {oid, array_oid},
    PG_TYPES
#undef PG_TYPE
};

struct pg_batch *pg_batch_create(size_t bytes_max)
{
    assert(bytes_max <= INT32_MAX);
    struct pg_batch *batch = calloc(1, sizeof(*batch));
    if (batch != NULL)
        batch->bytes = BUF_INIT(bytes_max);
    return batch;
}

void pg_batch_destroy(struct pg_batch *batch)
{
    if (batch == NULL)
        return;
    assert(!batch->running);
    buf_deinit(&batch->bytes);
    free(batch->params);
    free(batch);
}

void pg_batch_reset(struct pg_batch *batch)
{
    assert(!batch->running);
    buf_reset(&batch->bytes);
    batch->n_params = 0;
    batch->n_items = 0;
    batch->is_cut = false;
    batch->failed = false;
    batch->in_array = false;
}

bool pg_batch_ok(const struct pg_batch *batch)
{
    return !batch->failed && buf_ok(&batch->bytes);
}

void pg_batch_fail(struct pg_batch *batch)
{
    batch->failed = true;
}

size_t pg_batch_n_statements(const struct pg_batch *batch)
{
    return batch->n_items;
}

size_t pg_batch_n_bytes(const struct pg_batch *batch)
{
    return batch->bytes.len;
}

void pg_batch_statement(struct pg_batch *batch, const struct pg_statement *statement)
{
    assert(!batch->running && !batch->in_array);
    if (batch->n_items == PG_STATEMENTS_MAX) {
        batch->failed = true;
        return;
    }
    batch->items[batch->n_items++] = (struct pg_batch_item){statement, batch->n_params, 0};
}

void pg_batch_cut(struct pg_batch *batch)
{
    assert(!batch->running && !batch->in_array && !batch->is_cut);
    batch->is_cut = true;
    batch->cut = batch->n_items;
}

static bool grow_params(struct pg_batch *batch)
{
    if (batch->n_params < batch->params_cap)
        return true;
    size_t cap = batch->params_cap == 0 ? 64 : 2 * batch->params_cap;
    struct pg_param *params = realloc(batch->params, cap * sizeof(*params));
    if (params == NULL)
        return false;
    batch->params = params;
    batch->params_cap = cap;
    return true;
}

/* The next parameter of the last statement, to be filled from here on. */
static void add_param(struct pg_batch *batch, Oid oid, int len)
{
    assert(!batch->running);
    if (batch->failed)
        return;
    assert(batch->n_items > 0);
    struct pg_batch_item *item = &batch->items[batch->n_items - 1];
    assert(item->n_params < PG_PARAMS_MAX);
    if (!grow_params(batch)) {
        batch->failed = true;
        return;
    }
    batch->params[batch->n_params++] = (struct pg_param){oid, batch->bytes.len, len};
    item->n_params++;
}

void pg_array_begin(struct pg_batch *batch, enum pg_type type, size_t n_items)
{
    assert(!batch->in_array && n_items <= INT32_MAX);
    add_param(batch, types[type].array_oid, 0);
    batch->in_array = true;
    batch->array_type = type;
    batch->array_left = n_items;
    buf_put_u32be(&batch->bytes, n_items == 0 ? 0 : 1); /* dimensions */
    buf_put_u32be(&batch->bytes, 0);                    /* flags: the server finds nulls itself */
    buf_put_u32be(&batch->bytes, types[type].oid);
    if (n_items == 0)
        return;
    buf_put_u32be(&batch->bytes, (uint32_t)n_items);
    buf_put_u32be(&batch->bytes, 1); /* lower bound */
}

void pg_array_end(struct pg_batch *batch)
{
    assert(batch->in_array && batch->array_left == 0);
    batch->in_array = false;
    if (!pg_batch_ok(batch))
        return;
    struct pg_param *param = &batch->params[batch->n_params - 1];
    param->len = (int)(batch->bytes.len - param->offset);
}

/* Room for one value of `len` bytes (-1: null), as an element or a parameter; the bytes follow. */
static void begin_value(struct pg_batch *batch, enum pg_type type, int len)
{
    if (!batch->in_array) {
        add_param(batch, types[type].oid, len);
        return;
    }
    assert(type == batch->array_type && batch->array_left > 0);
    batch->array_left--;
    buf_put_u32be(&batch->bytes, (uint32_t)len);
}

static void put_bytes(struct pg_batch *batch, enum pg_type type, const void *bytes, size_t n_bytes)
{
    if (n_bytes > batch->bytes.max) {
        batch->failed = true;
        n_bytes = 0;
    }
    begin_value(batch, type, (int)n_bytes);
    if (n_bytes > 0)
        buf_append(&batch->bytes, bytes, n_bytes);
}

void pg_put_null(struct pg_batch *batch, enum pg_type type)
{
    begin_value(batch, type, -1);
}

void pg_put_bool(struct pg_batch *batch, bool value)
{
    begin_value(batch, PG_BOOL, 1);
    buf_putc(&batch->bytes, value ? 1 : 0);
}

void pg_put_i64(struct pg_batch *batch, int64_t value)
{
    begin_value(batch, PG_I64, 8);
    buf_put_u64be(&batch->bytes, (uint64_t)value);
}

void pg_put_i32(struct pg_batch *batch, int32_t value)
{
    begin_value(batch, PG_I32, 4);
    buf_put_u32be(&batch->bytes, (uint32_t)value);
}

void pg_put_double(struct pg_batch *batch, double value)
{
    begin_value(batch, PG_DOUBLE, 8);
    buf_put_u64be(&batch->bytes, wire_double_bits(value));
}

void pg_put_double_or_null(struct pg_batch *batch, double value)
{
    if (isnan(value))
        pg_put_null(batch, PG_DOUBLE);
    else
        pg_put_double(batch, value);
}

void pg_put_decimal(struct pg_batch *batch, struct decimal value)
{
    unsigned char bytes[PG_NUMERIC_BYTES_MAX];
    put_bytes(batch, PG_DECIMAL, bytes, pg_numeric_encode(value, bytes));
}

void pg_put_text(struct pg_batch *batch, struct slice value)
{
    put_bytes(batch, PG_TEXT, value.ptr, value.len);
}

void pg_put_str(struct pg_batch *batch, const char *value)
{
    if (value == NULL)
        pg_put_null(batch, PG_TEXT);
    else
        pg_put_text(batch, slice_of(value));
}

void pg_put_str_or_null(struct pg_batch *batch, const char *value)
{
    pg_put_str(batch, value[0] == '\0' ? NULL : value);
}

void pg_put_bytea(struct pg_batch *batch, struct slice value)
{
    put_bytes(batch, PG_BYTEA, value.ptr, value.len);
}

/* Binary jsonb is a version byte, 1, and the text. */
void pg_put_jsonb(struct pg_batch *batch, struct slice json)
{
    if (json.len == 0) {
        pg_put_null(batch, PG_JSONB);
        return;
    }
    if (json.len >= batch->bytes.max) {
        batch->failed = true;
        json.len = 0;
    }
    begin_value(batch, PG_JSONB, (int)json.len + 1);
    buf_putc(&batch->bytes, 1);
    buf_append(&batch->bytes, json.ptr, json.len);
}

void pg_put_uuid(struct pg_batch *batch, struct uuid value)
{
    put_bytes(batch, PG_UUID, value.bytes, sizeof(value.bytes));
}

void pg_put_time(struct pg_batch *batch, int64_t ts_ns)
{
    if (ts_ns == TIMESTAMP_NONE) {
        pg_put_null(batch, PG_TIME);
        return;
    }
    int64_t us = ts_ns / NS_PER_US - (ts_ns % NS_PER_US < 0 ? 1 : 0);
    begin_value(batch, PG_TIME, 8);
    buf_put_u64be(&batch->bytes, (uint64_t)(us - PG_EPOCH_US));
}

void pg_put_floats(struct pg_batch *batch, const float *values, size_t n_values)
{
    put_bytes(batch, PG_BYTEA, values, n_values * sizeof(*values));
}

void pg_batch_bind(const struct pg_batch *batch, size_t index, struct pg_bound *out)
{
    const struct pg_batch_item *item = &batch->items[index];
    const char *bytes = buf_str(&batch->bytes); /* "" when all are null or empty */
    out->n = (int)item->n_params;
    for (size_t i = 0; i < item->n_params; i++) {
        const struct pg_param *param = &batch->params[item->first_param + i];
        out->types[i] = param->oid;
        out->values[i] = param->len < 0 ? NULL : bytes + param->offset;
        out->lengths[i] = param->len < 0 ? 0 : param->len;
        out->formats[i] = 1;
    }
}
