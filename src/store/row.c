/* Helpers of every table. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/base/utf8.h"
#include "row_i.h"

/* ---- writing ---- */

/* The first byte that must not be stored, NUL or no UTF-8; text.len when all may. */
static size_t find_bad(struct slice text, size_t from)
{
    while (from < text.len) {
        from += utf8_plain_run(text.ptr + from, text.len - from);
        size_t len = from < text.len && text.ptr[from] != '\0'
                         ? utf8_length(text.ptr + from, text.len - from)
                         : 0;
        if (len == 0)
            break;
        from += len;
    }
    return from;
}

/* Hands over what was made, or lets the batch fail when memory ran out while making it. */
static void put_or_fail(struct pg_batch *batch,
                        struct buf *made,
                        void (*put)(struct pg_batch *, struct slice))
{
    if (!buf_ok(made))
        pg_batch_fail(batch);
    put(batch, buf_slice(made));
    buf_deinit(made);
}

void store_put_text(struct pg_batch *batch, struct slice text)
{
    size_t bad = find_bad(text, 0);
    if (bad == text.len) {
        pg_put_text(batch, text);
        return;
    }
    struct buf clean = BUF_INIT(text.len);
    buf_append(&clean, text.ptr, text.len);
    if (buf_ok(&clean)) {
        for (; bad < text.len; bad = find_bad(text, bad + 1))
            clean.ptr[bad] = '?';
    }
    put_or_fail(batch, &clean, pg_put_text);
}

void store_put_chars(struct pg_batch *batch, const char *text)
{
    if (text[0] == '\0')
        pg_put_null(batch, PG_TEXT);
    else
        store_put_text(batch, slice_of(text));
}

