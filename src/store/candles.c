/* Table candles. */
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/store/candles.h"
#include "row_i.h"

#define COLUMNS "asset, interval_seconds, ts_open, open, high, low, close, volume"

#define UPDATE                                                                                     \
    " ON CONFLICT (asset, interval_seconds, ts_open) DO UPDATE SET open = excluded.open,"          \
    " high = excluded.high, low = excluded.low, close = excluded.close,"                           \
    " volume = excluded.volume, is_made = excluded.is_made WHERE "
#define IS_DIFFERENT                                                                               \
    "(candles.open, candles.high, candles.low, candles.close, candles.volume, candles.is_made)"    \
    " IS DISTINCT FROM (excluded.open, excluded.high, excluded.low, excluded.close,"               \
    " excluded.volume, excluded.is_made)"

/* One statement must not meet the same candle twice, so of those the last one is chosen first, a given one before a made
 * one. */
static const struct pg_statement upsert_statement = {
    "candles_upsert",
    "INSERT INTO candles (" COLUMNS ", is_made)"
    " SELECT DISTINCT ON (asset, interval_seconds, ts_open) " COLUMNS ", is_made"
    " FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) WITH ORDINALITY AS u (" COLUMNS
    ", is_made, nth) ORDER BY asset, interval_seconds, ts_open, is_made, nth DESC" UPDATE
    "(candles.is_made OR NOT excluded.is_made) AND " IS_DIFFERENT,
};

static const struct pg_statement import_statement = {
    "candles_import",
    "WITH done AS (INSERT INTO candles (" COLUMNS ", is_made)"
    " SELECT $1, $2, u.*, false FROM unnest($3, $4, $5, $6, $7, $8) AS u" UPDATE IS_DIFFERENT
    " RETURNING xmax = 0 AS is_new)" /* a row nobody ever locked or changed */
    " SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM done",
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

static const struct pg_statement load_range_statement = {
    "candles_load_range",
    "SELECT * FROM (SELECT " COLUMNS " FROM candles WHERE asset = $1 AND interval_seconds = $2"
    " AND ts_open >= coalesce($3, '-infinity') AND ts_open < coalesce($4, 'infinity')"
    " ORDER BY ts_open DESC LIMIT $5) AS newest ORDER BY ts_open",
};

static const struct pg_statement find_newest_statement = {
    "candles_find_newest",
    "SELECT max(ts_open) FROM candles WHERE asset = $1 AND interval_seconds = $2",
};

/* Whole intervals from one bar to the next; only what is a gap is divided. */
#define STEPS  "floor(extract(epoch FROM distance) / interval_seconds)::bigint"
#define IS_GAP "distance >= make_interval(secs => 2 * interval_seconds)"

static const struct pg_statement list_statement = {
    "candles_list",
    "SELECT asset, interval_seconds, min(ts_open), max(ts_open), count(*),"
    " count(*) FILTER (WHERE is_made), count(*) FILTER (WHERE " IS_GAP "),"
    " coalesce(sum(CASE WHEN " IS_GAP " THEN " STEPS " - 1 END), 0)::bigint"
    " FROM (SELECT asset, interval_seconds, ts_open, is_made, ts_open - lag(ts_open) OVER"
    " (PARTITION BY asset, interval_seconds ORDER BY ts_open) AS distance FROM candles"
    " WHERE $1::text IS NULL OR asset = $1) AS c GROUP BY 1, 2 ORDER BY 1, 2 LIMIT $2",
};

static const struct pg_statement load_gaps_statement = {
    "candles_load_gaps",
    "SELECT from_open, ts_open, missing FROM (SELECT ts_open - distance"
    " + make_interval(secs => interval_seconds) AS from_open, ts_open, " STEPS " - 1 AS missing"
    " FROM (SELECT interval_seconds, ts_open, ts_open - lag(ts_open) OVER (ORDER BY ts_open)"
    " AS distance FROM candles WHERE asset = $1 AND interval_seconds = $2"
    " AND ts_open >= coalesce($3, '-infinity') AND ts_open < coalesce($4, 'infinity')) AS c"
    " WHERE " IS_GAP " ORDER BY ts_open DESC LIMIT $5) AS newest ORDER BY ts_open",
};

/* Which series there are is found by hopping through the key, so that it costs nothing when there is nothing to delete. */
/* The end of the range counts as a bar, and its beginning as one that came after all before it. */
static const struct pg_statement find_missing_statement = {
    "candles_find_missing",
    "SELECT missing_from, ts_open FROM (SELECT ts_open, coalesce(lag(ts_open) OVER (ORDER BY "
    "ts_open) + make_interval(secs => $2::integer), $3::timestamptz) AS missing_from FROM (SELECT "
    "ts_open FROM candles"
    " WHERE asset = $1 AND interval_seconds = $2 AND ts_open >= $3 AND ts_open < $4"
    " UNION ALL SELECT $4::timestamptz) AS bars) AS steps WHERE missing_from < ts_open"
    " ORDER BY ts_open DESC LIMIT $5",
};

static const struct pg_statement prune_statement = {
    "candles_prune",
    "WITH RECURSIVE series AS ((SELECT asset, interval_seconds FROM candles ORDER BY 1, 2 LIMIT 1)"
    " UNION ALL SELECT next.* FROM series AS s, LATERAL (SELECT asset, interval_seconds"
    " FROM candles WHERE (asset, interval_seconds) > (s.asset, s.interval_seconds)"
    " ORDER BY 1, 2 LIMIT 1) AS next)"
    " DELETE FROM candles AS c USING (SELECT old.* FROM series AS s, LATERAL (SELECT asset,"
    " interval_seconds, ts_open FROM candles WHERE asset = s.asset"
    " AND interval_seconds = s.interval_seconds AND ts_open < least($1,"
    " $2 - make_interval(secs => s.interval_seconds::double precision * $3))"
    " ORDER BY ts_open LIMIT $4) AS old WHERE NOT EXISTS (SELECT FROM ml_models AS m"
    " WHERE m.interval_seconds = s.interval_seconds AND (m.asset IS NULL OR m.asset = s.asset))"
    " LIMIT $4) AS o WHERE c.asset = o.asset AND c.interval_seconds = o.interval_seconds"
    " AND c.ts_open = o.ts_open",
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
    PUT_COLUMN(batch, PG_BOOL, n, pg_put_bool(batch, rows[i].is_made));
}

void candles_import(struct pg_batch *batch,
                    const struct asset *asset,
                    int64_t interval_ns,
                    const struct candle *candles,
                    size_t n)
{
    pg_batch_statement(batch, &import_statement);
    pg_put_str(batch, asset->text);
    pg_put_i32(batch, (int32_t)(interval_ns / NS_PER_S));
    PUT_COLUMN(batch, PG_TIME, n, pg_put_time(batch, candles[i].ts_open_ns));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double(batch, candles[i].open));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double(batch, candles[i].high));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double(batch, candles[i].low));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double(batch, candles[i].close));
    PUT_COLUMN(batch, PG_DOUBLE, n, pg_put_double(batch, candles[i].volume));
}

