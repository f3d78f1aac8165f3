/* Any bytes as novelty.bin; the first chooses the number of columns. What is accepted scores any row without harm, and is
 * written as the same bytes. */
#include <assert.h>
#include <math.h>
#include <stdint.h>

#include "alphaloop/model/novelty.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

#define COLS_MAX 16

static void score(const struct novelty *novelty, size_t n_cols)
{
    static const float values[] = {0, 1, -1e30F, NAN};
    float row[COLS_MAX];
    for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
        for (size_t i = 0; i < n_cols; i++)
            row[i] = values[(i + k) % (sizeof values / sizeof *values)];
        assert(novelty_score(novelty, row) >= 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct novelty *novelty;
    if (n_bytes == 0)
        return 0;
    const struct slice file = {(const char *)bytes + 1, n_bytes - 1};
    size_t n_cols = 1 + bytes[0] % COLS_MAX;
    struct buf out = BUF_INIT(NOVELTY_BYTES_MAX);
    if (novelty_read(file, n_cols, &novelty) == AL_OK) {
        score(novelty, n_cols);
        novelty_write(novelty, &out);
        assert(buf_ok(&out) && slice_eq(buf_slice(&out), file));
        novelty_destroy(novelty);
    }
    buf_deinit(&out);
    return 0;
}
