/* The reader: one pass over the bytes checks RFC 8259 to the letter and builds json-c's tree as it goes.
 *
 * json-c has a parser too, but it lets through what we must refuse, keeps no text of whole numbers and clamps those past
 * 2^64. Building the tree from our own scanner costs less than scanning before json-c, and every number keeps its text.
 * Recursion is bounded by max_depth.
 */
#include "alphaloop/base/json.h"

#include <assert.h>
#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/base/utf8.h"

#define DEPTH_LIMIT     512 /* what max_depth may be: keeps the stack small */
#define NUMBER_TEXT_MAX 64  /* longer numbers go through the scratch buffer */

struct json_reader {
    size_t max_bytes;
    int max_depth;
    struct buf scratch; /* the string being decoded */
};

struct scan {
    struct json_reader *reader;
    const char *begin, *at, *end;
    enum al_err err;
};

struct json_reader *json_reader_create(size_t max_bytes, int max_depth)
{
    assert(max_depth > 0 && max_depth <= DEPTH_LIMIT);
    struct json_reader *reader = malloc(sizeof *reader);
    assert(reader != NULL);
    *reader = (struct json_reader){max_bytes, max_depth, BUF_INIT(max_bytes)};
    return reader;
}

void json_reader_destroy(struct json_reader *reader)
{
    if (reader == NULL)
        return;
    buf_deinit(&reader->scratch);
    free(reader);
}

static bool refuse(struct scan *s, enum al_err err, const char *what)
{
    s->err = err_set(err, "at byte %zu: %s", (size_t)(s->at - s->begin), what);
    return false;
}

static void skip_blanks(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
        s->at++;
}

static bool is_digit(const char *at, const char *end)
{
    return at < end && *at >= '0' && *at <= '9';
}

static const char *skip_digits(const char *at, const char *end)
{
    while (is_digit(at, end))
        at++;
    return at;
}

static size_t length_at(const char *at, const char *end)
{
    return at < end ? utf8_length(at, (size_t)(end - at)) : 0;
}

static int hex4(const char *at, const char *end)
{
    int value = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

static void put_utf8(struct buf *out, unsigned code)
{
    if (code < 0x80) {
        buf_putc(out, (char)code);
    } else if (code < 0x800) {
        buf_putc(out, (char)(0xc0 | code >> 6));
        buf_putc(out, (char)(0x80 | (code & 0x3f)));
    } else if (code < 0x10000) {
        buf_putc(out, (char)(0xe0 | code >> 12));
        buf_putc(out, (char)(0x80 | (code >> 6 & 0x3f)));
        buf_putc(out, (char)(0x80 | (code & 0x3f)));
    } else {
        buf_putc(out, (char)(0xf0 | code >> 18));
        buf_putc(out, (char)(0x80 | (code >> 12 & 0x3f)));
        buf_putc(out, (char)(0x80 | (code >> 6 & 0x3f)));
        buf_putc(out, (char)(0x80 | (code & 0x3f)));
    }
}

/* After "\u": one code unit, or two that are a surrogate pair. */
static bool read_unicode_escape(struct scan *s)
{
    int high = hex4(s->at, s->end);
    if (high < 0)
        return refuse(s, AL_EPARSE, "\\u needs four hex digits");
    s->at += 4;
    if (high < 0xd800 || high > 0xdfff) {
        put_utf8(&s->reader->scratch, (unsigned)high);
        return true;
    }
    int low =
        s->end - s->at >= 6 && s->at[0] == '\\' && s->at[1] == 'u' ? hex4(s->at + 2, s->end) : -1;
    if (high > 0xdbff || low < 0xdc00 || low > 0xdfff)
        return refuse(s, AL_EPARSE, "half of a surrogate pair");
    s->at += 6;
    put_utf8(&s->reader->scratch,
             0x10000u + ((unsigned)(high - 0xd800) << 10) + (unsigned)(low - 0xdc00));
    return true;
}

static bool read_escape(struct scan *s)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    s->at++;
    if (s->at == s->end)
        return refuse(s, AL_EPARSE, "the text ends inside a string");
    char c = *s->at;
    if (c == 'u') {
        s->at++;
        return read_unicode_escape(s);
    }
    const char *found = c == '\0' ? NULL : strchr(from, c);
    if (found == NULL)
        return refuse(s, AL_EPARSE, "unknown escape in a string");
    s->at++;
    buf_putc(&s->reader->scratch, to[found - from]);
    return true;
}

