/* Any bytes go through the reader of out-of-fold forecasts; what it accepts is written anew to the same bytes. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "alphaloop/forecast/oof.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct slice input = {(const char *)bytes, n_bytes};
    struct buf again = BUF_INIT(n_bytes + 64);
    struct forecast_oof oof;
    if (forecast_oof_read(input, &oof) == AL_OK) {
        forecast_oof_write(&oof, &again);
        assert(slice_eq(buf_slice(&again), input));
        forecast_oof_deinit(&oof);
    }
    buf_deinit(&again);
    return 0;
}
