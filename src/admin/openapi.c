/* GET /openapi.json: routes.def and schemas.def as an OpenAPI 3.1 document. Nothing in it is written by
 * hand twice; what a row cannot say (the shape of errors, the key) is said once here. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_i.h"

#define API_VERSION   "1.0.0"
#define DOCUMENT_MAX  (4 << 20)
#define EXAMPLE_DEPTH 8

/* ---- the types of schemas.def ---- */

static bool ends_with(struct slice text, const char *tail)
{
    size_t n = strlen(tail);
    return text.len > n && memcmp(text.ptr + text.len - n, tail, n) == 0;
}

static struct slice without(struct slice text, size_t front, size_t back)
{
    return (struct slice){text.ptr + front, text.len - front - back};
}

static void write_one(struct json_writer *w, const char *key, const char *text)
{
    json_w_object(w);
    json_m_str(w, key, text);
    json_w_end_object(w);
}

static void write_reference(struct json_writer *w, struct slice name)
{
    char text[96];
    snprintf(text, sizeof text, "#/components/schemas/%.*s", (int)name.len, name.ptr);
    json_m_str(w, "$ref", text);
}

/* The members that describe a type that is neither an array, a map nor nullable. */
static void write_plain(struct json_writer *w, struct slice type)
{
    if (slice_is(type, "any"))
        return;
    if (admin_schema_find(type) != NULL) {
        write_reference(w, type);
        return;
    }
    bool is_text = slice_is(type, "uuid") || slice_is(type, "time");
    json_m_string(w, "type", is_text ? SLICE("string") : type);
    if (is_text)
        json_m_str(w, "format", slice_is(type, "uuid") ? "uuid" : "date-time");
}

static void write_type(struct json_writer *w, struct slice type);

/* The members of a type, without the braces around them. */
static void write_type_members(struct json_writer *w, struct slice type)
{
    if (ends_with(type, "?")) {
        json_w_key(w, "anyOf");
        json_w_array(w);
        write_type(w, without(type, 0, 1));
        write_one(w, "type", "null");
        json_w_end_array(w);
    } else if (ends_with(type, "[]")) {
        json_m_str(w, "type", "array");
        json_w_key(w, "items");
        write_type(w, without(type, 0, 2));
    } else if (type.ptr[0] == '{') {
        json_m_str(w, "type", "object");
        json_w_key(w, "additionalProperties");
        write_type(w, without(type, 1, 1));
    } else {
        write_plain(w, type);
    }
}

static void write_type(struct json_writer *w, struct slice type)
{
    json_w_object(w);
    write_type_members(w, type);
    json_w_end_object(w);
}

static void write_field(struct json_writer *w, const struct admin_field *field)
{
    json_w_key(w, field->name);
    json_w_object(w);
    write_type_members(w, slice_of(field->type));
    json_m_str(w, "description", field->help);
    json_w_end_object(w);
}

/* Own fields, and those of the schema it extends. */
static void each_field(struct json_writer *w,
                       const struct admin_schema *schema,
                       void (*write)(struct json_writer *, const struct admin_field *))
{
    for (const struct admin_field *field = schema->fields; field->name != NULL; field++) {
        if (field->name[0] == '\0')
            each_field(w, admin_schema_find(slice_of(field->type)), write);
        else
            write(w, field);
    }
}

static void write_field_name(struct json_writer *w, const struct admin_field *field)
{
    json_w_str(w, field->name);
}

static void write_schema(struct json_writer *w, const struct admin_schema *schema)
{
    json_w_key(w, schema->name);
    json_w_object(w);
    json_m_str(w, "type", "object");
    json_m_str(w, "description", schema->help);
    json_w_key(w, "properties");
    json_w_object(w);
    each_field(w, schema, write_field);
    json_w_end_object(w);
    json_w_key(w, "required");
    json_w_array(w);
    each_field(w, schema, write_field_name);
    json_w_end_array(w);
    json_w_end_object(w);
}

/* ---- examples ---- */

static void write_example(struct json_writer *w, struct slice type, int depth);

static void write_field_example(struct json_writer *w, const struct admin_field *field)
{
    json_w_key(w, field->name);
    if (field->example != NULL)
        json_w_raw(w, slice_of(field->example));
    else
        write_example(w, slice_of(field->type), EXAMPLE_DEPTH);
}

