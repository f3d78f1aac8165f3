#include "alphaloop/base/uuid.h"

#include <string.h>

#include "alphaloop/base/hash.h"
#include "alphaloop/base/timestamp.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool dash_before(size_t byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

enum al_err uuid_parse(struct slice text, struct uuid *out)
{
    struct uuid id;
    size_t at = 0;
    if (text.len != UUID_TEXT_MAX - 1)
        return err_set(AL_EPARSE, "a uuid has 36 characters, not %zu", text.len);
    for (size_t i = 0; i < sizeof id.bytes; i++) {
        if (dash_before(i) && text.ptr[at++] != '-')
            return err_set(AL_EPARSE, "not a uuid: no '-' at position %zu", at - 1);
        int high = hex_value(text.ptr[at]), low = hex_value(text.ptr[at + 1]);
        if (high < 0 || low < 0)
            return err_set(AL_EPARSE, "not a uuid: no hex digits at position %zu", at);
        id.bytes[i] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    *out = id;
    return AL_OK;
}

void uuid_format(struct uuid id, char out[UUID_TEXT_MAX])
{
    static const char digits[] = "0123456789abcdef";
    char *to = out;
    for (size_t i = 0; i < sizeof id.bytes; i++) {
        if (dash_before(i))
            *to++ = '-';
        *to++ = digits[id.bytes[i] >> 4];
        *to++ = digits[id.bytes[i] & 15];
    }
    *to = '\0';
}

static void mark(struct uuid *id, uint8_t version)
{
    id->bytes[6] = (uint8_t)((id->bytes[6] & 0x0f) | version << 4);
    id->bytes[8] = (uint8_t)((id->bytes[8] & 0x3f) | 0x80);
}

/* 48 bits of milliseconds, then 12 bits of the fraction of the millisecond (RFC 9562 section 6.2, method 3): ids made
 * within one millisecond still sort by time, to a quarter of a microsecond. */
struct uuid uuid_v7(int64_t now_ns, struct rng *rng)
{
    struct uuid id;
    uint64_t ms = (uint64_t)(now_ns / NS_PER_MS);
    uint64_t fraction = (uint64_t)(now_ns % NS_PER_MS) * 4096 / (uint64_t)NS_PER_MS;
    uint64_t chance = rng_u64(rng);
    for (int i = 0; i < 6; i++)
        id.bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    id.bytes[6] = (uint8_t)(fraction >> 8);
    id.bytes[7] = (uint8_t)fraction;
    memcpy(id.bytes + 8, &chance, 8);
    mark(&id, 7);
    return id;
}

struct uuid uuid_derive(struct slice content)
{
    struct sha256 hash;
    struct uuid id;
    sha256_of(content.ptr, content.len, &hash);
    memcpy(id.bytes, hash.bytes, sizeof id.bytes);
    mark(&id, 8);
    return id;
}

bool uuid_eq(struct uuid a, struct uuid b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

bool uuid_is_nil(struct uuid id)
{
    return uuid_eq(id, (struct uuid){{0}});
}
