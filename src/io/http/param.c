/* Parameters: from text (path, query) or JSON members (body) to the type their row declares.
 *
 * Every problem of a request is collected, so a caller mends them in one go, in the form of contract
 * section 6: {"loc": ["query", "limit"], "msg": "...", "type": "less_than_equal"}.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_i.h"

#include "alphaloop/base/timestamp.h"
#include "alphaloop/base/uuid.h"

#define NUMBER_TEXT_MAX 40
#define TIME_TEXT_MAX   48

/* Why a value is refused: a short word for programs, a sentence for people. */
struct refusal {
    const char **type;
    char *message; /* [160] */
};

static bool PRINTF(3, 4) no(struct refusal refusal, const char *type, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(refusal.message, 160, format, args);
    va_end(args);
    *refusal.type = type;
    return false;
}

static bool has_bounds(const struct http_param *param)
{
    return param->min < param->max || param->min > 0;
}

static bool within(const struct http_param *param, double value, struct refusal refusal)
{
    if (!has_bounds(param))
        return true;
    if (value < param->min)
        return no(refusal, "greater_than_equal", "must be at least %.15g", param->min);
    if (value > param->max)
        return no(refusal, "less_than_equal", "must be at most %.15g", param->max);
    return true;
}

/* A NUL-terminated copy for strtod and strtoll, which would run past a slice. */
static bool copy_number(struct slice text, char out[NUMBER_TEXT_MAX])
{
    if (text.len == 0 || text.len >= NUMBER_TEXT_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\0' || strchr("0123456789+-.eE", text.ptr[i]) == NULL)
            return false;
    }
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return true;
}

static bool parse_integer(const struct http_param *param,
                          struct slice text,
                          struct http_value *out,
                          struct refusal refusal)
{
    char copy[NUMBER_TEXT_MAX], *end = copy;
    errno = 0;
    long long value = copy_number(text, copy) ? strtoll(copy, &end, 10) : 0;
    if (end == copy || *end != '\0' || errno != 0)
        return no(refusal, "int_parsing", "must be a whole number");
    out->i64 = value;
    return within(param, (double)value, refusal);
}

static bool parse_number(const struct http_param *param,
                         struct slice text,
                         struct http_value *out,
                         struct refusal refusal)
{
    char copy[NUMBER_TEXT_MAX], *end = copy;
    double value = copy_number(text, copy) ? strtod(copy, &end) : 0;
    if (end == copy || *end != '\0' || !isfinite(value))
        return no(refusal, "float_parsing", "must be a finite number");
    out->number = value;
    return within(param, value, refusal);
}

static bool parse_boolean(struct slice text, struct http_value *out, struct refusal refusal)
{
    bool yes = slice_is_nocase(text, "true") || slice_is(text, "1");
    if (!yes && !slice_is_nocase(text, "false") && !slice_is(text, "0"))
        return no(refusal, "bool_parsing", "must be true or false");
    out->flag = yes;
    return true;
}

/* "2026-01-31T09:30:00+01:00" in a query whose + was not escaped came here with a blank: no other time looks like that. */
static bool restore_plus(struct slice text, char out[TIME_TEXT_MAX])
{
    if (text.len <= sizeof("2026-01-31T09:30:00") || text.len >= TIME_TEXT_MAX ||
        text.ptr[text.len - 6] != ' ' || text.ptr[text.len - 3] != ':')
        return false;
    memcpy(out, text.ptr, text.len);
    out[text.len - 6] = '+';
    return true;
}

static bool parse_time(struct slice text, struct http_value *out, struct refusal refusal)
{
    char copy[TIME_TEXT_MAX];
    if (restore_plus(text, copy))
        text.ptr = copy;
    if (timestamp_parse(text, &out->i64) != AL_OK)
        return no(refusal, "datetime_parsing", "must be a time like 2026-01-31T09:30:00Z");
    return true;
}

static bool is_choice(const char *choices, struct slice text)
{
    for (const char *rest = choices; *rest != '\0';) {
        size_t len = strcspn(rest, "|");
        if (slice_eq((struct slice){rest, len}, text))
            return true;
        rest += len + (rest[len] == '|' ? 1 : 0);
    }
    return false;
}

