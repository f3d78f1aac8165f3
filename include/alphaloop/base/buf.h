/* Bytes: a borrowed view (`struct slice`) and a growable, bounded, always NUL-terminated buffer (`struct buf`).
 *
 * A buf starts as BUF_INIT(max), owns its memory, and never grows past `max` bytes of content: an append that would is
 * dropped whole and the buf remembers it in `failed`, so a writer appends freely and checks once at the end with buf_ok().
 */
#ifndef ALPHALOOP_BASE_BUF_H
#define ALPHALOOP_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alphaloop/base/err.h"

struct slice {
    const char *ptr; /* not NUL-terminated */
    size_t len;
};

#define SLICE(literal) ((struct slice){"" literal, sizeof(literal) - 1})
struct slice slice_of(const char *text); /* NULL gives an empty slice */
bool slice_eq(struct slice a, struct slice b);
bool slice_is(struct slice a, const char *text);
bool slice_is_nocase(struct slice a, const char *text);
bool slice_take_byte(struct slice *text, char byte); /* it begins with it: now it begins after it */

/* Text into a fixed array: cut to fit, always NUL-terminated. Returns false when it was cut. */
bool chars_set(char *out, size_t out_size, const char *text);

struct buf {
    char *ptr; /* NUL-terminated at ptr[len]; NULL before the first append (use buf_str) */
    size_t len;
    size_t cap;
    size_t max;
    bool failed;
};

#define BUF_INIT(max_bytes) ((struct buf){NULL, 0, 0, (max_bytes), false})

void buf_deinit(struct buf *buf);
void buf_reset(struct buf *buf); /* empty, keeps the memory, clears `failed` */
bool buf_ok(const struct buf *buf);
const char *buf_str(const struct buf *buf); /* "" when empty */
struct slice buf_slice(const struct buf *buf);
void buf_append(struct buf *buf, const void *bytes, size_t n_bytes);
void buf_puts(struct buf *buf, const char *text);
void buf_putc(struct buf *buf, char byte);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF(2, 3);
void buf_vprintf(struct buf *buf, const char *format, va_list args);
void buf_consume(struct buf *buf, size_t n_bytes); /* drop from the front */
/* Room for n_bytes more at the end: returns the write position or NULL (and sets failed); then buf_added(). */
char *buf_reserve(struct buf *buf, size_t n_bytes);
void buf_added(struct buf *buf, size_t n_bytes);

/* Big-endian numbers for binary protocols. */
void buf_put_u16be(struct buf *buf, uint16_t v);
void buf_put_u32be(struct buf *buf, uint32_t v);
void buf_put_u64be(struct buf *buf, uint64_t v);

/* Little-endian ones for files, and back from four bytes that are there. */
void buf_put_u32le(struct buf *buf, uint32_t v);
void buf_put_f32le(struct buf *buf, float v);
uint32_t u32le_at(const char *bytes);
float f32le_at(const char *bytes);

#endif
