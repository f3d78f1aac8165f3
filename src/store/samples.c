/* Table samples. The same columns, in the same order, are inserted, selected and copied out. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/store/samples.h"
#include "alphaloop/store/trading_signals.h"
#include "row_i.h"

#define COLUMNS                                                                                    \
    "decision_id, action, strategy_id, asset, evidence, t0_ns, t1_ns, available_at_ns, "           \
    "gross_return, cost_return,"                                                                   \
    " net_return, barrier, fill_fraction, propensity, policy_took, is_warmup, is_dry_run, "        \
    "model_version, confidence,"                                                                   \
    " schema_hash, features, span_returns, sigma_h, interval_coverage, interval_lower, "           \
    "interval_upper"

#define COUNT                                                                                      \
    "SELECT $1::text, count(*), count(*) FILTER (WHERE evidence = 1),"                             \
    " count(*) FILTER (WHERE evidence = 1 AND available_at_ns > $2), max(available_at_ns)"         \
    " FROM samples WHERE strategy_id = $1"

/* What comes of the executions; the rest of a row is frozen with its decision. */
#define OUTCOME(prefix)                                                                            \
    prefix "evidence, " prefix "t1_ns, " prefix "available_at_ns, " prefix "gross_return, " prefix \
           "cost_return, " prefix "net_return, " prefix "barrier, " prefix                         \
           "fill_fraction, " prefix "policy_took, " prefix "is_dry_run, " prefix "span_returns"

static const struct pg_statement insert_statement = {
    "samples_insert",
    "INSERT INTO samples (" COLUMNS
    ") SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,"
    " $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26)"
    " ON CONFLICT (decision_id, action) DO UPDATE SET (" OUTCOME("") ", is_stale_fill) = (" OUTCOME(
        "excluded.") ", false) WHERE samples.available_at_ns < excluded.available_at_ns",
};

static const struct pg_statement mark_stale_statement = {
    "samples_mark_stale",
    "UPDATE samples AS s SET is_stale_fill = true FROM unnest($1, $2) AS u (id, action)"
    " WHERE s.decision_id = u.id AND s.action = u.action",
};

static const struct pg_statement count_statement = {
    "samples_count",
    "SELECT s.strategy_id, count(*), count(*) FILTER (WHERE evidence = 1),"
    " count(*) FILTER (WHERE evidence = 1 AND available_at_ns > coalesce(t.last_training_ns, 0)), "
    "max(available_at_ns)"
    " FROM samples s LEFT JOIN training_schedule t ON t.strategy_id = s.strategy_id"
    " GROUP BY s.strategy_id ORDER BY s.strategy_id",
};

static const struct pg_statement count_since_statement = {"samples_count_since", COUNT};

static const struct pg_statement load_outcomes_statement = {
    "samples_load_outcomes",
    "SELECT * FROM (SELECT s.strategy_id, s.asset, s.model_version, s.t0_ns, s.available_at_ns, "
    "s.confidence, s.net_return, s.decision_id"
    " FROM samples s JOIN model_versions m"
    " ON m.version = s.model_version AND m.strategy_id = s.strategy_id AND m.state = 'active'"
    " LEFT JOIN training_schedule t ON t.strategy_id = s.strategy_id"
    " WHERE s.evidence = 1 AND s.confidence IS NOT NULL"
    " AND s.available_at_ns > coalesce(t.last_training_ns, 0)"
    " ORDER BY s.available_at_ns DESC, s.decision_id DESC LIMIT $1) newest"
    " ORDER BY available_at_ns, decision_id",
};

/* Of both actions of a decision the one that was chosen has a confidence. */
static const struct pg_statement load_fills_statement = {
    "samples_load_fills",
    "SELECT asset, count(*), avg(fill_fraction) FROM (SELECT asset, fill_fraction FROM samples"
    " WHERE confidence IS NOT NULL AND (evidence = 1 OR fill_fraction = 0)"
    " ORDER BY t0_ns DESC LIMIT $1) newest GROUP BY asset ORDER BY asset",
};

static const struct pg_statement load_intervals_statement = {
    "samples_load_intervals",
    "SELECT s.* FROM model_versions m CROSS JOIN LATERAL (SELECT strategy_id, asset, "
    "model_version, t0_ns, interval_coverage, interval_lower, interval_upper, net_return, "
    "available_at_ns, decision_id"
    " FROM samples WHERE strategy_id = m.strategy_id AND model_version = m.version"
    " AND interval_coverage IS NOT NULL ORDER BY t0_ns DESC LIMIT $1) s"
    " WHERE m.state = 'active' ORDER BY s.available_at_ns, s.t0_ns, s.decision_id",
};

