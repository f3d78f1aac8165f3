/* The upstreams of price history as the settings have them, behind one HTTP client. */
#ifndef ALPHALOOP_APP_UPSTREAMS_I_H
#define ALPHALOOP_APP_UPSTREAMS_I_H

#include "alphaloop/history/upstream.h"
#include "alphaloop/io/fetch.h"
#include "alphaloop/settings/asset_names.h"
#include "alphaloop/settings/settings.h"

/* A client whose upstream at place i is enum upstream_id i. Keeps texts of the settings. */
MUST_CHECK enum al_err upstreams_create(uv_loop_t *loop,
                                        const struct settings *settings,
                                        uint64_t seed,
                                        struct fetch **out);

/* One GET of a path of an upstream, with its key if it has one. AL_E... as fetch_start. */
struct upstream_call {
    enum upstream_id upstream;
    const char *path; /* borrows */
    enum al_err (*check)(void *ctx, struct slice body);
    void (*on_done)(void *ctx, const struct fetch_answer *answer);
    void *ctx;
};
MUST_CHECK enum al_err upstreams_get(struct fetch *fetch,
                                     const struct settings *settings,
                                     const struct upstream_call *call,
                                     struct fetch_call **out);
/* "binance: the upstream refused the request, HTTP 400: {...}" as err_text(); AL_EIO. Never holds a key. */
enum al_err upstreams_error(enum upstream_id upstream, const struct fetch_answer *answer);

/* What the upstream calls the asset. Borrows. */
const char *upstreams_name(const struct asset_names *names,
                           const struct asset *asset,
                           enum upstream_id upstream);

int64_t upstreams_wall_ns(void);

#endif
