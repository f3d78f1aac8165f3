/* The frozen columns of a decision. */
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "decision_i.h"

static const char *const kinds[] = {[DECISION_ENTRY] = "entry", [DECISION_EXIT] = "exit"};

static void put_choice(struct pg_batch *batch, const struct decision_row *rows, size_t n)
{
    PUT_COLUMN(batch, PG_UUID, n, pg_put_uuid(batch, rows[i].decision->decision_id));
    PUT_COLUMN(batch, PG_TEXT, n, pg_put_str(batch, kinds[rows[i].decision->kind]));
    PUT_COLUMN(batch, PG_TEXT, n, pg_put_str(batch, rows[i].decision->strategy_id.text));
    PUT_COLUMN(batch, PG_TEXT, n, pg_put_str(batch, rows[i].decision->asset.text));
    PUT_COLUMN(batch, PG_TEXT, n, store_put_side(batch, rows[i].decision->side));
    PUT_COLUMN(batch, PG_TEXT, n, store_put_reason(batch, rows[i].decision->reason));
    PUT_COLUMN(batch, PG_DECIMAL, n, pg_put_decimal(batch, rows[i].decision->amount));
    PUT_COLUMN(batch, PG_DECIMAL, n, store_put_price(batch, rows[i].decision->snapshot.mid));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double_or_null(batch, rows[i].decision->confidence));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double_or_null(batch, rows[i].decision->expected_value));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double_or_null(batch, rows[i].decision->propensity));
    PUT_COLUMN(batch, PG_I64, n, pg_put_i64(batch, rows[i].decision->decided_at_ns));
    PUT_COLUMN(batch, PG_BOOL, n, pg_put_bool(batch, rows[i].decision->is_warmup));
    PUT_COLUMN(batch, PG_TEXT, n, pg_put_str_or_null(batch, rows[i].decision->model_version.text));
    PUT_COLUMN(batch, PG_TEXT, n, pg_put_str_or_null(batch, rows[i].decision->heuristic));
}

static void put_snapshot(struct pg_batch *batch, const struct decision_row *rows, size_t n)
{
    PUT_COLUMN(batch, PG_I64, n, store_put_time_ns(batch, rows[i].decision->snapshot.ts_event_ns));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double_or_null(batch, rows[i].decision->snapshot.bid));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double_or_null(batch, rows[i].decision->snapshot.ask));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double_or_null(batch, rows[i].decision->snapshot.mid));
    PUT_COLUMN(batch, PG_DOUBLE, n,
               pg_put_double_or_null(batch, rows[i].decision->snapshot.last_price));
    PUT_COLUMN(batch, PG_DOUBLE, n,
               pg_put_double_or_null(batch, rows[i].decision->snapshot.spread));
    PUT_COLUMN(batch, PG_DOUBLE, n,
               pg_put_double_or_null(batch, rows[i].decision->snapshot.volume_24h));
    PUT_COLUMN(batch, PG_DOUBLE, n,
               pg_put_double_or_null(batch, rows[i].decision->snapshot.volatility));
    PUT_COLUMN(batch, PG_DOUBLE, n,
               pg_put_double_or_null(batch, rows[i].decision->snapshot.bid_depth));
    PUT_COLUMN(batch, PG_DOUBLE, n,
               pg_put_double_or_null(batch, rows[i].decision->snapshot.ask_depth));
}

static void put_interval(struct pg_batch *batch, const struct decision_row *rows, size_t n)
{
    PUT_COLUMN(batch, PG_TEXT, n, store_put_side(batch, rows[i].decision->leaning));
    PUT_COLUMN(batch, PG_DOUBLE, n,
               pg_put_double_or_null(batch, rows[i].decision->interval.coverage));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double_or_null(batch, rows[i].decision->interval.lower));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double_or_null(batch, rows[i].decision->interval.upper));
}

void decision_put(struct pg_batch *batch, const struct decision_row *rows, size_t n)
{
    put_choice(batch, rows, n);
    put_snapshot(batch, rows, n);
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double_or_null(batch, rows[i].decision->sigma_h));
    PUT_COLUMN(batch, PG_I64, n, pg_put_i64(batch, rows[i].decision->horizon_ns));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double_or_null(batch, rows[i].decision->barrier_up));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double_or_null(batch, rows[i].decision->barrier_down));
    PUT_COLUMN(batch, PG_BYTEA, n, store_put_hash(batch, &rows[i].decision->schema_hash));
    PUT_COLUMN(batch, PG_BYTEA, n,
               pg_put_floats(batch, rows[i].decision->features, rows[i].decision->n_features));
    PUT_COLUMN(batch, PG_TEXT, n, store_put_chars(batch, rows[i].decision->trace_id.text));
    PUT_COLUMN(batch, PG_TEXT, n, store_put_chars(batch, rows[i].decision->traceparent));
    PUT_COLUMN(batch, PG_I64, n, pg_put_i64(batch, rows[i].decision->expires_at_ns));
    put_interval(batch, rows, n);
}

static void read_choice(struct row *row, struct decision *out)
{
    out->decision_id = row_uuid(row);
    out->kind = (enum decision_kind)row_choice(row, kinds, COUNT_OF(kinds));
    ROW_CHARS(row, out->strategy_id.text);
    ROW_CHARS(row, out->asset.text);
    out->side = row_side(row);
    out->reason = row_reason(row);
    out->amount = row_decimal(row);
    row->column++; /* price: the mid below, rounded */
    out->confidence = row_double(row);
    out->expected_value = row_double(row);
    out->propensity = row_double(row);
    out->decided_at_ns = row_i64(row);
    out->is_warmup = row_bool(row);
    ROW_CHARS(row, out->model_version.text);
    ROW_CHARS(row, out->heuristic);
}

static void read_snapshot(struct row *row, struct snapshot *out)
{
    out->ts_event_ns = row_time_ns(row);
    out->bid = row_double(row);
    out->ask = row_double(row);
    out->mid = row_double(row);
    out->last_price = row_double(row);
    out->spread = row_double(row);
    out->volume_24h = row_double(row);
    out->volatility = row_double(row);
    out->bid_depth = row_double(row);
    out->ask_depth = row_double(row);
}

void decision_read(struct row *row, struct decision *out)
{
    memset(out, 0, sizeof(*out));
    read_choice(row, out);
    read_snapshot(row, &out->snapshot);
    out->sigma_h = row_double(row);
    out->horizon_ns = row_i64(row);
    out->barrier_up = row_double(row);
    out->barrier_down = row_double(row);
    row_hash(row, &out->schema_hash);
    out->n_features = row_floats(row, out->features, FEATURES_MAX);
    ROW_CHARS(row, out->trace_id.text);
    ROW_CHARS(row, out->traceparent);
    out->expires_at_ns = row_i64(row);
    out->leaning = row_side(row);
    out->interval.coverage = row_double(row);
    out->interval.lower = row_double(row);
    out->interval.upper = row_double(row);
}
