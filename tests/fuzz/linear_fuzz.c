/* Any bytes go through the reader of weights, under a checksum that holds, so that what lies behind it is reached; what it
 * accepts is scored and explained, and stays finite. */
#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "alphaloop/base/hash.h"
#include "alphaloop/model/linear.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct buf file = BUF_INIT(1U << 20);
    struct linear *linear = NULL;
    struct sha256 hash;
    sha256_of(bytes, n_bytes, &hash);
    buf_append(&file, bytes, n_bytes);
    buf_append(&file, hash.bytes, sizeof hash.bytes);
    if (buf_ok(&file) && linear_load(buf_slice(&file), &linear) == AL_OK) {
        size_t n = linear_n_features(linear);
        float *row = calloc(n, sizeof *row);
        double *contributions = calloc(n, sizeof *contributions);
        for (size_t i = 0; i < n; i++)
            row[i] = i % 3 == 0 ? 3e38F : i % 3 == 1 ? -1 : NAN;
        assert(isfinite(linear_score(linear, row)));
        linear_contributions(linear, row, contributions);
        for (size_t i = 0; i < n; i++)
            assert(isfinite(contributions[i]));
        free(contributions);
        free(row);
        linear_destroy(linear);
    }
    buf_deinit(&file);
    return 0;
}
