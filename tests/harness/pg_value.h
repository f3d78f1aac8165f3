/* A result of one row with one value, as the database would send it. */
#ifndef ALPHALOOP_TESTS_HARNESS_PG_VALUE_H
#define ALPHALOOP_TESTS_HARNESS_PG_VALUE_H

#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

/* `bytes` in the binary format of type `oid`, at most 512. PQclear() it. */
static inline PGresult *pg_value_new(Oid oid, const char *bytes, size_t n_bytes)
{
    char copy[512], name[] = "v";
    PGresAttDesc column = {.name = name, .format = 1, .typid = oid, .typlen = -1};
    PGresult *made = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    if (made == NULL || n_bytes > sizeof copy)
        abort();
    memcpy(copy, bytes, n_bytes);
    if (!PQsetResultAttrs(made, 1, &column) || !PQsetvalue(made, 0, 0, copy, (int)n_bytes))
        abort();
    return made;
}

#endif
