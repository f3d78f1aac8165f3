/* The pages: files inside the program, and what a browser may do with them. */
#include "admin_i.h"

#include "alphaloop/admin/web.h"

/* Everything comes from here and goes here; the viewer sets styles of its own. */
static const char page_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' "
    "data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static const struct web_file *find_file(struct slice name)
{
    for (size_t i = 0; i < n_web_files; i++) {
        if (slice_is(name, web_files[i].name))
            return &web_files[i];
    }
    return NULL;
}

/* Bytes that the browser need not fetch again until they change with the program. */
static void send_file(struct http_request *request, const struct web_file *file)
{
    bool is_known = slice_is(http_request_header(request, "If-None-Match"), file->etag);
    struct buf *out = http_raw(request, is_known ? 304 : 200, file->content_type);
    if (!is_known)
        buf_append(out, file->bytes, file->n_bytes);
    http_header(request, "ETag", file->etag);
    http_header(request, "Cache-Control", "no-cache");
}

enum http_answer admin_web_get(struct http_request *request, void *ctx)
{
    (void)ctx;
    const struct web_file *file = find_file(http_text(request, "file"));
    if (file == NULL)
        return http_error(request, 404, "the pages have no such file");
    send_file(request, file);
    return HTTP_ANSWERED;
}

enum http_answer admin_page(struct http_request *request, const char *name)
{
    const struct web_file *page = find_file(slice_of(name));
    buf_append(http_raw(request, 200, page->content_type), page->bytes, page->n_bytes);
    http_header(request, "Content-Security-Policy", page_policy);
    http_header(request, "Referrer-Policy", "no-referrer");
    return HTTP_ANSWERED;
}

enum http_answer admin_docs_get(struct http_request *request, void *ctx)
{
    (void)ctx;
    return admin_page(request, "docs.html");
}
