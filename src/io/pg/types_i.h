/* The types that travel: PG_TYPE(name, oid, array oid), in the order of enum pg_type. The numbers are fixed by
 * PostgreSQL's catalog (pg_type.dat). */
#ifndef ALPHALOOP_IO_PG_TYPES_I_H
#define ALPHALOOP_IO_PG_TYPES_I_H

#include "alphaloop/base/timestamp.h"

#define PG_TYPES                                                                                   \
    PG_TYPE(PG_BOOL, 16, 1000)                                                                     \
    PG_TYPE(PG_I64, 20, 1016)                                                                      \
    PG_TYPE(PG_I32, 23, 1007)                                                                      \
    PG_TYPE(PG_DOUBLE, 701, 1022)                                                                  \
    PG_TYPE(PG_DECIMAL, 1700, 1231)                                                                \
    PG_TYPE(PG_TEXT, 25, 1009)                                                                     \
    PG_TYPE(PG_BYTEA, 17, 1001)                                                                    \
    PG_TYPE(PG_JSONB, 3802, 3807)                                                                  \
    PG_TYPE(PG_UUID, 2950, 2951)                                                                   \
    PG_TYPE(PG_TIME, 1184, 1185)

/* Only read, never written. */
enum {
    PG_OID_NAME = 19,
    PG_OID_I16 = 21,
    PG_OID_JSON = 114,
    PG_OID_REAL = 700,
    PG_OID_BPCHAR = 1042,
    PG_OID_VARCHAR = 1043,
};

enum {
#define PG_TYPE(name, oid, array_oid) name##_OID = (oid),
    PG_TYPES
#undef PG_TYPE
};

/* timestamptz counts microseconds from 2000-01-01T00:00:00Z. */
#define PG_EPOCH_US 946684800000000LL

/* In ns since 1970; TIMESTAMP_NONE when infinite or past what ns can say. */
static inline int64_t pg_time_ns(int64_t us)
{
    int64_t ns;
    if (__builtin_add_overflow(us, PG_EPOCH_US, &us) || __builtin_mul_overflow(us, NS_PER_US, &ns))
        return TIMESTAMP_NONE;
    return ns;
}

#endif
