/* The reader: one pass over a copy of the text checks RFC 8259 to the letter, decodes strings where they stand, and notes
 * each value in a row of nodes.
 *
 * A document is two allocations, however many values it has: the text, and the nodes in document order, a container before
 * what it holds. Each node knows how many nodes it is, so the next sibling is that many further on; nodes name none of each
 * other and may be moved while the row grows. What follows a value is overwritten with NUL as soon as it was looked at, so
 * every text ends like a C string. Recursion is bounded by max_depth.
 */
#include "alphaloop/base/json.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/utf8.h"

#define DEPTH_LIMIT 512 /* what max_depth may be: keeps the stack small */
#define WORD        sizeof(uint64_t)

enum kind { KIND_NULL, KIND_BOOL, KIND_NUMBER, KIND_STRING, KIND_ARRAY, KIND_OBJECT };

struct json_node {
    const char *key;  /* of a member */
    const char *text; /* of a number, a string, or a boolean's first letter */
    uint32_t key_len;
    uint32_t len;     /* bytes of text, or values in the container */
    uint32_t n_nodes; /* this one and all inside it */
    enum kind kind;
};

struct json_reader {
    size_t max_bytes;
    int max_depth;
};

struct document {
    char *text;
    struct json_node nodes[]; /* the first is the root */
};

struct scan {
    const struct json_reader *reader;
    struct document *document;
    uint32_t n_nodes, nodes_max;
    char *at, *end; /* in the document's text; a NUL is at the end */
    enum al_err err;
};

struct json_reader *json_reader_create(size_t max_bytes, int max_depth)
{
    assert(max_depth > 0 && max_depth <= DEPTH_LIMIT);
    assert(max_bytes < UINT32_MAX - WORD);
    struct json_reader *reader = malloc(sizeof *reader);
    assert(reader != NULL);
    *reader = (struct json_reader){max_bytes, max_depth};
    return reader;
}

void json_reader_destroy(struct json_reader *reader)
{
    free(reader);
}

static bool refuse(struct scan *s, enum al_err err, const char *what)
{
    s->err = err_set(err, "at byte %zu: %s", (size_t)(s->at - s->document->text), what);
    return false;
}

