/* Reading COPY ... TO STDOUT (FORMAT binary): a header, then for each row an int16 count of fields and each field as an
 * int32 length (-1: null) and its bytes, then a count of -1. libpq hands out one row at a time (the header comes with the
 * first), in a buffer we free. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/buf.h"
#include "sync_i.h"
#include "types_i.h"
#include "wire_i.h"

static const unsigned char signature[11] = {'P',  'G',  'C',  'O',  'P', 'Y',
                                            '\n', 0xff, '\r', '\n', 0};

enum { COPY_ROW, COPY_END, COPY_BAD };

/* What is left of one chunk. */
struct cursor {
    const unsigned char *at;
    size_t left;
};

static bool skip(struct cursor *cursor, size_t n_bytes)
{
    if (cursor->left < n_bytes)
        return false;
    cursor->at += n_bytes;
    cursor->left -= n_bytes;
    return true;
}

/* Signature, flags, and an extension of the length it names. */
static bool skip_header(struct cursor *cursor)
{
    if (cursor->left < sizeof(signature) + 8 ||
        memcmp(cursor->at, signature, sizeof(signature)) != 0)
        return false;
    uint32_t extension = wire_u32(cursor->at + sizeof(signature) + 4);
    return skip(cursor, sizeof(signature) + 8 + extension);
}

static int split_row(struct cursor *cursor, struct pg_copy_row *row)
{
    if (cursor->left < 2)
        return COPY_BAD;
    int16_t n_fields = (int16_t)wire_u16(cursor->at);
    if (n_fields == -1)
        return COPY_END;
    if (n_fields < 0 || n_fields > PG_PARAMS_MAX || !skip(cursor, 2))
        return COPY_BAD;
    row->n_fields = (size_t)n_fields;
    for (int16_t i = 0; i < n_fields; i++) {
        if (cursor->left < 4)
            return COPY_BAD;
        row->len[i] = (int32_t)wire_u32(cursor->at);
        row->field[i] = cursor->at + 4;
        if (!skip(cursor, 4) || row->len[i] < -1 ||
            !skip(cursor, row->len[i] < 0 ? 0 : (size_t)row->len[i]))
            return COPY_BAD;
    }
    return COPY_ROW;
}

struct copy {
    struct pg_sync *sync;
    bool (*on_row)(void *ctx, const struct pg_copy_row *row);
    void *ctx;
    bool header_seen;
    bool stopped;
};

/* One chunk may hold the header, a row, the trailer, or nothing more than one of them. */
static enum al_err read_chunk(struct copy *copy, struct cursor cursor)
{
    struct pg_copy_row row;
    if (!copy->header_seen && !skip_header(&cursor))
        return err_set(AL_EPARSE, "COPY: no header");
    copy->header_seen = true;
    while (cursor.left > 0 && !copy->stopped) {
        switch (split_row(&cursor, &row)) {
        case COPY_ROW:
            copy->stopped = !copy->on_row(copy->ctx, &row);
            break;
        case COPY_END:
            return AL_OK;
        default:
            return err_set(AL_EPARSE, "COPY: row cut short");
        }
    }
    return AL_OK;
}

/* Whatever the server still sends is read and forgotten, so that the connection can be used again. */
static enum al_err finish(struct copy *copy, enum al_err err)
{
    PGconn *conn = copy->sync->conn;
    char *chunk;
    if (copy->stopped || err != AL_OK) {
        PGcancel *cancel = PQgetCancel(conn);
        char text[128];
        if (cancel != NULL)
            (void)PQcancel(cancel, text, sizeof(text)); /* if it fails we only wait longer */
        PQfreeCancel(cancel);
        while (PQgetCopyData(conn, &chunk, 0) > 0)
            PQfreemem(chunk);
    }
    for (PGresult *result; (result = PQgetResult(conn)) != NULL;) {
        if (copy->stopped || err != AL_OK)
            PQclear(result);
        else
            err = pg_sync_check(copy->sync, result, NULL);
    }
    return err;
}