static void write_example(struct json_writer *w, struct slice type, int depth)
{
    const struct admin_schema *schema = admin_schema_find(type);
    if (schema != NULL) {
        json_w_object(w);
        each_field(w, schema, write_field_example);
        json_w_end_object(w);
    } else if (ends_with(type, "[]") && depth > 0) {
        json_w_array(w);
        write_example(w, without(type, 0, 2), depth - 1);
        json_w_end_array(w);
    } else if (type.ptr[0] == '{' || slice_is(type, "object")) {
        json_w_object(w);
        json_w_end_object(w);
    } else {
        json_w_null(w);
    }
}

/* ---- parameters ---- */

static const char *json_type_of(enum http_type type)
{
    switch (type) {
    case HTTP_INTEGER:
        return "integer";
    case HTTP_NUMBER:
        return "number";
    case HTTP_BOOLEAN:
        return "boolean";
    case HTTP_ARRAY:
        return "array";
    case HTTP_OBJECT:
        return "object";
    case HTTP_TEXT:
    case HTTP_TIME:
    case HTTP_CHOICE:
    case HTTP_UUID:
    case HTTP_NAMES:
        break;
    }
    return "string";
}

/* A fallback or example, written as the JSON of its type. */
static void write_as(struct json_writer *w, const char *key, enum http_type type, const char *text)
{
    bool is_json = type == HTTP_INTEGER || type == HTTP_NUMBER || type == HTTP_BOOLEAN ||
                   type == HTTP_ARRAY || type == HTTP_OBJECT;
    if (text == NULL)
        return;
    json_w_key(w, key);
    if (is_json)
        json_w_raw(w, slice_of(text));
    else
        json_w_str(w, text);
}

static void write_choices(struct json_writer *w, const char *choices)
{
    json_w_key(w, "enum");
    json_w_array(w);
    while (*choices != '\0') {
        size_t len = strcspn(choices, "|");
        json_w_string(w, (struct slice){choices, len});
        choices += len + (choices[len] == '|' ? 1 : 0);
    }
    json_w_end_array(w);
}

static void write_bounds(struct json_writer *w, const struct http_param *param)
{
    const char *low = NULL, *high = NULL;
    if (param->type == HTTP_TEXT)
        low = "minLength", high = "maxLength";
    else if (param->type == HTTP_INTEGER || param->type == HTTP_NUMBER)
        low = "minimum", high = "maximum";
    else if (param->type == HTTP_ARRAY)
        low = "minItems", high = "maxItems";
    if (low == NULL || param->min >= param->max)
        return;
    json_m_number(w, low, param->min);
    json_m_number(w, high, param->max);
}

static void write_param_schema(struct json_writer *w, const struct http_param *param)
{
    json_w_object(w);
    json_m_str(w, "type", json_type_of(param->type));
    if (param->type == HTTP_TIME || param->type == HTTP_UUID)
        json_m_str(w, "format", param->type == HTTP_TIME ? "date-time" : "uuid");
    if (param->type == HTTP_CHOICE)
        write_choices(w, param->choices);
    if (param->type == HTTP_TEXT && param->format != NULL)
        json_m_str(w, "pattern", param->format->pattern);
    write_bounds(w, param);
    write_as(w, "default", param->type, param->fallback);
    if (param->in == HTTP_BODY)
        json_m_str(w, "description", param->help);
    json_w_end_object(w);
}

static void write_param(struct json_writer *w, const struct http_param *param)
{
    json_w_object(w);
    json_m_str(w, "name", param->name);
    json_m_str(w, "in", param->in == HTTP_PATH ? "path" : "query");
    json_m_bool(w, "required", param->required);
    json_m_str(w, "description", param->help);
    json_w_key(w, "schema");
    write_param_schema(w, param);
    write_as(w, "example", param->type, param->example);
    json_w_end_object(w);
}

static bool has_param(const struct http_route *route, bool in_body)
{
    for (const struct http_param *param = route->params; param->name != NULL; param++) {
        if ((param->in == HTTP_BODY) == in_body)
            return true;
    }
    return false;
}

static void write_params(struct json_writer *w, const struct http_route *route)
{
    if (!has_param(route, false))
        return;
    json_w_key(w, "parameters");
    json_w_array(w);
    for (const struct http_param *param = route->params; param->name != NULL; param++) {
        if (param->in != HTTP_BODY)
            write_param(w, param);
    }
    json_w_end_array(w);
}

static void write_body_schema(struct json_writer *w, const struct http_route *route)
{
    json_w_key(w, "schema");
    json_w_object(w);
    json_m_str(w, "type", "object");
    json_w_key(w, "properties");
    json_w_object(w);
    for (const struct http_param *param = route->params; param->name != NULL; param++) {
        if (param->in == HTTP_BODY) {
            json_w_key(w, param->name);
            write_param_schema(w, param);
        }
    }
    json_w_end_object(w);
    json_w_key(w, "required");
    json_w_array(w);
    for (const struct http_param *param = route->params; param->name != NULL; param++) {
        if (param->in == HTTP_BODY && param->required)
            json_w_str(w, param->name);
    }
    json_w_end_array(w);
    json_w_end_object(w);
}

