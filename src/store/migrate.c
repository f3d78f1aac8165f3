/* The migrator. The record of what was applied is the table schema_migrations inside the schema itself; numbers only
 * grow. Deciding is one function over two lists (what the program has, what the record says), applying is a loop.
 *
 * The lock is a session lock on a number made of the schema's name, so several schemas of one database do not wait for each
 * other. It is taken before anything is looked at and goes with the connection. */
#include <stdio.h>
#include <string.h>

#include "alphaloop/base/hash.h"
#include "alphaloop/io/pg_sync.h"
#include "alphaloop/store/migrate.h"

enum { SQL_BYTES_MAX = 256 * 1024, LOCK_SPACE = 0x616c6d67 /* "almg" */ };

/* What the database says of the schema. */
struct record {
    const struct migration *files;
    size_t n_files;
    size_t n_applied;
    enum al_err err; /* what reading the record found wrong */
};

static enum al_err lock(struct pg_sync *sync, const char *schema)
{
    char sql[160];
    uint32_t key = (uint32_t)fnv1a64(schema, strlen(schema));
    snprintf(
        sql, sizeof(sql),
        "SET lock_timeout = '120s'; SET statement_timeout = 0; SELECT pg_advisory_lock(%d, %d)",
        LOCK_SPACE, (int32_t)key);
    enum al_err err = pg_sync_script(sync, sql);
    return err == AL_OK ? AL_OK : err_add(err, "wait for another migrator");
}

/* Also when it exists: CREATE SCHEMA IF NOT EXISTS asks for the right to create even then, so look first. */
static enum al_err create_record(struct pg_sync *sync, const char *schema)
{
    char sql[512];
    snprintf(sql, sizeof(sql),
             "DO $$ BEGIN IF to_regnamespace('%s') IS NULL THEN CREATE SCHEMA %s; END IF; END $$;"
             "CREATE TABLE IF NOT EXISTS schema_migrations (number integer PRIMARY KEY, name text "
             "NOT NULL,"
             " sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())",
             schema, schema);
    enum al_err err = pg_sync_script(sync, sql);
    return err == AL_OK ? AL_OK : err_add(err, "create schema %s", schema);
}

static void hash_of(const struct migration *file, char out[SHA256_TEXT_MAX])
{
    struct sha256 hash;
    sha256_of(file->sql, strlen(file->sql), &hash);
    sha256_format(&hash, out);
}

/* Row `row` of the record must be the file at that place in the program, unchanged. */
static enum al_err check_row(const struct record *record,
                             const struct pg_result *result,
                             size_t row)
{
    struct slice name = pg_result_text(result, row, 1);
    int64_t number = pg_result_i64(result, row, 0);
    char hash[SHA256_TEXT_MAX];
    if (row >= record->n_files)
        return err_set(
            AL_EVERSION,
            "the schema is newer than this program: %.*s was applied, the newest known here is %s; "
            "run a newer program",
            (int)name.len, name.ptr, record->n_files == 0 ? "none" : record->files[row - 1].name);
    if (number != record->files[row].number || !slice_is(name, record->files[row].name))
        return err_set(AL_EVERIFY, "the schema has %.*s where this program has %s", (int)name.len,
                       name.ptr, record->files[row].name);
    hash_of(&record->files[row], hash);
    if (!slice_is(pg_result_text(result, row, 2), hash))
        return err_set(AL_EVERIFY, "%s was applied with another content: its checksum differs",
                       record->files[row].name);
    return AL_OK;
}

static void on_record(void *ctx, size_t index, const struct pg_result *result)
{
    struct record *record = ctx;
    (void)index;
    record->n_applied = pg_result_n_rows(result);
    for (size_t i = record->n_files; i < record->n_applied && record->err == AL_OK; i++)
        record->err = check_row(record, result, i); /* newer counts before all else */
    for (size_t i = 0; i < record->n_applied && record->err == AL_OK; i++)
        record->err = check_row(record, result, i);
}

static enum al_err read_record(struct pg_sync *sync, struct record *record)
{
    static const struct pg_statement select = {
        "schema_migrations_load",
        "SELECT number, name, sha256 FROM schema_migrations ORDER BY number",
    };
    struct pg_batch *batch = pg_batch_create(1024);
    if (batch == NULL)
        return err_set(AL_ENOMEM, "migrate");
    pg_batch_statement(batch, &select);
    enum al_err err = pg_sync_run(sync, batch, on_record, record);
    pg_batch_destroy(batch);
    if (err == AL_OK)
        return record->err;
    if (strcmp(pg_sync_sqlstate(sync), "42P01") == 0) /* no such table: nothing was ever applied */
        return AL_OK;
    return err;
}

static enum al_err apply(struct pg_sync *sync, const struct migration *file)
{
    struct buf sql = BUF_INIT(SQL_BYTES_MAX);
    char hash[SHA256_TEXT_MAX];
    hash_of(file, hash);
    buf_puts(&sql, "BEGIN;\n");
    buf_puts(&sql, file->sql);
    buf_printf(&sql, "\n;INSERT INTO schema_migrations (number, name, sha256) VALUES (%d, ",
               file->number);
    pg_quote_literal(&sql, slice_of(file->name));
    buf_printf(&sql, ", '%s');\nCOMMIT", hash);
    enum al_err err =
        buf_ok(&sql) ? pg_sync_script(sync, buf_str(&sql)) : err_set(AL_EFULL, "file too long");
    buf_deinit(&sql);
    return err == AL_OK ? AL_OK : err_add(err, "apply %s", file->name);
}

static enum al_err bring_up(struct pg_sync *sync,
                            enum migrate_mode mode,
                            struct record *record,
                            struct migrate_report *report)
{
    enum al_err err = read_record(sync, record);
    if (err != AL_OK)
        return err;
    report->n_before = record->n_applied;
    if (mode == MIGRATE_CHECK && record->n_applied < record->n_files)
        return err_set(AL_EVERSION,
                       "the schema is older than this program: %zu of %zu files applied; run "
                       "`alphaloop migrate`",
                       record->n_applied, record->n_files);
    for (size_t i = record->n_applied; i < record->n_files; i++) {
        if ((err = apply(sync, &record->files[i])) != AL_OK)
            return err;
        report->n_applied++;
    }
    return AL_OK;
}

enum al_err migrate_files(const struct pg_options *options,
                          enum migrate_mode mode,
                          const struct migration *files,
                          size_t n_files,
                          struct migrate_report *report)
{
    struct record record = {files, n_files, 0, AL_OK};
    struct pg_sync *sync;
    memset(report, 0, sizeof(*report));
    report->n_files = n_files;
    snprintf(report->newest, sizeof(report->newest), "%s",
             n_files == 0 ? "" : files[n_files - 1].name);
    enum al_err err = pg_sync_open(options, &sync);
    if (err != AL_OK)
        return err_add(err, "migrate: connect");
    err = lock(sync, options->schema);
    if (err == AL_OK && mode == MIGRATE_APPLY)
        err = create_record(sync, options->schema);
    if (err == AL_OK)
        err = bring_up(sync, mode, &record, report);
    pg_sync_close(sync);
    return err == AL_OK ? AL_OK : err_add(err, "migrate");
}

enum al_err migrate_run(const struct pg_options *options,
                        enum migrate_mode mode,
                        struct migrate_report *report)
{
    return migrate_files(options, mode, migrations, n_migrations, report);
}