enum al_err pg_copy_out(struct pg_sync *sync,
                        const char *select,
                        bool (*on_row)(void *ctx, const struct pg_copy_row *row),
                        void *ctx)
{
    struct copy copy = {sync, on_row, ctx, false, false};
    struct buf sql = BUF_INIT(64 * 1024);
    buf_printf(&sql, "COPY (%s) TO STDOUT (FORMAT binary)", select);
    enum al_err err = buf_ok(&sql) ? pg_sync_script(sync, buf_str(&sql))
                                   : err_set(AL_EFULL, "COPY: query too long");
    buf_deinit(&sql);
    if (err != AL_OK)
        return err_add(err, "copy out");
    while (err == AL_OK && !copy.stopped) {
        char *chunk = NULL;
        int len = PQgetCopyData(sync->conn, &chunk, 0);
        if (len <= 0)
            break; /* -1: the end, -2: the result that follows says why */
        err = read_chunk(&copy, (struct cursor){(const unsigned char *)chunk, (size_t)len});
        PQfreemem(chunk);
    }
    err = finish(&copy, err);
    return err == AL_OK ? AL_OK : err_add(err, "copy out");
}

/* ---- fields ---- */

int64_t pg_copy_i64(const struct pg_copy_row *row, size_t field)
{
    switch (row->len[field]) {
    case 8:
        return (int64_t)wire_u64(row->field[field]);
    case 4:
        return (int32_t)wire_u32(row->field[field]);
    case 2:
        return (int16_t)wire_u16(row->field[field]);
    default:
        return 0;
    }
}

int64_t pg_copy_time(const struct pg_copy_row *row, size_t field)
{
    bool is_time = row->len[field] == sizeof(int64_t);
    return is_time ? pg_time_ns((int64_t)wire_u64(row->field[field])) : TIMESTAMP_NONE;
}

double pg_copy_double(const struct pg_copy_row *row, size_t field)
{
    switch (row->len[field]) {
    case 8:
        return wire_double(row->field[field]);
    case 4:
        return (double)wire_float(row->field[field]);
    default:
        return (double)NAN;
    }
}

bool pg_copy_bool(const struct pg_copy_row *row, size_t field)
{
    return row->len[field] == 1 && row->field[field][0] != 0;
}

struct slice pg_copy_bytes(const struct pg_copy_row *row, size_t field)
{
    if (row->len[field] < 0)
        return (struct slice){NULL, 0};
    return (struct slice){(const char *)row->field[field], (size_t)row->len[field]};
}

int pg_copy_float_array(const struct pg_copy_row *row, size_t field, float *out, size_t n_max)
{
    enum { HEADER = 12, DIMENSION = 8 };
    struct cursor cursor = {row->field[field], row->len[field] < 0 ? 0 : (size_t)row->len[field]};
    if (cursor.left == HEADER && wire_u32(cursor.at) == 0)
        return 0; /* the empty array has no dimensions */
    if (cursor.left < HEADER + DIMENSION || wire_u32(cursor.at) != 1 ||
        wire_u32(cursor.at + 8) != PG_OID_REAL)
        return -1;
    uint32_t n_values = wire_u32(cursor.at + HEADER);
    if (n_values > n_max || !skip(&cursor, HEADER + DIMENSION))
        return -1;
    for (uint32_t i = 0; i < n_values; i++) {
        if (cursor.left < 4)
            return -1;
        bool null = wire_u32(cursor.at) != sizeof(float);
        if (!null && cursor.left < 8)
            return -1;
        out[i] = null ? NAN : wire_float(cursor.at + 4);
        if (!skip(&cursor, null ? 4 : 8))
            return -1;
    }
    return (int)n_values;
}

int pg_copy_floats(const struct pg_copy_row *row, size_t field, float *out, size_t n_max)
{
    size_t len = row->len[field] < 0 ? 0 : (size_t)row->len[field];
    if (len % sizeof(*out) != 0 || len / sizeof(*out) > n_max)
        return -1;
    memcpy(out, row->field[field], len);
    return (int)(len / sizeof(*out));
}

void pg_quote_literal(struct buf *out, struct slice text)
{
    bool backslash = text.len > 0 && memchr(text.ptr, '\\', text.len) != NULL;
    buf_puts(out, backslash ? " E'" : "'");
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\'' || text.ptr[i] == '\\')
            buf_putc(out, text.ptr[i]);
        buf_putc(out, text.ptr[i]);
    }
    buf_putc(out, '\'');
}
