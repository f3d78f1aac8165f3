/* GET /docs: the table of routes as one page without scripts. What /openapi.json says to programs, this
 * says to people. */
#include <string.h>

#include "admin_i.h"

static const char page_head[] =
    "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width\"><title>alphaloop</title><style>"
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "h2{margin-top:2em;border-bottom:1px solid #8888}h3{font:600 15px ui-monospace,monospace}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2em .8em .2em 0;"
    "vertical-align:top}th{font-weight:600}code{font:13px ui-monospace,monospace}"
    "@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}}</style></head><body>"
    "<h1>alphaloop</h1><p>Send <code>X-API-Key</code> with every request that is not marked open. "
    "The same "
    "for programs: <code>/openapi.json</code>.</p>";

static void put_escaped(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '<')
            buf_puts(out, "&lt;");
        else if (*text == '&')
            buf_puts(out, "&amp;");
        else if (*text == '"')
            buf_puts(out, "&quot;");
        else
            buf_putc(out, *text);
    }
}

static void put_cell(struct buf *out, const char *text, bool is_code)
{
    buf_puts(out, is_code ? "<td><code>" : "<td>");
    put_escaped(out, text);
    buf_puts(out, is_code ? "</code></td>" : "</td>");
}

static void put_params(struct buf *out, const struct http_route *route)
{
    static const char *const places[] = {"path", "query", "body"};
    if (route->params->name == NULL)
        return;
    buf_puts(out, "<table><tr><th>parameter</th><th>in</th><th>default</th><th>meaning</th></tr>");
    for (const struct http_param *param = route->params; param->name != NULL; param++) {
        buf_puts(out, "<tr>");
        put_cell(out, param->name, true);
        put_cell(out, places[param->in], false);
        put_cell(out,
                 param->required           ? "required"
                 : param->fallback == NULL ? ""
                                           : param->fallback,
                 false);
        put_cell(out, param->help, false);
        buf_puts(out, "</tr>");
    }
    buf_puts(out, "</table>");
}

static void put_route(struct buf *out, const struct http_route *route)
{
    buf_printf(out, "<h3>%s %s</h3><p>", http_method_name(route->method), route->path);
    put_escaped(out, route->summary);
    if (route->auth == HTTP_OPEN)
        buf_puts(out, " <em>Open.</em>");
    buf_puts(out, " Answers <code>");
    put_escaped(out, route->answer);
    buf_puts(out, "</code>.</p>");
    put_params(out, route);
}

enum http_answer admin_docs_get(struct http_request *request, void *ctx)
{
    (void)ctx;
    size_t n_routes;
    const struct http_route *routes = admin_routes(&n_routes);
    struct buf *out = http_raw(request, 200, "text/html; charset=utf-8");
    const char *area = "";
    buf_puts(out, page_head);
    for (size_t i = 0; i < n_routes; i++) {
        if (strcmp(area, routes[i].area) != 0)
            buf_printf(out, "<h2>%s</h2>", routes[i].area);
        area = routes[i].area;
        put_route(out, &routes[i]);
    }
    buf_puts(out, "</body></html>");
    http_header(request, "Content-Security-Policy",
                "default-src 'none'; style-src 'unsafe-inline'");
    return HTTP_ANSWERED;
}

/* ---- the same table as Markdown ---- */

static const char markdown_head[] = "# Routes of the admin port\n\n"
                                    "Generated from `include/alphaloop/tbl/routes.def` by `make "
                                    "generate`. `docs/openapi.json` says the "
                                    "same to machines, with the\nshape and an example of every "
                                    "answer; `docs/http.md` says what holds "
                                    "for all routes.\n";

static const char *key_text(enum http_auth auth)
{
    static const char *const texts[] = {
        [HTTP_OPEN] = "no", [HTTP_KEY] = "yes", [HTTP_GUARDED] = "with METRICS_REQUIRE_KEY"};
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
