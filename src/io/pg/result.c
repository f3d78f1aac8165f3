/* Typed reading of libpq's binary results. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/io/pg_result.h"
#include "numeric_i.h"
#include "types_i.h"
#include "wire_i.h"

struct field {
    Oid oid;
    const unsigned char *bytes; /* NULL when null */
    size_t len;                 /* 0 when null */
};

static struct field get(const PGresult *result, size_t row, size_t column)
{
    int r = (int)row, c = (int)column;
    assert(r < PQntuples(result) && c < PQnfields(result) && PQfformat(result, c) == 1);
    struct field field = {PQftype(result, c), NULL, 0};
    if (!PQgetisnull(result, r, c)) {
        field.bytes = (const unsigned char *)PQgetvalue(result, r, c);
        field.len = (size_t)PQgetlength(result, r, c);
    }
    return field;
}

size_t pg_result_n_rows(const struct pg_result *result)
{
    return (size_t)PQntuples(result);
}

size_t pg_result_n_affected(const struct pg_result *result)
{
    /* PQcmdTuples changes nothing, its prototype only forgot to say so. */
    return strtoull(PQcmdTuples((PGresult *)(uintptr_t)result), NULL, 10);
}

bool pg_result_is_null(const struct pg_result *result, size_t row, size_t column)
{
    return get(result, row, column).bytes == NULL;
}

bool pg_result_bool(const struct pg_result *result, size_t row, size_t column)
{
    struct field field = get(result, row, column);
    assert(field.oid == PG_BOOL_OID);
    return field.len == 1 && field.bytes[0] != 0;
}

int64_t pg_result_i64(const struct pg_result *result, size_t row, size_t column)
{
    struct field field = get(result, row, column);
    assert(field.oid == PG_I64_OID || field.oid == PG_I32_OID || field.oid == PG_OID_I16);
    switch (field.len) {
    case 8:
        return (int64_t)wire_u64(field.bytes);
    case 4:
        return (int32_t)wire_u32(field.bytes);
    case 2:
        return (int16_t)wire_u16(field.bytes);
    default:
        return 0;
    }
}

double pg_result_double(const struct pg_result *result, size_t row, size_t column)
{
    struct field field = get(result, row, column);
    assert(field.oid == PG_DOUBLE_OID || field.oid == PG_OID_REAL);
    if (field.len == 8)
        return wire_double(field.bytes);
    return field.len == 4 ? (double)wire_float(field.bytes) : (double)NAN;
}

static struct slice slice_from(struct field field, size_t skip)
{
    if (field.bytes == NULL || field.len < skip)
        return (struct slice){NULL, 0};
    return (struct slice){(const char *)field.bytes + skip, field.len - skip};
}

struct slice pg_result_text(const struct pg_result *result, size_t row, size_t column)
{
    struct field field = get(result, row, column);
    if (field.oid == PG_JSONB_OID)
        return slice_from(field, 1); /* its version byte */
    assert(field.oid == PG_TEXT_OID || field.oid == PG_OID_VARCHAR || field.oid == PG_OID_BPCHAR ||
           field.oid == PG_OID_NAME || field.oid == PG_OID_JSON);
    return slice_from(field, 0);
}

struct slice pg_result_bytea(const struct pg_result *result, size_t row, size_t column)
{
    struct field field = get(result, row, column);
    assert(field.oid == PG_BYTEA_OID);
    return slice_from(field, 0);
}

struct uuid pg_result_uuid(const struct pg_result *result, size_t row, size_t column)
{
    struct field field = get(result, row, column);
    struct uuid id = {{0}};
    assert(field.oid == PG_UUID_OID);
    if (field.len == sizeof(id.bytes))
        memcpy(id.bytes, field.bytes, sizeof(id.bytes));
    return id;
}

int64_t pg_result_time(const struct pg_result *result, size_t row, size_t column)
{
    struct field field = get(result, row, column);
    assert(field.oid == PG_TIME_OID);
    if (field.len != sizeof(int64_t))
        return TIMESTAMP_NONE;
    return pg_time_ns((int64_t)wire_u64(field.bytes));
}

enum al_err pg_result_decimal(const struct pg_result *result,
                              size_t row,
                              size_t column,
                              struct decimal *out)
{
    struct field field = get(result, row, column);
    assert(field.oid == PG_DECIMAL_OID);
    *out = DECIMAL_ZERO;
    return field.bytes == NULL ? AL_OK : pg_numeric_decode(field.bytes, field.len, out);
}

enum al_err pg_result_chars(
    const struct pg_result *result, size_t row, size_t column, char *out, size_t out_size)
{
    struct slice text = pg_result_text(result, row, column);
    memset(out, 0, out_size);
    if (text.len >= out_size)
        return err_set(AL_ERANGE, "column %s: text of %zu bytes, at most %zu fit",
                       PQfname(result, (int)column), text.len, out_size - 1);
    if (text.len > 0)
        memcpy(out, text.ptr, text.len);
    return AL_OK;
}

enum al_err pg_result_floats(const struct pg_result *result,
                             size_t row,
                             size_t column,
                             float *out,
                             size_t n_max,
                             size_t *n_values)
{
    struct slice bytes = pg_result_bytea(result, row, column);
    *n_values = bytes.len / sizeof(*out);
    if (bytes.len % sizeof(*out) != 0 || *n_values > n_max)
        return err_set(AL_ERANGE, "column %s: %zu bytes are not at most %zu floats",
                       PQfname(result, (int)column), bytes.len, n_max);
    if (bytes.len > 0)
        memcpy(out, bytes.ptr, bytes.len);
    return AL_OK;
}
