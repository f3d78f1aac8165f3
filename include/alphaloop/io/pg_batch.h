/* A batch: a bounded list of SQL statements with their parameters in PostgreSQL's binary form, built into one arena.
 *
 *     pg_batch_statement(batch, &order_events_insert_statement);
 *     pg_array_begin(batch, PG_UUID, n);
 *     for (size_t i = 0; i < n; i++)
 *         pg_put_uuid(batch, events[i].event_id);
 *     pg_array_end(batch);
 *
 * pg_put_* adds one value: to the array that is open, else as the next parameter of the last statement. Appending never
 * fails visibly: what does not fit is dropped, the batch remembers it, and pg_batch_ok() (asked by everything that runs a
 * batch) says so. Values are copied, so what they were made from may go at once.
 */
#ifndef ALPHALOOP_IO_PG_BATCH_H
#define ALPHALOOP_IO_PG_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alphaloop/base/buf.h"
#include "alphaloop/base/decimal.h"
#include "alphaloop/base/err.h"
#include "alphaloop/base/uuid.h"

#define PG_STATEMENTS_MAX 128 /* in one batch */
#define PG_PARAMS_MAX     64  /* of one statement */

/* One SQL statement, static and unique by name. A connection prepares it when it first meets it. */
struct pg_statement {
    const char *name; /* unique, at most 60 bytes */
    const char *sql;  /* one command; parameters $1 ... */
};

enum pg_type {
    PG_BOOL,
    PG_I64,     /* bigint */
    PG_I32,     /* integer */
    PG_DOUBLE,  /* double precision */
    PG_DECIMAL, /* numeric */
    PG_TEXT,
    PG_BYTEA,
    PG_JSONB,
    PG_UUID,
    PG_TIME, /* timestamptz: microseconds */
    PG_TYPE_COUNT
};

struct pg_batch;

/* `bytes_max` bounds the memory of all parameters together. NULL when out of memory. */
struct pg_batch *pg_batch_create(size_t bytes_max);
void pg_batch_destroy(struct pg_batch *batch); /* not while it runs; NULL is fine */
void pg_batch_reset(struct pg_batch *batch);   /* empty, keeps the memory */
bool pg_batch_ok(const struct pg_batch *batch);
/* What it should hold could not be made: it is as if it had overflowed. */
void pg_batch_fail(struct pg_batch *batch);
size_t pg_batch_n_statements(const struct pg_batch *batch);
size_t pg_batch_n_bytes(const struct pg_batch *batch);

/* Begin the next statement; `statement` is kept (static). */
void pg_batch_statement(struct pg_batch *batch, const struct pg_statement *statement);

/* What follows is a step of its own. Both go out at once, so the server works on the second while on_step of struct pg_job
 * reads the answers to the first. Once in a batch, and only in the one that a job with on_step begins with. */
void pg_batch_cut(struct pg_batch *batch);

/* A one-dimensional array parameter of exactly n_items values, asserted at the end. */
void pg_array_begin(struct pg_batch *batch, enum pg_type type, size_t n_items);
void pg_array_end(struct pg_batch *batch);

void pg_put_null(struct pg_batch *batch, enum pg_type type);
void pg_put_bool(struct pg_batch *batch, bool value);
void pg_put_i64(struct pg_batch *batch, int64_t value);
void pg_put_i32(struct pg_batch *batch, int32_t value);
void pg_put_double(struct pg_batch *batch, double value);         /* NaN is stored as NaN */
void pg_put_double_or_null(struct pg_batch *batch, double value); /* NaN is null */
void pg_put_decimal(struct pg_batch *batch, struct decimal value);
void pg_put_text(struct pg_batch *batch, struct slice value);
void pg_put_str(struct pg_batch *batch, const char *value);         /* NULL is null */
void pg_put_str_or_null(struct pg_batch *batch, const char *value); /* "" is null */
void pg_put_bytea(struct pg_batch *batch, struct slice value);
void pg_put_jsonb(struct pg_batch *batch, struct slice json); /* empty is null */
void pg_put_uuid(struct pg_batch *batch, struct uuid value);
void pg_put_time(struct pg_batch *batch,
                 int64_t ts_ns); /* TIMESTAMP_NONE is null; rounds down to us */
/* float4 values as bytea, little-endian: the stored form of feature vectors. */
void pg_put_floats(struct pg_batch *batch, const float *values, size_t n_values);

#endif