static bool is_number_byte(char c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* A number token; those a double cannot hold become null. */
static size_t copy_number(struct buf *out, struct slice json, size_t from)
{
    size_t end = from;
    char text[64] = "";
    while (end < json.len && is_number_byte(json.ptr[end]))
        end++;
    size_t len = end - from;
    if (len < sizeof(text))
        memcpy(text, json.ptr + from, len);
    if (len >= sizeof(text) || !isfinite(strtod(text, NULL)))
        buf_puts(out, "null");
    else
        buf_append(out, text, len);
    return end;
}

/* A string token, quotes included. */
static size_t copy_string(struct buf *out, struct slice json, size_t from)
{
    size_t end = from + 1;
    buf_putc(out, '"');
    while (end < json.len && json.ptr[end] != '"') {
        size_t len = json.ptr[end] == '\\' && end + 1 < json.len ? 2 : 1;
        if (json.len - end >= 6 && memcmp(json.ptr + end, "\\u0000", 6) == 0) {
            buf_puts(out, "\\ufffd");
            len = 6;
        } else {
            buf_append(out, json.ptr + end, len);
        }
        end += len;
    }
    buf_putc(out, '"');
    return end + 1;
}

void store_put_json(struct pg_batch *batch, struct slice json)
{
    struct buf clean =
        BUF_INIT(2 * json.len + 8); /* "0" never grows to more than "null" beside its comma */
    for (size_t at = 0; at < json.len;) {
        char c = json.ptr[at];
        if (c == '"') {
            at = copy_string(&clean, json, at);
        } else if (c == '-' || (c >= '0' && c <= '9')) {
            at = copy_number(&clean, json, at);
        } else {
            buf_putc(&clean, c);
            at++;
        }
    }
    put_or_fail(batch, &clean, pg_put_jsonb);
}

void store_put_price(struct pg_batch *batch, double price)
{
    struct decimal exact;
    if (decimal_from_double(price, &exact) == AL_OK)
        pg_put_decimal(batch, exact);
    else
        pg_put_null(batch, PG_DECIMAL);
}

void store_put_hash(struct pg_batch *batch, const struct sha256 *hash)
{
    pg_put_bytea(batch, (struct slice){(const char *)hash->bytes, sizeof(hash->bytes)});
}

void store_put_side(struct pg_batch *batch, enum side side)
{
    pg_put_str(batch, side == SIDE_NONE ? NULL : side_name(side));
}

void store_put_reason(struct pg_batch *batch, enum reason reason)
{
    pg_put_str(batch, reason == REASON_NONE ? NULL : reason_name(reason));
}

void store_put_time_ns(struct pg_batch *batch, int64_t ts_ns)
{
    if (ts_ns == TIMESTAMP_NONE)
        pg_put_null(batch, PG_I64);
    else
        pg_put_i64(batch, ts_ns);
}

void store_put_limit(struct pg_batch *batch, size_t n)
{
    pg_put_i64(batch, n > INT64_MAX ? INT64_MAX : (int64_t)n);
}

/* ---- reading ---- */

struct row row_at(const struct pg_result *result, size_t index)
{
    return (struct row){result, index, 0, AL_OK};
}

bool row_bool(struct row *row)
{
    return pg_result_bool(row->result, row->index, row->column++);
}

int64_t row_i64(struct row *row)
{
    return pg_result_i64(row->result, row->index, row->column++);
}

int64_t row_time_ns(struct row *row)
{
    size_t column = row->column++;
    return pg_result_is_null(row->result, row->index, column)
               ? TIMESTAMP_NONE
               : pg_result_i64(row->result, row->index, column);
}

int64_t row_time(struct row *row)
{
    return pg_result_time(row->result, row->index, row->column++);
}

double row_double(struct row *row)
{
    return pg_result_double(row->result, row->index, row->column++);
}

static void keep_err(struct row *row, enum al_err err)
{
    if (row->err == AL_OK)
        row->err = err;
}

struct decimal row_decimal(struct row *row)
{
    struct decimal value;
    keep_err(row, pg_result_decimal(row->result, row->index, row->column++, &value));
    return value;
}

struct slice row_text(struct row *row)
{
    return pg_result_text(row->result, row->index, row->column++);
}

struct slice row_bytes(struct row *row)
{
    return pg_result_bytea(row->result, row->index, row->column++);
}

struct uuid row_uuid(struct row *row)
{
    return pg_result_uuid(row->result, row->index, row->column++);
}

void row_chars(struct row *row, char *out, size_t out_size)
{
    keep_err(row, pg_result_chars(row->result, row->index, row->column++, out, out_size));
}

void row_hash(struct row *row, struct sha256 *out)
{
    struct slice bytes = row_bytes(row);
    memset(out, 0, sizeof(*out));
    if (bytes.len == sizeof(out->bytes))
        memcpy(out->bytes, bytes.ptr, bytes.len);
    else
        keep_err(row, err_set(AL_ERANGE, "a hash of %zu bytes", bytes.len));
}

size_t row_floats(struct row *row, float *out, size_t n_max)
{
    size_t n_values = 0;
    keep_err(row, pg_result_floats(row->result, row->index, row->column++, out, n_max, &n_values));
    return row->err == AL_OK ? n_values : 0;
}

enum side row_side(struct row *row)
{
    struct slice text = row_text(row);
    enum side side = SIDE_NONE;
    if (text.len > 0 && !side_parse(text, &side))
        keep_err(row, err_set(AL_EPARSE, "side '%.*s'", (int)text.len, text.ptr));
    return side;
}

enum reason row_reason(struct row *row)
{
    struct slice text = row_text(row);
    enum reason reason = REASON_NONE;
    if (text.len > 0 && !reason_from_name(text, &reason))
        keep_err(row, err_set(AL_EPARSE, "reason '%.*s'", (int)text.len, text.ptr));
    return reason;
}

unsigned row_choice(struct row *row, const char *const *names, size_t n_names)
{
    struct slice text = row_text(row);
    for (unsigned i = 0; i < n_names; i++) {
        if (slice_is(text, names[i]))
            return i;
    }
    keep_err(row, err_set(AL_EPARSE, "unknown word '%.*s'", (int)text.len, text.ptr));
    return 0;
}
