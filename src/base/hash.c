#include "alphaloop/base/hash.h"

#include <string.h>

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

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool sha256_parse(struct slice text, struct sha256 *out)
{
    if (text.len != SHA256_TEXT_MAX - 1)
        return false;
    for (size_t i = 0; i < sizeof out->bytes; i++) {
        int high = hex_digit(text.ptr[2 * i]), low = hex_digit(text.ptr[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out->bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool sha256_eq(const struct sha256 *a, const struct sha256 *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* Fowler, Noll and Vo, 64 bits, variant 1a. */
uint64_t fnv1a64(const void *bytes, size_t n_bytes)
{
    const uint8_t *byte = bytes;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < n_bytes; i++)
        hash = (hash ^ byte[i]) * UINT64_C(0x100000001b3);
    return hash;
}