/* Moves over bytes that stand for themselves. */
static bool skip_plain(struct scan *s)
{
    while (s->at < s->end) {
        unsigned char c = (unsigned char)*s->at;
        if (c == '"' || c == '\\')
            return true;
        if (c < 0x20)
            return refuse(s, AL_EPARSE, "raw control character in a string");
        size_t len = c < 0x80 ? 1 : length_at(s->at, s->end);
        if (len == 0)
            return refuse(s, AL_EINVAL, "not UTF-8");
        s->at += len;
    }
    return refuse(s, AL_EPARSE, "the text ends inside a string");
}

/* At the opening quote. *out is part of the text, or of the scratch buffer when something had to be decoded. */
static bool read_string(struct scan *s, struct slice *out)
{
    struct buf *scratch = &s->reader->scratch;
    const char *start = ++s->at;
    if (!skip_plain(s))
        return false;
    if (*s->at == '"') {
        *out = (struct slice){start, (size_t)(s->at++ - start)};
        return true;
    }
    buf_reset(scratch);
    while (*s->at == '\\') {
        buf_append(scratch, start, (size_t)(s->at - start));
        if (!read_escape(s))
            return false;
        start = s->at;
        if (!skip_plain(s))
            return false;
    }
    buf_append(scratch, start, (size_t)(s->at++ - start));
    *out = buf_slice(scratch);
    return buf_ok(scratch) || refuse(s, AL_ENOMEM, "out of memory");
}

/* The end of the RFC 8259 number that starts at `at`, NULL when there is none. */
static const char *number_end(const char *at, const char *end)
{
    if (at < end && *at == '-')
        at++;
    if (!is_digit(at, end))
        return NULL;
    at = *at == '0' ? at + 1 : skip_digits(at, end);
    if (at < end && *at == '.') {
        if (!is_digit(++at, end))
            return NULL;
        at = skip_digits(at, end);
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        if (!is_digit(at, end))
            return NULL;
        at = skip_digits(at, end);
    }
    return at;
}

static struct json_object *new_number(struct json_reader *reader, const char *text, size_t len)
{
    char small[NUMBER_TEXT_MAX];
    if (len < sizeof small) {
        memcpy(small, text, len);
        small[len] = '\0';
        return json_object_new_double_s(strtod(small, NULL), small);
    }
    buf_reset(&reader->scratch);
    buf_append(&reader->scratch, text, len);
    const char *copy = buf_str(&reader->scratch);
    return buf_ok(&reader->scratch) ? json_object_new_double_s(strtod(copy, NULL), copy) : NULL;
}

static bool read_number(struct scan *s, struct json_object **out)
{
    const char *end = number_end(s->at, s->end);
    if (end == NULL)
        return refuse(s, AL_EPARSE, "not a number");
    *out = new_number(s->reader, s->at, (size_t)(end - s->at));
    s->at = end;
    return *out != NULL || refuse(s, AL_ENOMEM, "out of memory");
}

static bool read_word(struct scan *s,
                      const char *word,
                      struct json_object *value,
                      struct json_object **out)
{
    size_t len = strlen(word);
    *out = value;
    if ((size_t)(s->end - s->at) < len || memcmp(s->at, word, len) != 0)
        return refuse(s, AL_EPARSE, "not a value");
    s->at += len;
    return true;
}

static bool read_value(struct scan *s, int depth, struct json_object **out);

/* Between two members: true and *more after a comma, true and !*more at the closing byte. */
static bool read_separator(struct scan *s, char closing, bool *more)
{
    skip_blanks(s);
    if (s->at == s->end)
        return refuse(s, AL_EPARSE, "the text ends inside an object or array");
    *more = *s->at == ',';
    if (!*more && *s->at != closing)
        return refuse(s, AL_EPARSE, closing == ']' ? "neither ',' nor ']'" : "neither ',' nor '}'");
    s->at++;
    skip_blanks(s);
    return true;
}

/* At the byte after the opening one: consumes the closing byte when nothing lies between. */
static bool is_empty(struct scan *s, char closing)
{
    s->at++;
    skip_blanks(s);
    bool empty = s->at < s->end && *s->at == closing;
    s->at += empty;
    return empty;
}

static bool read_array(struct scan *s, int depth, struct json_object *array)
{
    bool more = !is_empty(s, ']');
    while (more) {
        struct json_object *value = NULL;
        if (!read_value(s, depth, &value))
            return false;
        if (json_object_array_add(array, value) != 0) {
            json_object_put(value);
            return refuse(s, AL_ENOMEM, "out of memory");
        }
        if (!read_separator(s, ']', &more))
            return false;
    }
    return true;
}