static void put_outcome(struct pg_batch *batch, const struct sample *samples, size_t n)
{
    PUT_COLUMN(batch, PG_I32, n, pg_put_i32(batch, (int32_t)samples[i].evidence));
    PUT_COLUMN(batch, PG_I64, n, pg_put_i64(batch, samples[i].t0_ns));
    PUT_COLUMN(batch, PG_I64, n, pg_put_i64(batch, samples[i].t1_ns));
    PUT_COLUMN(batch, PG_I64, n, pg_put_i64(batch, samples[i].available_at_ns));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double(batch, samples[i].gross_return));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double(batch, samples[i].cost_return));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double(batch, samples[i].net_return));
    PUT_COLUMN(batch, PG_I32, n, pg_put_i32(batch, (int32_t)samples[i].barrier));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double(batch, samples[i].fill_fraction));
}

static void settle_decisions(struct pg_batch *batch, const struct sample *samples, size_t n)
{
    enum { AT_ONCE = 256 };
    static const enum reason reasons[AT_ONCE]; /* all REASON_NONE: sampled */
    struct uuid ids[AT_ONCE];
    for (size_t done = 0; done < n; done += AT_ONCE) {
        size_t some = n - done < AT_ONCE ? n - done : AT_ONCE;
        for (size_t i = 0; i < some; i++)
            ids[i] = samples[done + i].decision_id;
        decisions_settle(batch, ids, reasons, some);
    }
}

void samples_insert(struct pg_batch *batch, const struct sample *samples, size_t n)
{
    pg_batch_statement(batch, &insert_statement);
    PUT_COLUMN(batch, PG_UUID, n, pg_put_uuid(batch, samples[i].decision_id));
    PUT_COLUMN(batch, PG_TEXT, n, store_put_side(batch, samples[i].action));
    PUT_COLUMN(batch, PG_TEXT, n, pg_put_str(batch, samples[i].strategy_id.text));
    PUT_COLUMN(batch, PG_TEXT, n, pg_put_str(batch, samples[i].asset.text));
    put_outcome(batch, samples, n);
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double(batch, samples[i].propensity));
    PUT_COLUMN(batch, PG_BOOL, n, pg_put_bool(batch, samples[i].policy_took));
    PUT_COLUMN(batch, PG_BOOL, n, pg_put_bool(batch, samples[i].is_warmup));
    PUT_COLUMN(batch, PG_BOOL, n, pg_put_bool(batch, samples[i].is_dry_run));
    PUT_COLUMN(batch, PG_TEXT, n, pg_put_str_or_null(batch, samples[i].model_version.text));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double_or_null(batch, samples[i].confidence));
    PUT_COLUMN(batch, PG_BYTEA, n, store_put_hash(batch, &samples[i].schema_hash));
    PUT_COLUMN(batch, PG_BYTEA, n,
               pg_put_floats(batch, samples[i].features, samples[i].n_features));
    PUT_COLUMN(batch, PG_BYTEA, n, pg_put_floats(batch, samples[i].span_returns, SPAN_PIECES));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double_or_null(batch, samples[i].sigma_h));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double_or_null(batch, samples[i].interval.coverage));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double_or_null(batch, samples[i].interval.lower));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double_or_null(batch, samples[i].interval.upper));
    settle_decisions(batch, samples, n);
}

void samples_mark_stale(struct pg_batch *batch,
                        const struct uuid *decision_ids,
                        const enum side *actions,
                        size_t n)
{
    pg_batch_statement(batch, &mark_stale_statement);
    PUT_COLUMN(batch, PG_UUID, n, pg_put_uuid(batch, decision_ids[i]));
    PUT_COLUMN(batch, PG_TEXT, n, store_put_side(batch, actions[i]));
}

void samples_count(struct pg_batch *batch)
{
    pg_batch_statement(batch, &count_statement);
}

void samples_count_since(struct pg_batch *batch,
                         const struct strategy_id *strategy_id,
                         int64_t since_ns)
{
    pg_batch_statement(batch, &count_since_statement);
    pg_put_str(batch, strategy_id->text);
    pg_put_i64(batch, since_ns);
}

