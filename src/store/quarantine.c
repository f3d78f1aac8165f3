/* Table quarantine. */
#include <string.h>

#include "alphaloop/store/quarantine.h"
#include "row_i.h"

#define COLUMNS_BUT_BODY                                                                           \
    "id, received_at, queue, reason, field, detail, headers, status, retried_at"

static const struct pg_statement insert_statement = {
    "quarantine_insert",
    "INSERT INTO quarantine (received_at, queue, reason, field, detail, body, headers)"
    " SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7)",
};

static const struct pg_statement list_statement = {
    "quarantine_list",
    "SELECT " COLUMNS_BUT_BODY ", ''::bytea FROM quarantine ORDER BY id DESC LIMIT $1 OFFSET $2",
};

static const struct pg_statement load_waiting_statement = {
    "quarantine_load_waiting",
    "SELECT " COLUMNS_BUT_BODY
    ", body FROM quarantine WHERE status = 'waiting' AND id > $1 ORDER BY id LIMIT $2",
};

static const struct pg_statement get_statement = {
    "quarantine_get",
    "SELECT " COLUMNS_BUT_BODY ", body FROM quarantine WHERE id = $1",
};

static const struct pg_statement mark_statement = {
    "quarantine_mark_retried",
    "UPDATE quarantine SET status = 'retried', retried_at = $2 WHERE id = $1",
};

static const struct pg_statement count_statement = {
    "quarantine_count_waiting",
    "SELECT count(*) FROM quarantine WHERE status = 'waiting'",
};

void quarantine_insert(struct pg_batch *batch, const struct quarantine_row *rows, size_t n)
{
    pg_batch_statement(batch, &insert_statement);
    PUT_COLUMN(batch, PG_TIME, n, pg_put_time(batch, rows[i].received_at_ns));
    PUT_COLUMN(batch, PG_TEXT, n, store_put_text(batch, rows[i].queue));
    PUT_COLUMN(batch, PG_TEXT, n, pg_put_str(batch, reason_name(rows[i].reason)));
    PUT_COLUMN(batch, PG_TEXT, n, store_put_text(batch, rows[i].field));
    PUT_COLUMN(batch, PG_TEXT, n, store_put_text(batch, rows[i].detail));
    PUT_COLUMN(batch, PG_BYTEA, n, pg_put_bytea(batch, rows[i].body));
    PUT_COLUMN(batch, PG_JSONB, n,
               store_put_json(batch, rows[i].headers.len == 0 ? SLICE("{}") : rows[i].headers));
}

void quarantine_list(struct pg_batch *batch, size_t limit, size_t offset)
{
    pg_batch_statement(batch, &list_statement);
    store_put_limit(batch, limit);
    store_put_limit(batch, offset);
}

void quarantine_load_waiting(struct pg_batch *batch, int64_t after_id, size_t limit)
{
    pg_batch_statement(batch, &load_waiting_statement);
    pg_put_i64(batch, after_id);
    store_put_limit(batch, limit);
}

void quarantine_get(struct pg_batch *batch, int64_t id)
{
    pg_batch_statement(batch, &get_statement);
    pg_put_i64(batch, id);
}

enum al_err quarantine_read(const struct pg_result *result,
                            size_t index,
                            struct quarantine_row *out)
{
    static const char *const statuses[] = {
        [QUARANTINE_WAITING] = "waiting", [QUARANTINE_RETRIED] = "retried"};
    struct row row = row_at(result, index);
    out->id = row_i64(&row);
    out->received_at_ns = row_time(&row);
    out->queue = row_text(&row);
    out->reason = row_reason(&row);
    out->field = row_text(&row);
    out->detail = row_text(&row);
    out->headers = row_text(&row);
    out->status = (enum quarantine_status)row_choice(&row, statuses, COUNT_OF(statuses));
    out->retried_at_ns = row_time(&row);
    out->body = row_bytes(&row);
    return row.err;
}

void quarantine_mark_retried(struct pg_batch *batch, int64_t id, int64_t now_ns)
{
    pg_batch_statement(batch, &mark_statement);
    pg_put_i64(batch, id);
    pg_put_time(batch, now_ns);
}

void quarantine_count_waiting(struct pg_batch *batch)
{
    pg_batch_statement(batch, &count_statement);
}
