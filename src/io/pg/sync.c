/* The blocking twin of a client: the same options, batches and results, one statement after another. */
#include <stdlib.h>
#include <string.h>

#include "batch_i.h"
#include "conninfo_i.h"
#include "sync_i.h"

enum al_err pg_sync_open(const struct pg_options *options, struct pg_sync **out)
{
    enum al_err err = pg_options_check(options);
    if (err != AL_OK)
        return err;
    struct pg_sync *sync = calloc(1, sizeof(*sync));
    if (sync == NULL)
        return err_set(AL_ENOMEM, "database connection");
    struct pg_conninfo info;
    pg_conninfo_init(&info, options);
    sync->conn = PQconnectdbParams(info.keywords, info.values, 0);
    if (PQstatus(sync->conn) != CONNECTION_OK) {
        char line[256];
        err = pg_connect_failure(sync->conn, line, sizeof(line));
        pg_sync_close(sync);
        return err_set(err, "%s", line);
    }
    PQsetNoticeReceiver(sync->conn, pg_ignore_notice, NULL);
    *out = sync;
    return AL_OK;
}

void pg_sync_close(struct pg_sync *sync)
{
    if (sync == NULL)
        return;
    PQfinish(sync->conn);
    free(sync);
}

const char *pg_sync_sqlstate(const struct pg_sync *sync)
{
    return sync->sqlstate;
}

enum al_err pg_sync_check(struct pg_sync *sync,
                          PGresult *result,
                          const struct pg_statement *statement)
{
    enum al_err err = AL_OK;
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_COPY_OUT) {
        struct pg_failure failure = {0};
        err = pg_failure_from(result, statement, &failure);
        memcpy(sync->sqlstate, failure.sqlstate, sizeof(sync->sqlstate));
        err_set(err, "%s", failure.message);
        if (statement != NULL)
            err_add(err, "statement %s", statement->name);
    }
    PQclear(result);
    return err;
}

enum al_err pg_sync_script(struct pg_sync *sync, const char *sql)
{
    sync->sqlstate[0] = '\0';
    return pg_sync_check(sync, PQexec(sync->conn, sql), NULL);
}

static enum al_err run_statement(struct pg_sync *sync,
                                 const struct pg_batch *batch,
                                 size_t index,
                                 void (*on_result)(void *ctx,
                                                   size_t index,
                                                   const struct pg_result *),
                                 void *ctx)
{
    const struct pg_statement *statement = batch->items[index].statement;
    struct pg_bound bound;
    pg_batch_bind(batch, index, &bound);
    PGresult *result = PQexecParams(sync->conn, statement->sql, bound.n, bound.types, bound.values,
                                    bound.lengths, bound.formats, 1);
    ExecStatusType status = PQresultStatus(result);
    if (on_result != NULL && (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK))
        on_result(ctx, index, result);
    return pg_sync_check(sync, result, statement);
}

enum al_err pg_sync_run(struct pg_sync *sync,
                        struct pg_batch *batch,
                        void (*on_result)(void *ctx, size_t index, const struct pg_result *),
                        void *ctx)
{
    if (!pg_batch_ok(batch))
        return err_set(AL_EFULL, "the batch of statements is too large");
    enum al_err err = pg_sync_script(sync, "BEGIN");
    for (size_t i = 0; err == AL_OK && i < batch->n_items; i++)
        err = run_statement(sync, batch, i, on_result, ctx);
    if (err == AL_OK)
        return pg_sync_script(sync, "COMMIT");
    if (PQtransactionStatus(sync->conn) != PQTRANS_IDLE)
        PQclear(PQexec(sync->conn, "ROLLBACK")); /* the first cause is what counts */
    return err;
}
