#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/check.h"
#include "harness/database.h"

static const char *need(const char *name)
{
    const char *value = getenv(name);
    if (value == NULL || value[0] == '\0')
        fail_msg("%s is not set: run me with `make check-integration`, or after `eval "
                 "$(tools/stack env)`",
                 name);
    return value;
}

struct pg_options database_options(const char *schema)
{
    return (struct pg_options){
        .host = need("POSTGRES_HOST"),
        .port = (uint16_t)atoi(need("POSTGRES_PORT")),
        .database = need("POSTGRES_DB"),
        .user = need("POSTGRES_USER"),
        .password = need("POSTGRES_PASSWORD"),
        .schema = schema,
        .name = "test",
        .backoff_min_ms = 10,
        .backoff_max_ms = 200,
        .seed = 1,
    };
}

static const char end_others[] = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                                 " WHERE pid <> pg_backend_pid() AND datname = current_database()";

struct pg_sync *database_open(const char *schema, bool fresh)
{
    struct pg_options options = database_options(schema);
    struct pg_sync *sync = NULL;
    char sql[256];
    check_ok(pg_sync_open(&options, &sync));
    snprintf(sql, sizeof(sql), "DROP SCHEMA IF EXISTS %s CASCADE; CREATE SCHEMA %s", schema,
             schema);
    if (fresh) {
        database_run(sync, end_others); /* what the test before left running may hold locks */
        database_run(sync, sql);
    }
    return sync;
}

void database_run(struct pg_sync *sync, const char *sql)
{
    check_ok(pg_sync_script(sync, sql));
}

static char text[65536];

static void keep_text(void *ctx, size_t index, const struct pg_result *result)
{
    (void)ctx;
    (void)index;
    text[0] = '\0';
    if (pg_result_n_rows(result) == 0)
        return;
    struct slice value = pg_result_text(result, 0, 0);
    snprintf(text, sizeof(text), "%.*s", (int)value.len, value.ptr == NULL ? "" : value.ptr);
}

const char *database_text(struct pg_sync *sync, const char *sql)
{
    char wrapped[4096];
    snprintf(wrapped, sizeof(wrapped), "SELECT (%s)::text", sql);
    struct pg_statement statement = {"test_text", wrapped};
    struct pg_batch *batch = pg_batch_create(64);
    pg_batch_statement(batch, &statement);
    check_ok(pg_sync_run(sync, batch, keep_text, NULL));
    pg_batch_destroy(batch);
    return text;
}

void database_batch(struct pg_sync *sync,
                    struct pg_batch *batch,
                    void (*on_result)(void *ctx, size_t index, const struct pg_result *),
                    void *ctx)
{
    check_ok(pg_sync_run(sync, batch, on_result, ctx));
    pg_batch_reset(batch);
}