enum al_err samples_read_count(const struct pg_result *result,
                               size_t index,
                               struct samples_count *out)
{
    struct row row = row_at(result, index);
    ROW_CHARS(&row, out->strategy_id.text);
    out->n_all = (uint64_t)row_i64(&row);
    out->n_own = (uint64_t)row_i64(&row);
    out->n_own_since = (uint64_t)row_i64(&row);
    out->newest_available_ns = row_time_ns(&row);
    return row.err;
}

void samples_load_outcomes(struct pg_batch *batch, size_t limit)
{
    pg_batch_statement(batch, &load_outcomes_statement);
    store_put_limit(batch, limit);
}

enum al_err samples_read_outcome(const struct pg_result *result,
                                 size_t index,
                                 struct samples_outcome *out)
{
    struct row row = row_at(result, index);
    memset(out, 0, sizeof(*out));
    ROW_CHARS(&row, out->strategy_id.text);
    ROW_CHARS(&row, out->asset.text);
    ROW_CHARS(&row, out->model_version.text);
    out->decided_at_ns = row_i64(&row);
    out->available_at_ns = row_i64(&row);
    out->confidence = row_double(&row);
    out->net_return = row_double(&row);
    return row.err;
}

void samples_load_fills(struct pg_batch *batch, size_t limit)
{
    pg_batch_statement(batch, &load_fills_statement);
    store_put_limit(batch, limit);
}

enum al_err samples_read_fills(const struct pg_result *result,
                               size_t index,
                               struct samples_fills *out)
{
    struct row row = row_at(result, index);
    memset(out, 0, sizeof(*out));
    ROW_CHARS(&row, out->asset.text);
    out->n_orders = (uint64_t)row_i64(&row);
    out->mean_fraction = row_double(&row);
    return row.err;
}

void samples_load_intervals(struct pg_batch *batch, size_t limit)
{
    pg_batch_statement(batch, &load_intervals_statement);
    store_put_limit(batch, limit);
}

enum al_err samples_read_interval(const struct pg_result *result,
                                  size_t index,
                                  struct samples_interval *out)
{
    struct row row = row_at(result, index);
    memset(out, 0, sizeof(*out));
    ROW_CHARS(&row, out->strategy_id.text);
    ROW_CHARS(&row, out->asset.text);
    ROW_CHARS(&row, out->model_version.text);
    out->decided_at_ns = row_i64(&row);
    out->interval.coverage = row_double(&row);
    out->interval.lower = row_double(&row);
    out->interval.upper = row_double(&row);
    out->net_return = row_double(&row);
    return row.err;
}

/* ---- copying out ---- */

struct copy {
    int64_t cut_ns;
    struct sample sample;
    enum al_err err;
    bool (*on_row)(void *ctx, const struct sample *sample);
    void *ctx;
};

/* Text into a char array whose tail is kept zero from row to row. */
static bool copy_chars(const struct pg_copy_row *row, size_t field, char *out, size_t out_size)
{
    struct slice text = pg_copy_bytes(row, field);
    if (text.len >= out_size)
        return false;
    memset(out + text.len, 0, out_size - text.len);
    if (text.len > 0)
        memcpy(out, text.ptr, text.len);
    return true;
}

static bool copy_fixed(const struct pg_copy_row *row, size_t field, void *out, size_t size)
{
    struct slice bytes = pg_copy_bytes(row, field);
    if (bytes.len != size)
        return false;
    memcpy(out, bytes.ptr, size);
    return true;
}

static bool decode_names(const struct pg_copy_row *row, struct sample *out)
{
    return copy_fixed(row, 0, out->decision_id.bytes, sizeof(out->decision_id.bytes)) &&
           side_parse(pg_copy_bytes(row, 1), &out->action) &&
           copy_chars(row, 2, out->strategy_id.text, sizeof(out->strategy_id.text)) &&
           copy_chars(row, 3, out->asset.text, sizeof(out->asset.text)) &&
           copy_chars(row, 17, out->model_version.text, sizeof(out->model_version.text)) &&
           copy_fixed(row, 19, out->schema_hash.bytes, sizeof(out->schema_hash.bytes));
}

