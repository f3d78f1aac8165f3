/* fill_samples STRATEGY N: N settled own samples of the first 50 columns of the catalogue, one a second up to now, with a
 * weak edge in the first column, into the table samples (schema alphaloop). Prints the names of the columns, one a line. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alphaloop/base/buf.h"
#include "alphaloop/base/rng.h"
#include "alphaloop/feature/feature_catalog.h"
#include "bench.h"

enum { COLUMNS = 50 };

static const char copy_sql[] = "COPY alphaloop.samples (decision_id, action, strategy_id, asset, "
                               "evidence, t0_ns, t1_ns, available_at_ns, gross_return, "
                               "cost_return, net_return, barrier, fill_fraction, propensity, "
                               "policy_took, is_warmup, is_dry_run, schema_hash, features) "
                               "FROM STDIN";

static void resolve(struct feature_set *set)
{
    struct slice names[COLUMNS];
    for (size_t i = 0; i < COLUMNS; i++)
        names[i] = slice_of(feature_row_at(i)->name);
    if (feature_set_resolve(names, COLUMNS, NS_PER_MIN, set) != AL_OK)
        bench_die("feature set: %s", err_text());
}

static void put_hex(struct buf *out, const void *bytes, size_t n_bytes)
{
    const unsigned char *b = bytes;
    buf_puts(out, "\\\\x");
    for (size_t i = 0; i < n_bytes; i++)
        buf_printf(out, "%02x", b[i]);
}

static void put_row(struct buf *out,
                    struct rng *rng,
                    const char *strategy,
                    uint64_t i,
                    int64_t t0_ns,
                    const struct sha256 *hash)
{
    float x[COLUMNS];
    double gross;
    for (size_t c = 0; c < COLUMNS; c++)
        x[c] = (float)rng_normal(rng);
    bool is_buy = rng_u64(rng) & 1;
    int64_t t1_ns = t0_ns + NS_PER_MIN, available_ns = t1_ns + NS_PER_S;
    gross = 1e-4 * ((is_buy ? 5.0 : -5.0) * (double)x[0] + 16 * rng_normal(rng));
    buf_printf(out,
               "33333333-0000-7000-8000-%012" PRIx64 "\t%s\t%s\tBTCUSDT\t1\t%" PRId64 "\t%" PRId64
               "\t%" PRId64 "\t%.17g\t0.0003\t%.17g\t3\t1\t0.5\tt\tt\tf\t",
               i, is_buy ? "buy" : "sell", strategy, t0_ns, t1_ns, available_ns, gross,
               gross - 0.0003);
    put_hex(out, hash->bytes, sizeof hash->bytes);
    buf_putc(out, '\t');
    put_hex(out, x, sizeof x);
    buf_putc(out, '\n');
}

int main(int argc, char **argv)
{
    if (argc != 3)
        bench_die("usage: fill_samples STRATEGY N");
    static struct feature_set set;
    uint64_t n = strtoull(argv[2], NULL, 10);
    struct buf text = BUF_INIT(4U << 20);
    struct rng rng;
    rng_seed(&rng, 1);
    resolve(&set);
    PGconn *db = bench_database();
    PGresult *result = PQexec(db, copy_sql);
    if (PQresultStatus(result) != PGRES_COPY_IN)
        bench_die("copy: %s", PQerrorMessage(db));
    PQclear(result);
    int64_t now_ns = (int64_t)time(NULL) * NS_PER_S;
    for (uint64_t i = 0; i < n; i++) {
        put_row(&text, &rng, argv[1], i, now_ns - (int64_t)(n - i + 120) * NS_PER_S,
                &set.schema_hash);
        if (text.len > 1U << 20 || i + 1 == n) {
            if (!buf_ok(&text) || PQputCopyData(db, text.ptr, (int)text.len) != 1)
                bench_die("copy: %s", PQerrorMessage(db));
            buf_reset(&text);
        }
    }
    if (PQputCopyEnd(db, NULL) != 1)
        bench_die("copy: %s", PQerrorMessage(db));
    while ((result = PQgetResult(db)) != NULL) {
        if (PQresultStatus(result) != PGRES_COMMAND_OK)
            bench_die("copy: %s", PQerrorMessage(db));
        PQclear(result);
    }
    for (size_t i = 0; i < COLUMNS; i++)
        puts(set.columns[i].name);
    PQfinish(db);
    buf_deinit(&text);
    return 0;
}