static void write_body(struct json_writer *w, const struct http_route *route)
{
    if (!has_param(route, true))
        return;
    json_w_key(w, "requestBody");
    json_w_object(w);
    json_m_bool(w, "required", true);
    json_w_key(w, "content");
    json_w_object(w);
    json_w_key(w, "application/json");
    json_w_object(w);
    write_body_schema(w, route);
    json_w_key(w, "example");
    json_w_object(w);
    for (const struct http_param *param = route->params; param->name != NULL; param++) {
        if (param->in == HTTP_BODY)
            write_as(w, param->name, param->type, param->example);
    }
    json_w_end_object(w);
    json_w_end_object(w);
    json_w_end_object(w);
    json_w_end_object(w);
}

/* ---- answers ---- */

static const char *code_text(const char *code)
{
    static const struct {
        const char *code, *text;
    } texts[] = {
        {"400", "The request cannot be read."},
        {"401", "X-API-Key is missing or wrong."},
        {"404", "There is no such thing."},
        {"409", "Not possible in the present state."},
        {"413", "The body has more than 8 MiB."},
        {"415", "The body is not application/json."},
        {"422", "A parameter is missing or wrong."},
        {"429", "More is asked at once than is taken; try again later."},
        {"503", "Something the answer depends on is away, or the service is not well."},
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (strncmp(texts[i].code, code, 3) == 0)
            return texts[i].text;
    }
    return "";
}

static bool is_content_type(const char *answer)
{
    return strchr(answer, '/') != NULL;
}

static void write_content(struct json_writer *w, struct slice type)
{
    json_w_key(w, "content");
    json_w_object(w);
    json_w_key(w, "application/json");
    json_w_object(w);
    json_w_key(w, "schema");
    write_type(w, type);
    json_w_key(w, "example");
    write_example(w, type, EXAMPLE_DEPTH);
    json_w_end_object(w);
    json_w_end_object(w);
}

static void write_text_content(struct json_writer *w, const char *content_type)
{
    char name[48];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(content_type, ";"), content_type);
    json_w_key(w, "content");
    json_w_object(w);
    json_w_key(w, name);
    json_w_object(w);
    json_w_key(w, "schema");
    write_one(w, "type", "string");
    json_w_end_object(w);
    json_w_end_object(w);
}

static void write_code(struct json_writer *w, const char *code, struct slice type)
{
    char key[4];
    snprintf(key, sizeof key, "%.3s", code);
    json_w_key(w, key);
    json_w_object(w);
    json_m_str(w, "description", code_text(key));
    write_content(w, type);
    json_w_end_object(w);
}

/* "404 503:Health": codes with their schema, Error where none is named. */
static void write_own_errors(struct json_writer *w, const char *errors)
{
    while (*errors != '\0') {
        size_t len = strcspn(errors, " ");
        struct slice type = len > 4 ? (struct slice){errors + 4, len - 4} : SLICE("Error");
        if (len == 3 &&
            strncmp(errors, "503", 3) == 0) /* who waits for something waits in a queue */
            write_code(w, "429", type);
        write_code(w, errors, type);
        errors += len + (errors[len] == ' ' ? 1 : 0);
    }
}

static void write_responses(struct json_writer *w, const struct http_route *route)
{
    json_w_key(w, "responses");
    json_w_object(w);
    json_w_key(w, "200");
    json_w_object(w);
    json_m_str(w, "description", route->summary);
    if (is_content_type(route->answer))
        write_text_content(w, route->answer);
    else
        write_content(w, slice_of(route->answer));
    json_w_end_object(w);
    if (route->auth != HTTP_OPEN)
        write_code(w, "401", SLICE("Error"));
    if (has_param(route, true)) {
        write_code(w, "400", SLICE("Error"));
        write_code(w, "413", SLICE("Error"));
        write_code(w, "415", SLICE("Error"));
    }
    if (route->params->name != NULL)
        write_code(w, "422", SLICE("Problems"));
    write_own_errors(w, route->errors);
    json_w_end_object(w);
}

/* ---- operations ---- */

