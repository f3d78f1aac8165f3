/* What the service is, and its numbers for Prometheus. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_i.h"

#include "alphaloop/observe/metric.h"

/* What a path does: the summaries of its methods, one after the other. */
static void write_endpoint(struct json_writer *w,
                           const struct http_route *routes,
                           size_t n_routes,
                           size_t first)
{
    char text[512] = "";
    size_t len = 0;
    for (size_t i = first; i < n_routes && len < sizeof text; i++) {
        if (strcmp(routes[i].path, routes[first].path) == 0)
            len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", len > 0 ? " " : "",
                                    routes[i].summary);
    }
    json_m_str(w, routes[first].path, text);
}

enum http_answer admin_root_get(struct http_request *request, void *ctx)
{
    const struct admin_context *admin = ctx;
    struct admin_live *live = admin_live_take(request, admin);
    if (live == NULL)
        return HTTP_ANSWERED;
    size_t n_routes;
    const struct http_route *routes = admin_routes(&n_routes);
    struct json_writer *w = http_json(request, 200);
    json_w_object(w);
    json_m_str(w, "service", admin->service);
    json_m_str(w, "status", live->stopping ? "stopping" : "running");
    json_m_str(w, "version", admin->version);
    json_w_key(w, "endpoints");
    json_w_object(w);
    for (size_t i = 0; i < n_routes; i++) {
        if (admin_is_first_of_path(i))
            write_endpoint(w, routes, n_routes, i);
    }
    json_w_end_object(w);
    json_w_end_object(w);
    free(live);
    return HTTP_ANSWERED;
}

enum http_answer admin_metrics_get(struct http_request *request, void *ctx)
{
    (void)ctx;
    metric_expose(http_raw(request, 200, "text/plain; version=0.0.4; charset=utf-8"));
    return HTTP_ANSWERED;
}
