/* Reading the headers of a message: one by name, or all of them as JSON for people and for keeping. */
#include <math.h>
#include <stddef.h>

#include "alphaloop/base/json.h"
#include "alphaloop/base/utf8.h"
#include "alphaloop/io/amqp.h"
#include "codec_i.h"

enum { JSON_TABLES_MAX = 8, UTF8_TEXT_MAX = 64 << 10 };

static bool is_text(const amqp_field_value_t *value)
{
    return value->kind == AMQP_FIELD_KIND_UTF8 || value->kind == AMQP_FIELD_KIND_BYTES;
}

struct slice amqp_delivery_header(const struct amqp_delivery *delivery, const char *name)
{
    const amqp_table_t *table = delivery->headers;
    for (int i = 0; table != NULL && i < table->num_entries; i++) {
        const amqp_table_entry_t *entry = &table->entries[i];
        if (slice_is(slice_of_amqp(entry->key), name) && is_text(&entry->value))
            return slice_of_amqp(entry->value.value.bytes);
    }
    return (struct slice){"", 0};
}

/* NUL counts as ill-formed: PostgreSQL takes it in no text. */
static size_t storable_length(const char *at, size_t left)
{
    return at[0] == '\0' ? 0 : utf8_length(at, left);
}

static void append_as_utf8(struct buf *out, struct slice text)
{
    for (size_t at = 0; at < text.len && out->len + 4 < UTF8_TEXT_MAX;) {
        size_t n = storable_length(text.ptr + at, text.len - at);
        if (n == 0)
            buf_puts(out, "\xef\xbf\xbd");
        else
            buf_append(out, text.ptr + at, n);
        at += n == 0 ? 1 : n;
    }
}

/* Calls json_w_string with what is left of `text` after cleaning. */
static void write_text(struct json_writer *w, struct slice text)
{
    struct buf clean = BUF_INIT(UTF8_TEXT_MAX);
    append_as_utf8(&clean, text);
    json_w_string(w, buf_slice(&clean));
    buf_deinit(&clean);
}

static void write_key(struct json_writer *w, struct slice key)
{
    struct buf clean = BUF_INIT(UTF8_TEXT_MAX);
    append_as_utf8(&clean, key);
    json_w_key(w, buf_str(&clean));
    buf_deinit(&clean);
}

static void write_u64(struct json_writer *w, uint64_t value)
{
    if (value <= INT64_MAX)
        json_w_i64(w, (int64_t)value);
    else
        json_w_double(w, (double)value);
}

static void write_decimal(struct json_writer *w, amqp_decimal_t decimal)
{
    json_w_double(w, (double)decimal.value / pow(10, decimal.decimals));
}

static bool write_number(struct json_writer *w, const amqp_field_value_t *value)
{
    switch (value->kind) {
    case AMQP_FIELD_KIND_I8:
        json_w_i64(w, value->value.i8);
        return true;
    case AMQP_FIELD_KIND_U8:
        json_w_i64(w, value->value.u8);
        return true;
    case AMQP_FIELD_KIND_I16:
        json_w_i64(w, value->value.i16);
        return true;
    case AMQP_FIELD_KIND_U16:
        json_w_i64(w, value->value.u16);
        return true;
    case AMQP_FIELD_KIND_I32:
        json_w_i64(w, value->value.i32);
        return true;
    case AMQP_FIELD_KIND_U32:
        json_w_i64(w, value->value.u32);
        return true;
    case AMQP_FIELD_KIND_I64:
        json_w_i64(w, value->value.i64);
        return true;
    case AMQP_FIELD_KIND_U64:
    case AMQP_FIELD_KIND_TIMESTAMP:
        write_u64(w, value->value.u64);
        return true;
    case AMQP_FIELD_KIND_F32:
        json_w_number(w, value->value.f32);
        return true;
    case AMQP_FIELD_KIND_F64:
        json_w_number(w, value->value.f64);
        return true;
    case AMQP_FIELD_KIND_DECIMAL:
        write_decimal(w, value->value.decimal);
        return true;
    default:
        return false;
    }
}

static void write_value(struct json_writer *w, const amqp_field_value_t *value, int depth);

static void write_table(struct json_writer *w, const amqp_table_t *table, int depth)
{
    json_w_object(w);
    for (int i = 0; i < table->num_entries; i++) {
        write_key(w, slice_of_amqp(table->entries[i].key));
        write_value(w, &table->entries[i].value, depth);
    }
    json_w_end_object(w);
}

static void write_array(struct json_writer *w, const amqp_array_t *array, int depth)
{
    json_w_array(w);
    for (int i = 0; i < array->num_entries; i++)
        write_value(w, &array->entries[i], depth);
    json_w_end_array(w);
}

static void write_value(struct json_writer *w, const amqp_field_value_t *value, int depth)
{
    if (is_text(value))
        write_text(w, slice_of_amqp(value->value.bytes));
    else if (value->kind == AMQP_FIELD_KIND_BOOLEAN)
        json_w_bool(w, value->value.boolean);
    else if (value->kind == AMQP_FIELD_KIND_TABLE && depth < JSON_TABLES_MAX)
        write_table(w, &value->value.table, depth + 1);
    else if (value->kind == AMQP_FIELD_KIND_ARRAY && depth < JSON_TABLES_MAX)
        write_array(w, &value->value.array, depth + 1);
    else if (!write_number(w, value))
        json_w_null(w);
}

void amqp_delivery_headers_json(const struct amqp_delivery *delivery, struct buf *out)
{
    static const amqp_table_t none = {0};
    struct json_writer w;
    json_w_init(&w, out);
    write_table(&w, delivery->headers != NULL ? delivery->headers : &none, 1);
}
