/* The target of a request, "/a/b%20c?x=1&y=2", split first and decoded after, so that an encoded slash
 * or ampersand is data and never structure. Decoding never lengthens, so it happens in place. */
#include <string.h>

#include "http_i.h"

static int hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F')
        return byte - 'A' + 10;
    return -1;
}

/* Decodes %xx (and + when `plus`) in place. False on a broken escape or an encoded NUL. */
static bool decode(char *text, size_t *n_bytes, bool plus)
{
    size_t to = 0;
    for (size_t from = 0; from < *n_bytes; from++) {
        char byte = text[from];
        if (byte == '%') {
            int high = from + 2 < *n_bytes ? hex_digit(text[from + 1]) : -1;
            int low = high >= 0 ? hex_digit(text[from + 2]) : -1;
            if (low < 0 || (high == 0 && low == 0))
                return false;
            byte = (char)(high * 16 + low);
            from += 2;
        } else if (byte == '+' && plus) {
            byte = ' ';
        }
        text[to++] = byte;
    }
    *n_bytes = to;
    return true;
}

/* The part of `text` up to `mark` or the end; *rest moves behind it, NULL at the end. */
static char *cut(char **rest, const char *end, char mark, size_t *n_bytes)
{
    char *part = *rest;
    char *stop = memchr(part, mark, (size_t)(end - part));
    *n_bytes = (size_t)((stop != NULL ? stop : end) - part);
    *rest = stop != NULL ? stop + 1 : NULL;
    return part;
}

static bool parse_path(char *path, const char *end, struct http_target *out)
{
    if (path == end)
        return true; /* "/" has no segments */
    for (char *rest = path; rest != NULL;) {
        size_t n_bytes;
        char *part = cut(&rest, end, '/', &n_bytes);
        if (!decode(part, &n_bytes, false))
            return false;
        if (out->n_segments < HTTP_SEGMENTS_MAX)
            out->segments[out->n_segments] = (struct slice){part, n_bytes};
        if (out->n_segments <= HTTP_SEGMENTS_MAX)
            out->n_segments++;
    }
    return true;
}

static const char *parse_query(char *query, const char *end, struct http_target *out)
{
    for (char *rest = query; rest != NULL;) {
        size_t n_pair, n_name;
        char *pair = cut(&rest, end, '&', &n_pair);
        if (n_pair == 0)
            continue;
        if (out->n_query == HTTP_QUERY_MAX)
            return "too many query parameters";
        char *value = pair;
        char *name = cut(&value, pair + n_pair, '=', &n_name);
        size_t n_value = value == NULL ? 0 : (size_t)(pair + n_pair - value);
        if (!decode(name, &n_name, true) || (value != NULL && !decode(value, &n_value, true)))
            return "the query has a broken %-escape";
        out->query[out->n_query++] =
            (struct http_field){{name, n_name}, {value == NULL ? "" : value, n_value}};
    }
    return NULL;
}

/* "http://host:port/path", as a proxy is asked: only the part from the path on counts. */
static char *skip_authority(char *text, const char *end)
{
    if (end - text < 7 || memcmp(text, "http://", 7) != 0)
        return text;
    char *slash = memchr(text + 7, '/', (size_t)(end - text - 7));
    return slash;
}

const char *http_target_parse(char *text, size_t n_bytes, struct http_target *out)
{
    memset(out, 0, sizeof *out);
    char *end = text + n_bytes;
    if (n_bytes == 1 && text[0] == '*') {
        out->asterisk = true;
        return NULL;
    }
    for (const char *byte = text; byte < end; byte++) {
        if ((unsigned char)*byte <= 0x20 || *byte == 0x7f)
            return "the target has blanks or control bytes";
    }
    text = skip_authority(text, end);
    if (text == NULL || text == end || text[0] != '/')
        return "the target is not a path";
    char *fragment = memchr(text, '#', (size_t)(end - text));
    if (fragment != NULL)
        return "the target has a fragment";
    char *query = memchr(text, '?', (size_t)(end - text));
    if (!parse_path(text + 1, query != NULL ? query : end, out))
        return "the path has a broken %-escape";
    return query == NULL ? NULL : parse_query(query + 1, end, out);
}
