#include "alphaloop/base/utf8.h"

#include <stdint.h>
#include <string.h>

size_t utf8_length(const char *at, size_t left)
{
    const unsigned char *b = (const unsigned char *)at;
    size_t len = b[0] < 0x80   ? 1
                 : b[0] < 0xc2 ? 0
                 : b[0] < 0xe0 ? 2
                 : b[0] < 0xf0 ? 3
                 : b[0] < 0xf5 ? 4
                               : 0;
    if (len == 0 || len > left)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((b[i] & 0xc0) != 0x80)
            return 0;
    }
    if ((b[0] == 0xe0 && b[1] < 0xa0) || (b[0] == 0xed && b[1] > 0x9f))
        return 0;
    if ((b[0] == 0xf0 && b[1] < 0x90) || (b[0] == 0xf4 && b[1] > 0x8f))
        return 0;
    return len;
}

/* A word has a byte that is 0 or above 127 exactly when one of these high bits is set: 0 - 1 borrows into it, and every
 * other ASCII byte keeps it clear. */
size_t utf8_plain_run(const char *at, size_t left)
{
    size_t n = 0;
    for (uint64_t word; n + sizeof(word) <= left; n += sizeof(word)) {
        memcpy(&word, at + n, sizeof(word));
        if (((word | (word - 0x0101010101010101ULL)) & 0x8080808080808080ULL) != 0)
            break;
    }
    while (n < left && (unsigned char)at[n] - 1U < 0x7f)
        n++;
    return n;
}
