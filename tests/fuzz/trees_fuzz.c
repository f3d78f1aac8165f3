/* Any bytes go through the reader of trees, under a checksum that holds, so that what lies behind it is reached; what it
 * accepts is walked and explained. */
#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "alphaloop/base/hash.h"
#include "alphaloop/model/trees.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct buf file = BUF_INIT(1U << 20);
    struct trees *trees = NULL;
    struct sha256 hash;
    sha256_of(bytes, n_bytes, &hash);
    buf_append(&file, bytes, n_bytes);
    buf_append(&file, hash.bytes, sizeof hash.bytes);
    if (buf_ok(&file) && trees_load(buf_slice(&file), &trees) == AL_OK) {
        float *row = calloc(trees_n_features(trees), sizeof *row);
        volatile float margin = trees_score(trees, row);
        (void)margin;
        double *contributions = calloc(trees_n_features(trees), sizeof *contributions);
        if (trees_contributions(trees, row, contributions))
            assert(isfinite(contributions[0]) && isfinite(trees_bias(trees)));
        free(contributions);
        free(row);
        trees_destroy(trees);
    }
    buf_deinit(&file);
    return 0;
}
