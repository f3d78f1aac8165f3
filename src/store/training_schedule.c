/* Table training_schedule. */
#include "alphaloop/store/training_schedule.h"
#include "row_i.h"

#define COLUMNS                                                                                    \
    "strategy_id, last_training_ns, next_training_ns, n_samples_at_last, n_samples_needed"

static const struct pg_statement upsert_statement = {
    "training_schedule_upsert",
    "INSERT INTO training_schedule (" COLUMNS
    ") VALUES ($1, $2, $3, $4, $5) ON CONFLICT (strategy_id) DO UPDATE SET"
    " last_training_ns = excluded.last_training_ns, next_training_ns = excluded.next_training_ns,"
    " n_samples_at_last = excluded.n_samples_at_last, n_samples_needed = excluded.n_samples_needed",
};

static const struct pg_statement keep_next_statement = {
    "training_schedule_keep_next",
    "INSERT INTO training_schedule (" COLUMNS ") VALUES ($1, NULL, $2, 0, 0)"
    " ON CONFLICT (strategy_id) DO UPDATE SET next_training_ns = excluded.next_training_ns",
};

static const struct pg_statement load_statement = {
    "training_schedule_load",
    "SELECT " COLUMNS " FROM training_schedule ORDER BY strategy_id",
};

void training_schedule_upsert(struct pg_batch *batch, const struct training_schedule_row *row)
{
    pg_batch_statement(batch, &upsert_statement);
    pg_put_str(batch, row->strategy_id.text);
    store_put_time_ns(batch, row->last_training_ns);
    store_put_time_ns(batch, row->next_training_ns);
    pg_put_i64(batch, (int64_t)row->n_samples_at_last);
    pg_put_i64(batch, (int64_t)row->n_samples_needed);
}

void training_schedule_keep_next(struct pg_batch *batch,
                                 const struct strategy_id *strategy_id,
                                 int64_t next_training_ns)
{
    pg_batch_statement(batch, &keep_next_statement);
    pg_put_str(batch, strategy_id->text);
    store_put_time_ns(batch, next_training_ns);
}

void training_schedule_load(struct pg_batch *batch)
{
    pg_batch_statement(batch, &load_statement);
}

enum al_err training_schedule_read(const struct pg_result *result,
                                   size_t index,
                                   struct training_schedule_row *out)
{
    struct row row = row_at(result, index);
    ROW_CHARS(&row, out->strategy_id.text);
    out->last_training_ns = row_time_ns(&row);
    out->next_training_ns = row_time_ns(&row);
    out->n_samples_at_last = (uint64_t)row_i64(&row);
    out->n_samples_needed = (uint64_t)row_i64(&row);
    return row.err;
}
