/* Table candles. */
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/store/candles.h"
#include "row_i.h"

#define COLUMNS "asset, interval_seconds, ts_open, open, high, low, close, volume"

/* One statement must not meet the same candle twice, so of those the last one is chosen first. */
static const struct pg_statement upsert_statement = {
    "candles_upsert",
    "INSERT INTO candles (" COLUMNS
    ") SELECT DISTINCT ON (asset, interval_seconds, ts_open) " COLUMNS
    " FROM unnest($1, $2, $3, $4, $5, $6, $7, $8) WITH ORDINALITY AS u (" COLUMNS ", nth)"
    " ORDER BY asset, interval_seconds, ts_open, nth DESC"
    " ON CONFLICT (asset, interval_seconds, ts_open) DO UPDATE SET open = excluded.open, high = "
    "excluded.high,"
    " low = excluded.low, close = excluded.close, volume = excluded.volume",
};

static const struct pg_statement load_last_statement = {
    "candles_load_last",
    "SELECT c.asset, c.interval_seconds, c.ts_open, c.open, c.high, c.low, c.close, c.volume"
    " FROM unnest($1) AS a (asset), unnest($2) AS i (interval_seconds), LATERAL (SELECT * FROM "
    "candles"
    " WHERE candles.asset = a.asset AND candles.interval_seconds = i.interval_seconds ORDER BY "
    "ts_open DESC LIMIT $3) c"
    " ORDER BY 1, 2, 3",
};

static const struct pg_statement prune_statement = {
    "candles_prune",
    "DELETE FROM candles WHERE interval_seconds = $1 AND ts_open < $2",
};

void candles_upsert(struct pg_batch *batch, const struct candle_row *rows, size_t n)
{
    pg_batch_statement(batch, &upsert_statement);
    PUT_COLUMN(batch, PG_TEXT, n, pg_put_str(batch, rows[i].asset.text));
    PUT_COLUMN(batch, PG_I32, n,
               pg_put_i32(batch, (int32_t)(rows[i].candle.interval_ns / NS_PER_S)));
    PUT_COLUMN(batch, PG_TIME, n, pg_put_time(batch, rows[i].candle.ts_open_ns));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double(batch, rows[i].candle.open));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double(batch, rows[i].candle.high));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double(batch, rows[i].candle.low));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double(batch, rows[i].candle.close));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double(batch, rows[i].candle.volume));
}

void candles_load_last(struct pg_batch *batch,
                       const struct asset *assets,
                       size_t n_assets,
                       const int64_t *intervals_ns,
                       size_t n_intervals,
                       size_t n_each)
{
    pg_batch_statement(batch, &load_last_statement);
    PUT_COLUMN(batch, PG_TEXT, n_assets, pg_put_str(batch, assets[i].text));
    PUT_COLUMN(batch, PG_I32, n_intervals,
               pg_put_i32(batch, (int32_t)(intervals_ns[i] / NS_PER_S)));
    store_put_limit(batch, n_each);
}

enum al_err candles_read(const struct pg_result *result, size_t index, struct candle_row *out)
{
    struct row row = row_at(result, index);
    ROW_CHARS(&row, out->asset.text);
    out->candle.interval_ns = row_i64(&row) * NS_PER_S;
    out->candle.ts_open_ns = row_time(&row);
    out->candle.open = row_double(&row);
    out->candle.high = row_double(&row);
    out->candle.low = row_double(&row);
    out->candle.close = row_double(&row);
    out->candle.volume = row_double(&row);
    return row.err;
}

void candles_prune(struct pg_batch *batch, int64_t interval_ns, int64_t before_ns)
{
    pg_batch_statement(batch, &prune_statement);
    pg_put_i32(batch, (int32_t)(interval_ns / NS_PER_S));
    pg_put_time(batch, before_ns);
}
