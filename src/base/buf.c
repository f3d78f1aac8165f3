/* Growth doubles, from 64 bytes, up to the bound; content stays NUL-terminated after every call. */
#include "alphaloop/base/buf.h"

#include <endian.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CAP_FIRST 64

struct slice slice_of(const char *text)
{
    return text == NULL ? (struct slice){"", 0} : (struct slice){text, strlen(text)};
}

bool slice_eq(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool slice_is(struct slice a, const char *text)
{
    return slice_eq(a, slice_of(text));
}

bool slice_is_nocase(struct slice a, const char *text)
{
    return a.len == strlen(text) && (a.len == 0 || strncasecmp(a.ptr, text, a.len) == 0);
}

bool slice_take_byte(struct slice *text, char byte)
{
    if (text->len == 0 || text->ptr[0] != byte)
        return false;
    text->ptr++;
    text->len--;
    return true;
}

void buf_deinit(struct buf *buf)
{
    free(buf->ptr);
    *buf = BUF_INIT(buf->max);
}

void buf_reset(struct buf *buf)
{
    buf->len = 0;
    buf->failed = false;
    if (buf->ptr != NULL)
        buf->ptr[0] = '\0';
}

bool buf_ok(const struct buf *buf)
{
    return !buf->failed;
}

const char *buf_str(const struct buf *buf)
{
    return buf->ptr == NULL ? "" : buf->ptr;
}

struct slice buf_slice(const struct buf *buf)
{
    return (struct slice){buf_str(buf), buf->len};
}

/* Makes room for content of `len` bytes and its NUL. */
static bool grow(struct buf *buf, size_t len)
{
    size_t cap = buf->cap < CAP_FIRST ? CAP_FIRST : buf->cap;
    while (cap <= len)
        cap = cap > buf->max / 2 ? buf->max + 1 : cap * 2;
    char *ptr = realloc(buf->ptr, cap);
    if (ptr == NULL)
        return false;
    buf->ptr = ptr;
    buf->cap = cap;
    return true;
}

char *buf_reserve(struct buf *buf, size_t n_bytes)
{
    if (n_bytes > buf->max - buf->len) {
        buf->failed = true;
        return NULL;
    }
    size_t len = buf->len + n_bytes;
    if (len >= buf->cap && !grow(buf, len)) {
        buf->failed = true;
        return NULL;
    }
    return buf->ptr + buf->len;
}

void buf_added(struct buf *buf, size_t n_bytes)
{
    assert(buf->cap - buf->len > n_bytes);
    buf->len += n_bytes;
    buf->ptr[buf->len] = '\0';
}

void buf_append(struct buf *buf, const void *bytes, size_t n_bytes)
{
    char *to = n_bytes == 0 ? NULL : buf_reserve(buf, n_bytes);
    if (to == NULL)
        return;
    memcpy(to, bytes, n_bytes);
    buf_added(buf, n_bytes);
}

void buf_puts(struct buf *buf, const char *text)
{
    buf_append(buf, text, strlen(text));
}

void buf_putc(struct buf *buf, char byte)
{
    buf_append(buf, &byte, 1);
}

void buf_vprintf(struct buf *buf, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    assert(len >= 0);
    char *to = buf_reserve(buf, (size_t)len);
    if (to != NULL) {
        vsnprintf(to, (size_t)len + 1, format, again);
        buf_added(buf, (size_t)len);
    }
    va_end(again);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buf_vprintf(buf, format, args);
    va_end(args);
}

void buf_consume(struct buf *buf, size_t n_bytes)
{
    assert(n_bytes <= buf->len);
    if (n_bytes == 0)
        return;
    memmove(buf->ptr, buf->ptr + n_bytes, buf->len - n_bytes + 1);
    buf->len -= n_bytes;
}

static void put_be(struct buf *buf, uint64_t value, size_t n_bytes)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < n_bytes; i++)
        bytes[i] = (uint8_t)(value >> (8 * (n_bytes - 1 - i)));
    buf_append(buf, bytes, n_bytes);
}

void buf_put_u16be(struct buf *buf, uint16_t v)
{
    put_be(buf, v, 2);
}

void buf_put_u32be(struct buf *buf, uint32_t v)
{
    put_be(buf, v, 4);
}

void buf_put_u64be(struct buf *buf, uint64_t v)
{
    put_be(buf, v, 8);
}

void buf_put_u32le(struct buf *buf, uint32_t v)
{
    v = htole32(v);
    buf_append(buf, &v, sizeof v);
}

void buf_put_f32le(struct buf *buf, float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    buf_put_u32le(buf, bits);
}

uint32_t u32le_at(const char *bytes)
{
    uint32_t v;
    memcpy(&v, bytes, sizeof v);
    return le32toh(v);
}

float f32le_at(const char *bytes)
{
    uint32_t bits = u32le_at(bytes);
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

bool chars_set(char *out, size_t out_size, const char *text)
{
    size_t length = strlen(text), kept = length < out_size ? length : out_size - 1;
    memcpy(out, text, kept);
    out[kept] = '\0';
    return kept == length;
}