static void skip_blanks(struct scan *s)
{
    while (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t')
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

/* ---- strings ---- */

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

static char *put_utf8(char *out, unsigned code)
{
    if (code < 0x80) {
        *out++ = (char)code;
    } else if (code < 0x800) {
        *out++ = (char)(0xc0 | code >> 6);
        *out++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *out++ = (char)(0xe0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    } else {
        *out++ = (char)(0xf0 | code >> 18);
        *out++ = (char)(0x80 | (code >> 12 & 0x3f));
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    }
    return out;
}

/* After "\u": one code unit, or two that are a surrogate pair. What is written is never longer than what was read. */
static bool read_unicode_escape(struct scan *s, char **out)
{
    int high = hex4(s->at, s->end);
    if (high < 0)
        return refuse(s, AL_EPARSE, "\\u needs four hex digits");
    s->at += 4;
    if (high < 0xd800 || high > 0xdfff) {
        *out = put_utf8(*out, (unsigned)high);
        return true;
    }
    int low =
        s->end - s->at >= 6 && s->at[0] == '\\' && s->at[1] == 'u' ? hex4(s->at + 2, s->end) : -1;
    if (high > 0xdbff || low < 0xdc00 || low > 0xdfff)
        return refuse(s, AL_EPARSE, "half of a surrogate pair");
    s->at += 6;
    *out = put_utf8(*out, 0x10000u + ((unsigned)(high - 0xd800) << 10) + (unsigned)(low - 0xdc00));
    return true;
}

static bool read_escape(struct scan *s, char **out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    s->at++;
    if (s->at == s->end)
        return refuse(s, AL_EPARSE, "the text ends inside a string");
    char c = *s->at;
    if (c == 'u') {
        s->at++;
        return read_unicode_escape(s, out);
    }
    const char *found = c == '\0' ? NULL : strchr(from, c);
    if (found == NULL)
        return refuse(s, AL_EPARSE, "unknown escape in a string");
    s->at++;
    *(*out)++ = to[found - from];
    return true;
}

/* The high bit of each byte of `word` that is a quote, a backslash, a control character or no ASCII; perhaps of others too,
 * but only after the first of those. */
static uint64_t special_bytes(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101ULL, highs = 0x8080808080808080ULL;
    uint64_t quote = word ^ ones * '"', backslash = word ^ ones * '\\';
    return ((quote - ones) | (backslash - ones) | (word - ones * 0x20) | word) & highs;
}

/* Moves over bytes that stand for themselves, eight at a time: the text has so many zeros behind it. */
static bool skip_plain(struct scan *s)
{
    for (;;) {
        uint64_t word, special;
        memcpy(&word, s->at, WORD);
        special = special_bytes(le64toh(word));
        if (special == 0) {
            s->at += WORD;
            continue;
        }
        s->at += (unsigned)__builtin_ctzll(special) / 8;
        unsigned char c = (unsigned char)*s->at;
        if (c == '"' || c == '\\')
            return true;
        if (s->at == s->end)
            return refuse(s, AL_EPARSE, "the text ends inside a string");
        if (c < 0x20)
            return refuse(s, AL_EPARSE, "raw control character in a string");
        size_t len = length_at(s->at, s->end);
        if (len == 0)
            return refuse(s, AL_EINVAL, "not UTF-8");
        s->at += len;
    }
}

/* At the opening quote. *out is NUL-terminated text in the document. */
static bool read_string(struct scan *s, struct slice *out)
{
    char *start = ++s->at, *run = start, *to = start;
    for (;;) {
        if (!skip_plain(s))
            return false;
        size_t n_plain = (size_t)(s->at - run);
        if (to != run)
            memmove(to, run, n_plain);
        to += n_plain;
        if (*s->at == '"')
            break;
        if (!read_escape(s, &to))
            return false;
        run = s->at;
    }
    s->at++;
    *to = '\0';
    *out = (struct slice){start, (size_t)(to - start)};
    return true;
}

/* ---- values ---- */

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

/* NULL when memory is out. */
static struct json_node *add_node(struct scan *s, enum kind kind)
{
    if (s->n_nodes == s->nodes_max) {
        size_t wanted = 2 * (size_t)s->nodes_max;
        struct document *grown =
            realloc(s->document, sizeof *grown + wanted * sizeof *grown->nodes);
        if (grown == NULL) {
            refuse(s, AL_ENOMEM, "out of memory");
            return NULL;
        }
        s->document = grown;
        s->nodes_max = (uint32_t)wanted;
    }
    struct json_node *node = &s->document->nodes[s->n_nodes++];
    *node = (struct json_node){.kind = kind, .n_nodes = 1};
    return node;
}

static bool add_text(struct scan *s, enum kind kind, struct slice text)
{
    struct json_node *node = add_node(s, kind);
    if (node == NULL)
        return false;
    node->text = text.ptr;
    node->len = (uint32_t)text.len;
    return true;
}

static bool read_number(struct scan *s)
{
    const char *end = number_end(s->at, s->end);
    if (end == NULL)
        return refuse(s, AL_EPARSE, "not a number");
    struct slice text = {s->at, (size_t)(end - s->at)};
    s->at += text.len;
    return add_text(s, KIND_NUMBER, text);
}

static bool read_word(struct scan *s, const char *word, enum kind kind)
{
    struct slice text = {s->at, strlen(word)};
    if ((size_t)(s->end - s->at) < text.len || memcmp(s->at, word, text.len) != 0)
        return refuse(s, AL_EPARSE, "not a value");
    s->at += text.len;
    return add_text(s, kind, text);
}

static bool read_text(struct scan *s)
{
    struct slice text;
    return read_string(s, &text) && add_text(s, KIND_STRING, text);
}

static bool read_value(struct scan *s, int depth);

/* Between two values: true and *more after a comma, true and !*more at the closing byte. */
static bool read_separator(struct scan *s, char closing, bool *more)
{
    char *end_of_value = s->at;
    skip_blanks(s);
    if (s->at == s->end)
        return refuse(s, AL_EPARSE, "the text ends inside an object or array");
    *more = *s->at == ',';
    if (!*more && *s->at != closing)
        return refuse(s, AL_EPARSE, closing == ']' ? "neither ',' nor ']'" : "neither ',' nor '}'");
    s->at++;
    skip_blanks(s);
    *end_of_value = '\0';
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

/* Members are walked with C strings as keys, so one whose key holds NUL is read and dropped. Only an escape can make a NUL. */
static bool read_member(struct scan *s, int depth, uint32_t *n_members)
{
    struct slice key;
    uint32_t index = s->n_nodes;
    if (*s->at != '"')
        return refuse(s, AL_EPARSE, "an object's key must be a string");
    if (!read_string(s, &key))
        return false;
    bool was_decoded = key.ptr + key.len + 1 != s->at;
    skip_blanks(s);
    if (*s->at != ':')
        return refuse(s, AL_EPARSE, "no ':' after an object's key");
    s->at++;
    skip_blanks(s);
    if (!read_value(s, depth))
        return false;
    if (was_decoded && memchr(key.ptr, '\0', key.len) != NULL) {
        s->n_nodes = index;
        return true;
    }
    s->document->nodes[index].key = key.ptr;
    s->document->nodes[index].key_len = (uint32_t)key.len;
    ++*n_members;
    return true;
}

static bool read_element(struct scan *s, int depth, uint32_t *n_elements)
{
    ++*n_elements;
    return read_value(s, depth);
}

static bool read_container(struct scan *s, int depth)
{
    bool is_object = *s->at == '{', more;
    char closing = is_object ? '}' : ']';
    uint32_t index = s->n_nodes, count = 0;
    if (depth == s->reader->max_depth)
        return refuse(s, AL_ERANGE, "nested too deep");
    if (add_node(s, is_object ? KIND_OBJECT : KIND_ARRAY) == NULL)
        return false;
    for (more = !is_empty(s, closing); more;) {
        if (!(is_object ? read_member : read_element)(s, depth + 1, &count) ||
            !read_separator(s, closing, &more))
            return false;
    }
    s->document->nodes[index].len = count;
    s->document->nodes[index].n_nodes = s->n_nodes - index;
    return true;
}

static bool read_value(struct scan *s, int depth)
{
    if (s->at == s->end)
        return refuse(s, AL_EPARSE, "the text ends where a value should be");
    switch (*s->at) {
    case '{':
    case '[':
        return read_container(s, depth);
    case '"':
        return read_text(s);
    case 't':
        return read_word(s, "true", KIND_BOOL);
    case 'f':
        return read_word(s, "false", KIND_BOOL);
    case 'n':
        return read_word(s, "null", KIND_NULL);
    default:
        if (*s->at == '-' || is_digit(s->at, s->end))
            return read_number(s);
        return length_at(s->at, s->end) == 0 ? refuse(s, AL_EINVAL, "not UTF-8")
                                             : refuse(s, AL_EPARSE, "not a value");
    }
}

/* ---- documents ---- */

/* Enough nodes for the most part: a value with its key and quotes is seldom shorter. */
static uint32_t guess_nodes(size_t n_bytes)
{
    return (uint32_t)(n_bytes / 16 + 8);
}

static void document_destroy(struct document *document)
{
    if (document != NULL)
        free(document->text);
    free(document);
}

static struct document *document_create(struct slice text, uint32_t n_nodes)
{
    struct document *document = malloc(sizeof *document + n_nodes * sizeof *document->nodes);
    if (document == NULL)
        return NULL;
    document->text = malloc(text.len + WORD);
    if (document->text == NULL) {
        document_destroy(document);
        return NULL;
    }
    if (text.len > 0)
        memcpy(document->text, text.ptr, text.len);
    memset(document->text + text.len, 0, WORD);
    return document;
}

/* One value and nothing behind it. */
static bool read_root(struct scan *s)
{
    skip_blanks(s);
    if (!read_value(s, 0))
        return false;
    char *end_of_value = s->at;
    skip_blanks(s);
    if (s->at < s->end)
        return refuse(s, length_at(s->at, s->end) == 0 ? AL_EINVAL : AL_EPARSE,
                      "something follows the document");
    *end_of_value = '\0';
    return true;
}

enum al_err json_read(struct json_reader *reader, struct slice text, struct json_node **out)
{
    struct scan s = {.reader = reader, .nodes_max = guess_nodes(text.len)};
    *out = NULL;
    if (text.len > reader->max_bytes)
        return err_set(AL_EFULL, "%zu bytes, at most %zu are read", text.len, reader->max_bytes);
    s.document = document_create(text, s.nodes_max);
    if (s.document == NULL)
        return err_set(AL_ENOMEM, "a document of %zu bytes", text.len);
    s.at = s.document->text;
    s.end = s.at + text.len;
    if (read_root(&s) && s.document->nodes[0].kind != KIND_NULL)
        *out = s.document->nodes;
    else
        document_destroy(s.document);
    return s.err;
}

void json_put(struct json_node *root)
{
    if (root != NULL)
        document_destroy((struct document *)((char *)root - offsetof(struct document, nodes)));
}

/* ---- looking ---- */

static bool is_kind(const struct json_node *node, enum kind kind)
{
    return node != NULL && node->kind == kind;
}

static struct json_node *null_is_none(struct json_node *node)
{
    return is_kind(node, KIND_NULL) ? NULL : node;
}

struct json_node *json_get(struct json_node *object, const char *key)
{
    size_t key_len = strlen(key);
    struct json_node *found = NULL;
    if (!json_is_object(object))
        return NULL;
    struct json_node *end = object + object->n_nodes;
    for (struct json_node *member = object + 1; member < end; member += member->n_nodes) {
        if (member->key_len == key_len && memcmp(member->key, key, key_len) == 0)
            found = member;
    }
    return null_is_none(found);
}

bool json_is_object(struct json_node *node)
{
    return is_kind(node, KIND_OBJECT);
}

bool json_is_array(struct json_node *node)
{
    return is_kind(node, KIND_ARRAY);
}

bool json_is_string(struct json_node *node)
{
    return is_kind(node, KIND_STRING);
}

bool json_is_number(struct json_node *node)
{
    return is_kind(node, KIND_NUMBER);
}

bool json_is_bool(struct json_node *node)
{
    return is_kind(node, KIND_BOOL);
}

size_t json_length(struct json_node *array)
{
    return json_is_array(array) ? array->len : 0;
}

struct json_node *json_at(struct json_node *array, size_t index)
{
    if (index >= json_length(array))
        return NULL;
    struct json_node *node = array + 1;
    if (array->n_nodes == 1 + array->len) /* nothing but simple values */
        return null_is_none(node + index);
    for (; index > 0; index--)
        node += node->n_nodes;
    return null_is_none(node);
}

bool json_walk(struct json_node *container, struct json_cursor *cursor)
{
    if (!json_is_object(container) && !json_is_array(container))
        return false;
    struct json_node *node = cursor->next == NULL ? container + 1 : cursor->next;
    if (node == container + container->n_nodes)
        return false;
    cursor->next = node + node->n_nodes;
    cursor->key = node->key;
    cursor->value = null_is_none(node);
    return true;
}

struct slice json_text(struct json_node *node)
{
    if (json_is_string(node) || json_is_number(node))
        return (struct slice){node->text, node->len};
    return (struct slice){"", 0};
}

bool json_is_true(struct json_node *node)
{
    return json_is_bool(node) && node->text[0] == 't';
}

enum al_err json_double(struct json_node *node, double *out)
{
    if (!json_is_number(node))
        return err_set(AL_EPARSE, "not a number");
    double value = strtod(node->text, NULL);
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

enum al_err json_number_or_text(struct json_node *node, double *out)
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

enum al_err json_i64(struct json_node *node, int64_t *out)
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

enum al_err json_u64_text(struct json_node *node, uint64_t *out)
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

bool json_chars(struct json_node *node, char *out, size_t out_size)
{
    struct slice text = json_text(node);
    if (!json_is_string(node) || text.len >= out_size || memchr(text.ptr, '\0', text.len) != NULL)
        return false;
    memset(out, 0, out_size);
    memcpy(out, text.ptr, text.len);
    return true;
}
