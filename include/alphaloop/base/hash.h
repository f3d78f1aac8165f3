/* Hashes: SHA-256 where content must be trusted (libsodium), FNV-1a where a table needs spreading. */
#ifndef ALPHALOOP_BASE_HASH_H
#define ALPHALOOP_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_TEXT_MAX 65

struct sha256 {
    uint8_t bytes[32];
};

void     sha256_of(const void *bytes, size_t n_bytes, struct sha256 *out);
void     sha256_format(const struct sha256 *hash, char out[SHA256_TEXT_MAX]);
uint64_t fnv1a64(const void *bytes, size_t n_bytes);

#endif