/* json-c's keys are C strings. A key that holds NUL cannot be asked for, so its member is read and dropped. */
static bool read_member(struct scan *s, int depth, struct json_object *object)
{
    struct slice key;
    struct json_object *value = NULL;
    char small[NUMBER_TEXT_MAX];
    if (s->at == s->end || *s->at != '"')
        return refuse(s, AL_EPARSE, "an object's key must be a string");
    if (!read_string(s, &key))
        return false;
    bool keep = key.len == 0 || memchr(key.ptr, '\0', key.len) == NULL;
    char *name = key.len < sizeof small ? small : malloc(key.len + 1);
    if (name == NULL)
        return refuse(s, AL_ENOMEM, "out of memory");
    memcpy(name, key.ptr, key.len);
    name[key.len] = '\0';
    skip_blanks(s);
    bool done = s->at < s->end && *s->at == ':'
                    ? true
                    : refuse(s, AL_EPARSE, "no ':' after an object's key");
    if (done) {
        s->at++;
        skip_blanks(s);
        done = read_value(s, depth, &value);
    }
    if (done && keep && json_object_object_add(object, name, value) == 0)
        value = NULL;
    else if (done && keep)
        done = refuse(s, AL_ENOMEM, "out of memory");
    json_object_put(value);
    if (name != small)
        free(name);
    return done;
}

static bool read_object(struct scan *s, int depth, struct json_object *object)
{
    bool more = !is_empty(s, '}');
    while (more) {
        if (!read_member(s, depth, object) || !read_separator(s, '}', &more))
            return false;
    }
    return true;
}

static bool read_container(struct scan *s, int depth, struct json_object **out)
{
    bool is_object = *s->at == '{';
    if (depth == s->reader->max_depth)
        return refuse(s, AL_ERANGE, "nested too deep");
    *out = is_object ? json_object_new_object() : json_object_new_array();
    if (*out == NULL)
        return refuse(s, AL_ENOMEM, "out of memory");
    if (is_object ? read_object(s, depth + 1, *out) : read_array(s, depth + 1, *out))
        return true;
    json_object_put(*out);
    *out = NULL;
    return false;
}

static bool read_text(struct scan *s, struct json_object **out)
{
    struct slice text;
    if (!read_string(s, &text))
        return false;
    *out = json_object_new_string_len(text.ptr, (int)text.len);
    return *out != NULL || refuse(s, AL_ENOMEM, "out of memory");
}

static bool read_value(struct scan *s, int depth, struct json_object **out)
{
    if (s->at == s->end)
        return refuse(s, AL_EPARSE, "the text ends where a value should be");
    switch (*s->at) {
    case '{':
    case '[':
        return read_container(s, depth, out);
    case '"':
        return read_text(s, out);
    case 't':
        return read_word(s, "true", NULL, out) && (*out = json_object_new_boolean(1)) != NULL;
    case 'f':
        return read_word(s, "false", NULL, out) && (*out = json_object_new_boolean(0)) != NULL;
    case 'n':
        return read_word(s, "null", NULL, out);
    default:
        if (*s->at == '-' || is_digit(s->at, s->end))
            return read_number(s, out);
        return length_at(s->at, s->end) == 0 ? refuse(s, AL_EINVAL, "not UTF-8")
                                             : refuse(s, AL_EPARSE, "not a value");
    }
}

enum al_err json_read(struct json_reader *reader, struct slice text, struct json_object **out)
{
    struct scan s = {reader, text.ptr, text.ptr, text.ptr + text.len, AL_OK};
    *out = NULL;
    if (text.len > reader->max_bytes)
        return err_set(AL_EFULL, "%zu bytes, at most %zu are read", text.len, reader->max_bytes);
    skip_blanks(&s);
    if (!read_value(&s, 0, out))
        return s.err;
    skip_blanks(&s);
    if (s.at == s.end)
        return AL_OK;
    json_object_put(*out);
    *out = NULL;
    refuse(&s, length_at(s.at, s.end) == 0 ? AL_EINVAL : AL_EPARSE,
           "something follows the document");
    return s.err;
}

struct slice json_serialized(struct json_object *node)
{
    size_t length;
    const char *text = json_object_to_json_string_length(node, JSON_C_TO_STRING_PLAIN, &length);
    return (struct slice){text, length};
}

void json_put(struct json_object *node)
{
    json_object_put(node);
}

struct json_object *json_get(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;
    json_object_object_get_ex(object, key, &value);
    return value;
}

bool json_is_object(struct json_object *node)
{
    return json_object_is_type(node, json_type_object);
}

bool json_is_array(struct json_object *node)
{
    return json_object_is_type(node, json_type_array);
}

