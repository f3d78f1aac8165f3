/* Inside a blocking connection. */
#ifndef ALPHALOOP_IO_PG_SYNC_I_H
#define ALPHALOOP_IO_PG_SYNC_I_H

#include <libpq-fe.h>

#include "alphaloop/io/pg_sync.h"

struct pg_sync {
    PGconn *conn;
    char sqlstate[6];
};

/* Clears the result. AL_OK when it is what was wanted, else the cause is recorded. */
enum al_err pg_sync_check(struct pg_sync *sync,
                          PGresult *result,
                          const struct pg_statement *statement);

#endif
