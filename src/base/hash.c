#include "alphaloop/base/hash.h"

#include <sodium.h>

void sha256_of(const void *bytes, size_t n_bytes, struct sha256 *out)
{
    crypto_hash_sha256(out->bytes, bytes, n_bytes);
}

void sha256_format(const struct sha256 *hash, char out[SHA256_TEXT_MAX])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof hash->bytes; i++) {
        out[2 * i] = digits[hash->bytes[i] >> 4];
        out[2 * i + 1] = digits[hash->bytes[i] & 15];
    }
    out[2 * sizeof hash->bytes] = '\0';
}

/* Fowler, Noll and Vo, 64 bits, variant 1a. */
uint64_t fnv1a64(const void *bytes, size_t n_bytes)
{
    const uint8_t *byte = bytes;
    uint64_t       hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < n_bytes; i++)
        hash = (hash ^ byte[i]) * UINT64_C(0x100000001b3);
    return hash;
}
