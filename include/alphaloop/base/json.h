/* Reading JSON from outside, strictly, and writing it.
 *
 * json-c builds the tree; a scanner of ours runs first and refuses what json-c would let through: anything that is not
 * RFC 8259 (NaN, Infinity, single quotes, raw control characters in strings, `1.`, leading zeros), bytes that are not
 * UTF-8, lone surrogates, anything after the document, more than `max_depth` levels, more than `max_bytes`. Of duplicate
 * keys the last one counts. Numbers keep their source text, so decimals never pass through double.
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

struct json_object; /* json-c's node */
struct json_reader; /* reusable parser (one tokener) */

struct json_reader *json_reader_create(size_t max_bytes, int max_depth);
void                json_reader_destroy(struct json_reader *reader);

/* Parse one document. *out is owned by the caller: json_put() it. AL_EPARSE with "at byte N: ..." in err_text(). */
MUST_CHECK enum al_err json_read(struct json_reader *reader, struct slice text, struct json_object **out);
void                   json_put(struct json_object *node); /* NULL is fine */

/* Lookups borrow. A missing member and an explicit null both give NULL. */
struct json_object *json_get(struct json_object *object, const char *key);
bool                json_is_object(struct json_object *node);
bool                json_is_array(struct json_object *node);
bool                json_is_string(struct json_object *node);
bool                json_is_number(struct json_object *node);
bool                json_is_bool(struct json_object *node);
size_t              json_length(struct json_object *array);
struct json_object *json_at(struct json_object *array, size_t index);

/* Text of a string node (borrows, may hold NUL bytes), or source text of a number node. */
struct slice json_text(struct json_object *node);
bool         json_bool(struct json_object *node);
/* AL_EPARSE unless a number (or, for json_number_or_text, a string of one); finite. */
MUST_CHECK enum al_err json_double(struct json_object *node, double *out);
MUST_CHECK enum al_err json_number_or_text(struct json_object *node, double *out);
MUST_CHECK enum al_err json_i64(struct json_object *node, int64_t *out);

/* Writing: a tiny streaming writer over a buf. Commas and quoting are its business; finite numbers only (asserted).
 * json_w_key then one value inside objects; values one after another inside arrays. */
struct json_writer {
    struct buf *out; /* borrows */
    uint64_t    first_bits;
    int         depth;
    bool        after_key;
};
void json_w_init(struct json_writer *w, struct buf *out);
void json_w_object(struct json_writer *w);
void json_w_end_object(struct json_writer *w);
void json_w_array(struct json_writer *w);
void json_w_end_array(struct json_writer *w);
void json_w_key(struct json_writer *w, const char *key);
void json_w_string(struct json_writer *w, struct slice text);
void json_w_str(struct json_writer *w, const char *text); /* NULL writes null */
void json_w_double(struct json_writer *w, double value);  /* shortest text that reads back the same */
void json_w_i64(struct json_writer *w, int64_t value);
void json_w_bool(struct json_writer *w, bool value);
void json_w_null(struct json_writer *w);
void json_w_time(struct json_writer *w, int64_t ts_ns);   /* TIMESTAMP_NONE writes null */
void json_w_raw(struct json_writer *w, struct slice json); /* one valid JSON value, as is */

#endif
