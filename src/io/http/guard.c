/* The guard: is this head exactly one request, the same for every reader of it?
 *
 * libmicrohttpd 0.9.75 lets pass what lets two programs in a row disagree about where a request ends
 * (request smuggling): two lengths, a length beside a transfer coding, a blank before the colon, NUL in
 * a value, two Hosts. It keeps names and values with their lengths, so all of it can be seen here. A
 * head that is refused closes its connection: what follows it cannot be trusted to be a request.
 */
#include <string.h>

#include "http_i.h"

static const char token_bytes[] = "!#$%&'*+-.^_`|~0123456789"
                                  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

static bool is_token(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\0' || strchr(token_bytes, text.ptr[i]) == NULL)
            return false;
    }
    return text.len > 0;
}

/* Visible bytes, blanks and tabs; bytes above 127 have no meaning in a header, but are harmless. */
static bool is_value(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
            return false;
    }
    return true;
}

static bool is_digits(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    }
    return text.len > 0;
}

static size_t count(const struct http_head *head, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < head->n_fields; i++)
        n += slice_is_nocase(head->fields[i].name, name) ? 1 : 0;
    return n;
}

struct slice http_head_get(const struct http_head *head, const char *name)
{
    for (size_t i = 0; i < head->n_fields; i++) {
        if (slice_is_nocase(head->fields[i].name, name))
            return head->fields[i].value;
    }
    return (struct slice){NULL, 0};
}

static unsigned refuse(unsigned status,
                       const char *kind_text,
                       const char *why_text,
                       const char **kind,
                       const char **why)
{
    *kind = kind_text;
    *why = why_text;
    return status;
}

static unsigned guard_fields(const struct http_head *head, const char **why, const char **kind)
{
    size_t n_bytes = 0;
    for (size_t i = 0; i < head->n_fields; i++) {
        const struct http_field *field = &head->fields[i];
        if (!is_token(field->name))
            return refuse(400, "header_name", "a header name is not a token", kind, why);
        if (!is_value(field->value))
            return refuse(400, "header_value", "a header value has control bytes", kind, why);
        n_bytes += field->name.len + field->value.len;
    }
    if (head->overflow || n_bytes > HTTP_HEAD_BYTES_MAX)
        return refuse(431, "header_size", "too many or too large headers", kind, why);
    return 0;
}

/* How long is the body? RFC 9112 section 6.3, without its leniencies. */
static unsigned guard_length(const struct http_head *head, const char **why, const char **kind)
{
    size_t n_lengths = count(head, "Content-Length");
    size_t n_codings = count(head, "Transfer-Encoding");
    if (n_lengths > 1)
        return refuse(400, "length", "more than one Content-Length", kind, why);
    if (n_lengths == 1 && !is_digits(http_head_get(head, "Content-Length")))
        return refuse(400, "length", "Content-Length is not a number", kind, why);
    if (n_codings > 0 && n_lengths > 0)
        return refuse(400, "length", "Content-Length beside Transfer-Encoding", kind, why);
    if (n_codings > 0 && !head->http_1_1)
        return refuse(400, "length", "Transfer-Encoding in HTTP/1.0", kind, why);
    if (n_codings > 1 ||
        (n_codings == 1 && !slice_is_nocase(http_head_get(head, "Transfer-Encoding"), "chunked")))
        return refuse(501, "coding", "only the transfer coding 'chunked' is known", kind, why);
    return 0;
}

unsigned http_guard(const struct http_head *head, const char **why, const char **kind)
{
    unsigned status = guard_fields(head, why, kind);
    if (status == 0)
        status = guard_length(head, why, kind);
    if (status != 0)
        return status;
    size_t n_hosts = count(head, "Host");
    if (n_hosts > 1 || (n_hosts == 0 && head->http_1_1))
        return refuse(400, "host", "exactly one Host header is needed", kind, why);
    if (count(head, "X-API-Key") > 1 || count(head, "Content-Type") > 1 ||
        count(head, "Content-Encoding") > 1)
        return refuse(400, "repeated", "a header that may come once came twice", kind, why);
    return 0;
}

/* ---- lists with weights: "gzip;q=0.5, br, *;q=0" ---- */

static struct slice trim(struct slice text)
{
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t')) {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    return text;
}

/* Takes the part before `mark` off the front of *rest. */
static struct slice cut(struct slice *rest, char mark)
{
    const char *end = memchr(rest->ptr, mark, rest->len);
    size_t len = end == NULL ? rest->len : (size_t)(end - rest->ptr);
    struct slice part = {rest->ptr, len};
    size_t used = end == NULL ? len : len + 1;
    rest->ptr += used;
    rest->len -= used;
    return trim(part);
}

/* "0.25" -> 250; anything odd counts as 0, so a broken weight never turns something on. */
static int weight(struct slice text)
{
    if (text.len == 0 || text.len > 5 || (text.ptr[0] != '0' && text.ptr[0] != '1'))
        return 0;
    int value = (text.ptr[0] - '0') * 1000;
    int unit = 100;
    for (size_t i = 2; i < text.len; i++, unit /= 10) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return 0;
        value += (text.ptr[i] - '0') * unit;
    }
    return value > 1000 ? 1000 : value;
}

static int item_weight(struct slice params)
{
    while (params.len > 0) {
        struct slice param = cut(&params, ';');
        if (param.len >= 2 && (param.ptr[0] == 'q' || param.ptr[0] == 'Q') && param.ptr[1] == '=')
            return weight((struct slice){param.ptr + 2, param.len - 2});
    }
    return 1000;
}

/* How exactly a list item names the token: 3 itself, 2 its type with *, 1 everything, 0 not. */
static int item_fit(struct slice item, const char *token)
{
    if (slice_is_nocase(item, token))
        return 3;
    if (slice_is(item, "*") || slice_is(item, "*/*"))
        return 1;
    const char *slash = strchr(token, '/');
    bool type_only = slash != NULL && item.len == (size_t)(slash - token) + 2 &&
                     item.ptr[item.len - 1] == '*' && memcmp(item.ptr, token, item.len - 1) == 0;
    return type_only ? 2 : 0;
}

int http_quality(struct slice list, const char *token)
{
    int best_fit = 0, best = -1;
    while (list.len > 0) {
        struct slice params = cut(&list, ',');
        struct slice item = cut(&params, ';');
        int fit = item_fit(item, token);
        if (fit > best_fit) {
            best_fit = fit;
            best = item_weight(params);
        }
    }
    return best;
}
