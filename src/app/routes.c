/* Role `routes`: the HTTP routes of the worker, for people and for machines. It needs neither settings nor anything else
 * that runs. */
#include <stdio.h>
#include <string.h>

#include "alphaloop/admin/admin.h"
#include "alphaloop/app/roles.h"
#include "alphaloop/base/json.h"

#define DOCUMENT_MAX (4 * 1024 * 1024)

static const char usage[] =
    "usage: alphaloop routes               method, path and summary of every route\n"
    "       alphaloop routes --openapi     docs/openapi.json (OpenAPI 3.1)\n"
    "       alphaloop routes --markdown    docs/http-routes.md\n";

static void list(struct buf *out)
{
    size_t n_routes;
    const struct http_route *routes = admin_routes(&n_routes);
    for (size_t i = 0; i < n_routes; i++)
        buf_printf(out, "%-6s %-56s %s\n", http_method_name(routes[i].method), routes[i].path,
                   routes[i].summary);
}

/* False when it does not fit its bound, which would be a bug of the table. */
static bool write_form(const char *form, struct buf *out)
{
    if (form == NULL) {
        list(out);
    } else if (strcmp(form, "--markdown") == 0) {
        admin_routes_markdown(out);
    } else {
        struct buf line = BUF_INIT(DOCUMENT_MAX);
        enum al_err err = admin_openapi_write(&line);
        if (err == AL_OK)
            json_pretty(buf_slice(&line), out);
        buf_putc(out, '\n');
        buf_deinit(&line);
        if (err != AL_OK)
            return false;
    }
    return buf_ok(out);
}

int role_routes(int argc, char **argv)
{
    const char *form = NULL;
    for (int i = 1; i < argc; i++) {
        bool is_form = strcmp(argv[i], "--openapi") == 0 || strcmp(argv[i], "--markdown") == 0;
        if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            return EXIT_DONE;
        }
        if (strcmp(argv[i], "--env-file") == 0 &&
            i + 1 < argc) { /* for likeness: no setting matters here */
            i++;
        } else if (is_form && form == NULL) {
            form = argv[i];
        } else {
            fputs(usage, stderr);
            return EXIT_USAGE;
        }
    }
    struct buf out = BUF_INIT(DOCUMENT_MAX);
    bool ok = write_form(form, &out) && fputs(buf_str(&out), stdout) >= 0 && fflush(stdout) == 0;
    if (!ok)
        fputs("alphaloop routes: cannot write\n", stderr);
    buf_deinit(&out);
    return ok ? EXIT_DONE : EXIT_FAILED;
}
