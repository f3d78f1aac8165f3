/* The small values that stand in every message, setting and row. The first byte chooses which of them the rest is read as;
 * what is accepted must be the same after it was written and read again. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "../../src/io/pg/numeric_i.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/base/uuid.h"
#include "alphaloop/observe/sentry.h"
#include "alphaloop/settings/cron.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void read_decimal(struct slice text)
{
    struct decimal first, second;
    char out[DECIMAL_TEXT_MAX];
    if (decimal_parse(text, &first) != AL_OK)
        return;
    size_t n = decimal_format(first, out);
    enum al_err err = decimal_parse((struct slice){out, n}, &second);
    assert(err == AL_OK && decimal_cmp(first, second) == 0);
    n = decimal_format_trim(first, out);
    err = decimal_parse((struct slice){out, n}, &second);
    assert(err == AL_OK && decimal_cmp(first, second) == 0);
}

static void read_numeric(struct slice wire)
{
    struct decimal first, second;
    unsigned char out[PG_NUMERIC_BYTES_MAX];
    if (pg_numeric_decode((const unsigned char *)wire.ptr, wire.len, &first) != AL_OK)
        return;
    size_t n = pg_numeric_encode(first, out);
    enum al_err err = pg_numeric_decode(out, n, &second);
    assert(err == AL_OK && decimal_cmp(first, second) == 0);
}

static void read_timestamp(struct slice text)
{
    int64_t first, second;
    char out[TIMESTAMP_TEXT_MAX];
    if (timestamp_parse(text, &first) != AL_OK)
        return;
    assert(first >= 0);
    size_t n = timestamp_format(first, out);
    enum al_err err = timestamp_parse((struct slice){out, n}, &second);
    assert(err == AL_OK && second == first - first % NS_PER_US);
}

static void read_uuid(struct slice text)
{
    struct uuid first, second;
    char out[UUID_TEXT_MAX];
    if (uuid_parse(text, &first) != AL_OK)
        return;
    uuid_format(first, out);
    enum al_err err = uuid_parse((struct slice){out, UUID_TEXT_MAX - 1}, &second);
    assert(err == AL_OK && uuid_eq(first, second));
}

static void read_cron(struct slice text)
{
    const int64_t now_ns = 1769853600LL * NS_PER_S;
    struct cron cron;
    if (cron_parse(text, &cron) != AL_OK)
        return;
    int64_t next_ns = cron_next_after(&cron, now_ns);
    assert(next_ns == TIMESTAMP_NONE || (next_ns > now_ns && next_ns % NS_PER_MIN == 0));
    if (next_ns != TIMESTAMP_NONE)
        assert(cron_next_after(&cron, next_ns - 1) == next_ns);
}

/* What comes of an address goes into a URL and a header: nothing in it may end either. */
static void read_dsn(struct slice text)
{
    struct sentry_address address;
    if (sentry_dsn_parse(text, &address) != AL_OK)
        return;
    assert(strpbrk(address.url, " \r\n?#\"<>\\") == NULL);
    assert(strpbrk(address.auth, "\r\n\"") == NULL);
    assert(strncmp(address.url, "http", 4) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static void (*const readers[])(struct slice) = {read_decimal, read_numeric, read_timestamp,
                                                    read_uuid,    read_cron,    read_dsn};
    if (n_bytes > 0)
        readers[bytes[0] % COUNT_OF(readers)]((struct slice){(const char *)bytes + 1, n_bytes - 1});
    return 0;
}
