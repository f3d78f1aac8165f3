/* Any bytes go through the reader of networks, under a checksum that holds, so that what lies behind it is reached; what it
 * accepts is asked with odd rows, and stays finite. */
#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "alphaloop/base/hash.h"
#include "alphaloop/forecast/lstm.h"

#define N_ROWS    3
#define N_SAMPLES 2

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void ask(const struct lstm_model *model)
{
    size_t n = model->scaler->n_cols, row = N_ROWS - 1;
    float *x = calloc(N_ROWS * n, sizeof *x), value, deviation;
    for (size_t i = 0; i < N_ROWS * n; i++)
        x[i] = i % 4 == 0 ? 3e38F : i % 4 == 1 ? -1 : i % 4 == 2 ? NAN : -INFINITY;
    struct lstm_rows table = {N_ROWS, n, x, model->scaler};
    if (lstm_predict(model->net, &table, &row, 1, N_SAMPLES, model->seed, &value, &deviation) !=
        AL_OK)
        abort();
    assert(isfinite(model->target_mean + model->target_deviation * value));
    assert(isfinite(deviation) && deviation >= 0);
    free(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct buf file = BUF_INIT(1U << 20);
    struct lstm_model model;
    struct sha256 hash;
    sha256_of(bytes, n_bytes, &hash);
    buf_append(&file, bytes, n_bytes);
    buf_append(&file, hash.bytes, sizeof hash.bytes);
    if (buf_ok(&file) && lstm_model_read(buf_slice(&file), &model) == AL_OK) {
        ask(&model);
        lstm_model_deinit(&model);
    }
    buf_deinit(&file);
    return 0;
}
