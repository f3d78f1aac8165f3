/* A row of the HTTP routing table, and what one row says about its parameters.
 *
 * The rows are one truth for five readers: the router, the check of parameters (422), the list of
 * allowed methods (405), the description in /openapi.json, and the test that walks every row. So a
 * handler never parses: when it runs, every parameter it declared is there, of its type and in range.
 */
#ifndef ALPHALOOP_IO_HTTP_ROUTE_H
#define ALPHALOOP_IO_HTTP_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "alphaloop/base/buf.h"
#include "alphaloop/base/err.h"

#define HTTP_PARAMS_MAX   24 /* parameters of one route, path, query and body together */
#define HTTP_SEGMENTS_MAX 12 /* parts of a path between its slashes */

struct http_request;

/* HEAD and OPTIONS are answered by the room itself from the rows of a path. */
enum http_method { HTTP_GET, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_METHOD_COUNT };
const char *http_method_name(enum http_method method); /* "GET" */

enum http_auth {
    HTTP_OPEN,    /* no key */
    HTTP_KEY,     /* X-API-Key */
    HTTP_GUARDED, /* X-API-Key when http_config.guard_metrics is set */
    HTTP_PAGE /* X-API-Key; a browser that comes without one gets the same bytes with code 401: a page that holds no
                     secret and asks for the key */
};

enum http_in { HTTP_PATH, HTTP_QUERY, HTTP_BODY }; /* BODY: a member of the JSON object sent */

enum http_type {
    HTTP_TEXT,    /* min, max: length in bytes; `format` may narrow it */
    HTTP_INTEGER, /* min, max: value */
    HTTP_NUMBER,  /* min, max: value; finite */
    HTTP_BOOLEAN, /* true or false (query also 1, 0); in a body a JSON boolean */
    HTTP_TIME,    /* ISO 8601, naive means UTC */
    HTTP_CHOICE,  /* one of `choices` */
    HTTP_UUID,
    HTTP_NAMES,  /* names with commas between; min, max: how many; each passes `format` */
    HTTP_ARRAY,  /* body only: a JSON array; min, max: how many; items are the handler's to check */
    HTTP_OBJECT, /* body only: a JSON object, the handler's to check */
};

/* A kind of text that many routes take, with the pattern that describes it to others. */
struct http_format {
    const char *name;
    const char *pattern; /* regular expression for the OpenAPI document */
    bool (*accepts)(struct slice text);
};

struct http_param {
    const char *name; /* NULL ends a list */
    enum http_in in;
    enum http_type type;
    bool required;
    const char *fallback;             /* the value when it is absent, as text; NULL: none */
    double min, max;                  /* both 0: no bounds but the room's own */
    const char *choices;              /* CHOICE: "hour|day|week" */
    const struct http_format *format; /* TEXT, NAMES; may be NULL */
    const char *help;
    const char *example; /* as text, or as JSON for ARRAY and OBJECT */
};

enum http_answer {
    HTTP_ANSWERED, /* the response is filled */
    HTTP_LATER,    /* http_respond() will be called; see http.h */
};
typedef enum http_answer (*http_handler_fn)(struct http_request *request, void *ctx);

struct http_route {
    enum http_method method;
    const char *path; /* "/api/v1/models/{version}" */
    http_handler_fn handler;
    enum http_auth auth;
    const char *area; /* groups routes in the description */
    const char *summary;
    const struct http_param
        *params;        /* ended by a row without name; every {name} of the path is one */
    const char *answer; /* name of the answer's schema */
    const char *errors; /* codes special to this route, "404 409"; "" for none */
};

/* Routes ready to be looked up. Refuses (AL_EEXIST, AL_EINVAL, naming the row) two rows that could
 * match the same request, a path parameter that is not declared or not in the path, a fallback or
 * example that its own row would refuse, and a row without summary or help. Borrows the rows for its
 * whole life. */
struct http_router;
MUST_CHECK enum al_err http_router_create(const struct http_route *routes,
                                          size_t n_routes,
                                          struct http_router **out);
void http_router_destroy(struct http_router *router);

#endif