bool json_is_string(struct json_object *node)
{
    return json_object_is_type(node, json_type_string);
}

bool json_is_number(struct json_object *node)
{
    return json_object_is_type(node, json_type_double) || json_object_is_type(node, json_type_int);
}

bool json_is_bool(struct json_object *node)
{
    return json_object_is_type(node, json_type_boolean);
}

size_t json_length(struct json_object *array)
{
    return json_is_array(array) ? json_object_array_length(array) : 0;
}

struct json_object *json_at(struct json_object *array, size_t index)
{
    return index < json_length(array) ? json_object_array_get_idx(array, index) : NULL;
}

bool json_walk(struct json_object *object, struct json_cursor *cursor)
{
    struct lh_entry *entry = NULL;
    if (!json_is_object(object))
        return false;
    if (!cursor->begun)
        entry = json_object_get_object(object)->head;
    else if (cursor->entry != NULL)
        entry = ((struct lh_entry *)cursor->entry)->next;
    cursor->begun = true;
    cursor->entry = entry;
    if (entry == NULL)
        return false;
    cursor->key = lh_entry_k(entry);
    cursor->value = lh_entry_v(entry);
    return true;
}

struct slice json_text(struct json_object *node)
{
    if (json_is_string(node))
        return (struct slice){json_object_get_string(node),
                              (size_t)json_object_get_string_len(node)};
    if (!json_is_number(node))
        return (struct slice){"", 0};
    const char *source = json_object_get_userdata(node);
    return slice_of(source != NULL ? source : json_object_to_json_string(node));
}

bool json_is_true(struct json_object *node)
{
    return json_is_bool(node) && json_object_get_boolean(node);
}

enum al_err json_double(struct json_object *node, double *out)
{
    if (!json_is_number(node))
        return err_set(AL_EPARSE, "not a number");
    double value = json_object_get_double(node);
    if (!isfinite(value))
        return err_set(AL_EPARSE, "too large a number");
    *out = value;
    return AL_OK;
}

/* The grammar of decimal_parse: what our neighbours write between quotes. */
static bool is_number_text(const char *at, const char *end)
{
    if (at < end && (*at == '+' || *at == '-'))
        at++;
    const char *whole = at;
    at = skip_digits(at, end);
    bool any_digit = at > whole;
    if (at < end && *at == '.') {
        const char *fraction = ++at;
        at = skip_digits(at, end);
        any_digit = any_digit || at > fraction;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        if (!is_digit(at, end))
            return false;
        at = skip_digits(at, end);
    }
    return any_digit && at == end;
}

enum al_err json_number_or_text(struct json_object *node, double *out)
{
    if (!json_is_string(node))
        return json_double(node, out);
    struct slice text = json_text(node);
    if (!is_number_text(text.ptr, text.ptr + text.len))
        return err_set(AL_EPARSE, "not a number");
    double value = strtod(text.ptr, NULL);
    if (!isfinite(value))
        return err_set(AL_EPARSE, "too large a number");
    *out = value;
    return AL_OK;
}

enum al_err json_i64(struct json_object *node, int64_t *out)
{
    double value = 0;
    char *end;
    if (json_double(node, &value) != AL_OK)
        return AL_EPARSE;
    const char *text = json_text(node).ptr;
    errno = 0;
    int64_t whole = strtoll(text, &end, 10);
    if (*end == '\0' && errno == 0) {
        *out = whole;
        return AL_OK;
    }
    if (*end == '\0' || value != floor(value) || fabs(value) > 0x1.0p53)
        return err_set(AL_EPARSE, "not a whole number of 64 bits");
    *out = (int64_t)value;
    return AL_OK;
}

enum al_err json_u64_text(struct json_object *node, uint64_t *out)
{
    struct slice text = json_text(node);
    uint64_t value = 0;
    if (!json_is_string(node) || text.len == 0 || text.len > 20)
        return err_set(AL_EPARSE, "not a string of digits");
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned char)text.ptr[i] - (unsigned)'0';
        if (digit > 9 || value > (UINT64_MAX - digit) / 10)
            return err_set(AL_EPARSE, "not a string of digits of 64 bits");
        value = value * 10 + digit;
    }
    *out = value;
    return AL_OK;
}

bool json_chars(struct json_object *node, char *out, size_t out_size)
{
    struct slice text = json_text(node);
    if (!json_is_string(node) || text.len >= out_size || memchr(text.ptr, '\0', text.len) != NULL)
        return false;
    memset(out, 0, out_size);
    memcpy(out, text.ptr, text.len);
    return true;
}
