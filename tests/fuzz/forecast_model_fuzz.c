/* Any bytes go through the readers of fitted forecasts, of those that end in a checksum under one that holds; what is accepted is
 * asked and saved to the same bytes. The network has a fuzzer of its own. */
#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "alphaloop/base/hash.h"
#include "alphaloop/forecast/kind.h"

#define N_COLS     4
#define HEAD_BYTES 16 /* of a boosted one, before what the checksum is of */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void try_kind(const struct forecast_kind *kind, struct slice input)
{
    static const float x[N_COLS] = {3e38F, -1, NAN, 0};
    static const int64_t ts_ns[1] = {1};
    const struct forecast_series series = {1, N_COLS, x, ts_ns, NULL};
    struct buf again = BUF_INIT(input.len + 64);
    struct forecast_model *model = NULL;
    size_t row = 0;
    float mean, spread;
    if (kind->load(input, &model) != AL_OK) {
        assert(model == NULL);
        return;
    }
    enum al_err err = kind->predict(model, &series, &row, 1, &mean, &spread);
    assert(err == AL_OK || err == AL_EINVAL);
    err = kind->save(model, &again);
    assert(err == AL_OK && slice_eq(buf_slice(&again), input));
    kind->destroy(model);
    buf_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct buf sealed = BUF_INIT(n_bytes + 64);
    struct sha256 hash;
    buf_append(&sealed, bytes, n_bytes);
    try_kind(forecast_kind_find(SLICE("baseline")), buf_slice(&sealed));
    if (n_bytes > HEAD_BYTES) {
        sha256_of(bytes + HEAD_BYTES, n_bytes - HEAD_BYTES, &hash);
        buf_append(&sealed, hash.bytes, sizeof hash.bytes);
        try_kind(forecast_kind_find(SLICE("xgboost")), buf_slice(&sealed));
    }
    buf_deinit(&sealed);
    return 0;
}