struct candles_imported candles_read_imported(const struct pg_result *result)
{
    return (struct candles_imported){(uint64_t)pg_result_i64(result, 0, 0),
                                     (uint64_t)pg_result_i64(result, 0, 1)};
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

/* A bound between two microseconds: times in the table are whole ones, so it is rounded up. */
static int64_t bound_up(int64_t ts_ns)
{
    bool is_open = ts_ns == TIMESTAMP_NONE || ts_ns > INT64_MAX - NS_PER_US;
    return is_open ? ts_ns : ts_ns + (NS_PER_US - 1);
}

static void put_query(struct pg_batch *batch, const struct candles_query *query)
{
    pg_put_str(batch, query->asset.text);
    pg_put_i32(batch, (int32_t)(query->interval_ns / NS_PER_S));
    pg_put_time(batch, bound_up(query->from_ns));
    pg_put_time(batch, bound_up(query->to_ns));
    store_put_limit(batch, query->rows_max);
}

void candles_load_range(struct pg_batch *batch, const struct candles_query *query)
{
    pg_batch_statement(batch, &load_range_statement);
    put_query(batch, query);
}

void candles_load_gaps(struct pg_batch *batch, const struct candles_query *query)
{
    pg_batch_statement(batch, &load_gaps_statement);
    put_query(batch, query);
}

enum al_err candles_read_gap(const struct pg_result *result, size_t index, struct gap *out)
{
    struct row row = row_at(result, index);
    out->from_ns = row_time(&row);
    out->to_ns = row_time(&row);
    out->n_missing = (uint64_t)row_i64(&row);
    return row.err;
}

void candles_list(struct pg_batch *batch, const struct asset *asset, size_t limit)
{
    pg_batch_statement(batch, &list_statement);
    pg_put_str(batch, asset == NULL ? NULL : asset->text);
    store_put_limit(batch, limit);
}

enum al_err candles_read_series(const struct pg_result *result,
                                size_t index,
                                struct candle_series *out)
{
    struct row row = row_at(result, index);
    ROW_CHARS(&row, out->asset.text);
    out->interval_ns = row_i64(&row) * NS_PER_S;
    out->first_ns = row_time(&row);
    out->last_ns = row_time(&row);
    out->n_candles = (uint64_t)row_i64(&row);
    out->n_made = (uint64_t)row_i64(&row);
    out->n_gaps = (uint64_t)row_i64(&row);
    out->n_missing = (uint64_t)row_i64(&row);
    return row.err;
}

void candles_find_newest(struct pg_batch *batch, const struct asset *asset, int64_t interval_ns)
{
    pg_batch_statement(batch, &find_newest_statement);
    pg_put_str(batch, asset->text);
    pg_put_i32(batch, (int32_t)(interval_ns / NS_PER_S));
}

int64_t candles_read_newest(const struct pg_result *result)
{
    return pg_result_n_rows(result) == 0 ? TIMESTAMP_NONE : pg_result_time(result, 0, 0);
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

void candles_find_missing(struct pg_batch *batch,
                          const struct asset *asset,
                          int64_t interval_ns,
                          int64_t from_ns,
                          int64_t to_ns,
                          size_t n_max)
{
    pg_batch_statement(batch, &find_missing_statement);
    pg_put_str(batch, asset->text);
    pg_put_i32(batch, (int32_t)(interval_ns / NS_PER_S));
    pg_put_time(batch, from_ns);
    pg_put_time(batch, to_ns);
    store_put_limit(batch, n_max);
}

struct candle_gap candles_read_missing(const struct pg_result *result, size_t index)
{
    struct row row = row_at(result, index);
    struct candle_gap gap;
    gap.from_ns = row_time(&row);
    gap.to_ns = row_time(&row);
    return gap;
}

void candles_prune(
    struct pg_batch *batch, int64_t before_ns, int64_t now_ns, size_t bars_kept, size_t limit)
{
    pg_batch_statement(batch, &prune_statement);
    pg_put_time(batch, before_ns);
    pg_put_time(batch, now_ns);
    pg_put_double(batch, (double)bars_kept);
    store_put_limit(batch, limit);
}

/* ---- copying out ---- */

struct copy {
    int64_t interval_ns;
    bool (*on_candle)(void *ctx, const struct candle *candle);
    void *ctx;
};

static bool on_copied(void *ctx, const struct pg_copy_row *row)
{
    const struct copy *copy = ctx;
    struct candle candle = {
        .ts_open_ns = pg_copy_time(row, 0),
        .interval_ns = copy->interval_ns,
        .open = pg_copy_double(row, 1),
        .high = pg_copy_double(row, 2),
        .low = pg_copy_double(row, 3),
        .close = pg_copy_double(row, 4),
        .volume = pg_copy_double(row, 5),
    };
    return copy->on_candle(copy->ctx, &candle);
}

static void put_bound(struct buf *sql, const char *comparison, int64_t ts_ns)
{
    char text[TIMESTAMP_TEXT_MAX];
    if (ts_ns == TIMESTAMP_NONE)
        return;
    timestamp_format(bound_up(ts_ns) / NS_PER_US * NS_PER_US, text);
    buf_printf(sql, " AND ts_open %s '%s'", comparison, text);
}

static void put_select(struct buf *sql, const struct candles_query *query)
{
    buf_puts(sql, "SELECT * FROM (SELECT ts_open, open, high, low, close, volume FROM candles"
                  " WHERE asset = ");
    pg_quote_literal(sql, slice_of(query->asset.text));
    buf_printf(sql, " AND interval_seconds = %lld", (long long)(query->interval_ns / NS_PER_S));
    put_bound(sql, ">=", query->from_ns);
    put_bound(sql, "<", query->to_ns);
    buf_printf(sql, " ORDER BY ts_open DESC LIMIT %zu) AS newest ORDER BY ts_open",
               query->rows_max);
}

enum al_err candles_copy(struct pg_sync *sync,
                         const struct candles_query *query,
                         bool (*on_candle)(void *ctx, const struct candle *candle),
                         void *ctx)
{
    struct copy copy = {query->interval_ns, on_candle, ctx};
    struct buf sql = BUF_INIT(1024);
    put_select(&sql, query);
    enum al_err err = buf_ok(&sql) ? pg_copy_out(sync, buf_str(&sql), on_copied, &copy)
                                   : err_set(AL_ERANGE, "a statement");
    buf_deinit(&sql);
    return err == AL_OK ? AL_OK : err_add(err, "read candles of %s", query->asset.text);
}
