/* From path and method to a row. Patterns are split once, at start; a request is compared with each row
 * of as many segments, and a literal segment beats a parameter, leftmost first. With some fifty rows
 * this takes a microsecond, and unlike a tree it can be read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_i.h"

#include "alphaloop/observe/metric.h"

#define LABEL_MAX 112

struct pattern {
    const struct http_route *route;
    size_t n_segments;
    struct slice segments[HTTP_SEGMENTS_MAX]; /* names without braces for parameters */
    bool is_param[HTTP_SEGMENTS_MAX];
    char label[LABEL_MAX];
};

struct http_router {
    size_t n_patterns;
    struct pattern patterns[];
};

const char *http_method_name(enum http_method method)
{
    static const char *const names[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    return names[method];
}

static enum al_err bad_row(enum al_err err, const struct http_route *route, const char *why)
{
    return err_set(err, "route %s %s: %s", http_method_name(route->method), route->path, why);
}

/* ---- reading a row ---- */

static enum al_err pattern_split(struct pattern *pattern, const struct http_route *route)
{
    pattern->route = route;
    if (route->path[0] != '/')
        return bad_row(AL_EINVAL, route, "the path does not begin with /");
    const char *rest = route->path + 1;
    while (*rest != '\0') {
        size_t len = strcspn(rest, "/");
        if (len == 0 || pattern->n_segments == HTTP_SEGMENTS_MAX)
            return bad_row(AL_EINVAL, route, "an empty segment, or too many");
        bool is_param = rest[0] == '{' && rest[len - 1] == '}' && len > 2;
        pattern->is_param[pattern->n_segments] = is_param;
        pattern->segments[pattern->n_segments++] =
            is_param ? (struct slice){rest + 1, len - 2} : (struct slice){rest, len};
        rest += len;
        if (rest[0] == '/' && rest[1] == '\0')
            return bad_row(AL_EINVAL, route, "the path ends with /");
        rest += *rest == '/' ? 1 : 0;
    }
    return AL_OK;
}

static const struct http_param *find_param(const struct http_route *route, struct slice name)
{
    for (const struct http_param *param = route->params; param->name != NULL; param++) {
        if (slice_is(name, param->name))
            return param;
    }
    return NULL;
}

static enum al_err check_path_params(const struct pattern *pattern)
{
    size_t n_in_path = 0, n_declared = 0;
    for (size_t i = 0; i < pattern->n_segments; i++) {
        if (!pattern->is_param[i])
            continue;
        const struct http_param *param = find_param(pattern->route, pattern->segments[i]);
        if (param == NULL || param->in != HTTP_PATH || !param->required)
            return bad_row(AL_EINVAL, pattern->route,
                           "a {name} is not declared as required in the path");
        n_in_path++;
    }
    for (const struct http_param *param = pattern->route->params; param->name != NULL; param++)
        n_declared += param->in == HTTP_PATH ? 1 : 0;
    return n_in_path == n_declared ? AL_OK
                                   : bad_row(AL_EINVAL, pattern->route,
                                             "a path parameter is not in the path, or twice");
}

/* A fallback and an example must pass the row they belong to. */
static bool text_passes(const struct http_param *param, const char *text)
{
    struct http_value value;
    const char *type;
    char message[160];
    if (text == NULL || param->type == HTTP_ARRAY || param->type == HTTP_OBJECT)
        return true;
    return http_param_parse(param, slice_of(text), &value, &type, message);
}

static enum al_err check_params(const struct http_route *route)
{
    size_t n_params = 0;
    for (const struct http_param *param = route->params; param->name != NULL; param++) {
        bool tree = param->type == HTTP_ARRAY || param->type == HTTP_OBJECT;
        if (++n_params > HTTP_PARAMS_MAX)
            return bad_row(AL_EINVAL, route, "too many parameters");
        if (find_param(route, slice_of(param->name)) != param)
            return bad_row(AL_EEXIST, route, "two parameters of one name");
        if (param->help == NULL || param->help[0] == '\0')
            return bad_row(AL_EINVAL, route, "a parameter without help");
        if ((tree && param->in != HTTP_BODY) ||
            (param->type == HTTP_CHOICE && param->choices == NULL))
            return bad_row(AL_EINVAL, route, "a parameter of a type that does not fit its place");
        if (param->in == HTTP_BODY && route->method == HTTP_GET)
            return bad_row(AL_EINVAL, route, "GET with a body");
        if (!text_passes(param, param->fallback) || !text_passes(param, param->example))
            return bad_row(AL_EINVAL, route, "a fallback or example its own row refuses");
    }
    return AL_OK;
}

static bool same_shape(const struct pattern *a, const struct pattern *b)
{
    if (a->route->method != b->route->method || a->n_segments != b->n_segments)
        return false;
    for (size_t i = 0; i < a->n_segments; i++) {
        bool both_params = a->is_param[i] && b->is_param[i];
        bool same_text =
            a->is_param[i] == b->is_param[i] && slice_eq(a->segments[i], b->segments[i]);
        if (!both_params && !same_text)
            return false;
    }
    return true;
}

static enum al_err add_row(struct http_router *router, const struct http_route *route)
{
    struct pattern *pattern = &router->patterns[router->n_patterns];
    enum al_err err = pattern_split(pattern, route);
    if (err != AL_OK)
        return err;
    if (route->handler == NULL || route->params == NULL || route->summary == NULL ||
        route->summary[0] == '\0')
        return bad_row(AL_EINVAL, route, "no handler, parameter list or summary");
    if ((err = check_params(route)) != AL_OK || (err = check_path_params(pattern)) != AL_OK)
        return err;
    for (size_t i = 0; i < router->n_patterns; i++) {
        if (same_shape(pattern, &router->patterns[i]))
            return bad_row(AL_EEXIST, route, "an earlier row matches the same requests");
    }
    snprintf(pattern->label, sizeof pattern->label, "%s %s", http_method_name(route->method),
             route->path);
    router->n_patterns++;
    return AL_OK;
}

enum al_err http_router_create(const struct http_route *routes,
                               size_t n_routes,
                               struct http_router **out)
{
    struct http_router *router = calloc(1, sizeof *router + n_routes * sizeof router->patterns[0]);
    if (router == NULL)
        return err_set(AL_ENOMEM, "routes");
    for (size_t i = 0; i < n_routes; i++) {
        enum al_err err = add_row(router, &routes[i]);
        if (err != AL_OK) {
            http_router_destroy(router);
            return err;
        }
    }
    *out = router;
    return AL_OK;
}

void http_router_destroy(struct http_router *router)
{
    free(router);
}

void http_router_touch_metrics(const struct http_router *router)
{
    for (size_t i = 0; i < router->n_patterns; i++)
        metric_touch(METRIC_http_requests_total, router->patterns[i].label, "200");
}

/* ---- looking up ---- */

static bool fits(const struct pattern *pattern, const struct http_target *target)
{
    if (pattern->n_segments != target->n_segments)
        return false;
    for (size_t i = 0; i < pattern->n_segments; i++) {
        bool same = pattern->is_param[i] ? target->segments[i].len > 0
                                         : slice_eq(pattern->segments[i], target->segments[i]);
        if (!same)
            return false;
    }
    return true;
}

/* Whether a's first segment that differs in kind from b's is a literal. */
static bool is_closer(const struct pattern *a, const struct pattern *b)
{
    for (size_t i = 0; b != NULL && i < a->n_segments; i++) {
        if (a->is_param[i] != b->is_param[i])
            return !a->is_param[i];
    }
    return b == NULL;
}

static void take_path_values(const struct pattern *pattern,
                             const struct http_target *target,
                             struct http_match *out)
{
    size_t n = 0;
    for (size_t i = 0; i < pattern->n_segments; i++) {
        if (pattern->is_param[i])
            out->path_values[n++] = target->segments[i];
    }
}

void http_router_match(const struct http_router *router,
                       const struct http_target *target,
                       int method,
                       struct http_match *out)
{
    const struct pattern *best = NULL;
    *out = (struct http_match){.label = "unmatched"};
    for (size_t i = 0; i < router->n_patterns; i++) {
        const struct pattern *pattern = &router->patterns[i];
        if (!fits(pattern, target))
            continue;
        out->methods |= 1U << pattern->route->method;
        out->open = out->open || pattern->route->auth == HTTP_OPEN;
        if ((int)pattern->route->method == method && is_closer(pattern, best))
            best = pattern;
    }
    if (best == NULL)
        return;
    out->route = best->route;
    out->label = best->label;
    take_path_values(best, target, out);
}

size_t http_router_path_index(const struct http_route *route, const char *name)
{
    size_t index = 0, len = strlen(name);
    for (const char *brace = strchr(route->path, '{'); brace != NULL;
         brace = strchr(brace + 1, '{')) {
        if (strncmp(brace + 1, name, len) == 0 && brace[1 + len] == '}')
            return index;
        index++;
    }
    return 0; /* every path parameter is in its path: checked by http_router_create */
}
