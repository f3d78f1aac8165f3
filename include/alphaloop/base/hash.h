/* Hashes: SHA-256 where content must be trusted (libsodium), FNV-1a where a table needs spreading. */
#ifndef ALPHALOOP_BASE_HASH_H
#define ALPHALOOP_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alphaloop/base/buf.h"

#define SHA256_TEXT_MAX 65

struct sha256 {
    uint8_t bytes[32];
};

void sha256_of(const void *bytes, size_t n_bytes, struct sha256 *out);
void sha256_format(const struct sha256 *hash, char out[SHA256_TEXT_MAX]);
bool sha256_parse(struct slice text, struct sha256 *out); /* 64 hex digits, either case */
bool sha256_eq(const struct sha256 *a, const struct sha256 *b);
uint64_t fnv1a64(const void *bytes, size_t n_bytes);

#endif
