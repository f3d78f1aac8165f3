/* A reader of AMQP field tables that keeps nothing, does not recurse, and stops at a fixed depth.
 *
 * Invariant: `at` never passes `end`, and every open table or array ends inside the one around it.
 */
#include "props_i.h"

#include <stddef.h>
#include <stdint.h>

struct reader {
    const uint8_t *at, *end;
};

struct level {
    const uint8_t *end;
    bool is_table; /* its entries have names */
};

static bool skip(struct reader *r, size_t n_bytes)
{
    if ((size_t)(r->end - r->at) < n_bytes)
        return false;
    r->at += n_bytes;
    return true;
}

static bool take_u32(struct reader *r, uint32_t *out)
{
    const uint8_t *p = r->at;
    if (!skip(r, 4))
        return false;
    *out = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    return true;
}

static bool skip_short_string(struct reader *r)
{
    return r->at < r->end && skip(r, (size_t)*r->at + 1);
}

static bool skip_long_string(struct reader *r)
{
    uint32_t n_bytes;
    return take_u32(r, &n_bytes) && skip(r, n_bytes);
}

/* Bytes of a value of this kind; -1 when its length is written before it or the kind is unknown. */
static int fixed_size(char kind)
{
    static const struct {
        char kind;
        int8_t size;
    } sizes[] = {{'t', 1}, {'b', 1}, {'B', 1}, {'s', 2}, {'u', 2}, {'I', 4}, {'i', 4},
                 {'l', 8}, {'L', 8}, {'f', 4}, {'d', 8}, {'D', 5}, {'T', 8}, {'V', 0}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        if (sizes[i].kind == kind)
            return sizes[i].size;
    }
    return -1;
}

static bool enter(struct reader *r, struct level *levels, size_t *n_levels, bool is_table)
{
    uint32_t n_bytes;
    if (*n_levels == PROPS_DEPTH_MAX || !take_u32(r, &n_bytes))
        return false;
    const uint8_t *outer_end = *n_levels > 0 ? levels[*n_levels - 1].end : r->end;
    if ((size_t)(outer_end - r->at) < n_bytes)
        return false;
    levels[(*n_levels)++] = (struct level){.end = r->at + n_bytes, .is_table = is_table};
    return true;
}

static bool skip_value(struct reader *r, struct level *levels, size_t *n_levels)
{
    const uint8_t *kind = r->at;
    if (!skip(r, 1))
        return false;
    int size = fixed_size((char)*kind);
    if (size >= 0)
        return skip(r, (size_t)size);
    switch (*kind) {
    case 'S':
    case 'x':
        return skip_long_string(r);
    case 'F':
        return enter(r, levels, n_levels, true);
    case 'A':
        return enter(r, levels, n_levels, false);
    default:
        return false;
    }
}

static bool skip_table(struct reader *r)
{
    struct level levels[PROPS_DEPTH_MAX];
    size_t n_levels = 0;
    if (!enter(r, levels, &n_levels, true))
        return false;
    while (n_levels > 0) {
        struct level *level = &levels[n_levels - 1];
        if (r->at > level->end)
            return false;
        if (r->at == level->end) {
            n_levels--;
            continue;
        }
        if (level->is_table && !skip_short_string(r))
            return false;
        if (!skip_value(r, levels, &n_levels))
            return false;
    }
    return true;
}

static bool skip_property(struct reader *r, char kind)
{
    switch (kind) {
    case 's':
        return skip_short_string(r);
    case 'F':
        return skip_table(r);
    case '1':
        return skip(r, 1);
    default:
        return skip(r, 8);
    }
}

bool props_are_sound(struct slice encoded)
{
    /* From the highest flag bit down: content type and encoding, headers, delivery mode, priority,
     * correlation id, reply to, expiration, message id, timestamp, type, user, application, cluster. */
    static const char kinds[] = "ssF11ssss8ssss";
    struct reader r = {(const uint8_t *)encoded.ptr, (const uint8_t *)encoded.ptr + encoded.len};
    const uint8_t *flags = r.at;
    if (!skip(&r, 2) || (flags[1] & 3) != 0)
        return false;
    unsigned bits = (unsigned)flags[0] << 8 | flags[1];
    for (size_t i = 0; i < sizeof(kinds) - 1; i++) {
        if ((bits & (0x8000U >> i)) != 0 && !skip_property(&r, kinds[i]))
            return false;
    }
    return r.at == r.end;
}