/* Rows from before there was such a column have none. */
static bool decode_returns(const struct pg_copy_row *row, float out[SPAN_PIECES])
{
    int n = pg_copy_floats(row, 21, out, SPAN_PIECES);
    for (size_t k = 0; k < SPAN_PIECES && n == 0; k++)
        out[k] = NAN;
    return n == 0 || n == SPAN_PIECES;
}

static bool decode(const struct pg_copy_row *row, struct sample *out)
{
    if (row->n_fields != 26 || !decode_names(row, out))
        return false;
    out->evidence = (enum evidence)pg_copy_i64(row, 4);
    out->t0_ns = pg_copy_i64(row, 5);
    out->t1_ns = pg_copy_i64(row, 6);
    out->available_at_ns = pg_copy_i64(row, 7);
    out->gross_return = pg_copy_double(row, 8);
    out->cost_return = pg_copy_double(row, 9);
    out->net_return = pg_copy_double(row, 10);
    out->barrier = (enum barrier)pg_copy_i64(row, 11);
    out->fill_fraction = pg_copy_double(row, 12);
    out->propensity = pg_copy_double(row, 13);
    out->policy_took = pg_copy_bool(row, 14);
    out->is_warmup = pg_copy_bool(row, 15);
    out->is_dry_run = pg_copy_bool(row, 16);
    out->confidence = pg_copy_double(row, 18);
    out->sigma_h = pg_copy_double(row, 22);
    out->interval = (struct interval){pg_copy_double(row, 23), pg_copy_double(row, 24),
                                      pg_copy_double(row, 25)};
    int n_features = pg_copy_floats(row, 20, out->features, FEATURES_MAX);
    out->n_features = n_features < 0 ? 0 : (size_t)n_features;
    return n_features >= 0 && decode_returns(row, out->span_returns);
}

static bool on_copied(void *ctx, const struct pg_copy_row *row)
{
    struct copy *copy = ctx;
    if (!decode(row, &copy->sample)) {
        copy->err = err_set(AL_EPARSE, "a row of samples is not one of ours");
        return false;
    }
    assert(copy->sample.available_at_ns <=
           copy->cut_ns); /* the availability rule, whatever the statement says */
    return copy->on_row(copy->ctx, &copy->sample);
}

/* The rows to choose from, without how many. */
static void put_filter(struct buf *sql, const struct samples_query *query)
{
    buf_puts(sql, "strategy_id = ");
    pg_quote_literal(sql, slice_of(query->strategy_id.text));
    buf_printf(sql, " AND t0_ns >= %lld AND available_at_ns <= %lld%s", (long long)query->from_ns,
               (long long)query->cut_ns, query->own_only ? " AND evidence = 1" : "");
}

/* The newest rows_max: those later than the one just too many. Rows of one decision share t0, so none is torn apart. The
 * order is total, for the same data must give the same model. */
static void put_select(struct buf *sql, const struct samples_query *query)
{
    buf_puts(sql, "SELECT " COLUMNS " FROM samples WHERE ");
    put_filter(sql, query);
    buf_puts(sql, " AND t0_ns > coalesce((SELECT t0_ns FROM samples WHERE ");
    put_filter(sql, query);
    buf_printf(
        sql, " ORDER BY t0_ns DESC OFFSET %zu LIMIT 1), %lld) ORDER BY t0_ns, decision_id, action",
        query->rows_max, (long long)INT64_MIN);
}

enum al_err samples_copy(struct pg_sync *sync,
                         const struct samples_query *query,
                         bool (*on_row)(void *ctx, const struct sample *sample),
                         void *ctx)
{
    struct copy copy = {.cut_ns = query->cut_ns, .on_row = on_row, .ctx = ctx};
    struct buf sql = BUF_INIT(8192);
    put_select(&sql, query);
    assert(buf_ok(&sql));
    /* The index samples_training has the order already; a planner without fresh statistics might sort all the same. */
    enum al_err err = pg_sync_script(sync, "SET enable_sort = off; SET enable_bitmapscan = off");
    if (err == AL_OK)
        err = pg_copy_out(sync, buf_str(&sql), on_copied, &copy);
    if (err == AL_OK)
        err = pg_sync_script(sync, "RESET enable_sort; RESET enable_bitmapscan");
    buf_deinit(&sql);
    if (err == AL_OK)
        err = copy.err;
    return err == AL_OK ? AL_OK : err_add(err, "read samples of %s", query->strategy_id.text);
}
