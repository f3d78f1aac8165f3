#include "field_i.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define EXCERPT_MAX 60 /* bytes of a bad value that are shown */

static enum reason document_reason(enum al_err err)
{
    switch (err) {
    case AL_EINVAL:
        return REASON_not_utf8;
    case AL_ERANGE:
        return REASON_too_deep;
    case AL_EFULL:
        return REASON_too_large;
    default:
        return REASON_not_json;
    }
}

static bool refuse_document(struct order_event_refusal *refusal,
                            enum reason reason,
                            const char *detail)
{
    refusal->reason = reason;
    refusal->field[0] = '\0';
    snprintf(refusal->detail, sizeof refusal->detail, "%s", detail);
    return false;
}

bool document_read(struct json_reader *reader,
                   struct slice body,
                   struct json_node **out,
                   struct order_event_refusal *refusal)
{
    enum al_err err = json_read(reader, body, out);
    if (err != AL_OK)
        return refuse_document(refusal, document_reason(err), err_text());
    if (*out == NULL)
        return refuse_document(refusal, REASON_not_json, "expected one JSON object, found null");
    return true;
}

/* Text of a bad value for people: at most EXCERPT_MAX bytes, nothing but printable ASCII. */
static void excerpt(struct json_node *node, char out[EXCERPT_MAX + 8])
{
    if (node == NULL || json_is_bool(node) || json_is_object(node) || json_is_array(node)) {
        const char *word = node == NULL           ? "nothing"
                           : json_is_bool(node)   ? (json_is_true(node) ? "true" : "false")
                           : json_is_object(node) ? "an object"
                                                  : "an array";
        snprintf(out, EXCERPT_MAX + 8, "%s", word);
        return;
    }
    struct slice text = json_text(node);
    size_t len = text.len < EXCERPT_MAX ? text.len : EXCERPT_MAX;
    const char *quote = json_is_string(node) ? "\"" : "";
    char shown[EXCERPT_MAX + 1] = {0};
    for (size_t i = 0; i < len; i++)
        shown[i] = text.ptr[i] >= 0x20 && text.ptr[i] < 0x7f ? text.ptr[i] : '?';
    snprintf(out, EXCERPT_MAX + 8, "%s%s%s%s", quote, shown, len < text.len ? "..." : "", quote);
}

bool refuse_field(struct order_event_refusal *refusal,
                  enum reason reason,
                  const char *path,
                  const char *expected,
                  struct json_node *node)
{
    char found[EXCERPT_MAX + 8];
    excerpt(node, found);
    refusal->reason =
        node == NULL && reason == REASON_field_invalid ? REASON_field_missing : reason;
    snprintf(refusal->field, sizeof refusal->field, "%s", path);
    snprintf(refusal->detail, sizeof refusal->detail, "expected %s, found %s", expected, found);
    return false;
}

bool field_number(struct json_node *node, double *out)
{
    double value;
    if (node == NULL || json_number_or_text(node, &value) != AL_OK || !isfinite(value))
        return false;
    *out = value;
    return true;
}

struct json_node *field_first(struct json_node *object,
                              const char *const *names,
                              const char **found)
{
    for (; *names != NULL; names++) {
        struct json_node *node = json_get(object, *names);
        if (node == NULL)
            continue;
        if (found != NULL)
            *found = *names;
        return node;
    }
    return NULL;
}

uint32_t field_trace(struct json_node *node, struct slice header_trace, struct trace_id *out)
{
    memset(out, 0, sizeof *out);
    if (json_is_string(node) && trace_id_parse(json_text(node), out))
        return 0;
    uint32_t n_dropped = node != NULL;
    if (header_trace.len > 0 && !trace_id_parse(header_trace, out))
        n_dropped++;
    return n_dropped;
}
