/* Any JSON array as candles somebody posts: what is taken is fit to be stored, what is not is named. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/history/posted.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

#define NOW_NS (INT64_C(1790000000) * NS_PER_S)

static void check_taken(const struct candle *candles, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct candle *c = &candles[i];
        assert(c->low > 0 && c->low <= fmin(c->open, c->close) && isfinite(c->high));
        assert(c->high >= fmax(c->open, c->close) && !(c->volume < 0));
        assert(c->ts_open_ns + c->interval_ns <= NOW_NS);
        assert(i == 0 || c->ts_open_ns > candles[i - 1].ts_open_ns);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static const int64_t intervals_ns[] = {NS_PER_S, NS_PER_MIN, NS_PER_H, 366 * NS_PER_DAY};
    if (n_bytes == 0)
        return 0;
    struct json_reader *reader = json_reader_create(1 << 16, 8);
    struct posted_problem problems[POSTED_PROBLEMS_MAX];
    struct json_node *array;
    if (json_read(reader, (struct slice){(const char *)bytes + 1, n_bytes - 1}, &array) == AL_OK) {
        size_t n = json_length(array);
        struct candle *candles = calloc(n + 1, sizeof(*candles));
        if (json_is_array(array)) {
            size_t n_problems =
                posted_candles_read(array, intervals_ns[bytes[0] % 4], NOW_NS, candles, problems);
            assert(n_problems <= POSTED_PROBLEMS_MAX);
            for (size_t i = 0; i < n_problems; i++)
                assert(problems[i].index < n && problems[i].text[0] != '\0');
            if (n_problems == 0)
                check_taken(candles, n);
        }
        free(candles);
        json_put(array);
    }
    json_reader_destroy(reader);
    return 0;
}