static bool parse_text(const struct http_param *param, struct slice text, struct refusal refusal)
{
    if (has_bounds(param) && (double)text.len < param->min)
        return no(refusal, "string_too_short", "must have at least %.0f bytes", param->min);
    if (has_bounds(param) && (double)text.len > param->max)
        return no(refusal, "string_too_long", "must have at most %.0f bytes", param->max);
    if (param->format != NULL && !param->format->accepts(text))
        return no(refusal, "string_pattern_mismatch", "must match %s", param->format->pattern);
    return true;
}

static bool parse_names(const struct http_param *param, struct slice text, struct refusal refusal)
{
    size_t n_names = 0;
    for (const char *rest = text.ptr, *end = text.ptr + text.len; rest <= end;) {
        const char *comma = memchr(rest, ',', (size_t)(end - rest));
        struct slice name = {rest, (size_t)((comma != NULL ? comma : end) - rest)};
        if (name.len == 0 || (param->format != NULL && !param->format->accepts(name)))
            return no(refusal, "string_pattern_mismatch", "must be names with commas between");
        n_names++;
        if (comma == NULL)
            break;
        rest = comma + 1;
    }
    return within(param, (double)n_names, refusal);
}

bool http_param_parse(const struct http_param *param,
                      struct slice text,
                      struct http_value *out,
                      const char **type,
                      char message[160])
{
    struct refusal refusal = {type, message};
    struct uuid id;
    *out = (struct http_value){.given = true, .text = text};
    switch (param->type) {
    case HTTP_TEXT:
        return parse_text(param, text, refusal);
    case HTTP_INTEGER:
        return parse_integer(param, text, out, refusal);
    case HTTP_NUMBER:
        return parse_number(param, text, out, refusal);
    case HTTP_BOOLEAN:
        return parse_boolean(text, out, refusal);
    case HTTP_TIME:
        return parse_time(text, out, refusal);
    case HTTP_CHOICE:
        return is_choice(param->choices, text) ||
               no(refusal, "enum", "must be one of %s", param->choices);
    case HTTP_UUID:
        return uuid_parse(text, &id) == AL_OK || no(refusal, "uuid_parsing", "must be a UUID");
    case HTTP_NAMES:
        return parse_names(param, text, refusal);
    case HTTP_ARRAY:
    case HTTP_OBJECT:
        break;
    }
    return no(refusal, "value_error", "must be sent in the body");
}

/* ---- problems ---- */

void http_problem(struct http_request *request,
                  const char *in,
                  const char *name,
                  const char *type,
                  const char *message)
{
    struct json_writer w;
    if (request->n_problems == HTTP_PROBLEMS_MAX)
        return;
    if (request->n_problems++ > 0)
        buf_putc(&request->problems, ',');
    json_w_init(&w, &request->problems);
    json_w_object(&w);
    json_w_key(&w, "loc");
    json_w_array(&w);
    json_w_str(&w, in);
    if (name != NULL)
        json_w_str(&w, name);
    json_w_end_array(&w);
    json_m_str(&w, "msg", message);
    json_m_str(&w, "type", type);
    json_w_end_object(&w);
}

static const char *place_name(enum http_in in)
{
    static const char *const names[] = {"path", "query", "body"};
    return names[in];
}

static void param_problem(struct http_request *request,
                          const struct http_param *param,
                          const char *type,
                          const char *message)
{
    http_problem(request, place_name(param->in), param->name, type, message);
}

/* ---- where a value comes from ---- */

static void take_text(struct http_request *request,
                      const struct http_param *param,
                      struct slice text,
                      struct http_value *value)
{
    const char *type = "value_error";
    char message[160] = "";
    if (!http_param_parse(param, text, value, &type, message))
        param_problem(request, param, type, message);
}

static void take_query(struct http_request *request,
                       const struct http_param *param,
                       struct http_value *value)
{
    for (size_t i = 0; i < request->target.n_query; i++) {
        const struct http_field *pair = &request->target.query[i];
        if (!slice_is(pair->name, param->name))
            continue;
        if (value->given) {
            param_problem(request, param, "repeated", "is given more than once");
            return;
        }
        take_text(request, param, pair->value, value);
        value->given = true;
    }
}

