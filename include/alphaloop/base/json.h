/* Reading JSON from outside, strictly, and writing it.
 *
 * The reader refuses anything that is not RFC 8259 (NaN, Infinity, single quotes, raw control characters in strings, `1.`,
 * leading zeros), bytes that are not UTF-8, lone surrogates, anything before or after the document, more than `max_depth`
 * levels, more than `max_bytes`. Of duplicate keys the last one counts; a member whose key holds NUL is dropped. Every
 * number keeps its source text, so decimals never pass through double and whole numbers of any length survive.
 */
#ifndef ALPHALOOP_BASE_JSON_H
#define ALPHALOOP_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alphaloop/base/buf.h"
#include "alphaloop/base/err.h"

#define JSON_DEPTH_MAX 64
#define JSON_BYTES_MAX (1024 * 1024)

struct json_node;   /* one value of a document */
struct json_reader; /* the bounds */

struct json_reader *json_reader_create(size_t max_bytes, int max_depth);
void json_reader_destroy(struct json_reader *reader);

/* Parse one document. *out is owned by the caller: json_put() it (`null` gives AL_OK and NULL).
 * AL_EPARSE not JSON, AL_EINVAL not UTF-8, AL_ERANGE too deep, AL_EFULL too many bytes; "at byte N: ..." in err_text(). */
MUST_CHECK enum al_err json_read(struct json_reader *reader,
                                 struct slice text,
                                 struct json_node **out);
void json_put(struct json_node *root); /* the whole document; NULL is fine */

/* Lookups borrow from the document. A missing member and an explicit null both give NULL. They search: a member among its
 * siblings, an element of an array that holds containers from the first one on (walk those instead). */
struct json_node *json_get(struct json_node *object, const char *key);
bool json_is_object(struct json_node *node);
bool json_is_array(struct json_node *node);
bool json_is_string(struct json_node *node);
bool json_is_number(struct json_node *node);
bool json_is_bool(struct json_node *node);
size_t json_length(struct json_node *array); /* 0 when it is not an array */
struct json_node *json_at(struct json_node *array, size_t index);

/* Walk an object's members or an array's elements in document order: start with a zeroed cursor, go on while it returns
 * true. Borrows. Duplicate keys are visited one by one, so the one that counts comes last. */
struct json_cursor {
    const char *key; /* NULL in an array */
    struct json_node *value;
    struct json_node *next; /* private */
};
bool json_walk(struct json_node *container, struct json_cursor *cursor);

/* Text of a string (may hold NUL bytes), or source text of a number; both NUL-terminated. Others "". Borrows. */
struct slice json_text(struct json_node *node);
bool json_is_true(struct json_node *node); /* the boolean true; anything else is false */
/* AL_EPARSE unless a finite number or, for json_number_or_text, a string of one in the grammar of decimal_parse.
 * json_i64 takes `1e3` and `2.0` too: what counts is that the value is whole and fits. */
MUST_CHECK enum al_err json_double(struct json_node *node, double *out);
MUST_CHECK enum al_err json_number_or_text(struct json_node *node, double *out);
MUST_CHECK enum al_err json_i64(struct json_node *node, int64_t *out);
/* A whole number written as a string of digits, as one of 64 bits must be: many readers keep 53 of a JSON number. */
MUST_CHECK enum al_err json_u64_text(struct json_node *node, uint64_t *out);
/* A string that fits, without NUL bytes, into an array whose rest becomes zero; false leaves it alone. */
MUST_CHECK bool json_chars(struct json_node *node, char *out, size_t out_size);

/* Writing: a tiny streaming writer over a buf. Commas and quoting are its business; finite numbers only (asserted).
 * json_w_key then one value inside objects; values one after another inside arrays. Bytes that are not UTF-8 become
 * U+FFFD, so what is written is always JSON. */
struct json_writer {
    struct buf *out; /* borrows */
    uint64_t first_bits;
    int depth;
    bool after_key;
};
void json_w_init(struct json_writer *w, struct buf *out);
void json_w_object(struct json_writer *w);
void json_w_end_object(struct json_writer *w);
void json_w_array(struct json_writer *w);
void json_w_end_array(struct json_writer *w);
void json_w_key(struct json_writer *w, const char *key);
void json_w_string(struct json_writer *w, struct slice text);
void json_w_str(struct json_writer *w, const char *text); /* NULL writes null */
void json_w_double(struct json_writer *w,
                   double value); /* shortest text that reads back the same */
void json_w_number(struct json_writer *w, double value); /* null when it is not finite */
void json_w_i64(struct json_writer *w, int64_t value);
void json_w_bool(struct json_writer *w, bool value);
void json_w_null(struct json_writer *w);
void json_w_time(struct json_writer *w, int64_t ts_ns);    /* TIMESTAMP_NONE writes null */
void json_w_raw(struct json_writer *w, struct slice json); /* one valid JSON value, as is */
void json_w_node(struct json_writer *w,
                 struct json_node *node); /* what was read, numbers by their source text */

/* A member of an object, its key and its value at once, each value as json_w_* of the same name writes it. */
void json_m_string(struct json_writer *w, const char *key, struct slice text);
void json_m_str(struct json_writer *w, const char *key, const char *text);
void json_m_text(struct json_writer *w, const char *key, const char *text); /* "" writes null */
void json_m_double(struct json_writer *w, const char *key, double value);
void json_m_number(struct json_writer *w, const char *key, double value);
void json_m_i64(struct json_writer *w, const char *key, int64_t value);
void json_m_count(struct json_writer *w, const char *key, uint64_t value); /* below 2^63 */
void json_m_bool(struct json_writer *w, const char *key, bool value);
void json_m_time(struct json_writer *w, const char *key, int64_t ts_ns);
void json_m_raw(struct json_writer *w, const char *key, struct slice json);

/* The same document with line breaks and two blanks a level. `json` is valid JSON. */
void json_pretty(struct slice json, struct buf *out);

#endif
