/* Table training_trials. */
#include <string.h>

#include "alphaloop/store/training_trials.h"
#include "row_i.h"

#define COLUMNS                                                                                    \
    "run_id, trial, strategy_id, kind, parameters, seed, verdict, log_loss, sharpe_ratio, "        \
    "seconds, folds, tries, window_scale, return_attribution"

static const struct pg_statement insert_statement = {
    "training_trials_insert",
    "INSERT INTO training_trials (" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
    "$11, $12, $13, $14) ON CONFLICT DO NOTHING",
};

static const struct pg_statement list_statement = {
    "training_trials_list",
    "SELECT " COLUMNS " FROM training_trials WHERE run_id = $1 ORDER BY trial",
};

void training_trials_insert(struct pg_batch *batch, const struct training_trial_row *row)
{
    pg_batch_statement(batch, &insert_statement);
    pg_put_uuid(batch, row->run_id);
    pg_put_i32(batch, row->trial);
    pg_put_str(batch, row->strategy_id.text);
    store_put_text(batch, row->kind);
    store_put_json(batch, row->parameters);
    store_put_text(batch, row->seed);
    store_put_text(batch, row->verdict);
    pg_put_double_or_null(batch, row->log_loss);
    pg_put_double_or_null(batch, row->sharpe_ratio);
    pg_put_double_or_null(batch, row->seconds);
    store_put_json(batch, row->folds);
    store_put_text(batch, row->tries);
    pg_put_double(batch, row->window_scale);
    pg_put_bool(batch, row->return_attribution);
}

void training_trials_list(struct pg_batch *batch, struct uuid run_id)
{
    pg_batch_statement(batch, &list_statement);
    pg_put_uuid(batch, run_id);
}

enum al_err training_trials_read(const struct pg_result *result,
                                 size_t index,
                                 struct training_trial_row *out)
{
    struct row row = row_at(result, index);
    memset(out, 0, sizeof(*out));
    out->run_id = row_uuid(&row);
    out->trial = (int32_t)row_i64(&row);
    ROW_CHARS(&row, out->strategy_id.text);
    out->kind = row_text(&row);
    out->parameters = row_text(&row);
    out->seed = row_text(&row);
    out->verdict = row_text(&row);
    out->log_loss = row_double(&row);
    out->sharpe_ratio = row_double(&row);
    out->seconds = row_double(&row);
    out->folds = row_text(&row);
    out->tries = row_text(&row);
    out->window_scale = row_double(&row);
    out->return_attribution = row_bool(&row);
    return row.err;
}
