/* The newest prices of assets from an upstream; those that are not known yet are waited for. */
#include <string.h>

#include "admin_i.h"

static enum http_answer answer_prices(struct admin_action *action,
                                      struct http_request *request,
                                      const struct admin_result *result)
{
    (void)action;
    buf_append(http_raw(request, 200, "application/json"), result->body.ptr, result->body.len);
    return HTTP_ANSWERED;
}

/* Names with commas between, each of which has passed its format; each asset once. */
static size_t read_assets(struct slice list, struct asset *out)
{
    size_t n = 0;
    while (list.len > 0) {
        const char *comma = memchr(list.ptr, ',', list.len);
        size_t length = comma == NULL ? list.len : (size_t)(comma - list.ptr);
        struct asset asset;
        bool is_new = asset_parse((struct slice){list.ptr, length}, &asset);
        for (size_t i = 0; i < n && is_new; i++)
            is_new = !asset_eq(&out[i], &asset);
        if (is_new)
            out[n++] = asset;
        list.ptr += comma == NULL ? length : length + 1;
        list.len -= comma == NULL ? length : length + 1;
    }
    return n;
}

enum http_answer admin_prices_list(struct http_request *request, void *ctx)
{
    const struct admin_context *admin = ctx;
    struct asset assets[ADMIN_PRICES_MAX];
    size_t n = read_assets(http_text(request, "assets"), assets);
    if (admin->actions.prices == NULL)
        return http_away(request, "PRICE_UPSTREAM");
    struct admin_action *action = admin_action_create(request, admin);
    if (action == NULL)
        return HTTP_ANSWERED;
    action->only_reads = true;
    action->on_done = answer_prices;
    admin->actions.prices(admin->app, assets, n, admin_action_result, action);
    return HTTP_LATER;
}
