/* Table candle_imports. */
#include "alphaloop/store/candle_imports.h"

#include "alphaloop/base/timestamp.h"
#include "row_i.h"

#define KEY " asset = $1 AND interval_seconds = $2 AND file_sha256 = $3"

static const struct pg_statement put_statement = {
    "candle_imports_put",
    "INSERT INTO candle_imports (asset, interval_seconds, file_sha256, line) VALUES ($1, $2, $3, "
    "$4)"
    " ON CONFLICT (asset, interval_seconds, file_sha256)"
    " DO UPDATE SET line = excluded.line, updated_at = now()",
};

static const struct pg_statement find_statement = {
    "candle_imports_find",
    "SELECT line FROM candle_imports WHERE" KEY,
};

static const struct pg_statement delete_statement = {
    "candle_imports_delete",
    "DELETE FROM candle_imports WHERE" KEY,
};

static void put_key(struct pg_batch *batch, const struct candle_import *import)
{
    pg_put_str(batch, import->asset.text);
    pg_put_i32(batch, (int32_t)(import->interval_ns / NS_PER_S));
    store_put_hash(batch, &import->file);
}

void candle_imports_put(struct pg_batch *batch, const struct candle_import *import, uint64_t line)
{
    pg_batch_statement(batch, &put_statement);
    put_key(batch, import);
    pg_put_i64(batch, (int64_t)line);
}

void candle_imports_find(struct pg_batch *batch, const struct candle_import *import)
{
    pg_batch_statement(batch, &find_statement);
    put_key(batch, import);
}

uint64_t candle_imports_read(const struct pg_result *result)
{
    return pg_result_n_rows(result) == 0 ? 0 : (uint64_t)pg_result_i64(result, 0, 0);
}

void candle_imports_delete(struct pg_batch *batch, const struct candle_import *import)
{
    pg_batch_statement(batch, &delete_statement);
    put_key(batch, import);
}
