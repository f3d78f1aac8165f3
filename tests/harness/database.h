/* The database a test program was given (POSTGRES_* in the environment), and a client of it driven to the end of a job. */
#ifndef ALPHALOOP_TESTS_HARNESS_DATABASE_H
#define ALPHALOOP_TESTS_HARNESS_DATABASE_H

#include "alphaloop/io/pg_sync.h"

/* Options for a schema of this program's own database. Fails the test with a clear text when POSTGRES_* is not set. */
struct pg_options database_options(const char *schema);

/* A connection; the schema is dropped and made anew first when `fresh`. */
struct pg_sync *database_open(const char *schema, bool fresh);
void database_run(struct pg_sync *sync, const char *sql); /* fails the test when refused */
/* The first column of the first row as text, "" when null or no row; valid until the next call. */
const char *database_text(struct pg_sync *sync, const char *sql);

/* Run a batch and keep the results of statement `index` with `read` (may be NULL). Resets the batch. */
void database_batch(struct pg_sync *sync,
                    struct pg_batch *batch,
                    void (*on_result)(void *ctx, size_t index, const struct pg_result *),
                    void *ctx);

#endif