/* "GET /api/v1/models/{version}" -> get_api_v1_models_version */
static void write_operation_id(struct json_writer *w, const struct http_route *route)
{
    char id[160];
    size_t n = 0;
    const char *method = http_method_name(route->method);
    for (const char *c = method; *c != '\0'; c++)
        id[n++] = (char)(*c - 'A' + 'a');
    assert(n > 0);
    for (const char *c = route->path; *c != '\0' && n + 1 < sizeof id; c++) {
        bool is_word = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9');
        if (is_word)
            id[n++] = *c;
        else if (id[n - 1] != '_')
            id[n++] = '_';
    }
    n -= id[n - 1] == '_' ? 1 : 0;
    json_m_string(w, "operationId", (struct slice){id, n});
}

static void write_operation(struct json_writer *w, const struct http_route *route)
{
    static const char *const keys[] = {"get", "post", "put", "patch", "delete"};
    json_w_key(w, keys[route->method]);
    json_w_object(w);
    write_operation_id(w, route);
    json_w_key(w, "tags");
    json_w_array(w);
    json_w_str(w, route->area);
    json_w_end_array(w);
    json_m_str(w, "summary", route->summary);
    json_w_key(w, "security");
    json_w_array(w);
    if (route->auth == HTTP_GUARDED) { /* either with the key or without */
        json_w_object(w);
        json_w_end_object(w);
    }
    if (route->auth != HTTP_OPEN) {
        json_w_object(w);
        json_w_key(w, "key");
        json_w_array(w);
        json_w_end_array(w);
        json_w_end_object(w);
    }
    json_w_end_array(w);
    write_params(w, route);
    write_body(w, route);
    write_responses(w, route);
    json_w_end_object(w);
}

static void write_paths(struct json_writer *w, const struct http_route *routes, size_t n_routes)
{
    json_w_key(w, "paths");
    json_w_object(w);
    for (size_t i = 0; i < n_routes; i++) {
        if (!admin_is_first_of_path(i))
            continue;
        json_w_key(w, routes[i].path);
        json_w_object(w);
        for (size_t k = i; k < n_routes; k++) {
            if (strcmp(routes[k].path, routes[i].path) == 0)
                write_operation(w, &routes[k]);
        }
        json_w_end_object(w);
    }
    json_w_end_object(w);
}

static void write_components(struct json_writer *w)
{
    json_w_key(w, "components");
    json_w_object(w);
    json_w_key(w, "securitySchemes");
    json_w_object(w);
    json_w_key(w, "key");
    json_w_object(w);
    json_m_str(w, "type", "apiKey");
    json_m_str(w, "in", "header");
    json_m_str(w, "name", "X-API-Key");
    json_m_str(w, "description", "MODEL_SERVICE_API_KEY.");
    json_w_end_object(w);
    json_w_end_object(w);
    json_w_key(w, "schemas");
    json_w_object(w);
    for (const struct admin_schema *schema = admin_schemas; schema->name != NULL; schema++)
        write_schema(w, schema);
    json_w_end_object(w);
    json_w_end_object(w);
}

static void write_info(struct json_writer *w)
{
    json_m_str(w, "openapi", "3.1.0");
    json_w_key(w, "info");
    json_w_object(w);
    json_m_str(w, "title", "alphaloop");
    json_m_str(w, "version", API_VERSION);
    json_m_str(
        w, "description",
        "Trading signals that learn from their own executions. Errors are {\"detail\": text}, "
        "wrong parameters {\"detail\": [{loc, msg, type}]}. Times are ISO 8601 in UTC. Every "
        "answer carries X-Trace-ID, echoed or created. Answers may gain members.");
    json_w_end_object(w);
    json_w_key(w, "servers");
    json_w_array(w);
    write_one(w, "url", "/");
    json_w_end_array(w);
}

enum al_err admin_openapi_write(struct buf *out)
{
    struct json_writer w;
    size_t n_routes;
    const struct http_route *routes = admin_routes(&n_routes);
    json_w_init(&w, out);
    json_w_object(&w);
    write_info(&w);
    write_paths(&w, routes, n_routes);
    write_components(&w);
    json_w_end_object(&w);
    return buf_ok(out) ? AL_OK : err_set(AL_EFULL, "the OpenAPI document");
}

enum http_answer admin_openapi_get(struct http_request *request, void *ctx)
{
    static struct buf document = {
        .max = DOCUMENT_MAX}; /* made at the first request, the same ever after */
    (void)ctx;
    if (document.len == 0 && admin_openapi_write(&document) != AL_OK)
        return http_error(request, 500, "the description does not fit its bound");
    struct slice text = buf_slice(&document);
    buf_append(http_raw(request, 200, "application/json"), text.ptr, text.len);
    return HTTP_ANSWERED;
}
