/* docs/http-routes.md: the table of routes for people, as /openapi.json is for programs. */
#include <string.h>

#include "admin_i.h"

static const char markdown_head[] = "# Routes of the admin port\n\n"
                                    "Generated from `include/alphaloop/tbl/routes.def` by `make "
                                    "generate`. `docs/openapi.json` says the "
                                    "same to machines, with the\nshape and an example of every "
                                    "answer; `docs/http.md` says what holds "
                                    "for all routes.\n";

static const char *key_text(enum http_auth auth)
{
    static const char *const texts[] = {[HTTP_OPEN] = "no",
                                        [HTTP_KEY] = "yes",
                                        [HTTP_GUARDED] = "with METRICS_REQUIRE_KEY",
                                        [HTTP_PAGE] = "yes, asked for by the page"};
    return texts[auth];
}

static void put_markdown_params(struct buf *out, const struct http_route *route)
{
    static const char *const places[] = {"path", "query", "body"};
    for (const struct http_param *param = route->params; param->name != NULL; param++) {
        buf_printf(out, "%s`%s` (%s", param == route->params ? "" : ", ", param->name,
                   places[param->in]);
        if (param->in != HTTP_PATH && param->required)
            buf_puts(out, ", required");
        if (param->fallback != NULL)
            buf_printf(out, ", default %s", param->fallback);
        buf_putc(out, ')');
    }
}

void admin_routes_markdown(struct buf *out)
{
    size_t n_routes;
    const struct http_route *routes = admin_routes(&n_routes);
    const char *area = "";
    buf_puts(out, markdown_head);
    for (size_t i = 0; i < n_routes; i++) {
        const struct http_route *route = &routes[i];
        if (strcmp(area, route->area) != 0)
            buf_printf(out,
                       "\n## %s\n\n| route | what it does | key | parameters |\n| --- | --- | --- "
                       "| --- |\n",
                       route->area);
        area = route->area;
        buf_printf(out, "| `%s %s` | %s | %s | ", http_method_name(route->method), route->path,
                   route->summary, key_text(route->auth));
        put_markdown_params(out, route);
        buf_puts(out, " |\n");
    }
}
