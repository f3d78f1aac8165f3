/* Any bytes as a value of a result, of the type that the first byte chooses: what has not the width of its type reads as
 * absent, and nothing reads past the value. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include <libpq-fe.h>

#include "../../src/io/pg/types_i.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/io/pg_result.h"
#include "harness/pg_value.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static const Oid oids[] = {PG_BOOL_OID,    PG_I64_OID,   PG_I32_OID,  PG_OID_I16,
                           PG_DOUBLE_OID,  PG_OID_REAL,  PG_UUID_OID, PG_TIME_OID,
                           PG_DECIMAL_OID, PG_JSONB_OID, PG_TEXT_OID, PG_BYTEA_OID};

static void read_bytea(const struct pg_result *r, size_t len)
{
    float floats[64];
    size_t n;
    assert(pg_result_bytea(r, 0, 0).len == len);
    if (pg_result_floats(r, 0, 0, floats, COUNT_OF(floats), &n) == AL_OK)
        assert(n == len / 4 && len % 4 == 0);
}

static void read_text(const struct pg_result *r, size_t len)
{
    char chars[32];
    if (pg_result_chars(r, 0, 0, chars, sizeof chars) == AL_OK)
        assert(pg_result_text(r, 0, 0).len < sizeof chars && chars[sizeof chars - 1] == '\0');
    assert(pg_result_text(r, 0, 0).len <= len);
}

static void read_value(const struct pg_result *r, Oid oid, size_t len)
{
    struct decimal decimal;
    struct uuid nil = {{0}};
    switch (oid) {
    case PG_BOOL_OID:
        assert(len == 1 || !pg_result_bool(r, 0, 0));
        break;
    case PG_I64_OID:
    case PG_I32_OID:
    case PG_OID_I16:
        assert(len == 8 || len == 4 || len == 2 || pg_result_i64(r, 0, 0) == 0);
        break;
    case PG_DOUBLE_OID:
    case PG_OID_REAL:
        assert(len == 8 || len == 4 || isnan(pg_result_double(r, 0, 0)));
        break;
    case PG_UUID_OID:
        assert(len == sizeof(nil.bytes) || uuid_eq(pg_result_uuid(r, 0, 0), nil));
        break;
    case PG_TIME_OID:
        assert(len == 8 || pg_result_time(r, 0, 0) == TIMESTAMP_NONE);
        break;
    case PG_DECIMAL_OID:
        if (pg_result_decimal(r, 0, 0, &decimal) != AL_OK)
            assert(err_text()[0] != '\0');
        break;
    case PG_BYTEA_OID:
        read_bytea(r, len);
        break;
    default:
        read_text(r, len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    if (n_bytes == 0 || n_bytes > 512)
        return 0;
    Oid oid = oids[bytes[0] % COUNT_OF(oids)];
    PGresult *made = pg_value_new(oid, (const char *)bytes + 1, n_bytes - 1);
    read_value((const struct pg_result *)made, oid, n_bytes - 1);
    PQclear(made);
    return 0;
}
