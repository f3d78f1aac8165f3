/* Any bytes as probe.bin; the first chooses the number of columns. What is accepted is written as the same bytes. */
#include <assert.h>
#include <stdint.h>

#include "../../src/model/probe_i.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct probe probe = {0};
    if (n_bytes == 0)
        return 0;
    const struct slice file = {(const char *)bytes + 1, n_bytes - 1};
    struct buf out = BUF_INIT(1U << 20);
    if (probe_read(file, bytes[0], &probe) == AL_OK) {
        assert(probe.n_rows > 0 && probe.n_rows <= PROBE_ROWS_MAX && probe.n_cols == bytes[0]);
        probe_write(probe.x, probe.n_rows, probe.n_cols, probe.margins, &out);
        assert(buf_ok(&out) && slice_eq(buf_slice(&out), file));
        probe_deinit(&probe);
    }
    buf_deinit(&out);
    return 0;
}
