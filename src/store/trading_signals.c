/* Table trading_signals, and the end of decisions in both tables of decisions. */
#include <string.h>

#include "alphaloop/store/trading_signals.h"
#include "decision_i.h"

#define SELECT_ROW                                                                                 \
    "SELECT signal_id, " DECISION_COLUMNS ", body, status, published_at FROM trading_signals"

static const char *const statuses[] = {
    [SIGNAL_PENDING] = "pending",
    [SIGNAL_PUBLISHED] = "published",
    [SIGNAL_EXPIRED] = "expired",
};

static const struct pg_statement insert_statement = {
    "trading_signals_insert",
    "INSERT INTO trading_signals (signal_id, " DECISION_COLUMNS ", body)"
    " SELECT * FROM unnest(" DECISION_ARRAYS ", $39) ON CONFLICT DO NOTHING",
};

static const struct pg_statement publish_statement = {
    "trading_signals_mark_published",
    "UPDATE trading_signals SET status = 'published', published_at = $2"
    " WHERE signal_id = ANY ($1) AND status = 'pending'",
};

static const struct pg_statement mark_expired_statement = {
    "trading_signals_mark_expired",
    "UPDATE trading_signals SET status = 'expired' WHERE signal_id = ANY ($1) AND status = "
    "'pending'",
};

static const struct pg_statement expire_statement = {
    "trading_signals_expire",
    "UPDATE trading_signals SET status = 'expired' WHERE status = 'pending' AND expires_at_ns <= "
    "$1",
};

static const struct pg_statement load_pending_statement = {
    "trading_signals_load_pending",
    SELECT_ROW " WHERE status = 'pending' ORDER BY decided_at_ns, signal_id LIMIT $1",
};

static const struct pg_statement load_open_statement = {
    "trading_signals_load_open",
    SELECT_ROW
    " WHERE outcome IS NULL AND kind = 'entry' AND status <> 'expired' AND decided_at_ns >= $1"
    " ORDER BY decided_at_ns, signal_id LIMIT $2",
};

static const struct pg_statement get_statement = {
    "trading_signals_get",
    SELECT_ROW " WHERE signal_id = $1",
};

static const struct pg_statement list_statement = {
    "trading_signals_list",
    SELECT_ROW " WHERE $1 IS NULL OR strategy_id = $1 ORDER BY decided_at_ns DESC, signal_id LIMIT "
               "$2 OFFSET $3",
};

static const struct pg_statement match_statement = {
    "trading_signals_match",
    "SELECT signal_id, strategy_id, asset, side, amount, mid, decided_at_ns, is_warmup, kind = "
    "'exit', outcome IS NOT NULL"
    " FROM trading_signals WHERE signal_id = ANY ($1)",
};

static const struct pg_statement settle_signals_statement = {
    "trading_signals_settle", /* a late fill makes a sample of what had none */
    "UPDATE trading_signals AS d SET outcome = u.outcome FROM unnest($1, $2) AS u (id, outcome)"
    " WHERE d.signal_id = u.id"
    " AND (d.outcome IS NULL OR (u.outcome = 'sampled' AND d.outcome <> 'sampled'))",
};

static const struct pg_statement settle_abstentions_statement = {
    "abstentions_settle",
    "UPDATE abstentions AS d SET outcome = u.outcome FROM unnest($1, $2) AS u (id, outcome)"
    " WHERE d.decision_id = u.id AND d.outcome IS NULL",
};

const char *signal_status_name(enum signal_status status)
{
    return statuses[status];
}

void trading_signals_insert(struct pg_batch *batch, const struct decision_row *rows, size_t n)
{
    pg_batch_statement(batch, &insert_statement);
    decision_put(batch, rows, n);
    PUT_COLUMN(batch, PG_TEXT, n, store_put_text(batch, rows[i].body));
}

static void put_ids(struct pg_batch *batch, const struct uuid *ids, size_t n)
{
    PUT_COLUMN(batch, PG_UUID, n, pg_put_uuid(batch, ids[i]));
}

void trading_signals_mark_published(struct pg_batch *batch,
                                    const struct uuid *ids,
                                    size_t n_ids,
                                    int64_t now_ns)
{
    pg_batch_statement(batch, &publish_statement);
    put_ids(batch, ids, n_ids);
    pg_put_time(batch, now_ns);
}

void trading_signals_mark_expired(struct pg_batch *batch, const struct uuid *ids, size_t n_ids)
{
    pg_batch_statement(batch, &mark_expired_statement);
    put_ids(batch, ids, n_ids);
}

void trading_signals_expire(struct pg_batch *batch, int64_t now_ns)
{
    pg_batch_statement(batch, &expire_statement);
    pg_put_i64(batch, now_ns);
}

void trading_signals_load_pending(struct pg_batch *batch, size_t limit)
{
    pg_batch_statement(batch, &load_pending_statement);
    store_put_limit(batch, limit);
}

void trading_signals_load_open(struct pg_batch *batch, int64_t since_ns, size_t limit)
{
    pg_batch_statement(batch, &load_open_statement);
    pg_put_i64(batch, since_ns);
    store_put_limit(batch, limit);
}

void trading_signals_get(struct pg_batch *batch, struct uuid signal_id)
{
    pg_batch_statement(batch, &get_statement);
    pg_put_uuid(batch, signal_id);
}

void trading_signals_list(struct pg_batch *batch,
                          const struct strategy_id *strategy_id,
                          size_t limit,
                          size_t offset)
{
    pg_batch_statement(batch, &list_statement);
    pg_put_str_or_null(batch, strategy_id->text);
    store_put_limit(batch, limit);
    store_put_limit(batch, offset);
}

enum al_err trading_signals_read(const struct pg_result *result,
                                 size_t index,
                                 struct signal_row *out)
{
    struct row row = row_at(result, index);
    decision_read(&row, &out->decision);
    out->body = row_text(&row);
    out->status = (enum signal_status)row_choice(&row, statuses, COUNT_OF(statuses));
    out->published_at_ns = row_time(&row);
    return row.err;
}

void trading_signals_match(struct pg_batch *batch, const struct uuid *signal_ids, size_t n_ids)
{
    pg_batch_statement(batch, &match_statement);
    put_ids(batch, signal_ids, n_ids);
}

enum al_err trading_signals_read_match(const struct pg_result *result,
                                       size_t index,
                                       struct signal_match *out)
{
    struct row row = row_at(result, index);
    memset(out, 0, sizeof(*out));
    out->signal_id = row_uuid(&row);
    ROW_CHARS(&row, out->strategy_id.text);
    ROW_CHARS(&row, out->asset.text);
    out->side = row_side(&row);
    out->amount = row_decimal(&row);
    out->price = row_double(&row);
    out->decided_at_ns = row_i64(&row);
    out->is_warmup = row_bool(&row);
    out->is_exit = row_bool(&row);
    out->is_settled = row_bool(&row);
    return row.err;
}

void decisions_settle(struct pg_batch *batch,
                      const struct uuid *decision_ids,
                      const enum reason *reasons,
                      size_t n)
{
    static const struct pg_statement *const both[] = {&settle_signals_statement,
                                                      &settle_abstentions_statement};
    for (size_t table = 0; table < COUNT_OF(both); table++) {
        pg_batch_statement(batch, both[table]);
        put_ids(batch, decision_ids, n);
        PUT_COLUMN(
            batch, PG_TEXT, n,
            pg_put_str(batch, reasons[i] == REASON_NONE ? "sampled" : reason_name(reasons[i])));
    }
}
