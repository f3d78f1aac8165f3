/* A blocking connection for what has no loop: the migrator, the training child, command-line roles, tests. */
#ifndef ALPHALOOP_IO_PG_SYNC_H
#define ALPHALOOP_IO_PG_SYNC_H

#include "alphaloop/io/pg.h"

struct pg_sync;

/* AL_ECONN with the reason in err_text(), AL_EINVAL. options->schema need not exist yet. *out is the caller's:
 * pg_sync_close() it. */
MUST_CHECK enum al_err pg_sync_open(const struct pg_options *options, struct pg_sync **out);
void pg_sync_close(struct pg_sync *sync); /* NULL is fine */

/* SQL text of one or more commands, without parameters; they are one transaction unless the text says otherwise. */
MUST_CHECK enum al_err pg_sync_script(struct pg_sync *sync, const char *sql);

/* Run a batch in one transaction.
 *   on_result  may be NULL; a failure it wants to report it keeps in ctx
 *   returns    AL_OK; AL_EDB, AL_ECONN with err_text(); pg_sync_sqlstate() tells more
 */
MUST_CHECK enum al_err pg_sync_run(struct pg_sync *sync,
                                   struct pg_batch *batch,
                                   void (*on_result)(void *ctx,
                                                     size_t index,
                                                     const struct pg_result *),
                                   void *ctx);
const char *pg_sync_sqlstate(const struct pg_sync *sync); /* of the last failure; "" when none */

/* ---- COPY ... TO STDOUT (FORMAT binary): many rows, fast ---- */

struct pg_copy_row {
    size_t n_fields;
    const unsigned char
        *field[PG_PARAMS_MAX];  /* network order; borrows until the callback returns */
    int32_t len[PG_PARAMS_MAX]; /* -1: null */
};

int64_t pg_copy_i64(const struct pg_copy_row *row,
                    size_t field); /* bigint, integer, smallint; null: 0 */
int64_t pg_copy_time(const struct pg_copy_row *row,
                     size_t field); /* timestamptz: ns; null, infinite: TIMESTAMP_NONE */
double pg_copy_double(const struct pg_copy_row *row,
                      size_t field); /* real, double precision; null: NaN */
bool pg_copy_bool(const struct pg_copy_row *row, size_t field);
struct slice pg_copy_bytes(const struct pg_copy_row *row, size_t field); /* text, bytea */
/* real[] (network order) or bytea of little-endian float4 into `out`; the number of values, or -1 when it is neither or
 * more than n_max. A null element is NaN. */
int pg_copy_float_array(const struct pg_copy_row *row, size_t field, float *out, size_t n_max);
int pg_copy_floats(const struct pg_copy_row *row, size_t field, float *out, size_t n_max);

/* Every row of `select` (a query without parameters), in its order. The callback returns false to stop early.
 *   returns  AL_OK also when stopped; AL_EDB, AL_ECONN; AL_EPARSE when the stream is not what it should be
 */
MUST_CHECK enum al_err pg_copy_out(struct pg_sync *sync,
                                   const char *select,
                                   bool (*on_row)(void *ctx, const struct pg_copy_row *row),
                                   void *ctx);

/* 'text' as a string literal, quotes and backslashes safe. */
void pg_quote_literal(struct buf *out, struct slice text);

#endif
