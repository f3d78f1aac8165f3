/* UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing past U+10FFFF. */
#ifndef ALPHALOOP_BASE_UTF8_H
#define ALPHALOOP_BASE_UTF8_H

#include <stddef.h>

/* Bytes of the well-formed character at `at`, of `left` > 0 bytes; 0 when there is none. */
size_t utf8_length(const char *at, size_t left);

/* Bytes from `at` on that are ASCII and not NUL: most text is nothing else, so they are passed over eight at a time. */
size_t utf8_plain_run(const char *at, size_t left);

#endif
