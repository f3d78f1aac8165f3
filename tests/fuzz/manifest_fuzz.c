/* Any bytes go through the reader of manifests; what it accepts is written anew and must read back to the same text. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "alphaloop/model/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct manifest *first = malloc(sizeof *first), *second = malloc(sizeof *second);
    struct buf text = BUF_INIT(2 * MANIFEST_BYTES_MAX), again = BUF_INIT(2 * MANIFEST_BYTES_MAX);
    if (manifest_read((struct slice){(const char *)bytes, n_bytes}, first) == AL_OK) {
        manifest_write(first, &text);
        assert(buf_ok(&text));
        enum al_err err = manifest_read(buf_slice(&text), second);
        assert(err == AL_OK);
        manifest_write(second, &again);
        assert(slice_eq(buf_slice(&text), buf_slice(&again)));
    }
    buf_deinit(&text);
    buf_deinit(&again);
    free(first);
    free(second);
    return 0;
}