/* In a body the JSON type must be right too: "5" is not 5. */
static bool json_type_fits(const struct http_param *param, struct json_node *node)
{
    switch (param->type) {
    case HTTP_INTEGER:
    case HTTP_NUMBER:
        return json_is_number(node);
    case HTTP_BOOLEAN:
        return json_is_bool(node);
    case HTTP_ARRAY:
        return json_is_array(node);
    case HTTP_OBJECT:
        return json_is_object(node);
    default:
        return json_is_string(node);
    }
}

static const char *json_type_wanted(enum http_type type)
{
    switch (type) {
    case HTTP_INTEGER:
    case HTTP_NUMBER:
        return "a number";
    case HTTP_BOOLEAN:
        return "true or false";
    case HTTP_ARRAY:
        return "an array";
    case HTTP_OBJECT:
        return "an object";
    default:
        return "a string";
    }
}

static void take_member(struct http_request *request,
                        const struct http_param *param,
                        struct http_value *value)
{
    struct json_node *node = request->json == NULL ? NULL : json_get(request->json, param->name);
    if (node == NULL)
        return;
    char message[160];
    if (!json_type_fits(param, node)) {
        snprintf(message, sizeof message, "must be %s", json_type_wanted(param->type));
        param_problem(request, param, "type_error", message);
        value->given = true;
        return;
    }
    if (json_is_bool(node)) {
        *value = (struct http_value){.given = true, .flag = json_is_true(node)};
    } else if (param->type == HTTP_ARRAY || param->type == HTTP_OBJECT) {
        *value = (struct http_value){.given = true, .json = node};
        struct refusal refusal = {&(const char *){NULL}, message};
        if (json_is_array(node) && !within(param, (double)json_length(node), refusal))
            param_problem(request, param, "too_short_or_long", message);
    } else {
        take_text(request, param, json_text(node), value);
    }
    value->given = true;
}

static void take_param(struct http_request *request,
                       const struct http_param *param,
                       struct http_value *value)
{
    *value = (struct http_value){.text = {"", 0}};
    if (param->in == HTTP_PATH) {
        size_t index = http_router_path_index(request->match.route, param->name);
        take_text(request, param, request->match.path_values[index], value);
    } else if (param->in == HTTP_QUERY) {
        take_query(request, param, value);
    } else {
        take_member(request, param, value);
    }
    if (value->given)
        return;
    if (param->required)
        param_problem(request, param, "missing", "is required");
    else if (param->fallback != NULL)
        take_text(request, param, slice_of(param->fallback), value);
}

static bool wants_body(const struct http_route *route, bool *required)
{
    bool any = false;
    *required = false;
    for (const struct http_param *param = route->params; param->name != NULL; param++) {
        any = any || param->in == HTTP_BODY;
        *required = *required || (param->in == HTTP_BODY && param->required);
    }
    return any;
}

/* False when the body as a whole is wrong; its members are then not looked at. What is not JSON at all has no field that
 * could be named: 400. */
static bool read_body(struct http_request *request, struct json_reader *reader)
{
    bool required;
    if (!wants_body(request->match.route, &required))
        return true;
    struct slice text = buf_slice(&request->body);
    if (text.len == 0) {
        if (required)
            http_problem(request, "body", NULL, "missing", "a JSON object is required");
        return !required;
    }
    if (json_read(reader, text, &request->json) != AL_OK) {
        http_error(request, 400, "the body is not JSON: %s", err_text());
        return false;
    }
    if (!json_is_object(request->json)) {
        http_problem(request, "body", NULL, "type_error", "must be a JSON object");
        return false;
    }
    return true;
}

bool http_params_read(struct http_request *request, struct json_reader *reader)
{
    const struct http_param *params = request->match.route->params;
    bool body_is_fine = read_body(request, reader);
    for (size_t i = 0; params[i].name != NULL; i++) {
        if (params[i].in != HTTP_BODY || body_is_fine)
            take_param(request, &params[i], &request->values[i]);
    }
    return request->n_problems == 0 && request->response.status == 0;
}
