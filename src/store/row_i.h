/* What every table needs: columns of arrays to write, a cursor over the columns of a row to read, and texts made safe.
 *
 * Text from outside is checked by whoever took it in, but the price of one bad byte here would be a transaction refused for
 * ever, so it is checked once more: bytes that are not UTF-8, and NUL, become '?'. */
#ifndef ALPHALOOP_STORE_ROW_I_H
#define ALPHALOOP_STORE_ROW_I_H

#include "alphaloop/base/hash.h"
#include "alphaloop/domain/names.h"
#include "alphaloop/domain/reason.h"
#include "alphaloop/io/pg.h"

/* One array parameter: `put` once for every i below n. */
#define PUT_COLUMN(batch, type, n, put)                                                            \
    do {                                                                                           \
        pg_array_begin((batch), (type), (n));                                                      \
        for (size_t i = 0; i < (n); i++)                                                           \
            put;                                                                                   \
        pg_array_end(batch);                                                                       \
    } while (0)

void store_put_text(struct pg_batch *batch, struct slice text);
void store_put_chars(struct pg_batch *batch, const char *text); /* "" is null */
/* One JSON value for jsonb, which refuses more than JSON does: \u0000 becomes \ufffd, a number past the range of double
 * null. Empty is null. */
void store_put_json(struct pg_batch *batch, struct slice json);
void store_put_price(struct pg_batch *batch,
                     double price); /* numeric(20,8); null when it does not fit */
void store_put_hash(struct pg_batch *batch, const struct sha256 *hash);
void store_put_side(struct pg_batch *batch, enum side side);
void store_put_reason(struct pg_batch *batch, enum reason reason); /* REASON_NONE is null */
void store_put_time_ns(struct pg_batch *batch, int64_t ts_ns); /* bigint; TIMESTAMP_NONE is null */
void store_put_limit(struct pg_batch *batch, size_t n);

/* Reads the columns of one row in order. The first fault stays in `err`; what is read after it means nothing. */
struct row {
    const struct pg_result *result;
    size_t index, column;
    enum al_err err;
};
struct row row_at(const struct pg_result *result, size_t index);
bool row_bool(struct row *row);
int64_t row_i64(struct row *row);
int64_t row_time_ns(struct row *row); /* a bigint of ns; null is TIMESTAMP_NONE */
int64_t row_time(struct row *row);    /* timestamptz */
double row_double(struct row *row);
struct decimal row_decimal(struct row *row);
struct slice row_text(struct row *row);
struct slice row_bytes(struct row *row);
struct uuid row_uuid(struct row *row);
void row_chars(struct row *row, char *out, size_t out_size);
void row_hash(struct row *row, struct sha256 *out);
size_t row_floats(struct row *row, float *out, size_t n_max);
enum side row_side(struct row *row);     /* null is SIDE_NONE */
enum reason row_reason(struct row *row); /* null is REASON_NONE */
/* Index of the text among `names`. */
unsigned row_choice(struct row *row, const char *const *names, size_t n_names);

#define ROW_CHARS(row, array) row_chars((row), (array), sizeof(array))

#endif
