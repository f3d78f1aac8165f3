/* Any JSON array as closes somebody posts: what is taken has a risk within its bounds. */
#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "alphaloop/history/closes.h"
#include "alphaloop/history/risk.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

/* Again and again from the first, so that short inputs have a risk, too. */
static void check_risk(const double *closes, size_t n)
{
    size_t count = n < RISK_CLOSES_MIN ? RISK_CLOSES_MIN : n;
    double *all = calloc(2 * count, sizeof *all);
    for (size_t i = 0; i < count; i++)
        all[i] = closes[i % n];
    struct risk risk = risk_of_closes(all, count, all + count);
    assert(risk.score >= 0 && risk.score <= 99 && risk.level != NULL);
    assert(risk.volatility >= 0 && isfinite(risk.volatility) && isfinite(risk.trend));
    assert(risk.swing >= 0 && risk.swing <= 7);
    assert(risk.return_volatility >= 0 && isfinite(risk.return_volatility));
    assert(risk.value_at_risk_95 >= 0 && risk.value_at_risk_95 <= risk.max_drawdown);
    assert(risk.max_drawdown <= 1);
    free(all);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct json_reader *reader = json_reader_create(1 << 16, 8);
    struct json_node *array;
    if (json_read(reader, (struct slice){(const char *)bytes, n_bytes}, &array) == AL_OK) {
        size_t n = json_length(array);
        double *closes = calloc(n + 1, sizeof *closes);
        if (json_is_array(array) && posted_closes_read(array, "prices", closes) == AL_OK && n > 0)
            check_risk(closes, n);
        free(closes);
        json_put(array);
    }
    json_reader_destroy(reader);
    return 0;
}
