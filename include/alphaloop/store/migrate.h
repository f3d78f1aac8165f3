/* The schema's version: the numbered files of sql/, embedded in the program, applied in order and never twice.
 *
 * Every file runs in a transaction together with its row in schema_migrations (number, name, sha256). An advisory lock
 * lets one migrator work at a time, so running it twice or at once is safe. A schema that is newer than the program, or a
 * file that differs from what was applied, is refused. It blocks: call it at start or from the thread pool. It logs
 * nothing: the report says what was done.
 */
#ifndef ALPHALOOP_STORE_MIGRATE_H
#define ALPHALOOP_STORE_MIGRATE_H

#include "alphaloop/io/pg.h"

enum migrate_mode {
    MIGRATE_APPLY, /* create the schema and apply what is missing */
    MIGRATE_CHECK, /* change nothing; an older schema is refused */
};

struct migrate_report {
    size_t n_files;   /* this program knows */
    size_t n_before;  /* were applied already */
    size_t n_applied; /* now */
    char newest[64];  /* name of the newest file of this program */
};

/* AL_OK: the schema is exactly this program's. AL_EVERSION: newer than the program, or older and only checked.
 * AL_EVERIFY: an applied file's content differs. AL_ECONN, AL_EDB. err_text() says what to do. */
MUST_CHECK enum al_err migrate_run(const struct pg_options *options,
                                   enum migrate_mode mode,
                                   struct migrate_report *report);

/* The embedded files, ascending by number from 1. */
struct migration {
    int number;
    const char *name; /* "001_order_events" */
    const char *sql;
};
extern const struct migration migrations[];
extern const size_t n_migrations;

/* The same over any list of files: what tests use to play an older or a newer program. */
MUST_CHECK enum al_err migrate_files(const struct pg_options *options,
                                     enum migrate_mode mode,
                                     const struct migration *files,
                                     size_t n_files,
                                     struct migrate_report *report);

#endif
