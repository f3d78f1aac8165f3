/* Any bytes go through the readers of forecast manifests and jobs; what one accepts is written anew and must read back to the same
 * text. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "alphaloop/forecast/job.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void try_manifest(struct slice input, struct buf *text, struct buf *again)
{
    struct forecast_manifest *first = malloc(sizeof *first), *second = malloc(sizeof *second);
    if (forecast_manifest_read(input, first) == AL_OK) {
        forecast_manifest_write(first, text);
        assert(buf_ok(text));
        enum al_err err = forecast_manifest_read(buf_slice(text), second);
        assert(err == AL_OK);
        forecast_manifest_write(second, again);
        assert(slice_eq(buf_slice(text), buf_slice(again)));
    }
    free(first);
    free(second);
}

static void try_job(struct slice input, struct buf *text, struct buf *again)
{
    struct forecast_job first, second;
    if (forecast_job_read(input, &first) != AL_OK)
        return;
    forecast_job_write(&first, text);
    assert(buf_ok(text));
    enum al_err err = forecast_job_read(buf_slice(text), &second);
    assert(err == AL_OK);
    forecast_job_write(&second, again);
    assert(slice_eq(buf_slice(text), buf_slice(again)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct slice input = {(const char *)bytes, n_bytes};
    struct buf text = BUF_INIT(4 * FORECAST_MANIFEST_BYTES_MAX);
    struct buf again = BUF_INIT(4 * FORECAST_MANIFEST_BYTES_MAX);
    try_manifest(input, &text, &again);
    buf_reset(&text);
    buf_reset(&again);
    try_job(input, &text, &again);
    buf_deinit(&text);
    buf_deinit(&again);
    return 0;
}
