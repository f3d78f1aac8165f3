/* Values of any kind from the fuzzer's bytes; zeros when they have run out. */
#ifndef ALPHALOOP_TESTS_FUZZ_SOURCE_H
#define ALPHALOOP_TESTS_FUZZ_SOURCE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct source {
    const uint8_t *bytes;
    size_t n_left;
};

static inline void take(struct source *source, void *out, size_t n_bytes)
{
    size_t n = n_bytes < source->n_left ? n_bytes : source->n_left;
    memset(out, 0, n_bytes);
    memcpy(out, source->bytes, n);
    source->bytes += n;
    source->n_left -= n;
}

static inline uint8_t any_byte(struct source *source)
{
    uint8_t value;
    take(source, &value, sizeof(value));
    return value;
}

#endif
